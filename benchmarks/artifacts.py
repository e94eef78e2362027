"""Measure how artifacts go up and down, beside bare fsspec and MLflow: artifacts.py --help."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import peers
import report
from peers import HERE, SOURCE, Peer

sys.path.insert(0, str(HERE.parent / "tests"))
import servers

PAGE = HERE / "ARTIFACTS.md"
LIMIT = 600  # seconds
MB = 2**20

FILE_SYSTEMS = ("fsspec", "s3fs", "gcsfs", "adlfs", "sshfs", "webdav4")
OURS = ("apsw", "click", "bottle", *FILE_SYSTEMS)
# pysftp, which MLflow's repository needs, does not work with a newer paramiko.
THEIRS = ("mlflow", "boto3", "pysftp", "paramiko<4")
CARRIERS = {
    "runlog": Peer("artifacts", "runlog", OURS, "", "", {"PYTHONPATH": str(SOURCE)}),
    "fsspec": Peer("artifacts", "bare fsspec", OURS, "", ""),
    "mlflow": Peer("artifacts-mlflow", "MLflow", THEIRS, "", "", peers.PEERS["mlflow"].settings),
}


@dataclass(frozen=True)
class Place:
    """`memory` is the target in MB above idle; MLflow is measured where it needs no more than pip
    and a loopback server. Of a place that is `alike`, bare fsspec does what runlog does."""

    title: str
    server: str | None
    memory: int
    mlflow: bool = False
    alike: bool = False


PLACES = {
    "local": Place("local disk", None, 64, mlflow=True),
    "alike": Place("local disk; fsspec with digests and fsync", None, 64, alike=True),
    "s3": Place("S3: SeaweedFS", "seaweedfs", 128, mlflow=True),
    "gcs": Place("GCS: fake-gcs-server", "fake_gcs", 128),
    "azure": Place("Azure: azurite", "azurite", 128),
    "sftp": Place("SFTP: OpenSSH", "sshd", 64, mlflow=True),
    "ftp": Place("FTP: vsftpd", "vsftpd", 64),
    "webdav": Place("WebDAV: rclone", "webdav", 128),
}
TASKS = tuple((what, direction) for what in ("small", "big") for direction in ("up", "down"))
Values = dict[str, float]
Results = dict[str, dict[str, Values]]  # by place and task, by carrier


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=PLACES, help="this place alone; may be repeated")
    add("--carriers", default=",".join(CARRIERS), help="comma-separated (default: all)")
    add("--quick", action="store_true", help="small sizes; the page stays as it is")
    add("--repeat", type=int, default=3, help="times; the median counts (default: 3)")
    kept = "where environments and results are kept"
    add("--cache", type=Path, default=HERE / ".venvs", help=kept)
    return parser.parse_args()


def make_files(folder: Path, quick: bool) -> None:
    """`small`, a folder of 1000 files of 4 kB in 10 folders, and `big`, one file of 200 MB."""
    with open("/dev/urandom", "rb") as random:
        for number in range(40 if quick else 1000):
            path = folder / "small" / f"part {number % 10}" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(random.read(4096))
        with open(folder / "big", "wb") as big:
            for _ in range(8 if quick else 200):
                big.write(random.read(MB))


@contextmanager
def running(place: Place, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where artifacts can be kept, and the environment that it takes."""
    if place.server is None:
        yield (folder / "store").as_uri(), {"ALIKE": "1"} if place.alike else {}
        return
    with servers.start(place.server) as server:
        yield server.uri, server.env


def for_pysftp(env: dict[str, str], folder: Path) -> dict[str, str]:
    """A home with what it asks for: an RSA key, and a known host without a port."""
    home, ssh = folder / "home-pysftp", folder / "home-pysftp" / ".ssh"
    if not home.exists():
        shutil.copytree(env["HOME"], home)
        key = ["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", str(ssh / "id_rsa")]
        subprocess.run(key, check=True)
        with open(Path(env["HOME"], ".ssh", "authorized_keys"), "a") as keys:
            keys.write((ssh / "id_rsa.pub").read_text())
        known = (ssh / "known_hosts").read_text().split(maxsplit=1)[1]
        (ssh / "known_hosts").write_text(f"{servers.HOST} {known}")
        (ssh / "config").write_text(f"Host *\n  IdentityFile {ssh / 'id_rsa'}\n")
    return {"HOME": str(home)}


def carry(
    carrier: str, env: dict[str, str], cache: Path, folder: Path, options: list[str]
) -> Values:
    """One measure, in a process of its own."""
    peer = CARRIERS[carrier]
    peer = replace(peer, settings=peer.settings | env)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    script = [str(peers.python(peer, cache)), str(HERE / "carriers.py")]
    command = [*script, carrier, *options, str(folder / "files")]
    done = subprocess.run(
        command,
        env=peers.environment(peer, home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    last = (done.stdout.strip().splitlines() or ["no output"])[-1]
    if done.returncode:
        raise RuntimeError(f"{carrier} {' '.join(options)}: {last}")
    values: Values = json.loads(last)
    return values


def measure(name: str, able: list[str], repeat: int, cache: Path, folder: Path) -> Results:
    """Medians. Carriers take turns, so that a slow minute hits all of them."""
    taken: dict[str, dict[str, list[Values]]] = {}
    with running(PLACES[name], folder) as (uri, env):
        envs = {
            carrier: for_pysftp(env, folder) if (name, carrier) == ("sftp", "mlflow") else env
            for carrier in able
        }
        for turn in range(repeat):
            for what, direction in TASKS:
                for carrier in able:
                    # What comes down is what the same carrier has taken up just before.
                    options = [what, direction, f"{uri}/{carrier}/{turn}"]
                    try:
                        values = carry(carrier, envs[carrier], cache, folder, options)
                    except (RuntimeError, subprocess.TimeoutExpired) as error:
                        print(f"  {error}", flush=True)
                        continue
                    key = f"{name} {what} {direction}"
                    taken.setdefault(key, {}).setdefault(carrier, []).append(values)
    return {
        key: {
            carrier: {field: statistics.median(v[field] for v in values) for field in values[0]}
            for carrier, values in by_carrier.items()
        }
        for key, by_carrier in taken.items()
    }


def target(name: str, what: str, values: dict[str, Values]) -> str:
    """What is missed: 1.2 times the bare calls for the big file, faster than they are for small
    ones, half of MLflow's time on S3, and memory."""
    if "runlog" not in values or PLACES[name].alike:
        return ""
    ours, missed = values["runlog"], []
    if "fsspec" in values:
        limit = 1.2 if what == "big" else 1.0
        if ours["wall"] > limit * values["fsspec"]["wall"]:
            missed.append("time")
    if (name, what) == ("s3", "small") and "mlflow" in values:
        if ours["wall"] * 2 > values["mlflow"]["wall"]:
            missed.append("MLflow / 2")
    if ours["memory"] > PLACES[name].memory * MB:
        missed.append("memory")
    return "met" if not missed else f"**missed: {', '.join(missed)}**"


def table(results: Results) -> str:
    titles = [CARRIERS[carrier].title for carrier in CARRIERS]
    header = ["", "", *titles]
    header += [f"times {title}'s" for title in titles[1:]]
    header += [f"MB, {title}" for title in titles] + ["target"]
    lines = []
    for name, place in PLACES.items():
        for what, direction in TASKS:
            values = results.get(f"{name} {what} {direction}")
            if values:
                line = [place.title, f"{what}, {direction}"]
                lines.append([*line, *_cells(values), target(name, what, values)])
    return report.as_table(header, lines)


def _cells(values: dict[str, Values]) -> list[str]:
    """Wall and CPU, ratios of wall, peaks of memory."""
    ours = values.get("runlog")
    times, ratios, peaks = [], [], []
    for carrier in CARRIERS:
        each: Any = values.get(carrier)
        wall, cpu = (report.seconds(each[key]) if each else "" for key in ("wall", "cpu"))
        times.append(f"{wall} ({cpu})" if each else "")
        peaks.append(report.significant(each["memory"] / MB) if each else "")
        if carrier != "runlog":
            ratios.append(report.times(ours["wall"] / each["wall"]) if ours and each else "")
    return [*times, *ratios, *peaks]


def main() -> None:
    options = arguments()
    cache = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    carriers = options.carriers.split(",")
    for carrier in carriers:
        reason = peers.install(CARRIERS[carrier], cache)
        if reason:
            sys.exit(f"cannot install {carrier}: {reason}")
    memory = cache / ("artifacts-quick.json" if options.quick else "artifacts.json")
    results: Results = json.loads(memory.read_text()) if memory.exists() else {}
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        make_files(folder / "files", options.quick)
        for name in options.only or PLACES:
            able = [each for each in carriers if each != "mlflow" or PLACES[name].mlflow]
            print(f"{name}: {', '.join(able)}", flush=True)
            fresh = measure(name, able, 1 if options.quick else options.repeat, cache, folder)
            for key, values in fresh.items():
                results[key] = results.get(key, {}) | values
            memory.write_text(json.dumps(results, indent=1))
            print(table(fresh), flush=True)
    if not options.quick:
        report.write(PAGE, f"Machine: {report.machine()}.\n\n{table(results)}")


if __name__ == "__main__":
    main()
