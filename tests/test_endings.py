"""How runs end when their program does, for every way a program can end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import runlog
from processes import LONG, check, finish, start
from runlog.entities import Run
from runlog.errors import InvalidParameter
from runlog.store import open_store

INTERRUPT, TERMINATE, HANG_UP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
PREEMPT = signal.SIGUSR1


def ended(place, how: str, with_signal: signal.Signals | None = None, **options: object):
    """Exit code, output and errors of a program, and the runs it leaves, by name."""
    process = start("ending", place / "runlog.db", how, **options)
    ready = process.stdout.readline() if with_signal else ""
    if with_signal:
        assert ready == "ready\n", process.communicate()
        process.send_signal(with_signal)
    code, out, err = finish(process)
    return code, out, err, left_in(place)


def left_in(place) -> dict[str, Run]:
    check(place / "runlog.db")
    store = open_store(str(place / "runlog.db"))
    runs = {run.info.run_name: run for run in store.search_runs(["0"])}
    store.close()
    return runs


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
        ("hooked", 0, {"main": "FINISHED", "inner": "FINISHED"}),
        ("hook_starts", 0, {"main": "FINISHED"}),
        ("ends_while_a_thread_starts", 0, {"main": "FINISHED", "late": "KILLED"}),
        ("leaves_at_once", 7, {"main": "RUNNING"}),
    ],
)
def test_a_program_that_ends_by_itself(how, code, expected, place):
    got, _, err, runs = ended(place, how)
    assert (got, statuses(runs)) == (code, expected), err
    if how != "ends_while_a_thread_starts":  # which may still print that it was refused
        assert (
            "Traceback" in err if how.startswith(("raises_in", "nested")) else "runlog" not in err
        )


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
        ("waits_in_end_run", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("waits_in_end_run", INTERRUPT, -INTERRUPT, {"main": "KILLED"}),
        ("interrupted_at_exit", TERMINATE, -TERMINATE, {"main": "KILLED", "inner": "KILLED"}),
        ("cancelled", INTERRUPT, -INTERRUPT, {"main": "KILLED"}),
        ("chosen_then_thread", TERMINATE, -TERMINATE, {"main": "KILLED"}),
        ("waits", HANG_UP, -HANG_UP, {"main": "KILLED"}),
        ("waits_in_block", HANG_UP, -HANG_UP, {"main": "KILLED"}),
        ("reloads", HANG_UP, 0, {"main": "FINISHED"}),
        ("hung_up_on_is_ignored", HANG_UP, 0, {"main": "FINISHED"}),
        ("waits", PREEMPT, -PREEMPT, {"main": "RUNNING"}),
    ],
)
def test_a_program_that_a_signal_ends(how, sent, code, expected, place):
    got, out, err, runs = ended(place, how, sent)
    assert (got, statuses(runs)) == (code, expected), err
    assert out == {"left_before": "called 1 times\n", "chained_after": "mine\n"}.get(how, "")
    assert "runlog:" not in err


@pytest.mark.parametrize("sent", [TERMINATE, HANG_UP])
def test_signals_can_be_left_alone(sent, place, monkeypatch):
    monkeypatch.setenv("RUNLOG_SIGNALS", "0")
    code, _, _, runs = ended(place, "waits", sent)
    assert (code, statuses(runs)) == (-sent, {"main": "RUNNING"})


@pytest.mark.parametrize("sent", [PREEMPT, signal.SIGUSR2, TERMINATE, HANG_UP])
def test_more_signals_can_be_named(sent, place, monkeypatch):
    monkeypatch.setenv("RUNLOG_SIGNALS", "SIGUSR1, usr2")
    code, _, err, runs = ended(place, "waits", sent)
    assert (code, statuses(runs)) == (-sent, {"main": "KILLED"}), err


def test_a_signal_that_is_named_ends_runs_although_it_is_handled(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_SIGNALS", "HUP")
    code, _, _, runs = ended(place, "reloads", HANG_UP)
    assert (code, statuses(runs)) == (0, {"main": "KILLED"})


@pytest.mark.parametrize("name", ["SIGKILL", "CHLD", "15", "usr3"])
def test_signals_that_cannot_be_named(name, monkeypatch):
    monkeypatch.setenv("RUNLOG_SIGNALS", f"USR1,{name}")
    with pytest.raises(InvalidParameter, match="RUNLOG_SIGNALS names '"):
        runlog.start_run()
    assert runlog.active_run() is None


@pytest.mark.parametrize("second", [TERMINATE, HANG_UP])
def test_a_second_signal_does_not_disturb_the_first(second, place):
    process = start("ending", place / "runlog.db", "ends_slowly")
    for sent in (TERMINATE, second):
        assert process.stdout.readline() == "ready\n", process.communicate()
        process.send_signal(sent)
    code, _, err = finish(process)
    assert (code, err) == (-TERMINATE, "")
    assert statuses(left_in(place)) == {"main": "KILLED", "inner": "KILLED"}


def test_the_first_process_of_a_container_ends_with_its_runs(place):
    """The kernel keeps signals from process 1 that it does not handle, those of itself included."""
    unshare = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("needs a PID namespace")
    program = Path(__file__).parent / "programs" / "ending.py"
    command = [*unshare, sys.executable, program, place / "runlog.db", "waits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text()), TERMINATE)
        assert process.wait(LONG) == 128 + TERMINATE
    assert statuses(left_in(place)) == {"main": "KILLED"}


def test_ctrl_c_while_the_program_ends(place):
    """Python reports it and goes on to end: a hook cannot change the exit code."""
    code, _, err, runs = ended(place, "interrupted_at_exit", INTERRUPT)
    assert (code, statuses(runs)) == (0, {"main": "KILLED", "inner": "KILLED"})
    assert "KeyboardInterrupt" in err


def test_a_hook_that_was_there_before_the_first_run_logs_into_it(place):
    *_, runs = ended(place, "hooked")
    main, inner = runs["main"], runs["inner"]
    assert main.data.metrics == {"loss": 1, "late": 1}
    assert inner.data.tags["mlflow.parentRunId"] == main.info.run_id
    assert (place / main.info.artifact_uri / "late.txt").read_text() == "x"


def test_an_error_in_a_hook_is_not_the_program_s(place):
    code, _, err, runs = ended(place, "hook_raises")
    assert (code, statuses(runs)) == (0, {"main": "FINISHED"})
    assert "ValueError: the loss is nonsense" in err


def test_threads_that_log_for_ever_start_no_runs(place):
    code, _, err, runs = ended(place, "daemons")
    names = [*(f"run{number}" for number in range(4)), "main"]
    assert (code, statuses(runs)) == (0, dict.fromkeys(names, "FINISHED"))
    assert 1 <= err.count("has ended, and") <= 4  # said once a run
    store = open_store(str(place / "runlog.db"))
    for key in "abcdefgh":  # nothing is lost on the way from run to run
        steps = [
            point.step
            for run in runs.values()
            for point in store.get_metric_history(run.info.run_id, key)
        ]
        assert sorted(steps) == list(range(len(steps)))
    store.close()
