"""Programs and threads that the fault tests start, and the files they look at afterwards."""

from __future__ import annotations

import configparser
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import apsw

from runlog import RunlogClient

PROGRAMS = Path(__file__).parent / "programs"
SETTINGS = Path(__file__).parents[1] / "setup.cfg"
LONG = 60  # seconds: a hang, however loaded the machine is


def on_disk(client: RunlogClient, run_id: str, path: str) -> Path:
    """Where the file of a run is on this disk, or all of its files: not a copy of it."""
    return Path(client.get_run(run_id).info.artifact_uri, path)


def start(program: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Runs tests/programs/<program>.py with its three streams as pipes."""
    command = [sys.executable, "-X", "faulthandler", str(PROGRAMS / f"{program}.py")]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        text=True,
        start_new_session=True,  # so that its children can be ended with it
        **{**pipes, **options},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a program; one that hangs fails the test, and says where."""
    try:
        out, err = process.communicate(timeout=LONG)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # faulthandler prints the stacks
        out, err = process.communicate()
        raise AssertionError(f"{process.args} hangs\n{out}\n{err}") from None
    return process.returncode, out, err


def run(program: str, *arguments: object, **options: object) -> str:
    """The output of a program that ends well and has nothing to complain about."""
    code, out, err = finish(start(program, *arguments, **options))
    assert (code, err) == (0, ""), f"exit code {code}\n{out}\n{err}"
    return out


def install(folder: Path) -> Path:
    """Puts the programs that the package brings into a folder, to run with this Python."""
    folder.mkdir()
    settings = configparser.ConfigParser()
    settings.read(SETTINGS)
    for line in settings["options.entry_points"]["console_scripts"].split("\n"):
        name, _, place = line.partition("=")
        module, _, function = place.strip().partition(":")
        if module:
            script = folder / name.strip()
            script.write_text(
                f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n"
            )
            script.chmod(0o755)
    return folder


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it is true, however loaded the machine is; fail if it never is."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def together(*deeds: Callable[[], object]) -> None:
    """Does all of them at the same time, each in its own thread, and raises what they raise."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(deeds))

    def guarded(deed: Callable[[], object]) -> None:
        barrier.wait()
        try:
            deed()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(deed,), daemon=True) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    if any(thread.is_alive() for thread in threads):
        faulthandler.dump_traceback(all_threads=True)
        raise AssertionError("a thread hangs")
    if errors:
        raise errors[0]


def check(path: str | os.PathLike[str]) -> None:
    """The file is sound: SQLite's own check, and no reference leads nowhere."""
    connection = apsw.Connection(os.fspath(path))
    try:
        assert connection.pragma("integrity_check") == "ok"
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        stray = "select count(*) from live_point where metric not in (select id from metric)"
        assert connection.execute(stray).fetchall() == [(0,)]
    finally:
        connection.close()


def digests(folder: Path) -> dict[str, str]:
    """Every file of a folder with what is in it."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
