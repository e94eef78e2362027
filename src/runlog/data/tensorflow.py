"""TensorFlow's tensors and `tf.data.Dataset`s as data sets of runs."""

from __future__ import annotations

from typing import Any

from runlog.data import digests
from runlog.data.datasets import Dataset, DatasetSource, NumpyDataset, resolve_source
from runlog.data.schemas import TensorDatasetSchema, of_arrays
from runlog.errors import InvalidParameter
from runlog.types.schema import Schema


class TensorFlowDataset(Dataset):
    """Features and targets, each a tensor, or each a `tf.data.Dataset`. The digest of a
    `tf.data.Dataset` reads all of it, each element's first 10,000 values.

    Raises InvalidParameter for other objects, or if the two are not of the same kind.
    """

    def __init__(
        self,
        features: Any,
        source: DatasetSource,
        targets: Any = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        kinds = [_kind(each) for each in (features, targets) if each is not None]
        if None in kinds or len(set(kinds)) != 1:
            raise InvalidParameter(
                f"features of type {type(features).__name__} and targets of type "
                f"{type(targets).__name__}: give tensors, or tf.data.Datasets, for both"
            )
        self._is_tensor = kinds[0] == "tensor"
        self._features, self._targets = features, targets
        super().__init__(source, name, digest)

    @property
    def data(self) -> Any:
        """Return the features."""
        return self._features

    @property
    def targets(self) -> Any:
        """Return the targets, or None."""
        return self._targets

    def _compute_digest(self) -> str:
        if self._is_tensor:
            targets = None if self._targets is None else self._targets.numpy()
            return NumpyDataset(self._features.numpy(), self.source, targets).digest
        import numpy

        parts = []
        for given in (self._features, self._targets):
            for element in () if given is None else given.as_numpy_iterator():
                flat = [numpy.asarray(each).flatten() for each in _leaves(element)]
                parts.append(digests.hashed(numpy.concatenate(flat)[: digests.DIGEST_ROWS]))
        return digests.md5(parts)

    @property
    def profile(self) -> dict[str, int]:
        """Return the number of values, of a `tf.data.Dataset` the number of elements; it is -1 for
        one without end and -2 where TensorFlow does not know it."""
        counted = {}
        for role, given in (("features", self._features), ("targets", self._targets)):
            if given is not None:
                count = _size(given) if self._is_tensor else given.cardinality()
                counted[f"{role}_cardinality"] = int(count)
        return counted

    @property
    def schema(self) -> TensorDatasetSchema | None:
        """Return types and shapes, or None for elements that are no tensors."""
        features = self._schema_of(self._features)
        targets = None if self._targets is None else self._schema_of(self._targets)
        if features is None or (targets is None and self._targets is not None):
            return None
        return TensorDatasetSchema(features, targets)

    def _schema_of(self, given: Any) -> Schema | None:
        if self._is_tensor:
            return of_arrays(given.numpy())
        first = next(iter(given.as_numpy_iterator()), None)
        if isinstance(first, tuple):
            first = {str(position): each for position, each in enumerate(first)}
        arrays = first.values() if isinstance(first, dict) else [first]
        is_flat = all(hasattr(each, "dtype") and hasattr(each, "shape") for each in arrays)
        return of_arrays(first) if is_flat else None


def from_tensorflow(
    features: Any,
    source: Any = None,
    targets: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> TensorFlowDataset:
    """Describe tensors or `tf.data.Dataset`s for `log_input`. `source` is a path, a URI or a
    DatasetSource, by default the running program."""
    return TensorFlowDataset(features, resolve_source(source), targets, name, digest)


def _kind(given: Any) -> str | None:
    import tensorflow

    if tensorflow.is_tensor(given):
        return "tensor"
    return "data set" if isinstance(given, tensorflow.data.Dataset) else None


def _size(tensor: Any) -> Any:
    import tensorflow

    return tensorflow.size(tensor)


def _leaves(element: Any) -> list[Any]:
    import tensorflow

    flat: list[Any] = tensorflow.nest.flatten(element)
    return flat
