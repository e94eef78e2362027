"""scripts/test names and ends what the tests leave behind, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processes import LONG

RUNNER = [sys.executable, str(Path(__file__).parent / "leftovers.py")]
PROGRAM = """
import os, subprocess, sys, time
os.environ["PYTEST_CURRENT_TEST"] = "tests/test_x.py::test_y (call)"
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
# A group of its own, whose parent has ended: as a server that went to the background.
code = (
    "import subprocess, sys\\nnothing = subprocess.DEVNULL\\n"
    "child = subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=nothing, stderr=nothing)"
    "\\nprint(child.pid)"
)
found = subprocess.run([sys.executable, "-c", code, *sleep], capture_output=True, text=True)
print(found.stdout, flush=True)
time.sleep(float(sys.argv[1]))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells who is whose child")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_is_left_is_named_ended_and_a_failure():
    command = [*RUNNER, sys.executable, "-c", PROGRAM, "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    left = int(done.stdout)
    assert done.returncode == 1 and not is_alive(left)
    assert f"left behind: {left} {sys.executable} -c import time" in done.stderr
    assert "(of tests/test_x.py::test_y (call))" in done.stderr


def test_what_leaves_nothing_keeps_its_exit_code():
    for code in (0, 3):
        command = [*RUNNER, sys.executable, "-c", f"raise SystemExit({code})"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
        assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing(how):
    process = subprocess.Popen(
        [*RUNNER, sys.executable, "-c", PROGRAM, "600"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell's "&" does
    )  # fmt: skip
    left = int(process.stdout.readline())
    assert is_alive(left)
    process.send_signal(how)
    _, said = process.communicate(timeout=LONG)
    assert process.returncode != 0 and "left behind" in said and not is_alive(left)


def test_a_server_ends_with_the_test_that_started_it(place):
    """Even if that is killed, and can end nothing."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom serving import serving\n"
        "with serving(Path(sys.argv[1])) as served:\n"
        "    print(served.process.pid, flush=True)\n    os.kill(os.getpid(), 9)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([p for p in sys.path if p])}
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], capture_output=True, text=True, env=env
    )
    leader, end = int(done.stdout), time.monotonic() + LONG
    while is_alive(leader) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_alive(leader)
