"""`import runlog` stays light: what a script loads with it is a set in this file.

A training script pays for each of these modules at every start, so a new one needs a reason.
Names with an underscore are left out: they are the C halves of the others.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

IMPORT = set(
    "__future__ collections contextlib copyreg enum functools itertools keyword operator re "
    "reprlib runlog sre_compile sre_constants sre_parse types typing warnings".split()
)
FIRST_RUN = IMPORT | set(
    # apsw needs no other; dataclasses brings inspect, which brings ast, dis, tokenize...
    "apsw array ast atexit contextvars copy dataclasses dis errno importlib inspect linecache "
    "opcode pwd signal threading token tokenize weakref "
    # locks of an open file, a third of a millisecond together
    "fcntl mmap struct".split()
)
OURS = set(
    "active_runs client clock context db db.file_system db.fork db.migrations db.sqlite "
    "db.sqlite_errors db.sqlite_file db.sqlite_locks db.sqlite_snapshot db.sqlite_transaction "
    "db.sqlite_watch entities errors fluent names registry_client run_exit settings "
    "sqlstore sqlstore.experiments "
    "sqlstore.ids sqlstore.locations sqlstore.logging sqlstore.metrics sqlstore.retry "
    "sqlstore.rows sqlstore.runs sqlstore.store store store_uri tracking_uri validate".split()
)

RUN = """
import runlog
with runlog.start_run(run_name="light", tags={"a": "b"}):
    runlog.log_params({"depth": 3})
    with runlog.start_run(nested=True):
        runlog.log_metric("loss", 0.5, step=1)
        runlog.log_metrics({"loss": 0.4, "accuracy": 0.9}, step=2)
    runlog.set_tag("c", "d")
"""


def loaded(code: str, place: Path) -> tuple[set[str], set[str]]:
    """The modules that a fresh interpreter loads for `code`: top-level ones, and runlog's."""
    program = place / "program.py"
    program.write_text(
        "import json, sys\nbefore = set(sys.modules)\n"
        f"{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    command = [sys.executable, str(program)]
    printed = subprocess.run(command, cwd=place, check=True, stdout=subprocess.PIPE).stdout
    names = json.loads(printed)
    return (
        {name.split(".")[0] for name in names if not name.startswith("_") or name == "__future__"},
        {name.removeprefix("runlog.") for name in names if name.startswith("runlog.")},
    )


def test_an_import_loads_nothing_but_the_names(place):
    others, ours = loaded("import runlog", place)
    assert others <= IMPORT
    assert ours == set()


def test_a_first_run_loads_what_it_needs(place):
    others, ours = loaded(RUN, place)
    assert others <= FIRST_RUN
    assert ours <= OURS


def test_a_git_repository_costs_nothing_more(place):
    for command in ("git init --quiet", "git remote add origin https://example.com/a.git"):
        subprocess.run(command.split(), cwd=place, check=True)
    assert loaded(RUN, place)[0] <= FIRST_RUN


def test_public_names_are_shown_before_they_are_loaded():
    import runlog

    assert {"log_metric", "search_runs", "RunlogClient", "MlflowClient"} <= set(dir(runlog))
    assert all(hasattr(runlog, name) for name in runlog.__all__)
