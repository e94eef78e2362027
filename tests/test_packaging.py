"""What is built installs on its own, without anything that only developers have."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Where the two differ: the name that is imported, and the one that is installed.
DISTRIBUTIONS = {
    "sqlalchemy": "SQLAlchemy",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
ASKING = {"MissingExtra", "require"}
CHECK = """
import runlog
with runlog.start_run(run_name="packaged") as run:
    runlog.log_metric("loss", 0.5)
    runlog.log_text("hello", "note.txt")
assert runlog.search_runs(output_format="list")[0].data.metrics == {"loss": 0.5}
try:
    runlog.search_runs()
except ImportError as error:
    print(error)
"""


def call(*command: str | Path, cwd: Path) -> str:
    """What a command prints when it runs without the source tree in sight."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    os.environ["RUNLOG_UI"] = "require"
    call(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_what_is_built_installs_and_works(built, place, kind):
    (package,) = built.glob(kind)
    venv.create(place / "venv", with_pip=True)
    programs = place / "venv" / "bin"
    call(programs / "pip", "install", "--quiet", package, cwd=place)

    printed = call(programs / "python", "-W", "error", "-c", CHECK, cwd=place)
    assert "pip install 'runlog-tracking[pandas]'" in printed
    assert "packaged" in call(programs / "runlog", "runs", "list", cwd=place)
    call(programs / "runlog", "doctor", cwd=place)
    (folder,) = place.glob("venv/lib/*/site-packages/runlog")
    assert (folder / "py.typed").exists() and (folder / "schema.sql").exists()
    pages = folder / "ui"
    (script,) = re.findall(r'src="(assets/[\w-]+\.js)"', (pages / "index.html").read_text())
    assert {(pages / f"{script}{end}").exists() for end in ("", ".gz", ".br")} == {True}


FROZEN = """
import sys
import runlog

with runlog.start_run(run_name="frozen") as run:
    runlog.log_params({"lr": 0.1})
    runlog.log_metric("loss", 0.5, step=1)
    runlog.log_text("kept", "a.txt")
    runlog.log_artifact(sys.executable, "bin")
(found,) = runlog.search_runs(filter_string="params.lr = '0.1'", output_format="list")
text = runlog.artifacts.load_text(f"runs:/{found.info.run_id}/a.txt")
rows = runlog.sql("select last from metric_summary", output_format="list")
runlog.pyfunc.save_model("model", python_model=lambda data: data + 1)
assert runlog.pyfunc.load_model("model").predict(4) == 5
print(found.info.run_name, found.data.metrics, text, rows, found.info.status)
"""


@pytest.mark.slow
def test_a_frozen_program_logs_and_reads(built, place):
    """PyInstaller finds the hook by the entry point: without it the modules that runlog imports by
    name are missing."""
    (package,) = built.glob("*.whl")
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", package, "pyinstaller", cwd=place)
    (place / "program.py").write_text(FROZEN)
    words = ("--noconfirm", "--log-level", "ERROR", "program.py")
    call(python, "-m", "PyInstaller", *words, cwd=place)
    shutil.rmtree(place / "venv")
    printed = call(place / "dist" / "program" / "program", cwd=place)
    assert printed == "frozen {'loss': 0.5} kept [{'last': 0.5}] FINISHED\n"


@pytest.mark.parametrize("mode, code", [("require", 1), ("auto", 0), ("skip", 0), ("maybe", 1)])
def test_a_build_without_npm_says_what_is_missing(place, mode, code):
    ignored = shutil.ignore_patterns("node_modules", ".venv", ".git", "ui.tmp", "build", "*.db")
    tree = place / "tree"
    for name in ("src", "ui"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    shutil.rmtree(tree / "src" / "runlog" / "ui", ignore_errors=True)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-c", "import setup; setup.build_ui()"]
    env = {"PATH": "", "RUNLOG_UI": mode, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    note = tree / "src" / "runlog" / "ui" / "not-built.txt"
    if mode == "auto":
        assert "need Node" in note.read_text() and "RUNLOG_UI=skip" in note.read_text()
    else:
        assert not note.exists()
    assert code == 0 or "RUNLOG_UI" in done.stderr


def extras() -> dict[str, list[str]]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return {
        name: re.findall(r"^\s*([\w-]+)", packages, re.MULTILINE)
        for name, packages in config["options.extras_require"].items()
    }


def needed() -> set[tuple[str, str]]:
    """The optional packages that the source asks for, each with the extra that it names."""
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ASKING:
                match [each.value for each in node.args if isinstance(each, ast.Constant)]:
                    case [module, extra, *_]:
                        package = module.split(".")[0]
                        found.add((DISTRIBUTIONS.get(package, package), extra))
    return found


def test_every_missing_extra_is_one_that_brings_the_package():
    assert ("pandas", "pandas") in needed()
    for package, extra in needed():
        assert package in extras()[extra]


def test_the_examples_are_brought_what_they_import():
    known = set(extras()["examples"]) | {"runlog"}
    known |= {"joblib", "numpy"}  # scikit-learn brings them
    # What tests/frameworks runs, each where its framework is: the page that shows it names it.
    known |= {"keras", "lightning", "optuna", "torch", "transformers", "xgboost"}
    for path in (ROOT / "examples").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                tops = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops = {str(node.module).split(".")[0]}
            else:
                continue
            packages = {DISTRIBUTIONS.get(top, top) for top in tops}
            assert packages <= known | sys.stdlib_module_names, path.name
