"""How runs end when their program does, for every way a program can end."""

from __future__ import annotations

import signal

import pytest

from processes import check, finish, start
from runlog.entities import Run
from runlog.store import open_store

INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM


def ended(place, how: str, with_signal: signal.Signals | None = None, **options: object):
    """Exit code, output and errors of a program, and the runs it leaves, by name."""
    process = start("ending", place / "runlog.db", how, **options)
    ready = process.stdout.readline() if with_signal else ""
    if with_signal:
        assert ready == "ready\n", process.communicate()
        process.send_signal(with_signal)
    code, out, err = finish(process)
    check(place / "runlog.db")
    store = open_store(str(place / "runlog.db"))
    runs = {run.info.run_name: run for run in store.search_runs(["0"])}
    store.close()
    return code, out, err, runs


def statuses(runs: dict[str, Run]) -> dict[str, str]:
    assert all(
        (run.info.end_time is None) == (run.info.status == "RUNNING") for run in runs.values()
    )
    return {name: run.info.status for name, run in runs.items()}


@pytest.mark.parametrize(
    "how, code, expected",
    [
        ("returns", 0, {"main": "FINISHED"}),
        ("with_block", 0, {"main": "FINISHED"}),
        ("thread", 0, {"main": "FINISHED"}),
        ("exits", 0, {"main": "FINISHED"}),
        ("exits_in_block", 0, {"main": "FINISHED"}),
        ("exits_1_in_block", 1, {"main": "FAILED"}),
        ("raises", 1, {"main": "FAILED"}),
        ("raises_in_block", 1, {"main": "FAILED"}),
        ("raises_deep", 1, {"main": "FAILED"}),
        ("raises_and_goes_on", 0, {"main": "FAILED", "after": "FINISHED"}),
        ("nested", 1, {"main": "FAILED", "inner": "FAILED", "innermost": "FAILED"}),
        ("nested_block", 1, {"main": "FAILED", "inner": "FAILED", "innermost": "FAILED"}),
        ("signalled_in_child", 0, {"main": "FINISHED", "child": "KILLED"}),
    ],
)
def test_a_program_that_ends_by_itself(how, code, expected, place):
    got, _, err, runs = ended(place, how)
    assert (got, statuses(runs)) == (code, expected), err
    assert "Traceback" in err if how.startswith(("raises_in", "nested")) else "runlog" not in err


@pytest.mark.parametrize("how", ["raises", "raises_in_block", "raises_deep", "nested_block"])
def test_the_traceback_is_kept(how, place):
    *_, runs = ended(place, how)
    kept = runs["main"].data.tags["runlog.traceback"]
    assert kept.endswith("ValueError: the loss is nonsense: \N{SNOWMAN} ?\n")
    assert "in fail" in kept
    assert len(kept) <= 5000


def test_no_traceback_without_an_error(place):
    *_, runs = ended(place, "exits_in_block")
    assert "runlog.traceback" not in runs["main"].data.tags


@pytest.mark.parametrize(
    "how, sent, code, expected",
    [
        ("waits", INTERRUPT, -INTERRUPT, {"main": "KILLED"}),
        ("waits_in_block", INTERRUPT, -INTERRUPT, {"main": "KILLED"}),
        ("waits", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("waits_in_block", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("thread_waits", TERMINATE, -TERMINATE, {"main": "RUNNING"}),
        ("thread_first", TERMINATE, -TERMINATE, {"main": "KILLED", "second": "KILLED"}),
        ("ignored_then_noted", TERMINATE, 0, {"main": "FINISHED"}),
        ("noted_before", TERMINATE, 0, {"main": "KILLED"}),
        ("left_before", TERMINATE, 5, {"main": "KILLED"}),
        ("left_before_in_block", TERMINATE, 5, {"main": "KILLED"}),
        ("noted_after", TERMINATE, 0, {"main": "FINISHED"}),
        ("chained_after", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("reading", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("writing", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("writing", INTERRUPT, -INTERRUPT, {"main": "KILLED"}),
    ],
)
def test_a_program_that_a_signal_ends(how, sent, code, expected, place):
    got, out, err, runs = ended(place, how, sent)
    assert (got, statuses(runs)) == (code, expected), err
    assert out == {"left_before": "called 1 times\n", "chained_after": "mine\n"}.get(how, "")
    assert "runlog:" not in err


def test_signals_can_be_left_alone(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_SIGNALS", "0")
    code, _, _, runs = ended(place, "waits", TERMINATE)
    assert (code, statuses(runs)) == (-TERMINATE, {"main": "RUNNING"})
