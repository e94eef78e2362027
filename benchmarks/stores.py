"""Stores side by side: a million points copied in and out, and what logging through a server costs.

    python benchmarks/stores.py                        # SQLite, PostgreSQL, MariaDB
    python benchmarks/stores.py --kinds sqlite --points 100000

CPU seconds of this process and of the servers', which the tests' classes start. Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests")]

import servers  # noqa: E402 - found by the path above
from runlog.copying import copy  # noqa: E402
from runlog.copying.selection import Selection  # noqa: E402
from runlog.store import Store, open_store  # noqa: E402
from serving import serving  # noqa: E402

RUNS, KEYS = 100, 10
CLIENTS, CALLS = 4, 500
KINDS = ("sqlite", "postgresql", "mariadb")


class Cost(NamedTuple):
    """CPU seconds: here, in runlog's server, in the database's; and seconds by the clock."""

    here: float
    server: float
    database: float
    clock: float


def cpu(pid: int | None) -> float:
    """Of a process, those it has started and those of them that have ended."""
    ticks = 0
    for each in [pid, *servers.below(pid)] if pid else []:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def cost(deed: Callable[[], object], server: int | None, database: int | None) -> Cost:
    def now() -> tuple[float, ...]:
        return time.process_time(), cpu(server), cpu(database), time.monotonic()

    before = now()
    deed()
    return Cost(*(after - first for first, after in zip(before, now(), strict=True)))


def fill(store: Store, points: int) -> None:
    """Runs as they are logged, RUNS of them with KEYS metrics each."""
    steps = points // RUNS // KEYS
    for _ in range(RUNS):
        run_id = store.create_run("0").info.run_id
        start = 1_700_000_000_000
        store.log(
            run_id,
            [(f"m{k}", k + i / 3, start + i, i) for i in range(steps) for k in range(KEYS)],
            [(f"p{i}", f"value {i}") for i in range(10)],
            [(f"t{i}", f"value {i}") for i in range(5)],
        )
        store.update_run(run_id, "FINISHED", start + steps)


def copied(source: Store, uri: str) -> Callable[[], None]:
    def deed() -> None:
        target = open_store(uri)
        outcome = copy.copy(source, target, Selection(source.all_experiments()))
        target.close()
        assert outcome.is_complete, outcome

    return deed


def logged(uri: str, *, batch: int) -> Callable[[], None]:
    """CLIENTS threads that log CALLS steps of so many metrics each."""

    def one() -> None:
        store = open_store(uri)
        run_id = store.create_run("0").info.run_id
        for step in range(CALLS):
            store.log(run_id, [(f"m{k}", step / 3, 1000 + step, step) for k in range(batch)])
        store.close()

    def deed() -> None:
        threads = [threading.Thread(target=one) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return deed


@contextmanager
def place(kind: str, folder: Path) -> Iterator[tuple[Callable[[str], str], Path, int | None]]:
    """Makes URIs of new stores of a kind; where their bytes are; the process of the database."""
    if kind == "sqlite":
        yield (lambda name: str(folder / f"{name}.db")), folder, None
        return
    with servers.start(kind) as server:
        assert server.process is not None
        yield server.database, server.folder / "data", server.process.pid  # type: ignore[attr-defined]


def size(folder: Path) -> int:
    """Bytes of tables and files, without the logs that are used again."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not any(part in path.parts for part in ("pg_wal",))
        and not path.name.startswith(("ib_logfile", "undo", "ibtmp"))
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of " + ", ".join(KINDS))
    parser.add_argument("--points", type=int, default=1_000_000)
    given = parser.parse_args()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        source = open_store(str(folder / "source.db"))
        fill(source, given.points)
        source.close()
        print("| what | this process | runlog's server | the database's | seconds |")
        print("|---|---|---|---|---|")
        for kind in given.kinds.split(","):
            measure(kind, source, folder, given.points)


def measure(kind: str, source: Store, folder: Path, points: int) -> None:
    def tell(what: str, found: Cost, unit: str = "s", times: float = 1) -> None:
        figures = " | ".join(f"{each * times:.1f} {unit}" for each in found[:3])
        print(f"| {kind}: {what} | {figures} | {found.clock:.0f} |", flush=True)

    (folder / kind).mkdir()
    with place(kind, folder / kind) as (new, data, pid):
        uri, before = new("copied"), 0
        open_store(uri).close()
        before = size(data)
        tell(f"{points:,} points from SQLite", cost(copied(source, uri), None, pid))
        store = open_store(uri)
        store.flush()
        tell(
            "the same into SQLite",
            cost(copied(store, str(folder / f"{kind}-back.db")), None, pid),
        )
        store.close()
        print(f"| {kind}: bytes on disk, a point | {(size(data) - before) / points:.1f} | | | |")
        uri = new("logged")
        with serving(folder / kind, store=uri) as server:
            for batch in (1, 10, 100):
                found = cost(logged(server.uri, batch=batch), server.process.pid, pid)
                what = f"a call of {batch} metrics to runlog serve"
                tell(what, found, "ms", 1000 / CLIENTS / CALLS)


if __name__ == "__main__":
    main()
