"""Spark's DataFrames as data sets of runs, with their sources: files, tables, queries and Delta
tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from runlog.data import digests
from runlog.data.datasets import SOURCES, Dataset, DatasetSource, resolve_source
from runlog.errors import InvalidParameter
from runlog.types.schema import Schema

_TYPES = {
    "BooleanType": "boolean",
    "ByteType": "integer",
    "ShortType": "integer",
    "IntegerType": "integer",
    "LongType": "long",
    "FloatType": "float",
    "DoubleType": "double",
    "StringType": "string",
    "BinaryType": "binary",
    "DateType": "datetime",
    "TimestampType": "datetime",
}


class _SparkSource(DatasetSource):
    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are set."""
        return {name: value for name, value in super().to_dict().items() if value is not None}


@dataclass(frozen=True)
class SparkDatasetSource(_SparkSource):
    """Parquet files, a table, or a query."""

    path: str | None = None
    table_name: str | None = None
    sql: str | None = None
    source_type: ClassVar[str] = "spark"

    def __post_init__(self) -> None:
        if (self.path, self.table_name, self.sql).count(None) != 2:
            raise InvalidParameter("give one of path, table_name and sql")

    def load(self, **_: Any) -> Any:
        """Return the DataFrame, read again by Spark."""
        session = _session()
        if self.path is not None:
            return session.read.parquet(self.path)
        return session.sql(self.sql) if self.sql else session.read.table(self.table_name)


@dataclass(frozen=True)
class DeltaDatasetSource(_SparkSource):
    """A Delta table by its path or name, at a version of it."""

    path: str | None = None
    delta_table_name: str | None = None
    delta_table_version: int | None = None
    is_databricks_uc_table: bool | None = None
    delta_table_id: str | None = None
    source_type: ClassVar[str] = "delta_table"

    def __post_init__(self) -> None:
        if (self.path is None) == (self.delta_table_name is None):
            raise InvalidParameter("give one of path and table_name")

    def load(self, **_: Any) -> Any:
        """Return the DataFrame, read again by Spark."""
        reader = _session().read.format("delta")
        if self.delta_table_version is not None:
            reader = reader.option("versionAsOf", self.delta_table_version)
        return reader.load(self.path) if self.path else reader.table(self.delta_table_name)


SOURCES.update({each.source_type: each for each in (SparkDatasetSource, DeltaDatasetSource)})


class SparkDataset(Dataset):
    """A DataFrame of Spark. The digest is of the query behind it, not of the rows."""

    def __init__(
        self,
        df: Any,
        source: DatasetSource,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        predictions: str | None = None,
    ) -> None:
        for role, column in (("targets", targets), ("predictions", predictions)):
            if column is not None and column not in df.columns:
                raise InvalidParameter(
                    f"the DataFrame has no column {column!r} for {role}: it has "
                    f"{', '.join(df.columns)}"
                )
        self._df, self._targets, self._predictions = df, targets, predictions
        super().__init__(source, name, digest)

    @property
    def df(self) -> Any:
        """Return the DataFrame."""
        return self._df

    @property
    def targets(self) -> str | None:
        """Return the name of the column of targets, or None."""
        return self._targets

    @property
    def predictions(self) -> str | None:
        """Return the name of the column of predictions, or None."""
        return self._predictions

    def _compute_digest(self) -> str:
        return digests.md5([digests.eight_bytes(self._df.semanticHash())])

    @property
    def schema(self) -> Schema | None:
        """Return the columns and their types, or None if MLflow has no name for one of the
        types."""
        columns = [(field.name, _type(field.dataType)) for field in self._df.schema.fields]
        if any(kind is None for _, kind in columns):
            return None
        return Schema.from_dict(
            {**(kind or {}), "name": name, "required": True} for name, kind in columns
        )


def from_spark(
    df: Any,
    path: str | None = None,
    table_name: str | None = None,
    version: str | None = None,
    sql: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> SparkDataset:
    """Describe a DataFrame of Spark for `log_input`. Its source is Parquet files at `path`, the
    table `table_name`, or the query `sql`; with `version` the Delta table of that path or name;
    by default the running program.

    Raises InvalidParameter if more than one is given, or there is no column `targets`.
    """
    source: DatasetSource
    if (path, table_name, sql).count(None) < 2:
        raise InvalidParameter("give at most one of path, table_name and sql")
    if version is not None and sql is not None:
        raise InvalidParameter("a version is of a Delta table: give path or table_name with it")
    if version is not None:
        source = DeltaDatasetSource(path, table_name, int(version))
    elif path or table_name or sql:
        source = SparkDatasetSource(path, table_name, sql)
    else:
        source = resolve_source(None)
    return SparkDataset(df, source, targets, name, digest, predictions)


def load_delta(
    path: str | None = None,
    table_name: str | None = None,
    version: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> SparkDataset:
    """Read a Delta table with Spark, by path or name, and describe it for `log_input`."""
    number = None if version is None else int(version)
    source = DeltaDatasetSource(path, table_name, number)
    return SparkDataset(source.load(), source, targets, name or table_name, digest)


def _session() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def _type(kind: Any) -> dict[str, Any] | None:
    name = type(kind).__name__
    if name == "ArrayType":
        items = _type(kind.elementType)
        return None if items is None else {"type": "array", "items": items}
    if name == "StructType":
        properties = {field.name: _type(field.dataType) for field in kind.fields}
        required = {field.name: not field.nullable for field in kind.fields}
        if None in properties.values():
            return None
        return {
            "type": "object",
            "properties": {
                each: {**(found or {}), "required": required[each]}
                for each, found in sorted(properties.items())
            },
        }
    return {"type": _TYPES[name]} if name in _TYPES else None
