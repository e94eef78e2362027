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

__version__ = "0.1.0"

if TYPE_CHECKING:  # what type checkers and editors read; `_HOMES` says the same for Python
    from typing import Any

    from runlog import artifacts, client, data, entities, exceptions, tracking
    from runlog.active_runs import ActiveRun
    from runlog.client import RunlogClient
    from runlog.client import RunlogClient as MlflowClient
    from runlog.entities import (
        Dataset,
        DatasetInput,
        Experiment,
        ExperimentTag,
        FileInfo,
        InputTag,
        Metric,
        MetricSummary,
        Param,
        Run,
        RunData,
        RunInfo,
        RunInputs,
        RunStatus,
        RunTag,
        SourceType,
        ViewType,
    )
    from runlog.errors import RunlogError
    from runlog.errors import RunlogError as MlflowException
    from runlog.fluent import (
        active_run,
        create_experiment,
        delete_experiment,
        delete_experiment_tag,
        delete_logged_model_tag,
        delete_run,
        delete_tag,
        end_run,
        finalize_logged_model,
        flush,
        flush_async_logging,
        get_artifact_uri,
        get_experiment,
        get_experiment_by_name,
        get_logged_model,
        get_parent_run,
        get_run,
        initialize_logged_model,
        last_active_run,
        list_experiments,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_inputs,
        log_metric,
        log_metrics,
        log_outputs,
        log_param,
        log_params,
        log_stream,
        log_table,
        log_text,
        metric_history,
        restore_experiment,
        restore_run,
        search_experiments,
        search_logged_models,
        search_runs,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
        set_logged_model_tags,
        set_tag,
        set_tags,
        start_run,
    )
    from runlog.media import Image
    from runlog.places import get_tracking_uri, is_tracking_uri_set, set_tracking_uri
    from runlog.query import sql
    from runlog.showing import save_page, show
    from runlog.system_metrics import (
        disable_system_metrics_logging,
        enable_system_metrics_logging,
        set_system_metrics_node_id,
        set_system_metrics_samples_before_logging,
        set_system_metrics_sampling_interval,
    )

_HOMES = {
    "active_runs": "ActiveRun",
    "client": "RunlogClient",
    "entities": (
        "Dataset DatasetInput Experiment ExperimentTag FileInfo InputTag Metric MetricSummary "
        "Param Run RunData RunInfo RunInputs RunStatus RunTag SourceType ViewType"
    ),
    "errors": "RunlogError",
    "fluent": (
        "active_run create_experiment delete_experiment delete_experiment_tag "
        "delete_logged_model_tag delete_run delete_tag end_run finalize_logged_model flush "
        "flush_async_logging get_artifact_uri get_experiment get_experiment_by_name "
        "get_logged_model get_parent_run get_run initialize_logged_model last_active_run "
        "list_experiments load_table log_artifact log_artifacts log_dict log_figure log_image "
        "log_input log_inputs log_metric log_metrics log_outputs log_param log_params log_stream "
        "log_table log_text metric_history restore_experiment restore_run search_experiments "
        "search_logged_models search_runs set_experiment set_experiment_tag set_experiment_tags "
        "set_logged_model_tags set_tag set_tags start_run"
    ),
    "media": "Image",
    "places": "get_tracking_uri is_tracking_uri_set set_tracking_uri",
    "system_metrics": (
        "disable_system_metrics_logging enable_system_metrics_logging set_system_metrics_node_id "
        "set_system_metrics_samples_before_logging set_system_metrics_sampling_interval"
    ),
    "query": "sql",
    "showing": "save_page show",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_ALIASES = {"MlflowClient": "RunlogClient", "MlflowException": "RunlogError"}
_MODULES = ("artifacts", "client", "data", "entities", "exceptions", "tracking")

__all__ = [
    "ActiveRun",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "ExperimentTag",
    "FileInfo",
    "Image",
    "InputTag",
    "Metric",
    "MetricSummary",
    "MlflowClient",
    "MlflowException",
    "Param",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunStatus",
    "RunTag",
    "RunlogClient",
    "RunlogError",
    "SourceType",
    "ViewType",
    "active_run",
    "artifacts",
    "client",
    "create_experiment",
    "data",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_logged_model_tag",
    "delete_run",
    "delete_tag",
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "end_run",
    "entities",
    "exceptions",
    "finalize_logged_model",
    "flush",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "initialize_logged_model",
    "is_tracking_uri_set",
    "last_active_run",
    "list_experiments",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "metric_history",
    "restore_experiment",
    "restore_run",
    "save_page",
    "search_experiments",
    "search_logged_models",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "show",
    "sql",
    "start_run",
    "tracking",
]


def __getattr__(name: str) -> Any:
    real = _ALIASES.get(name, name)
    if real in _HOME:
        value = getattr(__import__(f"runlog.{_HOME[real]}", fromlist=["*"]), real)
    elif name in _MODULES:
        value = __import__(f"runlog.{name}", fromlist=["*"])
    else:
        raise AttributeError(f"module 'runlog' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
