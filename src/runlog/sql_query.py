"""SQL over the store in use: what `runlog.sql` is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from runlog import tracking_uri
from runlog.errors import InvalidParameter
from runlog.store import Store

if TYPE_CHECKING:
    import pandas

Params = Mapping[str, Any] | Sequence[Any] | None


@overload
def sql(
    query: str, params: Params = None, output_format: Literal["pandas"] | None = None
) -> pandas.DataFrame: ...
@overload
def sql(
    query: str, params: Params = None, *, output_format: Literal["list"]
) -> list[dict[str, Any]]: ...
def sql(
    query: str, params: Params = None, output_format: str | None = None
) -> pandas.DataFrame | list[dict[str, Any]]:
    """Run one SQL statement that reads, and return what it finds as a DataFrame.

    docs/schema.md describes the views: runs, params, metrics, metric_summary and others. `params`
    are the values for `:name` (a dict) or `?` (a list) in the query. It sees one snapshot of the
    store. Columns named `time` or `*_time` are times (UTC). Without pandas, or with
    `output_format="list"`, the result is a list of dicts, with times as text.

    Raises InvalidParameter if the statement is wrong or writes, BadRequest if the tracking URI is
    of a server without SQL, such as MLflow's, and PERMISSION_DENIED if you may not read all runs.

    >>> with runlog.start_run():
    ...     runlog.log_metric("loss", 0.5)
    >>> query = "select key, last from metric_summary where key = :key"
    >>> runlog.sql(query, {"key": "loss"}, output_format="list")
    [{'key': 'loss', 'last': 0.5}]
    """
    return answer(tracking_uri.store(), query, params, output_format)


def answer(
    store: Store, query: str, params: Params = None, output_format: str | None = None
) -> Any:
    """What a query finds in a store, as `sql` returns it."""
    if output_format not in (None, "pandas", "list"):
        raise InvalidParameter(f"output_format is {output_format!r}: use 'pandas' or 'list'")
    found = store.sql(query, params)
    if output_format == "list" or (output_format is None and not _has_pandas()):
        return found.dictionaries()
    from runlog import dataframes

    return dataframes.query(found)


def _has_pandas() -> bool:
    try:
        import pandas  # noqa: F401  here, since to find its place takes as long as its first use
    except ImportError:
        return False
    return True
