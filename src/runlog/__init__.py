"""runlog: what was run, with which parameters, code and data, and what came out, in one file.

    import runlog

    with runlog.start_run(run_name="baseline"):
        runlog.log_params({"lr": 0.1, "depth": 3})
        for epoch in range(10):
            runlog.log_metric("loss", 1 / (epoch + 1), step=epoch)

    best = runlog.search_runs(filter_string="min(metrics.loss) < 0.2 OR params.depth = '3'")

Names, arguments and results are MLflow's: `import runlog as mlflow` keeps a tracking script
running. Everything here is loaded at its first use.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own would load it, in a script that may not need it

if TYPE_CHECKING:  # what type checkers and editors read; `_HOMES` says the same for Python,
    # and tests/test_typing.py holds them together
    from runlog import artifacts as artifacts
    from runlog import client as client
    from runlog import data as data
    from runlog import entities as entities
    from runlog import exceptions as exceptions
    from runlog import models as models
    from runlog import projects as projects
    from runlog import tracking as tracking
    from runlog import types as types
    from runlog._version import __version__ as __version__
    from runlog.active_runs import ActiveRun as ActiveRun
    from runlog.autologging import autolog as autolog
    from runlog.client import RunlogClient as RunlogClient
    from runlog.entities import Dataset as Dataset
    from runlog.entities import DatasetInput as DatasetInput
    from runlog.entities import Experiment as Experiment
    from runlog.entities import ExperimentTag as ExperimentTag
    from runlog.entities import FileInfo as FileInfo
    from runlog.entities import InputTag as InputTag
    from runlog.entities import Metric as Metric
    from runlog.entities import MetricSummary as MetricSummary
    from runlog.entities import Param as Param
    from runlog.entities import Run as Run
    from runlog.entities import RunData as RunData
    from runlog.entities import RunInfo as RunInfo
    from runlog.entities import RunInputs as RunInputs
    from runlog.entities import RunStatus as RunStatus
    from runlog.entities import RunTag as RunTag
    from runlog.entities import SourceType as SourceType
    from runlog.entities import ViewType as ViewType
    from runlog.errors import RunlogError as RunlogError
    from runlog.flavors import catboost as catboost
    from runlog.flavors import keras as keras
    from runlog.flavors import lightgbm as lightgbm
    from runlog.flavors import onnx as onnx
    from runlog.flavors import optuna as optuna
    from runlog.flavors import prophet as prophet
    from runlog.flavors import pyfunc as pyfunc
    from runlog.flavors import pytorch as pytorch
    from runlog.flavors import sentence_transformers as sentence_transformers
    from runlog.flavors import sklearn as sklearn
    from runlog.flavors import spacy as spacy
    from runlog.flavors import statsmodels as statsmodels
    from runlog.flavors import tensorflow as tensorflow
    from runlog.flavors import transformers as transformers
    from runlog.flavors import xgboost as xgboost
    from runlog.fluent import active_run as active_run
    from runlog.fluent import create_experiment as create_experiment
    from runlog.fluent import define_metric as define_metric
    from runlog.fluent import delete_experiment as delete_experiment
    from runlog.fluent import delete_experiment_tag as delete_experiment_tag
    from runlog.fluent import delete_logged_model_tag as delete_logged_model_tag
    from runlog.fluent import delete_run as delete_run
    from runlog.fluent import delete_tag as delete_tag
    from runlog.fluent import end_run as end_run
    from runlog.fluent import finalize_logged_model as finalize_logged_model
    from runlog.fluent import flush as flush
    from runlog.fluent import flush_artifact_async_logging as flush_artifact_async_logging
    from runlog.fluent import flush_async_logging as flush_async_logging
    from runlog.fluent import get_artifact_uri as get_artifact_uri
    from runlog.fluent import get_experiment as get_experiment
    from runlog.fluent import get_experiment_by_name as get_experiment_by_name
    from runlog.fluent import get_logged_model as get_logged_model
    from runlog.fluent import get_parent_run as get_parent_run
    from runlog.fluent import get_run as get_run
    from runlog.fluent import initialize_logged_model as initialize_logged_model
    from runlog.fluent import last_active_run as last_active_run
    from runlog.fluent import list_experiments as list_experiments
    from runlog.fluent import load_table as load_table
    from runlog.fluent import log_artifact as log_artifact
    from runlog.fluent import log_artifacts as log_artifacts
    from runlog.fluent import log_confusion_matrix as log_confusion_matrix
    from runlog.fluent import log_dict as log_dict
    from runlog.fluent import log_figure as log_figure
    from runlog.fluent import log_image as log_image
    from runlog.fluent import log_input as log_input
    from runlog.fluent import log_inputs as log_inputs
    from runlog.fluent import log_metric as log_metric
    from runlog.fluent import log_metrics as log_metrics
    from runlog.fluent import log_outputs as log_outputs
    from runlog.fluent import log_param as log_param
    from runlog.fluent import log_params as log_params
    from runlog.fluent import log_pr_curve as log_pr_curve
    from runlog.fluent import log_roc_curve as log_roc_curve
    from runlog.fluent import log_stream as log_stream
    from runlog.fluent import log_table as log_table
    from runlog.fluent import log_text as log_text
    from runlog.fluent import metric_history as metric_history
    from runlog.fluent import register_model as register_model
    from runlog.fluent import restore_experiment as restore_experiment
    from runlog.fluent import restore_run as restore_run
    from runlog.fluent import search_experiments as search_experiments
    from runlog.fluent import search_logged_models as search_logged_models
    from runlog.fluent import search_model_versions as search_model_versions
    from runlog.fluent import search_registered_models as search_registered_models
    from runlog.fluent import search_runs as search_runs
    from runlog.fluent import set_experiment as set_experiment
    from runlog.fluent import set_experiment_tag as set_experiment_tag
    from runlog.fluent import set_experiment_tags as set_experiment_tags
    from runlog.fluent import set_logged_model_tags as set_logged_model_tags
    from runlog.fluent import set_model_version_tag as set_model_version_tag
    from runlog.fluent import set_tag as set_tag
    from runlog.fluent import set_tags as set_tags
    from runlog.fluent import sql as sql
    from runlog.fluent import start_run as start_run
    from runlog.media import Image as Image
    from runlog.mlflow_modules.active_models import ActiveModel as ActiveModel
    from runlog.mlflow_modules.active_models import clear_active_model as clear_active_model
    from runlog.mlflow_modules.active_models import create_external_model as create_external_model
    from runlog.mlflow_modules.active_models import get_active_model_id as get_active_model_id
    from runlog.mlflow_modules.active_models import last_logged_model as last_logged_model
    from runlog.mlflow_modules.active_models import log_model_params as log_model_params
    from runlog.mlflow_modules.active_models import set_active_model as set_active_model
    from runlog.mlflow_modules.doctor import doctor as doctor
    from runlog.notebook import save_page as save_page
    from runlog.notebook import show as show
    from runlog.projects import run as run
    from runlog.system_metrics import (
        disable_system_metrics_logging as disable_system_metrics_logging,
    )
    from runlog.system_metrics import enable_system_metrics_logging as enable_system_metrics_logging
    from runlog.system_metrics import set_system_metrics_node_id as set_system_metrics_node_id
    from runlog.system_metrics import (
        set_system_metrics_samples_before_logging as set_system_metrics_samples_before_logging,
    )
    from runlog.system_metrics import (
        set_system_metrics_sampling_interval as set_system_metrics_sampling_interval,
    )
    from runlog.tracking_uri import get_registry_uri as get_registry_uri
    from runlog.tracking_uri import get_tracking_uri as get_tracking_uri
    from runlog.tracking_uri import is_tracking_uri_set as is_tracking_uri_set
    from runlog.tracking_uri import set_registry_uri as set_registry_uri
    from runlog.tracking_uri import set_tracking_uri as set_tracking_uri

    MlflowClient = RunlogClient
    MlflowException = RunlogError

_HOMES = {
    "mlflow_modules.active_models": (
        "ActiveModel clear_active_model create_external_model get_active_model_id "
        "last_logged_model log_model_params set_active_model"
    ),
    "active_runs": "ActiveRun",
    "autologging": "autolog",
    "client": "RunlogClient",
    "entities": (
        "Dataset DatasetInput Experiment ExperimentTag FileInfo InputTag Metric MetricSummary "
        "Param Run RunData RunInfo RunInputs RunStatus RunTag SourceType ViewType"
    ),
    "errors": "RunlogError",
    "fluent": (
        "active_run create_experiment define_metric delete_experiment delete_experiment_tag "
        "delete_logged_model_tag delete_run delete_tag end_run finalize_logged_model flush "
        "flush_artifact_async_logging flush_async_logging get_artifact_uri get_experiment "
        "get_experiment_by_name get_logged_model get_parent_run get_run initialize_logged_model "
        "last_active_run list_experiments load_table log_artifact log_artifacts "
        "log_confusion_matrix log_dict log_figure log_image log_input log_inputs log_metric "
        "log_metrics log_outputs log_param log_params log_pr_curve log_roc_curve log_stream "
        "log_table log_text metric_history register_model restore_experiment restore_run "
        "search_experiments search_logged_models search_model_versions search_registered_models "
        "search_runs set_experiment set_experiment_tag set_experiment_tags set_logged_model_tags "
        "set_model_version_tag set_tag set_tags sql start_run"
    ),
    "media": "Image",
    "mlflow_modules.doctor": "doctor",
    "tracking_uri": (
        "get_registry_uri get_tracking_uri is_tracking_uri_set set_registry_uri set_tracking_uri"
    ),
    "system_metrics": (
        "disable_system_metrics_logging enable_system_metrics_logging set_system_metrics_node_id "
        "set_system_metrics_samples_before_logging set_system_metrics_sampling_interval"
    ),
    "notebook": "save_page show",
    "projects": "run",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_ALIASES = {"MlflowClient": "RunlogClient", "MlflowException": "RunlogError"}
_MODULES = (
    "artifacts",
    "catboost",
    "client",
    "data",
    "entities",
    "exceptions",
    "keras",
    "lightgbm",
    "models",
    "onnx",
    "optuna",
    "projects",
    "prophet",
    "pyfunc",
    "pytorch",
    "sentence_transformers",
    "sklearn",
    "spacy",
    "statsmodels",
    "tensorflow",
    "tracking",
    "transformers",
    "types",
    "xgboost",
)
__path__ = [*__path__, f"{__path__[0]}/flavors"]  # runlog.sklearn is flavors/sklearn.py

if not TYPE_CHECKING:  # which would take every name for one that is there
    __all__ = sorted([*_HOME, *_ALIASES, *_MODULES])

    def __getattr__(name: str) -> object:
        real = _ALIASES.get(name, name)
        if real in _HOME:
            value = getattr(__import__(f"runlog.{_HOME[real]}", fromlist=["*"]), real)
        elif name == "__version__":
            value = __import__("runlog._version", fromlist=["*"]).__version__
        elif name in _MODULES:
            value = __import__(f"runlog.{name}", fromlist=["*"])
        elif name.startswith("_"):
            raise AttributeError(f"module 'runlog' has no attribute {name!r}")
        else:
            try:  # a module of ours first: `from runlog import context` asks here, too
                value = __import__(f"runlog.{name}", fromlist=["*"])
            except ModuleNotFoundError as error:
                if error.name != f"runlog.{name}":
                    raise
                # one of MLflow's modules, or what runlog does not have of it
                value = __import__("runlog.mlflow_names", fromlist=["*"]).attribute("", name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
