"""runlog and MLflow on the same PostgreSQL: CPU of the client and of the server.

    python benchmarks/databases.py --output DATABASES.md             # 100,000 runs: 15 minutes
    python benchmarks/databases.py --runs 10000

Each peer has a database of its own on one server, which is started for it.
Their stores for reading hold the same runs (fleet.py), copied into the tables. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

import fleet  # noqa: E402
import meter  # noqa: E402
import peers  # noqa: E402

FRAME = 10_000  # rows of the DataFrame
BATCHES = 20  # of 1000 points
CALLS = 30  # of a search


class Search(NamedTuple):
    filter: str
    order_by: list[str]


NEWEST = ["attributes.start_time DESC"]
SEARCHES = fleet.QUERIES | {
    "pattern": Search("params.p1 LIKE '4%' AND tags.t3 = 'adam'", NEWEST),
    "rare pattern": Search("params.p1 LIKE '%.1234%'", NEWEST),
    "param order": Search("params.p2 = 'b'", ["params.p1 ASC"]),
}

PEERS = {
    "runlog_postgresql": peers.Peer(
        "runlog_postgresql",
        "runlog",
        (*peers.PEERS["runlog"].packages, "psycopg[binary]", "SQLAlchemy"),
        "",
        "",
        peers.PEERS["runlog"].settings,
    ),
    "mlflow_postgresql": peers.Peer(
        "mlflow_postgresql",
        "MLflow",
        ("mlflow", "psycopg[binary]"),
        "",
        "",
        peers.PEERS["mlflow"].settings,
    ),
}


# -- in the peer's own interpreter ----------------------------------------------------------


def measured(deed: Any) -> dict[str, float]:
    """CPU seconds of a call: the client's, and the server's."""
    server = int(os.environ["BENCHMARK_SERVER"])
    server_before, client_before = tree_cpu(server), meter.own_cpu()
    deed()
    client = meter.own_cpu() - client_before
    time.sleep(0.1)  # what the server still does for it
    return {"client": client, "server": tree_cpu(server) - server_before}


def tree_cpu(root: int) -> float:
    """CPU seconds of a process, of those below it, and of those that it has waited for."""
    used, parents = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            used[int(entry)] = int(Path("/proc", entry, "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
        parents[int(entry)] = int(stat[1])
        if int(entry) == root:
            used[root] += sum(map(int, stat[13:15])) / meter.TICK
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return sum(used[pid] for pid in family if pid in used)


def fill(peer: Any, runs: int) -> dict[str, Any]:
    peer.experiment()
    return measured(lambda: peer.fill(runs))


def log_batch(peer: Any, keys: int) -> dict[str, Any]:
    """Batches of 1000 points, of so many keys."""
    now, batches = int(time.time() * 1000), []
    for batch in range(BATCHES + 1):
        each = 1000 // keys
        points = [
            (f"m{key}", (batch * step) % 97 / 7, now + step, batch * each + step)
            for step in range(each)
            for key in range(keys)
        ]
        batches.append(peer.prepare_batch(points))
    peer.log_batches(batches[:1])
    used = measured(lambda: peer.log_batches(batches[1:]))
    return {name: value / BATCHES for name, value in used.items()}


def search(peer: Any, query: str) -> dict[str, Any]:
    asked = SEARCHES[query]
    order, fields = peer.search(asked)
    used = measured(lambda: [peer.search(asked) for _ in range(CALLS)])
    mean = {name: value / CALLS for name, value in used.items()}
    return {**mean, "answer": [len(order), fields, round(sum(order), 9)]}


def frame(peer: Any) -> dict[str, Any]:
    import pandas as pd

    pd.DataFrame({"a": [1.0]})
    peer.search(fleet.QUERIES["newest"])
    return measured(lambda: peer.frame(FRAME))


def child(name: str, workload: str, options: str) -> None:
    from importlib import import_module

    peer = import_module(f"adapters.{name}").Peer(Path.cwd())
    print(json.dumps(globals()[workload](peer, **json.loads(options))))


# -- the driver -----------------------------------------------------------------------------


class Runner:
    def __init__(self, server: Any, cache: Path, place: Path) -> None:
        self.server, self.cache, self.place = server, cache, place

    def run(self, peer: peers.Peer, database: str, workload: str, **options: Any) -> Any:
        command = [str(peers.python(peer, self.cache)), str(Path(__file__)), "--child", peer.name]
        command += [workload, json.dumps(options)]
        env = peers.environment(peer, self.place) | {
            "BENCHMARK_DATABASE": database,
            "BENCHMARK_SERVER": str(self.server.process.pid),
        }
        done = subprocess.run(command, cwd=self.place, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{peer.name} {workload}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"{peer.title}: {workload} {options}: {found}", flush=True)
        return found


def compare(runner: Runner, runs: int) -> list[tuple[str, list[Any]]]:
    """For each workload its name and what it took each peer."""
    wanted = [
        ("log_batch of 1000 points of 10 keys", "log_batch", {"keys": 10}),
        ("log_batch of 1000 points of 1000 keys", "log_batch", {"keys": 1000}),
        *[(f"search of {runs:,} runs: {name}", "search", {"query": name}) for name in SEARCHES],
        (f"DataFrame of {min(runs, FRAME):,} of {runs:,} runs", "frame", {}),
    ]
    took: dict[str, list[Any]] = {title: [] for title, _, _ in wanted}
    for peer in PEERS.values():
        logged, read = (runner.server.database(f"{peer.name}_{use}") for use in ("log", "read"))
        runner.run(peer, read, "fill", runs=runs)
        with runner.server.connect(read.rpartition("/")[2]) as connection:
            connection.execute("vacuum analyze")
        for title, workload, options in wanted:
            database = logged if workload == "log_batch" else read
            took[title].append(runner.run(peer, database, workload, **options))
    for title, (ours, theirs) in took.items():
        if ours.get("answer") != theirs.get("answer"):
            raise RuntimeError(f"{title}: the answers differ: {ours}, {theirs}")
    return list(took.items())


def table(rows: list[tuple[str, list[Any]]]) -> str:
    lines = [
        "| ms of CPU: client + server | runlog | MLflow | MLflow / runlog |",
        "|---|---|---|---|",
    ]
    for title, (ours, theirs) in rows:
        cells = [
            f"{1000 * each['client']:,.1f} + {1000 * each['server']:,.1f}"
            for each in (ours, theirs)
        ]
        ratio = sum(theirs[part] for part in ("client", "server")) / max(
            sum(ours[part] for part in ("client", "server")), 0.001
        )
        lines.append(f"| {title} | {cells[0]} | {cells[1]} | {ratio:,.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    import servers

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--cache", type=Path, default=HERE / ".venvs")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    cache = given.cache.resolve()
    for peer in PEERS.values():
        reason = peers.install(peer, cache)
        if reason:
            sys.exit(f"{peer.name}: {reason}")
    with servers.start("postgresql") as server, tempfile.TemporaryDirectory() as place:
        rows = compare(Runner(server, cache, Path(place)), given.runs)
    text = table(rows)
    print(text)
    if given.output:
        given.output.write_text(HEAD.format(
            runs=given.runs,
            today=date.today(),
            machine=f"{os.cpu_count()} CPUs, Python {platform.python_version()}",
            mlflow=peers.version(PEERS["mlflow_postgresql"], cache),
        ) + text)  # fmt: skip


HEAD = """# Databases on servers

`python benchmarks/databases.py --runs {runs}`, {today}, on {machine}. What a call takes of CPU: the
client's process, and PostgreSQL, which is the same for runlog and MLflow {mlflow}. Nothing waits
for the disk (`fsync = off`).

Each search is for the best 100 runs. *common* and *rare* are a metric above 0.5 and a param that a
quarter or a thousandth of the runs has, by another metric; *none* finds nothing; *pattern* is
`LIKE '4%'` on a param, with a tag that an eighth has; *rare pattern* `LIKE '%.1234%'`, for which
both read every value of the param; *param order* is by a param, of the quarter with another.

"""

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
