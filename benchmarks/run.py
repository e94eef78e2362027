"""Measure runlog and its peers side by side: python benchmarks/run.py --help."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import measures
import peers
import processes
import report
from peers import HERE, PEERS, Peer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [job.name for job in measures.JOBS]
    add = parser.add_argument
    only = f"this measure alone; may be repeated: {', '.join(names)}"
    add("--only", action="append", metavar="NAME", choices=names, help=only)
    add("--peers", default=",".join(PEERS), help="comma-separated (default: all)")
    add("--quick", action="store_true", help="small sizes; the README stays as it is")
    add("--repeat", type=int, default=3, help="times; the median counts (default: 3)")
    kept = "where environments, filled stores and results are kept"
    add("--cache", type=Path, default=HERE / ".venvs", help=kept)
    return parser.parse_args()


def chosen(names: str) -> list[Peer]:
    unknown = [name for name in names.split(",") if name not in PEERS]
    if unknown:
        sys.exit(f"no peer {unknown[0]!r}: use some of {','.join(PEERS)}")
    return [PEERS[name] for name in names.split(",")]


def installed(wanted: list[Peer], cache: Path) -> tuple[list[Peer], dict[str, str]]:
    """The peers whose environments are there, and why others are not."""
    reasons = {peer.name: peers.install(peer, cache) for peer in wanted}
    missing = {name: reason for name, reason in reasons.items() if reason}
    return [peer for peer in wanted if peer.name not in missing], missing


def median(values: list[Any]) -> Any:
    numbers = all(isinstance(value, int | float) for value in values)
    return statistics.median(values) if numbers else values[-1]


def worst_or_median(key: str, values: list[Any]) -> Any:
    """What was lost, or went wrong, once is not averaged away."""
    return max(values) if key.startswith("kill") or key == "four errors" else median(values)


def measure(
    bench: measures.Bench, job: measures.Job, who: list[Peer], repeat: int
) -> report.Results:
    """Medians by peer. Peers take turns, so that a slow minute hits all of them."""
    taken: dict[str, dict[str, list[Any]]] = {}
    for turn in range(repeat):
        for peer in who:
            if turn and peer.name in job.once:
                continue
            try:
                values = job.run(bench, peer)
            except processes.Failed as error:
                print(f"  {error}", flush=True)
                continue
            for key, value in values.items():
                taken.setdefault(peer.name, {}).setdefault(key, []).append(value)
    return {
        peer: {key: worst_or_median(key, values) for key, values in by_key.items()}
        for peer, by_key in taken.items()
    }


def remembered(memory: Path) -> report.Results:
    results: report.Results = json.loads(memory.read_text()) if memory.exists() else {}
    return results


def remember(memory: Path, fresh: report.Results) -> None:
    """Put fresh values over the kept ones."""
    kept = remembered(memory)
    names = [name for name in PEERS if name in kept or name in fresh]
    merged = {name: kept.get(name, {}) | fresh.get(name, {}) for name in names}
    memory.write_text(json.dumps(merged, indent=1))


def main() -> None:
    options = arguments()
    cache = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    processes.adopt_orphans()
    who, missing = installed(chosen(options.peers), cache)
    bench = measures.Bench(cache, options.quick)
    if options.quick:
        print("quick: about a hundredth of the sizes in the titles; a check that all runs")
    memory = cache / ("quick.json" if options.quick else "results.json")
    for job in measures.JOBS:
        if options.only and job.name not in options.only:
            continue
        able = [peer for peer in who if not job.only or peer.name in job.only]
        print(f"{job.name}: {', '.join(peer.name for peer in able)}", flush=True)
        fresh = measure(bench, job, able, 1 if options.quick else options.repeat)
        remember(memory, fresh)
        print(report.table(fresh), flush=True)
    results = remembered(memory)
    there = [PEERS[name] for name in results if peers.installed(PEERS[name], cache)]
    versions = {peer.name: peers.version(peer, cache) for peer in there}
    print(report.ratios(results))
    for disagreement in report.disagreements(results):
        print(f"different answers to {disagreement}")
    if not options.quick:
        report.write(HERE / "README.md", report.document(results, versions, missing))


if __name__ == "__main__":
    main()
