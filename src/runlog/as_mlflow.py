"""runlog under MLflow's name: after `import runlog.as_mlflow`, `import mlflow` finds runlog.

At the top of a program, before anything that imports mlflow, it makes frameworks log to runlog that
import a package of that name. `python -m runlog.as_mlflow train.py --lr 0.1` and `python -m
runlog.as_mlflow -m package.train` do so without a change in the program, and `runlog run
--as-mlflow` for any command. Processes that the program starts find runlog, too.

If another `mlflow` is imported already, it stays, and a warning says so.
"""

from __future__ import annotations

import os
import sys

from runlog.mlflow_names.finder import environment, install

__all__ = ["environment", "install"]

USAGE = """usage: python -m runlog.as_mlflow PROGRAM.py [ARGUMENT...]
       python -m runlog.as_mlflow -m MODULE [ARGUMENT...]

Run a Python program in which `import mlflow` finds runlog."""


def main(arguments: list[str]) -> None:
    """Run the program that the arguments name as the main module. Raises SystemExit if they name
    none."""
    import runpy

    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(USAGE)
        raise SystemExit(0 if arguments[:1] in (["-h"], ["--help"]) else 2)
    install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        if not getattr(sys.flags, "safe_path", False):  # `-m` has put the working directory there
            sys.path[sys.path.index(os.getcwd())] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
else:
    install()
