"""What type checkers make of a program that uses runlog."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pytest

import runlog

SOURCE = Path(runlog.__file__)

# pandas ships no types; this is what the package pandas-stubs brings, as far as it matters here.
PANDAS = "class DataFrame:\n    def head(self) -> DataFrame: ...\n"

RIGHT = """
from __future__ import annotations

import runlog
import runlog as mlflow
import runlog.sklearn
from runlog import MlflowClient, MlflowException, Run, RunlogClient, log_metric, start_run
from runlog.entities import Metric

runlog.set_experiment("a")
with start_run(run_name="a", tags={"a": "b"}) as run:
    log_metric("loss", 0.5, step=1)
    mlflow.log_params({"a": 1})
    found: str = run.info.run_id
runs: list[Run] = runlog.search_runs(output_format="list")
also: list[Run] = runlog.search_runs(None, "", 1, 10, None, "list")
models = runlog.search_logged_models(output_format="list")
rows: list[dict[str, object]] = [*runlog.sql("select 1", output_format="list")]
client: RunlogClient = MlflowClient()
points: list[Metric] = client.get_metric_history(found, "loss")
try:
    runlog.get_run("x")
except MlflowException as error:
    print(error.message, runlog.__version__, runlog.artifacts.download_artifacts("runs:/x"))
reveal_type(runlog.search_runs().head())
reveal_type(runlog.sql("select ?", [1]))
reveal_type(runlog.search_logged_models())
reveal_type(models[0])
reveal_type(runlog.metric_history(found, "loss").values)
reveal_type(runlog.sklearn.log_model(object(), name="a"))
"""

REVEALED = [
    "pandas.DataFrame",
    "pandas.DataFrame",
    "pandas.DataFrame",
    "runlog.entities.LoggedModel",
    "numpy.ndarray",
    "runlog.models.model.ModelInfo",
]

WRONG = [
    "runlog.log_metrik('loss', 1.0)",
    "runlog.MlflowClientt()",
    "runlog.search_run()",
    "from runlog import log_parameter",
    "runlog.search_runs(output_format='list').head()",
    "runlog.search_runs()[0].info.run_id + 1",
    "runlog.log_metric(1, 2)",
    "runlog.start_run(runname='a')",
    "runlog.sql('select 1', output_format='frame')",
]


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """What mypy says of a program under --strict, a line an error or a note."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("typing")
    (folder / "stubs" / "pandas").mkdir(parents=True)
    (folder / "stubs" / "pandas" / "__init__.pyi").write_text(PANDAS)
    (folder / "mypy.ini").write_text(f"[mypy]\nmypy_path = {folder}/stubs:{SOURCE.parents[1]}\n")

    def run(program: str) -> list[str]:
        (folder / "program.py").write_text(program)
        words = ["--strict", "--no-color-output", "--no-error-summary", "--config-file", "mypy.ini"]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *words, "--follow-imports=silent", "program.py"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert not done.stderr and done.returncode < 2, done.stderr + done.stdout
        return done.stdout.splitlines()

    return run


def test_right_uses_pass_and_have_their_types(mypy):
    said = mypy(RIGHT)
    assert [line for line in said if "note: Revealed" not in line] == []
    assert len(said) == len(REVEALED)
    for line, kind in zip(said, REVEALED, strict=True):
        assert kind in line


def test_wrong_uses_are_errors(mypy):
    said = mypy("import runlog\n" + "\n".join(WRONG) + "\n")
    lines = {int(line.split(":")[1]) for line in said if ": error:" in line}
    assert lines == set(range(2, len(WRONG) + 2)), "\n".join(said)


def test_type_checkers_see_the_names_that_python_finds():
    tree = ast.parse(SOURCE.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    seen |= {node.targets[0].id: "runlog" for node in block.body if isinstance(node, ast.Assign)}
    assert seen.pop("__version__") == "runlog._version"
    assert sorted(seen) == sorted(runlog.__all__)
    for name, module in seen.items():
        value = getattr(runlog, name)
        if module == "runlog.flavors":  # what checkers find there is runlog.sklearn for Python
            assert value.__name__ == f"runlog.{name}"
            continue
        assert module == "runlog" or value is getattr(sys.modules[str(module)], name)


def test_every_flavour_has_a_stub():
    """Type checkers do not read runlog's `__path__`: a stub makes `import runlog.sklearn` known."""
    flavors = {each.name for each in iter_modules([str(SOURCE.parent / "flavors")])}
    stubs = {each.stem: each.read_text() for each in SOURCE.parent.glob("*.pyi")}
    assert stubs == {name: f"from runlog.flavors.{name} import *\n" for name in flavors}
