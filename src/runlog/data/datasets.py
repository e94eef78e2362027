"""Data sets that runs read: what `log_input` records of them, and where they came from.

`from_pandas`, `from_polars`, `from_numpy` and `from_huggingface` describe data that is in memory;
`MetaDataset` describes a source alone. A digest is the same as MLflow's of the same data, so that
both trackers agree on what is one data set; likewise schemas and profiles.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from runlog import entities
from runlog.context import default_tags, without_password
from runlog.data import digests
from runlog.data.digests import DIGEST_ROWS
from runlog.data.schemas import (
    TensorDatasetSchema,
    named_arrays,
    of_arrays,
    of_pandas,
    of_polars,
)
from runlog.errors import InvalidParameter, NotFound
from runlog.extras import require
from runlog.types.schema import Schema

# MLflow keeps these classes in modules of their own: mlflow.data.meta_dataset.MetaDataset.
meta_dataset = code_dataset_source = http_dataset_source = sys.modules[__name__]


# --- where data comes from ---------------------------------------------------------------------


class DatasetSource:
    """Where a data set comes from. Subclasses are dataclasses whose fields are its JSON."""

    source_type: ClassVar[str] = ""

    def _get_source_type(self) -> str:
        return self.source_type

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def to_json(self) -> str:
        """Return the fields as JSON text."""
        return json.dumps(self.to_dict(), default=str)


@dataclass(frozen=True)
class LocalArtifactDatasetSource(DatasetSource):
    """A local file or folder."""

    uri: str
    source_type: ClassVar[str] = "local"

    def load(self, dst_path: str | None = None) -> str:
        """Return the local path, or with `dst_path`, an existing folder, that of a copy in
        there. Raises FileNotFoundError if there is no such file."""
        from runlog.artifacts import ArtifactRepo
        from runlog.storage.paths import local_root

        path = local_root(self.uri)
        if dst_path is not None:
            directory, name = os.path.split(path)
            return ArtifactRepo(directory).download(name, dst_path)
        os.stat(path)
        return path


@dataclass(frozen=True)
class HTTPDatasetSource(DatasetSource):
    """A file at an HTTP or HTTPS address."""

    url: str
    source_type: ClassVar[str] = "http"


@dataclass(frozen=True)
class UriDatasetSource(DatasetSource):
    """A file or folder in some storage. The scheme of the URI is the type of the source."""

    uri: str

    def _get_source_type(self) -> str:
        return self.uri.partition(":")[0]


@dataclass(frozen=True)
class CodeDatasetSource(DatasetSource):
    """The program that made the data, described by the default tags of a run."""

    tags: Mapping[str, str]
    source_type: ClassVar[str] = "code"

    def to_dict(self) -> dict[str, Any]:
        """Return `{"tags": {...}}`."""
        return {"tags": dict(self.tags)}


@dataclass(frozen=True)
class HuggingFaceDatasetSource(DatasetSource):
    """A data set of the Hugging Face hub. The fields are arguments of `datasets.load_dataset`;
    `config_name` is its argument `name`."""

    path: str
    config_name: str | None = None
    data_dir: str | None = None
    data_files: Any = None
    split: Any = None
    revision: Any = None
    source_type: ClassVar[str] = "hugging_face"

    def load(self, **kwargs: Any) -> Any:
        """Load the `datasets.Dataset` again. `kwargs` go to `datasets.load_dataset`. Raises
        MissingExtra without the package datasets."""
        given = self.to_dict()
        given["name"] = given.pop("config_name")
        return require("datasets", "huggingface").load_dataset(**given, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary, the split as text."""
        split = None if self.split is None else str(self.split)
        return {**super().to_dict(), "split": split}


SOURCES: dict[str, type[Any]] = {  # by source_type
    source.source_type: source
    for source in (
        LocalArtifactDatasetSource,
        HTTPDatasetSource,
        CodeDatasetSource,
        HuggingFaceDatasetSource,
    )
}


def resolve_source(source: Any) -> DatasetSource:
    """Return the source that a path or URI names: for None the running program, for a source
    itself.

    User and password in a URI are left out. Raises InvalidParameter for another object.
    """
    if source is None:
        return CodeDatasetSource(default_tags())
    if isinstance(source, DatasetSource):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise InvalidParameter(
            f"a data set's source is a path, a URI or a DatasetSource, not {source!r}"
        )
    uri = os.fspath(source)
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest.startswith("/") or len(scheme) == 1 or scheme == "file":
        return LocalArtifactDatasetSource(uri)
    if scheme in ("http", "https"):
        return HTTPDatasetSource(without_password(uri))
    return UriDatasetSource(without_password(uri))


def get_source(
    dataset: entities.Dataset | entities.DatasetInput | Dataset,
) -> DatasetSource:
    """Return the source of a data set: of an object of this module, or of one that a run returned.

    Raises InvalidParameter for another object, and NotFound for an unknown type of source.
    """
    if isinstance(dataset, Dataset):
        return dataset.source
    if isinstance(dataset, entities.DatasetInput):
        dataset = dataset.dataset
    if not isinstance(dataset, entities.Dataset):
        raise InvalidParameter(
            f"Unrecognized dataset type {type(dataset)}: expected runlog.data.Dataset, "
            "runlog.entities.Dataset or runlog.entities.DatasetInput"
        )
    fields = json.loads(dataset.source)
    if "uri" in fields and dataset.source_type not in SOURCES:
        return UriDatasetSource(fields["uri"])
    if dataset.source_type not in SOURCES:
        raise NotFound(f"unrecognized source type {dataset.source_type!r} of a data set")
    return SOURCES[dataset.source_type](**fields)  # type: ignore[no-any-return]


# --- data sets ---------------------------------------------------------------------------------


class Dataset:
    """A data set: its `name`, `digest` and `source`, and perhaps a `schema` and a `profile`. A
    subclass computes the digest, and has schema and profile."""

    def __init__(
        self, source: DatasetSource, name: str | None = None, digest: str | None = None
    ) -> None:
        self._source = source
        self._name = name
        self._digest = digest or self._compute_digest()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: name={self.name!r}, digest={self.digest!r}>"

    def _compute_digest(self) -> str:
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Return the name that was given, or else "dataset"."""
        return "dataset" if self._name is None else self._name

    @property
    def digest(self) -> str:
        """Return a fingerprint of the data: 8 hexadecimal digits unless another was given."""
        return self._digest

    @property
    def source(self) -> DatasetSource:
        """Return where the data comes from."""
        return self._source

    @property
    def schema(self) -> Any:
        """Return the columns and their types, or None."""
        return None

    @property
    def profile(self) -> Any:
        """Return counts and sizes as a dictionary, or None."""
        return None

    def to_dict(self) -> dict[str, str | None]:
        """Return name, digest, source (JSON text), source_type, schema and profile (JSON text or
        None)."""
        schema, profile = self.schema, self.profile
        return {
            "name": self.name,
            "digest": self.digest,
            "source": self.source.to_json(),
            "source_type": self.source._get_source_type(),
            "schema": None if schema is None else _schema_text(schema),
            "profile": None if profile is None else json.dumps(profile),
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict())


def _schema_text(schema: Any) -> str:
    described = schema.to_dict()
    if not isinstance(described, Mapping):
        described = {"mlflow_colspec": described}
    return json.dumps(described, default=str)


class MetaDataset(Dataset):
    """A data set known by its source alone: the data itself is not read."""

    def __init__(
        self,
        source: DatasetSource,
        name: str | None = None,
        digest: str | None = None,
        schema: Any = None,
    ) -> None:
        self._schema = schema
        super().__init__(source, name, digest)

    @property
    def schema(self) -> Any:
        """Return the schema that was given, or None."""
        return self._schema

    def _compute_digest(self) -> str:
        told = {
            "name": self.name,
            "source": self.source.to_json(),
            "source_type": self.source._get_source_type(),
            "schema": self._schema.to_dict() if self._schema else "",
        }
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]


class _ColumnDataset(Dataset):
    """What data in columns has in common: one of them may hold the targets."""

    _targets: str | None

    @property
    def targets(self) -> str | None:
        """Return the name of the column of targets, or None."""
        return self._targets


def _check_column(whole: str, columns: Any, role: str, column: str | None) -> None:
    if column is not None and column not in columns:
        raise InvalidParameter(f"{whole} does not contain the specified {role} column {column!r}")


class _FrameDataset(_ColumnDataset):
    """What data frames have in common: another column may hold predictions."""

    def __init__(
        self,
        df: Any,
        source: DatasetSource,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        predictions: str | None = None,
    ) -> None:
        _check_column("the data frame", df.columns, "targets", targets)
        _check_column("the data frame", df.columns, "predictions", predictions)
        self._df, self._targets, self._predictions = df, targets, predictions
        super().__init__(source, name, digest)

    @property
    def df(self) -> Any:
        """Return the data frame."""
        return self._df

    @property
    def predictions(self) -> str | None:
        """Return the name of the column of a model's predictions, or None."""
        return self._predictions

    @property
    def profile(self) -> dict[str, int]:
        """Return `{"num_rows": ..., "num_elements": ...}`."""
        rows, columns = self._df.shape
        return {"num_rows": rows, "num_elements": rows * columns}


class PandasDataset(_FrameDataset):
    """A pandas DataFrame: what `runlog.data.from_pandas` returns."""

    def _compute_digest(self) -> str:
        return digests.of_frame(self._df)

    @property
    def schema(self) -> Schema | None:
        """Return the columns and their types, or None if MLflow has no name for one of the
        types."""
        return of_pandas(self._df)


class PolarsDataset(_FrameDataset):
    """A polars DataFrame: what `runlog.data.from_polars` returns."""

    def _compute_digest(self) -> str:
        return str(self._df.hash_rows().sum())

    @property
    def schema(self) -> Schema | None:
        """Return the columns and their types, or None if MLflow has no name for one of the
        types."""
        return of_polars(self._df)


class NumpyDataset(Dataset):
    """Numpy arrays of features and of targets, each an array or a dictionary of named arrays."""

    def __init__(
        self,
        features: Any,
        source: DatasetSource,
        targets: Any = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        self._features, self._targets = features, targets
        super().__init__(source, name, digest)

    @property
    def features(self) -> Any:
        """Return the features."""
        return self._features

    @property
    def targets(self) -> Any:
        """Return the targets, or None."""
        return self._targets

    def _compute_digest(self) -> str:
        parts: list[Any] = []
        for given in (self._features, self._targets):
            if given is not None:
                for _, array in sorted(named_arrays(given), key=lambda each: each[0] or ""):
                    flat = array.flatten()[:DIGEST_ROWS]
                    parts += [digests.hashed(flat), *map(digests.eight_bytes, array.shape)]
        return digests.md5(parts)

    @property
    def profile(self) -> dict[str, Any]:
        """Return shape, size and nbytes of the features, and of the targets if there are any."""
        told = {}
        for role, given in (("features", self._features), ("targets", self._targets)):
            if given is not None:
                for fact in ("shape", "size", "nbytes"):
                    facts = {name: getattr(array, fact) for name, array in named_arrays(given)}
                    told[f"{role}_{fact}"] = facts if isinstance(given, Mapping) else facts[None]
        return told

    @property
    def schema(self) -> TensorDatasetSchema | None:
        """Return types and shapes, or None if an array is a mere number. The number of rows is
        left open."""
        features = of_arrays(self._features)
        targets = None if self._targets is None else of_arrays(self._targets)
        if features is None or (targets is None and self._targets is not None):
            return None
        return TensorDatasetSchema(features, targets)


class HuggingFaceDataset(_ColumnDataset):
    """A `datasets.Dataset` of Hugging Face. Digest and schema are those of its first 10,000
    rows."""

    def __init__(
        self,
        ds: Any,
        source: DatasetSource,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        _check_column("the Hugging Face data set", ds.column_names, "targets", targets)
        self._ds, self._targets = ds, targets
        super().__init__(source, name, digest)

    @property
    def ds(self) -> Any:
        """Return the `datasets.Dataset`."""
        return self._ds

    def _first_rows(self) -> Any:
        return self._ds.select(range(min(DIGEST_ROWS, self._ds.num_rows))).to_pandas()

    def _compute_digest(self) -> str:
        return digests.of_frame(self._first_rows())

    @property
    def profile(self) -> dict[str, Any]:
        """Return the number of rows, and sizes in bytes as the package datasets has them."""
        return {
            "num_rows": self._ds.num_rows,
            "dataset_size": self._ds.dataset_size,
            "size_in_bytes": self._ds.size_in_bytes,
        }

    @property
    def schema(self) -> Schema | None:
        """Return the columns and their types, or None if MLflow has no name for one of the
        types."""
        return of_pandas(self._first_rows())


def from_pandas(
    df: Any,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """Describe a pandas DataFrame for `runlog.log_input`.

    `source` is the path or URI that the data came from; without one, the running program is
    recorded. `targets` and `predictions` are names of columns. The digest is computed unless given;
    it is the same as MLflow's. Raises InvalidParameter if a named column is missing.

    >>> import pandas
    >>> frame = pandas.DataFrame({"x": [1, 2], "y": [0, 1]})
    >>> data = runlog.data.from_pandas(frame, "https://example.com/data.csv", targets="y")
    >>> data.profile
    {'num_rows': 2, 'num_elements': 4}
    """
    if not isinstance(df, require("pandas", "pandas").DataFrame):
        raise InvalidParameter(f"from_pandas takes a pandas DataFrame, not {type(df).__name__}")
    return PandasDataset(df, resolve_source(source), targets, name, digest, predictions)


def from_polars(
    df: Any,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PolarsDataset:
    """Describe a polars DataFrame for `runlog.log_input`. The arguments are those of `from_pandas`.

    The digest is polars' own hash of the rows, which may differ between versions of polars.
    """
    if not isinstance(df, require("polars", "polars").DataFrame):
        raise InvalidParameter(f"from_polars takes a polars DataFrame, not {type(df).__name__}")
    return PolarsDataset(df, resolve_source(source), targets, name, digest, predictions)


def from_numpy(
    features: Any,
    source: Any = None,
    targets: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> NumpyDataset:
    """Describe numpy arrays for `runlog.log_input`: one of features, or a dictionary of named ones.

    `targets` likewise. `source`, `name` and `digest` are those of `from_pandas`.
    """
    return NumpyDataset(features, resolve_source(source), targets, name, digest)


def from_huggingface(
    ds: Any,
    path: str | None = None,
    targets: str | None = None,
    data_dir: str | None = None,
    data_files: Any = None,
    revision: Any = None,
    name: str | None = None,
    digest: str | None = None,
    trust_remote_code: bool | None = None,
    source: Any = None,
) -> HuggingFaceDataset:
    """Describe a `datasets.Dataset` for `runlog.log_input`.

    `path`, its name on the hub, with `data_dir`, `data_files` and `revision` tells how to load it
    again, unless `source` says where it comes from. `trust_remote_code` is not used: scripts for
    MLflow may pass it.
    """
    if not isinstance(ds, require("datasets", "huggingface").Dataset):
        raise InvalidParameter(f"from_huggingface takes a datasets.Dataset, not {type(ds)}")
    if source is None and path is not None:
        source = HuggingFaceDatasetSource(
            path, ds.config_name, data_dir, data_files, ds.split, revision
        )
    return HuggingFaceDataset(ds, resolve_source(source), targets, name, digest)
