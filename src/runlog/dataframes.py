"""Runs and histories as columns: numpy arrays and pandas DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlog.errors import NotFound
from runlog.extras import require
from runlog.sql_results import QueryResult, distinct
from runlog.store import RunColumns, Store

if TYPE_CHECKING:
    import numpy
    import pandas

    from runlog.entities import LoggedModel


@dataclass(frozen=True, eq=False)
class MetricColumns:
    """The history of one metric of one run, by timestamp, step and value: numpy arrays of one
    length. `timestamps` (int64) are Unix milliseconds, `steps` are int64, `values` float64."""

    run_id: str
    key: str
    steps: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    values: numpy.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.values)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a DataFrame with the columns step, timestamp (UTC) and value."""
        frame: pandas.DataFrame = require("pandas", "pandas").DataFrame(
            {"step": self.steps, "timestamp": _times(self.timestamps), "value": self.values}
        )
        return frame


def _times(milliseconds: Any) -> Any:
    return require("pandas", "pandas").to_datetime(milliseconds, unit="ms", utc=True)


def history(store: Store, run_id: str, key: str) -> MetricColumns:
    """Return one metric's history. Raises NotFound for an unknown run or key."""
    np = require("numpy", "pandas")
    found = store.histories([run_id], [key])
    if not found:
        raise NotFound(f"run {run_id} has no metric {key!r}")
    one = found[0]
    columns = (one.steps, one.timestamps, one.values)
    return MetricColumns(run_id, key, *map(np.asarray, columns))


def histories(store: Store, run_ids: Sequence[str], keys: Sequence[str] | None) -> pandas.DataFrame:
    """Many histories in one DataFrame: run_id, key, step, timestamp (UTC), value."""
    pd, np = require("pandas", "pandas"), require("numpy", "pandas")
    found = store.histories(run_ids, keys)
    lengths = [len(each.values) for each in found]

    def joined(name: str, kind: str) -> Any:
        parts = [np.asarray(getattr(each, name)) for each in found]
        return np.concatenate(parts) if parts else np.array([], dtype=kind)

    def repeated(name: str) -> Any:
        labels = [getattr(each, name) for each in found]
        kinds = list(dict.fromkeys(labels))
        codes = np.repeat([kinds.index(label) for label in labels], lengths)
        return pd.Categorical.from_codes(codes.astype("int64"), kinds)

    frame: pandas.DataFrame = pd.DataFrame(
        {
            "run_id": repeated("run_id"),
            "key": repeated("key"),
            "step": joined("steps", "int64"),
            "timestamp": _times(joined("timestamps", "int64")),
            "value": joined("values", "float64"),
        }
    )
    return frame


def runs(columns: RunColumns) -> pandas.DataFrame:
    """Return a row a run, columns as MLflow's search_runs names them."""
    pd, np = require("pandas", "pandas"), require("numpy", "pandas")
    infos = columns.runs
    count = len(infos)
    data: dict[str, Any] = {
        name: [getattr(info, name) for info in infos]
        for name in ("run_id", "experiment_id", "status", "artifact_uri")
    }
    for name in ("start_time", "end_time"):
        times = [getattr(info, name) for info in infos]
        milliseconds = [_NOT_A_TIME if time is None else time for time in times]
        data[name] = _as_pandas_likes(
            pd.to_datetime(np.array(milliseconds, "int64").astype("datetime64[ms]"), utc=True)
        )
    for key, (positions, numbers) in sorted(columns.metrics.items()):
        column = np.full(count, np.nan)
        column[np.frombuffer(positions, "int64")] = np.frombuffer(numbers)
        data["metrics." + key] = column
    for prefix, texts in (("params.", columns.params), ("tags.", columns.tags)):
        for key, (positions, values) in sorted(texts.items()):
            column = np.full(count, None, dtype=object)
            column[np.frombuffer(positions, "int64")] = values
            data[prefix + key] = column
    frame: pandas.DataFrame = pd.DataFrame(data)
    return frame


def _as_pandas_likes(times: Any) -> Any:
    """Return the times in the unit that pandas gives to a list of them: scripts turn them into
    integers and expect what MLflow's DataFrames have."""
    pd = require("pandas", "pandas")
    try:
        return times.as_unit(pd.DatetimeIndex([pd.Timestamp(0, unit="ms")]).unit)
    except pd.errors.OutOfBoundsDatetime:
        return times


_NOT_A_TIME = -(2**63)
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # of the views


def query(result: QueryResult) -> pandas.DataFrame:
    """Return a row a row of the result. Whole numbers are int64, or Int64 where some are missing;
    numbers float64; columns named `time` or `*_time` that hold times are times (UTC)."""
    pd = require("pandas", "pandas")
    names = distinct(result.names)
    data = {name: _series(name, column) for name, column in zip(names, result.columns, strict=True)}
    frame: pandas.DataFrame = pd.DataFrame(data, columns=names)
    return frame


def _series(name: str, values: list[Any]) -> Any:
    pd = require("pandas", "pandas")
    kinds = {*map(type, values)}
    known = kinds - {type(None)}
    if name == "time" or name.endswith("_time"):
        times = _parsed_times(values) if known <= {str} else None
        if times is not None:
            return times
    if values and not known:
        return pd.Series(float("nan"), index=range(len(values)))
    if float in known and known <= {int, float, str}:
        numbers = [float("nan") if value in (None, "NaN") else value for value in values]
        if str not in {*map(type, numbers)}:  # a NaN is a text in the tables of a SQLite file
            return pd.Series(numbers, dtype="float64")
    if known == {int}:
        return pd.Series(values, dtype="int64" if kinds == known else "Int64")
    return pd.Series(values, dtype="object")


def _parsed_times(values: list[str | None]) -> Any:
    pd = require("pandas", "pandas")
    try:
        times = pd.to_datetime(values, utc=True, format=_TIME_FORMAT)
    except ValueError:  # a column of that name that somebody made, or a year beyond 2262
        return None
    return _as_pandas_likes(pd.DatetimeIndex(times))


def models(found: Sequence[LoggedModel]) -> pandas.DataFrame:
    """Return a row a logged model, a column an attribute."""
    frame: pandas.DataFrame = require("pandas", "pandas").DataFrame(
        [model.to_dictionary() for model in found]
    )
    return frame


def below_each_other(tables: Sequence[pandas.DataFrame]) -> pandas.DataFrame:
    """Return the rows of all the tables in one DataFrame, numbered anew."""
    pd = require("pandas", "pandas")
    frame: pandas.DataFrame = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return frame
