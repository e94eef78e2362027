"""Shows a server's pages in the browser of whoever started it.

A process of its own waits for the server, since the server's is about to fork; `webbrowser` finds
the browser, by the environment variable BROWSER first.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

PATIENCE = 30  # seconds


def has_display() -> bool:
    """Return whether a browser could be seen. Without a display `webbrowser` would start one made
    of text, over what the terminal shows."""
    if os.environ.get("BROWSER") or sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_later(url: str, host: str, port: int) -> None:
    """Open `url` as soon as something answers at `host` and `port`; return at once."""
    subprocess.Popen(
        [sys.executable, "-m", __name__, url, host, str(port), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def answers(host: str, port: int) -> bool:
    """Return whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def main(url: str, host: str, port: str, server: str) -> None:
    import webbrowser

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and os.getppid() == int(server):
        if answers(host, int(port)):
            webbrowser.open(url)
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
