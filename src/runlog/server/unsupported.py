"""Endpoints of MLflow's registry that are not here, each answered with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from runlog.errors import RunlogError
from runlog.protocol.rows import MLFLOW, MLFLOW_3, PREVIEW

WEBHOOKS = (
    "runlog sends no webhooks. Ask for what has changed instead: search model versions ordered by "
    "last_updated_timestamp DESC"
)
UNITY_CATALOG = (
    "runlog is no Unity Catalog. Use its registry by the workspace's protocol: set_registry_uri "
    "with this server's http(s):// address, not databricks-uc or uc:"
)
PROMPTS = (
    "runlog has no registry for prompts: log them as artifacts (log_text, log_dict) or as files of "
    "a model, and register that"
)
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BELOW = {"webhooks": WEBHOOKS, "unity-catalog": UNITY_CATALOG, "prompts": PROMPTS}


def routes() -> Iterator[tuple[str, str, str]]:
    """Yield paths, the name that each has as an endpoint, and the answer."""
    for prefix in (*MLFLOW, *PREVIEW, *MLFLOW_3):
        for first, answer in _BELOW.items():
            yield f"{prefix}{first}", first, answer
            yield f"{prefix}{first}/<rest:path>", first, answer


def refusal(answer: str) -> RunlogError:
    """Return the error that says what to do. Code NOT_IMPLEMENTED."""
    return RunlogError(answer, "NOT_IMPLEMENTED")
