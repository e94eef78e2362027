"""The process that logs opens the store's files otherwise, too: nothing acknowledged is lost.

POSIX drops all locks of a process on a file when it closes any descriptor of it. Without locks of
another kind these lose points, damage the file or die of SIGBUS.
"""

from __future__ import annotations

import sys

import pytest

from processes import check, finish, start
from runlog.store import open_store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs locks of an open file")

HANDS = ["sqlite3", "pandas", "sqlalchemy", "duckdb", "copytree", "zip", "read"]


def log_beside(path, hand: str, how: str, processes: int, runs: int) -> None:
    """Runs that many programs at once: all that they acknowledged is in the file."""
    crowd = [start("other_hands", path, runs, hand, how) for _ in range(processes)]
    ends = [finish(process) for process in crowd]
    assert [(code, err) for code, _, err in ends] == [(0, "")] * processes
    acknowledged = {run_id for _, out, _ in ends for run_id in out.split()}
    assert len(acknowledged) == runs * processes
    check(path)
    store = open_store(str(path))
    for run_id in acknowledged:
        run = store.get_run(run_id)
        assert run.info.status == "FINISHED"
        assert sorted(run.data.metrics) == ["a", "b", "loss"]
        assert len(store.get_metric_history(run_id, "loss")) == 5
    store.close()


def needed(hand: str) -> None:
    if hand in ("pandas", "sqlalchemy", "duckdb"):
        pytest.importorskip(hand)
    if hand == "duckdb":
        import duckdb

        try:
            duckdb.connect().execute("load sqlite")
        except duckdb.Error as error:
            pytest.skip(f"DuckDB has no extension for SQLite here: {error}")


@pytest.mark.parametrize("hand", HANDS)
def test_between_calls(hand, place):
    needed(hand)
    log_beside(place / "runlog.db", hand, "between", 1, 40)


@pytest.mark.parametrize("hand", ["sqlite3", "copytree", "read"])
def test_between_calls_of_three_processes(hand, place):
    log_beside(place / "runlog.db", hand, "between", 3, 40)


@pytest.mark.parametrize("hand", HANDS)
def test_all_the_time_in_threads_of_three_processes(hand, place):
    needed(hand)
    log_beside(place / "runlog.db", hand, "thread", 3, 40)


@pytest.mark.parametrize("hand", ["sqlite3", "read"])
def test_while_the_file_is_made_by_four_processes(hand, place):
    for number in range(5):
        log_beside(place / str(number) / "runlog.db", hand, "early", 4, 2)


@pytest.mark.slow
def test_while_forty_files_are_made(place):
    """Of sixty, two lost runs when the first lock was taken after the file was opened."""
    for number in range(40):
        log_beside(place / str(number) / "runlog.db", "sqlite3", "early", 4, 2)


@pytest.mark.slow
@pytest.mark.parametrize("hand", ["sqlite3", "read"])
def test_all_the_time_and_for_long(hand, place):
    log_beside(place / "runlog.db", hand, "thread", 3, 400)
