"""The power fails at any moment: the file is sound, and holds what it held at the last flush; with
RUNLOG_SYNCHRONOUS=full all that was acknowledged."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest
from power import Disk, recording
from processes import check

from runlog.store import open_store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

KEYS = 40
CUTS = 60


def log_a_lot(path: Path, events: list[tuple], dice: random.Random, steps: int) -> str:
    """Logs, merges, flushes, closes and opens again, and says in `events` what was promised."""
    store = open_store(str(path))
    run_id = store.create_run("0", tags={"note": "x" * 3000}).info.run_id
    events.append(("say", "run", run_id))
    for step in range(steps):
        store.log(run_id, [(f"m{key}", step / 3, 1, step) for key in range(KEYS)])
        events.append(("say", "logged", step))
        if dice.random() < 0.03:
            store.flush()
            events.append(("say", "flushed", step))
        if dice.random() < 0.02:
            store.search_runs(["0"])  # merges
        if dice.random() < 0.01:
            store.close()
    store.close()
    return run_id


def promised(events: list[tuple], word: str) -> int:
    """How many steps, or runs, were said to be so."""
    return max((said[2] + 1 for said in events if said[:2] == ("say", word)), default=0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("network", ["0", "1"], ids=["wal", "rollback journal"])
@pytest.mark.parametrize("synchronous, safe", [("normal", "flushed"), ("full", "logged")])
def test_nothing_is_corrupt_and_nothing_flushed_is_lost(
    seed, network, synchronous, safe, place, monkeypatch
):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    monkeypatch.setenv("RUNLOG_SYNCHRONOUS", synchronous)
    dice = random.Random(seed)
    (place / "recorded").mkdir()
    with recording(monkeypatch) as events:
        run_id = log_a_lot(place / "recorded" / "runlog.db", events, dice, 400)
    moments = sorted(dice.randrange(len(events)) for _ in range(CUTS))
    disk, done, lost = Disk(), 0, 0
    for number, moment in enumerate([*moments, len(events)]):
        for event in events[done:moment]:
            disk.do(event)
        done = moment
        folder = place / str(number)
        folder.mkdir()
        disk.after_the_cut(folder, dice)
        at_least = promised(events[:moment], safe)
        logged = promised(events[:moment], "logged")
        found = steps_after(folder / "runlog.db", run_id, at_least > 0 or moment == len(events))
        assert at_least <= found <= logged + 1, moment
        lost += logged > found
        shutil.rmtree(folder)
    assert safe == "logged" or network == "1" or lost  # or the disk was too kind


def steps_after(path: Path, run_id: str, must_be_there: bool) -> int:
    """How many whole steps are in the file; the file is used, and checked."""
    store = open_store(str(path))
    runs = [run.info.run_id for run in store.search_runs(["0"])]
    assert runs == [run_id] or not must_be_there
    counts = {0}
    if runs:
        counts = {len(store.get_metric_history(run_id, f"m{key}")) for key in range(KEYS)}
        assert len(counts) == 1, "half a step"
        store.log(run_id, [("after", 1.0, 1, 1)])
    store.create_run("0")
    store.close()
    check(path)
    return counts.pop()
