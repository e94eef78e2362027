"""Tests with the real frameworks, which are in environments of their own.

An environment belongs to a group in `environments.GROUPS`: a virtual environment in a cache folder,
made when it is first needed. The tests of a group are in the folder of its name; files directly in
this folder run in every group. `scripts/frameworks` runs them all, and they run under pytest too:

    python tests/frameworks/environments.py tables   # prints the Python of the environment
    $(python tests/frameworks/environments.py tables) -m pytest tests/frameworks/tables

No environment has the real MLflow. `environments.with_mlflow("3")` returns environment variables
with which a Python has it, for programs that compare with it.
"""
