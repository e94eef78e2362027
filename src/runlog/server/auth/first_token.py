"""The first token of a server: its text, and the file that has it where no terminal does."""

from __future__ import annotations

import os

NAME = "first-token"


def text(address: str, token: str) -> str:
    """Return how to log in with it, as lines."""
    return (
        "There are no users yet, so here is a token of the new user admin, good for a day and "
        "shown this once:\n"
        f"    {address}/login?token={token}\n"
        f"    MLFLOW_TRACKING_TOKEN={token}\n"
        "Make users with  runlog users create, other tokens with  runlog tokens create"
    )


def write(database: str, text: str) -> str:
    """Write `text` to a new file that only this user can read, beside the file `database` or, where
    that is empty, in the user's folder for state. Return its path. Raises OSError."""
    path = f"{database}.{NAME}" if database else _in_state_folder()
    if os.path.lexists(path):  # of a database that is not there any more
        os.unlink(path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text + "\n")
    return path


def _in_state_folder() -> str:
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    folder = os.path.join(home, "runlog")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return os.path.join(folder, NAME)
