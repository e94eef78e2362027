"""Programs that import mlflow find runlog, where runlog.as_mlflow says so."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import mlflow_names
import runlog
from runlog.mlflow_names import absent, finder, paths, version

FOLDER = Path(finder.FOLDER)
LOGGING = """
import mlflow

with mlflow.start_run(run_name="aliased"):
    mlflow.log_metric("loss", 0.5)
"""


def python(*arguments: object, **options: object) -> str:
    """The output of a Python program which has nothing to complain about."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def aliased(program: str, **options: object) -> str:
    """The output of a program that begins with `import runlog.as_mlflow`."""
    return python("-c", f"import runlog.as_mlflow\n{program}", **options)


def logged() -> list[dict[str, float]]:
    """The metrics of the runs in the file of this folder."""
    runs = runlog.search_runs(
        output_format="list", search_all_experiments=True, order_by=["attributes.start_time"]
    )
    return [run.data.metrics for run in runs]


# -- ways to get there ------------------------------------------------------------------------


def test_an_import_at_the_top_of_a_program():
    aliased(LOGGING)
    assert logged() == [{"loss": 0.5}]


def test_a_script_with_arguments(place):
    (place / "code").mkdir()
    (place / "code" / "helper.py").write_text("NAME = 'loss'\n")
    (place / "code" / "train.py").write_text(
        "import sys, mlflow\nfrom helper import NAME\n"
        "if __name__ == '__main__':\n"
        "    mlflow.log_metric(NAME, float(sys.argv[2]))\n"
        "    print(sys.argv, sys.path[1])\n"
    )
    out = python("-m", "runlog.as_mlflow", "code/train.py", "--lr", "0.1")
    assert out == f"{['code/train.py', '--lr', '0.1']} {place / 'code'}\n"
    assert logged() == [{"loss": 0.1}]


def test_a_module_with_arguments(place):
    (place / "package").mkdir()
    (place / "package" / "__init__.py").touch()
    (place / "package" / "train.py").write_text(
        "import sys, mlflow\nmlflow.log_metric('loss', float(sys.argv[1]))\nprint(__package__)\n"
    )
    assert python("-m", "runlog.as_mlflow", "-m", "package.train", "0.1") == "package\n"
    assert logged() == [{"loss": 0.1}]


@pytest.mark.parametrize("arguments", [[], ["-m"]])
def test_it_needs_a_program(arguments):
    command = [sys.executable, "-m", "runlog.as_mlflow", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: python -m runlog.as_mlflow PROGRAM.py" in done.stdout


def test_an_error_of_the_program_is_its_own(place):
    (place / "train.py").write_text("import sys\nsys.exit(7)\n")
    assert subprocess.run([sys.executable, "-m", "runlog.as_mlflow", "train.py"]).returncode == 7


def test_the_environment_of_a_process():
    python("-c", LOGGING, env={**os.environ, **finder.environment()})
    assert logged() == [{"loss": 0.5}]


def test_the_environment_adds_to_the_path_once():
    before = os.pathsep.join(["/a", "/b"])
    once = finder.environment({"PYTHONPATH": before})
    assert once["PYTHONPATH"].split(os.pathsep) == [finder.FOLDER, "/a", "/b"]
    assert finder.environment(once) == once


def test_processes_that_a_program_starts(place):
    program = place / "train.py"
    program.write_text(
        "import multiprocessing, subprocess, sys\nimport mlflow\n\n"
        "def work(run_id, key):\n    mlflow.log_metric(key, 1.0, run_id=run_id)\n\n"
        "if __name__ == '__main__':\n"
        "    with mlflow.start_run() as run:\n"
        "        for way in ('spawn', 'forkserver', 'fork'):\n"
        "            process = multiprocessing.get_context(way).Process(\n"
        "                target=work, args=(run.info.run_id, way))\n"
        "            process.start()\n"
        "            process.join()\n"
        "            assert process.exitcode == 0\n"
        "        code = 'import sys, mlflow; mlflow.log_metric(\"new\", 1, run_id=sys.argv[1])'\n"
        "        subprocess.run([sys.executable, '-c', code, run.info.run_id], check=True)\n"
    )
    python("-m", "runlog.as_mlflow", program)
    assert logged() == [dict.fromkeys(("fork", "forkserver", "new", "spawn"), 1.0)]


def test_beside_a_sitecustomize_of_the_user(place):
    (place / "site").mkdir()
    (place / "site" / "sitecustomize.py").write_text("print('mine')\n")
    env = {**os.environ, **finder.environment({"PYTHONPATH": str(place / "site")})}
    assert python("-c", LOGGING, env=env) == "mine\n"
    assert logged() == [{"loss": 0.5}]


def test_a_python_without_runlog_gets_its_own_mlflow(place):
    """Whose environment has been inherited, or nothing."""
    real = place / "real" / "mlflow"
    real.mkdir(parents=True)
    real.joinpath("__init__.py").write_text("__version__ = 'its own'\n")
    real.joinpath("tracking.py").write_text("here = 1\n")
    command = [sys.executable, "-S", "-c", "import mlflow.tracking; print(mlflow.__version__)"]
    for where, expected in ((place / "real", "its own"), (place, "No module named 'mlflow'")):
        env = finder.environment({"PYTHONPATH": str(where)})
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert expected in done.stdout + done.stderr


def test_another_mlflow_stays(place):
    (place / "mlflow").mkdir()
    (place / "mlflow" / "__init__.py").write_text("__version__ = '2.0'\n")
    program = """
import os, sys, warnings
import mlflow
before = sys.path[:], sys.meta_path[:], dict(os.environ)
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    import runlog.as_mlflow
assert mlflow is sys.modules["mlflow"] and not runlog.as_mlflow.install.__doc__ is None
assert before == (sys.path, sys.meta_path, dict(os.environ))
[warning] = found
print(warning.filename, warning.message)
"""
    out = python("-c", program)
    assert out.startswith("<string> mlflow 2.0 is imported already, from ")
    assert out.endswith("Import runlog.as_mlflow before anything that imports mlflow\n")


# -- what is found ----------------------------------------------------------------------------


def test_a_module_has_one_identity():
    aliased("""
import importlib, sys
import runlog, mlflow, mlflow.data.pandas_dataset
from mlflow.data import numpy_dataset
import runlog.data.datasets as ours
assert mlflow.data is runlog.data and mlflow.tracking is runlog.tracking
assert mlflow.data.pandas_dataset is numpy_dataset is ours
assert sys.modules["mlflow.data.pandas_dataset"] is ours
assert ours.__name__ == ours.__spec__.name == "runlog.data.datasets"
assert mlflow.MlflowClient is runlog.RunlogClient
assert importlib.reload(mlflow.exceptions) is runlog.exceptions
""")


def test_programs_see_that_it_is_installed():
    assert (FOLDER / f"mlflow-{version.VERSION}.dist-info").is_dir()
    out = aliased("""
import importlib.metadata as metadata, importlib.util as util
import mlflow
print(mlflow.__version__, metadata.version("mlflow"), metadata.metadata("mlflow")["Name"])
assert util.find_spec("mlflow") and util.find_spec("mlflow.tracking.client")
assert util.find_spec("mlflow.nothing") is None
assert metadata.distribution("mlflow").read_text("INSTALLER").strip() == "runlog"
assert mlflow.version.VERSION == mlflow.__version__
""")
    assert out.split() == [version.VERSION, version.VERSION, "mlflow"]


@pytest.mark.skipif(find_spec("pkg_resources") is None, reason="needs setuptools < 82")
def test_pkg_resources_sees_it():
    program = "print(pkg_resources.get_distribution('mlflow').version)"
    for order in (
        "import pkg_resources, runlog.as_mlflow",
        "import runlog.as_mlflow, pkg_resources",
    ):
        done = subprocess.run(
            [sys.executable, "-c", f"{order}\n{program}"], capture_output=True, text=True
        )
        assert done.stdout.split() == [version.VERSION], done.stderr


def test_it_is_pickled_by_its_name():
    aliased("""
import pickle, types
import cloudpickle, mlflow, mlflow.utils, mlflow.genai
for module in (mlflow, mlflow.utils, mlflow.genai, mlflow.tracking):
    assert type(module) is types.ModuleType
    assert pickle.loads(cloudpickle.dumps(module)) is module
assert pickle.loads(cloudpickle.dumps(lambda: mlflow.start_run))() is mlflow.start_run
""")


IMPORTS = """
import mlflow.artifacts, mlflow.client, mlflow.config, mlflow.data, mlflow.entities
from mlflow import MlflowClient, MlflowException, log_metric, set_tracking_uri
from mlflow.tracking import MlflowClient, context, fluent, get_tracking_uri
from mlflow.tracking.client import MlflowClient
from mlflow.tracking.fluent import active_run, start_run
from mlflow.tracking.context import resolve_tags
from mlflow.tracking.context.registry import resolve_tags
from mlflow.tracking.context.abstract_context import RunContextProvider
from mlflow.tracking._tracking_service.utils import _get_store, _use_tracking_uri
from mlflow.tracking._model_registry import DEFAULT_AWAIT_MAX_SLEEP_SECONDS
from mlflow.tracking.artifact_utils import _download_artifact_from_uri, get_artifact_uri
from mlflow.tracking.request_header.registry import _request_header_provider_registry
from mlflow.utils import mlflow_tags, validation
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_USER
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAM_VAL_LENGTH
from mlflow.utils.autologging_utils import autologging_integration, safe_patch
from mlflow.utils.annotations import experimental
from mlflow.utils.databricks_utils import is_in_databricks_runtime
from mlflow.utils.file_utils import TempDir, path_to_local_file_uri
from mlflow.utils.git_utils import get_git_commit
from mlflow.utils.logging_utils import eprint
from mlflow.utils.rest_utils import MlflowHostCreds
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.uri import append_to_uri_path, is_local_uri
from mlflow.entities import Experiment, Metric, Param, Run, RunStatus, RunTag, SpanType, ViewType
from mlflow.entities.run_status import RunStatus
from mlflow.entities.view_type import ViewType
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.store.entities import PagedList
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.environment_variables import MLFLOW_TRACKING_URI
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
"""


def test_import_paths():
    aliased(IMPORTS)


def test_every_path_leads_to_a_module_of_ours():
    """Those of what is made elsewhere apart, as long as it is not there."""
    for path in paths.PATHS:
        assert find_spec(f"runlog.{paths.PATHS[path]}"), path
    aliased("import mlflow." + ", mlflow.".join(sorted(paths.PATHS)))


def test_a_missing_name_is_missing():
    aliased("""
import mlflow
for statement in ("import mlflow.nothing", "from mlflow.utils import nothing",
                  "from mlflow import nothing", "import mlflow.sqlstore"):
    try:
        exec(statement)
    except ImportError as error:
        assert "nothing" in str(error) or "sqlstore" in str(error)
    else:
        raise AssertionError(statement)
assert not hasattr(mlflow, "nothing") and not hasattr(mlflow.utils, "nothing")
""")


def test_what_the_modules_do(place):
    out = aliased("""
import mlflow
from mlflow.tracking._tracking_service.utils import _get_store, _use_tracking_uri
from mlflow.tracking.artifact_utils import _download_artifact_from_uri, get_artifact_uri
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT, MLFLOW_TRACKING_URI
from mlflow.utils.file_utils import TempDir, local_file_uri_to_path, path_to_local_file_uri
from mlflow.utils.uri import append_to_uri_path
from mlflow.tracking.context import resolve_tags

with _use_tracking_uri("other.db"):
    assert mlflow.get_tracking_uri().endswith("other.db")
    assert _get_store().uri.endswith("other.db")
assert mlflow.get_tracking_uri().endswith("runlog.db")
with mlflow.start_run() as run:
    mlflow.log_text("hello", "notes/a.txt")
uri = get_artifact_uri(run.info.run_id, "notes")
with TempDir() as folder:
    path = _download_artifact_from_uri(uri + "/a.txt", folder.path())
    with open(path) as file:
        assert file.read() == "hello"
repo = get_artifact_repository(uri)
assert [each.path for each in repo.list_artifacts()] == ["a.txt"]
try:
    mlflow.get_run("0" * 32)
except mlflow.MlflowException as error:
    assert error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
assert MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 120
MLFLOW_HTTP_REQUEST_TIMEOUT.set(5)
assert MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 5 and MLFLOW_HTTP_REQUEST_TIMEOUT.is_set()
assert append_to_uri_path("s3://b/a?x=1", "b", "c") == "s3://b/a/b/c?x=1"
assert local_file_uri_to_path(path_to_local_file_uri("a b")).endswith("/a b")
assert resolve_tags({"mlflow.user": "me"})["mlflow.user"] == "me"
""")
    assert out == ""


def test_safe_patch_keeps_results_and_errors(place):
    aliased("""
import warnings
import mlflow
from mlflow.utils.autologging_utils import (
    autologging_integration, autologging_is_disabled, disable_autologging, get_autologging_config,
    log_fn_args_as_params, safe_patch)

class Model:
    def fit(self, x, depth=3):
        if x is None:
            raise ValueError("no data")
        return x + 1

@autologging_integration("toy")
def autolog(depth=1, disable=False, silent=False):
    def fit(original, self, *args, **kwargs):
        log_fn_args_as_params(original.function, (self, *args), kwargs, ["self"])
        result = original(self, *args, **kwargs)
        if args == (5,):
            raise RuntimeError("logging failed")
        return result
    safe_patch("toy", Model, "fit", fit, manage_run=True)

assert autologging_is_disabled("toy")
autolog(depth=2)
assert get_autologging_config("toy", "depth") == 2
assert Model().fit(1) == 2
with disable_autologging():
    assert Model().fit(2) == 3
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    assert Model().fit(5) == 6
assert "logging failed" in str(found[0].message)
try:
    Model().fit(None)
except ValueError as error:
    assert str(error) == "no data"
runs = mlflow.search_runs(output_format="list")
assert [run.data.params.get("x") for run in runs] == ["None", "5", "1"]
assert [run.info.status for run in runs] == ["FAILED", "FAILED", "FINISHED"]
""")


# -- every public name ------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("mlflow") is None, reason="needs mlflow-skinny")
def test_every_name_of_mlflow_has_an_answer():
    """It is here and takes the same parameters, or it says what to use instead."""
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    assert mlflow_names.differences(mlflow_names.names_of_mlflow(quiet)) == []


@pytest.mark.skipif(find_spec("mlflow") is None, reason="needs mlflow-skinny")
def test_absent_names_are_names_of_mlflow():
    """Of this version or of an earlier one."""
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    theirs = mlflow_names.names_of_mlflow(quiet)
    of_2 = {"delete_expectation", "delete_feedback", "delete_prompt"} | {
        "update_expectation", "update_feedback",
    }  # fmt: skip
    assert {name for name in absent.NAMES if "." not in name} - theirs[""].keys() == of_2
    assert absent.METHODS.keys() - theirs["MlflowClient"].keys() == {
        "delete_assessment", "log_assessment", "log_prompt", "update_assessment",
    }  # fmt: skip


def test_stray_names():
    aliased("""
import mlflow, mlflow.config, mlflow.version
assert mlflow.version.VERSION == mlflow.VERSION == mlflow.__version__
mlflow.config.enable_async_logging()
mlflow.config.set_registry_uri("registry.db")
assert mlflow.get_registry_uri() == mlflow.tracking.get_registry_uri()
mlflow.flush_artifact_async_logging()
assert mlflow.data.pandas_dataset.PandasDataset is mlflow.data.PandasDataset
assert issubclass(mlflow.data.PandasDataset, mlflow.data.Dataset)
assert mlflow.data.get_registered_sources()
model = mlflow.create_external_model("service")
with mlflow.set_active_model(model_id=model.model_id):
    assert mlflow.get_active_model_id() == mlflow.last_logged_model().model_id
    mlflow.log_model_params({"a": 1})
mlflow.doctor(mask_envs=True)
""")


# -- names that are not here ------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["evaluate", "load_prompt", "log_feedback", "login", "get_trace", "create_workspace"]
)
def test_an_absent_function_says_what_to_use(name):
    with pytest.raises(runlog.RunlogError) as raised:
        getattr(runlog, name)("anything", key=1)
    assert raised.value.error_code == "NOT_IMPLEMENTED"
    text = str(raised.value)
    assert text.startswith(f"runlog has no mlflow.{name}: ")
    assert text.endswith("docs/mlflow.md, 'Names that are not here'")


def test_every_absent_name_has_a_reason():
    for table in (absent.MODULES, absent.NAMES, absent.METHODS):
        assert set(table.values()) <= absent.REASONS.keys()
    assert {*absent.MODULES.values(), *absent.NAMES.values(), *absent.METHODS.values()} == (
        absent.REASONS.keys()
    )


def test_absent_methods_of_the_client(place):
    client = runlog.RunlogClient()
    for name in absent.METHODS:
        with pytest.raises(
            runlog.RunlogError, match=rf"^runlog has no mlflow\.MlflowClient\.{name}: "
        ):
            getattr(client, name)()
    assert not hasattr(client, "nothing")
    with pytest.raises(AttributeError, match="'RunlogClient' object has no attribute 'log_metrik'"):
        client.log_metrik("a", "loss", 1.0)


def test_absent_modules_can_be_imported(place):
    out = aliased("""
import inspect, pickle, sys
import mlflow
import mlflow.genai.scorers
from mlflow.deployments import get_deploy_client
from mlflow.genai.scorers import Correctness, scorer
from mlflow.metrics.genai import answer_similarity
assert sys.modules["mlflow.genai"] is mlflow.genai
assert not hasattr(mlflow.genai, "__wrapped__")
assert inspect.ismodule(mlflow.genai) and "Not in runlog" in mlflow.genai.__doc__
def derived():
    class Mine(mlflow.genai.Scorer):
        pass
for use in (Correctness, lambda: scorer(len), lambda: get_deploy_client("a"), derived,
            lambda: mlflow.h2o.log_model(1, "a")):
    try:
        use()
    except mlflow.MlflowException as error:
        print(error.message.partition(":")[0])
    else:
        raise AssertionError
""")
    assert out.split("\n")[:-1] == [
        f"runlog has no mlflow.{name}"
        for name in (
            "genai.scorers.Correctness",
            "genai.scorers.scorer",
            "deployments.get_deploy_client",
            "genai.Scorer",
            "h2o.log_model",
        )
    ]


def test_traced_code_runs_with_one_warning(place):
    out = aliased("""
import warnings
import mlflow
from mlflow.entities import SpanType
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    @mlflow.trace
    def one(x):
        return x + 1
    @mlflow.trace(name="two", span_type=SpanType.CHAIN)
    def two(x):
        with mlflow.start_span("inner") as span:
            span.set_inputs({"x": x})
            span.set_attribute("a", 1)
        mlflow.get_current_active_span().set_outputs(x)
        mlflow.update_current_trace(tags={"a": "b"})
        return x + 2
    with mlflow.context(tags={}):
        pass
    mlflow.tracing.disable()
    assert mlflow.get_last_active_trace_id() is None
    root = mlflow.MlflowClient().start_trace("root")
    mlflow.MlflowClient().end_trace(root.request_id)
print(one(1), two(1), one.__name__, two.__name__, len(found), found[0].message)
""")
    assert out.startswith("2 3 one two 1 runlog records runs, not traces: ")


def test_autologging_of_an_absent_framework_warns_once():
    with pytest.warns(UserWarning, match="runlog has no autologging for h2o"):
        runlog.h2o.autolog()
    runlog.h2o.autolog()
    runlog.paddle.autolog(disable=True)


def test_absent_names_cost_no_import():
    names = "[name for name in sys.modules if name.startswith(('runlog.mlflow', 'mlflow'))]"
    program = (
        f"import sys, runlog\nwith runlog.start_run(): runlog.log_metric('a', 1)\nprint({names})"
    )
    assert python("-c", program) == "[]\n"
