"""The examples run as a user runs them; the file they leave is read with sqlite3's shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str, folder: Path, *arguments: str) -> str:
    """What the example prints when it is run in `folder`."""
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", EXAMPLES / name, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr
    return run.stdout


def shell(folder: Path, sql: str) -> list[str]:
    """The rows that sqlite3's own shell prints."""
    command = ["sqlite3", "-readonly", "-batch", "runlog.db", sql]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_quickstart(place):
    assert example("quickstart.py", place).count("first steps") == 1
    assert example("quickstart.py", place).count("first steps") == 2


@pytest.mark.slow
def test_digits_twice(place):
    first = example("digits.py", place)
    assert re.search(r"accuracy on digits it has never seen: 0\.9\d", first)
    assert re.search(r"network +12 ", first)
    assert shell(place, "select count(*) from runs") == ["41"]

    again = example("digits.py", place)
    assert re.search(r"network +12 ", again)
    assert shell(place, "select count(*) from runs where status = 'FINISHED'") == ["82"]
    assert len([*place.glob("**/confusion.png")]) == 80
    assert len([*place.glob("**/report.txt")]) == len([*place.glob("**/model.joblib")]) == 80

    rows = shell(place, "select * from runs limit 5")
    assert len(rows) == 5
    for row in rows:
        assert re.search(r"\b[0-9a-f]{32}\b", row)
        assert "digits" in row and "FINISHED" in row
        assert re.search(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d", row)


def test_a_search_goes_on_where_it_stopped(place):
    assert "6 runs, the best with r2 = 0." in example("search_from_history.py", place, "6")
    again = example("search_from_history.py", place, "2")
    assert "8 runs, the best with r2 = 0." in again
    assert "gamma = " in again
