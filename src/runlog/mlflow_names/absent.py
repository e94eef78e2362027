"""MLflow's names that runlog does not have: what each is for, and what to use instead.

Modules can be imported and names looked up, so that a program runs until it uses one: a call raises
RunlogError with the code NOT_IMPLEMENTED.
"""

from __future__ import annotations

from types import ModuleType

from runlog.errors import RunlogError, warn
from runlog.mlflow_names import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

PAGE = "docs/mlflow.md, 'Names that are not here'"

# What it belongs to: what runlog is not, and the remedy.
REASONS = {
    "traces": "runlog records runs, not traces or spans. To record spans, use OpenTelemetry; log "
    "what you measure with log_metric, and texts with log_text or log_table",
    "assessments": "runlog has no feedback on traces. Log scores with log_metric, and a score per "
    "example with log_table",
    "genai": "runlog tracks experiments, and does not build or evaluate applications of language "
    "models. Run the evaluation with its own package, and log scores with log_metrics and answers "
    "with log_table",
    "evaluation": "runlog does not compute evaluations. Compute the metrics with scikit-learn and "
    "log them with log_metrics, log_table and log_figure, or let sklearn.autolog() log them",
    "evaluation datasets": "runlog stores no records of evaluation data sets. Log the data that a "
    "run used with log_input, and tables with log_table",
    "prompts": "runlog has no prompt registry. Keep prompts in the repository, and log the text "
    "that a run used with log_text or log_param",
    "gateway": "runlog does not pass requests on to model providers. Use the provider's own client",
    "serving": "runlog does not deploy or serve models. Load the model with "
    "runlog.pyfunc.load_model in a web service of your own",
    "recipes": "runlog has no recipes. Write the steps as entry points of an MLproject file, or as "
    "a script",
    "webhooks": "runlog sends no webhooks. Poll the registry with search_model_versions",
    "workspaces": "runlog has no workspaces. Use one database or server per group, and roles for "
    "who may do what (docs/security.md)",
    "mcp": "runlog has no registry of MCP servers",
    "databricks": "runlog does not log in interactively. For the tracking URI `databricks`, set "
    "DATABRICKS_HOST and DATABRICKS_TOKEN, or write a profile into ~/.databrickscfg",
    "flavor": "runlog has no flavor for this framework. Save the model with the framework's own "
    "function and log the folder with log_artifacts, or wrap the model in a "
    "runlog.pyfunc.PythonModel",
    "spark": "runlog does not run on Spark. Log from the driver; convert a DataFrame with "
    "toPandas() before you log it",
    "internals": "this is an internal part of MLflow's own package. Use the public functions of "
    "runlog or its client",
}

# Path of the name, below `mlflow`: why it is absent. What is below a module is absent with it.
_FUNCTIONS = {
    "traces": "delete_trace_tag get_trace log_trace search_sessions search_traces set_trace_tag",
    "assessments": "delete_assessment delete_expectation delete_feedback get_assessment "
    "log_assessment log_expectation log_feedback log_issue override_feedback update_assessment "
    "update_expectation update_feedback",
    "genai": "test",
    "evaluation": "evaluate validate_evaluation_results",
    "prompts": "delete_prompt delete_prompt_alias load_prompt register_prompt search_prompts "
    "set_prompt_alias",
    "workspaces": "create_workspace delete_workspace get_workspace list_workspaces set_workspace "
    "update_workspace",
    "databricks": "login import_checkpoints",
}
_MODULES = {
    "traces": "otel tracing entities.link entities.span_log_level entities.trace "
    "entities.trace_data entities.trace_info entities.trace_info_v2 entities.trace_location "
    "entities.trace_metrics entities.trace_state entities.trace_status",
    "assessments": "entities.assessment entities.assessment_error entities.assessment_source "
    "entities.issue",
    "evaluation datasets": "data.evaluation_dataset data.evaluation_dataset_source "
    "entities.dataset_record entities.dataset_record_source entities.entity_type "
    "entities.evaluation_dataset",
    "workspaces": "entities.workspace",
    "genai": "agent assistant claude_code genai ai_commands pytest entities.document "
    "entities.scorer entities.session",
    "evaluation": "metrics evaluation models.evaluation",
    "prompts": "prompt",
    "gateway": "gateway entities.gateway_budget_policy entities.gateway_endpoint "
    "entities.gateway_guardrail entities.gateway_secrets",
    "serving": "deployments azure sagemaker server",
    "recipes": "recipes pipelines",
    "webhooks": "webhooks entities.webhook",
    "mcp": "mcp entities.mcp_access_endpoint entities.mcp_server entities.mcp_server_version",
    "flavor": "ag2 agno anthropic autogen bedrock crewai diffusers diviner dspy fastai gemini "
    "gluon groq h2o haystack johnsnowlabs langchain litellm llama_index llm mistral mleap openai "
    "paddle pmdarima promptflow pydantic_ai semantic_kernel shap smolagents strands txtai "
    "typesafe",
    "spark": "spark pyspark pyspark.ml",
    "internals": "cli db error_classification experiments legacy_databricks_cli mismatch "
    "ml_package_versions rfunc runs telemetry data.digest_utils data.pyfunc_dataset_mixin "
    "data.uc_volume_dataset_source entities.dataset_summary entities.multipart_upload "
    "entities.presigned_download tracking.default_experiment "
    "tracking.metric_value_conversion_utils tracking.multimedia tracking.registry",
}
_METHODS = {
    "traces": "delete_trace_tag delete_traces get_trace link_traces_to_run search_traces "
    "set_trace_tag unlink_traces_from_run link_prompt_versions_to_trace",
    "assessments": "delete_assessment log_assessment update_assessment",
    "evaluation datasets": "add_dataset_to_experiments create_dataset delete_dataset "
    "delete_dataset_tag get_dataset remove_dataset_from_experiments search_datasets "
    "set_dataset_tags",
    "prompts": "create_prompt create_prompt_version delete_prompt delete_prompt_alias "
    "delete_prompt_tag delete_prompt_version delete_prompt_version_tag detach_prompt_from_run "
    "get_prompt get_prompt_version get_prompt_version_by_alias link_prompt_version_to_model "
    "link_prompt_version_to_run list_logged_prompts load_prompt log_prompt parse_prompt_uri "
    "register_prompt search_prompt_versions search_prompts set_prompt_alias set_prompt_tag "
    "set_prompt_version_tag",
    "webhooks": "create_webhook delete_webhook get_webhook list_webhooks test_webhook "
    "update_webhook",
    "workspaces": "create_workspace delete_workspace get_workspace get_workspace_store_uri "
    "list_workspaces update_workspace",
    "mcp": "create_mcp_access_endpoint create_mcp_server create_mcp_server_version "
    "delete_mcp_access_endpoint delete_mcp_server delete_mcp_server_alias delete_mcp_server_tag "
    "delete_mcp_server_version delete_mcp_server_version_tag get_latest_mcp_server_version "
    "get_mcp_access_endpoint get_mcp_server get_mcp_server_version "
    "get_mcp_server_version_by_alias refresh_mcp_server_version_tools "
    "search_mcp_access_endpoints search_mcp_server_versions search_mcp_servers "
    "set_mcp_server_alias set_mcp_server_tag set_mcp_server_version_tag "
    "update_mcp_access_endpoint update_mcp_server update_mcp_server_version",
}
_ENTITIES = {
    "traces": "Link SpanLogLevel Trace TraceArchivalConfig TraceData TraceInfo TraceLocation "
    "TraceLocationType TraceState InferenceTableLocation MlflowExperimentLocation "
    "UCSchemaLocation UnityCatalog",
    "assessments": "Assessment AssessmentError AssessmentSource AssessmentSourceType Expectation "
    "Feedback Issue IssueReference IssueSeverity IssueStatus",
    "genai": "Document ScorerVersion Session",
    "evaluation datasets": "DatasetRecord DatasetRecordSource DatasetRecordSourceType "
    "EntityAssociationType EvaluationDataset",
    "prompts": "Prompt",
    "webhooks": "Webhook WebhookEvent WebhookStatus WebhookTestResult",
    "workspaces": "Workspace WorkspaceDeletionMode TraceArchivalConfig",
    "mcp": "ConnectOptionSettings MCPAccessEndpoint MCPRemoteTransportType MCPServer "
    "MCPServerVersion MCPStatus MCPTool",
    "gateway": "BudgetAction BudgetDuration BudgetDurationUnit BudgetTargetScope BudgetUnit "
    "FallbackConfig FallbackStrategy GatewayBudgetPolicy GatewayEndpoint GatewayEndpointBinding "
    "GatewayEndpointModelConfig GatewayEndpointModelMapping GatewayEndpointTag GatewayGuardrail "
    "GatewayGuardrailConfig GatewayModelDefinition GatewayModelLinkageType GatewayResourceType "
    "GatewaySecretInfo GuardrailAction GuardrailStage RoutingStrategy",
}


def _by_path(table: dict[str, str], owner: str = "") -> Iterator[tuple[str, str]]:
    for reason, names in table.items():
        yield from ((owner + name, reason) for name in names.split())


MODULES = dict(_by_path(_MODULES))
NAMES = {
    **dict(_by_path(_FUNCTIONS)),
    **dict(_by_path(_ENTITIES, "entities.")),
}
METHODS = dict(_by_path(_METHODS))


def find(path: str) -> Any:
    """Return what stands for the name at a path below MLflow's module, None if it has no such
    name: a function of `tracing`, or an object whose use raises."""
    owner, _, name = path.rpartition(".")
    if owner == "" and name in tracing.FUNCTIONS:
        return tracing.FUNCTIONS[name]
    if owner == "entities" and name in tracing.ENTITIES:
        return tracing.ENTITIES[name]
    if module_reason(path):
        return module(path)
    return Absent(path, NAMES[path]) if path in NAMES else None


def module(path: str) -> ModuleType:
    """Return what stands for the module at a path below MLflow's, the same one each time."""
    return _modules.setdefault(path, _absent_module(path))


def module_reason(path: str) -> str | None:
    """Return why the module at a path below MLflow's is absent, None if it is not listed."""
    while path and path not in MODULES:
        path = path.rpartition(".")[0]
    return MODULES.get(path)


def method(name: str) -> Any:
    """Return what stands for a method of MLflow's client, None if the client has no such method."""
    if name in tracing.CLIENT:
        return tracing.CLIENT[name]
    return Absent(f"MlflowClient.{name}", METHODS[name]) if name in METHODS else None


class Absent:
    """A name of MLflow's that runlog does not have. To call it raises."""

    def __init__(self, path: str, reason: str) -> None:
        self._path, self._reason = path, reason
        self.__name__ = path.rpartition(".")[2]
        self.__doc__ = f"Not in runlog: {REASONS[reason]}."

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        self._raise()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Absent(f"{self._path}.{name}", self._reason)

    def __mro_entries__(self, _: Any) -> NoReturn:  # a class that is derived from it
        self._raise()

    def __repr__(self) -> str:
        return f"<mlflow.{self._path}: not in runlog>"

    def _raise(self) -> NoReturn:
        raise RunlogError(
            f"runlog has no mlflow.{self._path}: {REASONS[self._reason]}. See {PAGE}",
            "NOT_IMPLEMENTED",
        )


def _absent_module(path: str) -> ModuleType:
    """Create what stands for a module that runlog does not have. What is looked up in it raises
    when it is called; `autolog` warns instead, since a training runs without it."""
    reason = module_reason(path) or "internals"

    def attribute(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {found.__name__!r} has no attribute {name!r}")
        if name == "autolog":
            return autolog
        if path == "tracing" and name in tracing.SWITCHES:
            return tracing.quiet
        below = f"{path}.{name}"
        return module(below) if below in MODULES else Absent(below, reason)

    def autolog(*_: Any, disable: bool = False, **__: Any) -> None:
        if not disable and path not in _mentioned:
            _mentioned.add(path)
            warn(f"runlog has no autologging for {path}: log what you need yourself")

    found: Any = ModuleType(f"mlflow.{path}", f"Not in runlog: {REASONS[reason]}.")
    found.__path__ = []
    found.__getattr__ = attribute
    return found  # type: ignore[no-any-return]


_modules: dict[str, ModuleType] = {}
_mentioned: set[str] = set()
