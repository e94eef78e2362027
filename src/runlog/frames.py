"""Runs and histories as columns: numpy arrays and pandas DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlog.errors import MissingExtra, NotFound
from runlog.store import RunColumns, Store

if TYPE_CHECKING:
    import numpy
    import pandas

    from runlog.client import RunlogClient


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise MissingExtra("numpy", "pandas") from None
    return numpy


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingExtra("pandas", "pandas") from None
    return pandas


@dataclass(frozen=True, eq=False)
class MetricColumns:
    """The history of one metric of one run, by timestamp, step and value; arrays of one length."""

    run_id: str
    key: str
    steps: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    values: numpy.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.values)

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame with columns step, timestamp (UTC), value."""
        frame: pandas.DataFrame = _pandas().DataFrame(
            {"step": self.steps, "timestamp": _times(self.timestamps), "value": self.values}
        )
        return frame


def _times(milliseconds: Any) -> Any:
    return _pandas().to_datetime(milliseconds, unit="ms", utc=True)


def history(store: Store, run_id: str, key: str) -> MetricColumns:
    """One metric's history. Raises NotFound for an unknown run or key."""
    numpy = _numpy()
    found = store.histories([run_id], [key])
    if not found:
        raise NotFound(f"run {run_id} has no metric {key!r}")
    one = found[0]
    return MetricColumns(
        run_id,
        key,
        numpy.array(one.steps, dtype=numpy.int64),
        numpy.array(one.timestamps, dtype=numpy.int64),
        numpy.array(one.values, dtype=numpy.float64),
    )


def histories(
    store: Store, run_ids: Sequence[str], keys: Sequence[str] | None
) -> pandas.DataFrame:
    """Many histories in one DataFrame: run_id, key, step, timestamp (UTC), value."""
    pandas, numpy = _pandas(), _numpy()
    found = store.histories(run_ids, keys)
    lengths = [len(each.values) for each in found]

    def joined(name: str, kind: str) -> Any:
        parts = [numpy.array(getattr(each, name), dtype=kind) for each in found]
        return numpy.concatenate(parts) if parts else numpy.array([], dtype=kind)

    def repeated(name: str) -> Any:
        labels = [getattr(each, name) for each in found]
        kinds = list(dict.fromkeys(labels))
        codes = numpy.repeat([kinds.index(label) for label in labels], lengths)
        return pandas.Categorical.from_codes(codes.astype("int64"), kinds)

    frame: pandas.DataFrame = pandas.DataFrame(
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
    """A row a run, columns as MLflow's search_runs names them."""
    pandas, numpy = _pandas(), _numpy()
    infos = columns.runs
    count = len(infos)
    data: dict[str, Any] = {
        name: [getattr(info, name) for info in infos]
        for name in ("run_id", "experiment_id", "status", "artifact_uri")
    }
    for name in ("start_time", "end_time"):
        times = [getattr(info, name) for info in infos]
        data[name] = pandas.to_datetime(
            numpy.array([_NOT_A_TIME if time is None else time for time in times], "int64").astype(
                "datetime64[ms]"
            ),
            utc=True,
        )
    for key, (positions, numbers) in sorted(columns.metrics.items()):
        column = numpy.full(count, numpy.nan)
        column[positions] = numbers
        data["metrics." + key] = column
    for prefix, texts in (("params.", columns.params), ("tags.", columns.tags)):
        for key, (positions, values) in sorted(texts.items()):
            column = numpy.full(count, None, dtype=object)
            column[positions] = values
            data[prefix + key] = column
    frame: pandas.DataFrame = pandas.DataFrame(data)
    return frame


_NOT_A_TIME = -(2**63)


def tables(
    client: RunlogClient,
    experiment_id: str,
    artifact_file: str,
    run_ids: Sequence[str] | None,
    extra_columns: Sequence[str] | None,
) -> pandas.DataFrame:
    """The tables `artifact_file` of the experiment's runs, one below the other."""
    raise NotImplementedError
