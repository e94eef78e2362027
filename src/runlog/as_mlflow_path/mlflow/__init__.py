"""runlog in the place of MLflow: what a process imports as `mlflow` that was started by one with
`runlog.as_mlflow`. A Python without runlog gets its own `mlflow`, if it has one."""

import importlib.util
import os
import sys

if importlib.util.find_spec("runlog"):
    from runlog.mlflow_names import finder

    finder.install()  # puts runlog at this module's name
else:
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != folder]
    del sys.modules["mlflow"]
    importlib.import_module("mlflow")
