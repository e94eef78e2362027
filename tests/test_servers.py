"""The servers that other tests rely on: killed, they are gone, and they come back as they were."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import servers
from processes import wait_for

HERE = Path(__file__).parent


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_was_killed_comes_back_at_its_place(server, kind):
    there = server(kind)
    there.kill()
    with pytest.raises(OSError), socket.create_connection((servers.HOST, there.port), timeout=5):
        pass
    there.restart()
    there.answer()


def test_a_server_does_not_outlive_whoever_started_it(place):
    program = "import servers, os\ns = servers.start('http').__enter__()\n"
    program += "print(s.port, flush=True)\nos.kill(os.getpid(), 9)"
    command = [sys.executable, "-c", program]
    env = {**os.environ, "TMPDIR": str(place)}  # its folder stays
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True)

    def is_gone():
        try:
            servers.connect(int(done.stdout)).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_for(is_gone)
