"""Spans and traces, which runlog does not record: code that is traced runs as if it were not.

A decorator returns the function itself, a span accepts everything and keeps nothing, and the first
use of either warns, once in a process.
"""

from __future__ import annotations

from runlog.errors import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_warned: list[str] = []


def _mention() -> None:
    if not _warned:
        _warned.append("")
        warn(
            "runlog records runs, not traces: traced code runs, its spans are not recorded. To "
            "record spans, use OpenTelemetry. See docs/mlflow.md, 'Names that are not here'"
        )


class SpanType:
    """The kinds of spans that MLflow knows, as text."""

    LLM = "LLM"
    CHAIN = "CHAIN"
    AGENT = "AGENT"
    TOOL = "TOOL"
    CHAT_MODEL = "CHAT_MODEL"
    RETRIEVER = "RETRIEVER"
    PARSER = "PARSER"
    EMBEDDING = "EMBEDDING"
    RERANKER = "RERANKER"
    MEMORY = "MEMORY"
    UNKNOWN = "UNKNOWN"
    WORKFLOW = "WORKFLOW"
    TASK = "TASK"
    GUARDRAIL = "GUARDRAIL"
    EVALUATOR = "EVALUATOR"


class SpanStatusCode:
    """The states of a span, as text."""

    UNSET = "UNSET"
    OK = "OK"
    ERROR = "ERROR"


class NoOpSpan:
    """A span that is not recorded: its methods accept what a span accepts, and do nothing."""

    span_id = trace_id = request_id = parent_id = name = None
    inputs = outputs = status = start_time_ns = end_time_ns = None
    attributes: dict[str, Any] = {}
    events: list[Any] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> NoOpSpan:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def _nothing(self, *_: Any, **__: Any) -> None:
        return None

    set_inputs = set_outputs = set_attribute = set_attributes = set_status = _nothing
    set_span_type = add_event = record_exception = end = get_attribute = add_link = _nothing


SPAN = NoOpSpan()
Span = LiveSpan = SpanStatus = SpanEvent = NoOpSpan


def trace(func: Any = None, *_: Any, **__: Any) -> Any:
    """Return the function that is decorated, unchanged: as `@trace` and as `@trace(name=...)`."""
    _mention()
    return _same if func is None or isinstance(func, str) else func


def _same(function: Any) -> Any:
    return function


def start_span(*_: Any, **__: Any) -> NoOpSpan:
    """Return a span that is not recorded, also a context manager."""
    _mention()
    return SPAN


def quiet(*_: Any, **__: Any) -> None:
    """Do nothing, and return None: for what only changes or asks for traces."""


def current_span() -> NoOpSpan:
    """Return a span that is not recorded."""
    return SPAN


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "trace": trace,
    "start_span": start_span,
    "start_span_no_context": start_span,
    "context": start_span,
    "get_current_active_span": current_span,
    **dict.fromkeys(
        "update_current_trace get_last_active_trace_id get_last_active_trace get_active_trace_id "
        "flush_trace_async_logging add_trace".split(),
        quiet,
    ),
}
"""Of MLflow's module."""
CLIENT: dict[str, Callable[..., Any]] = {
    "start_trace": start_span,
    "start_span": start_span,
    "end_trace": quiet,
    "end_span": quiet,
}
"""Of its client."""
SWITCHES = (
    "enable disable reset configure set_destination disable_notebook_display "
    "enable_notebook_display set_databricks_monitoring_sql_warehouse_id set_span_chat_tools "
    "set_span_chat_messages"
).split()
"""Of MLflow's `tracing` module: they change what is recorded, which is nothing."""
ENTITIES = {
    "SpanType": SpanType,
    "SpanStatusCode": SpanStatusCode,
    **dict.fromkeys("LiveSpan NoOpSpan Span SpanEvent SpanStatus".split(), NoOpSpan),
}
