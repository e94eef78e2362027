"""Data sets that runs read: `datasets` are the sets and their sources, `schemas` their columns.

`spark` and `tensorflow` describe the data of these frameworks, `registry` lists the kinds of
sources, and `digests` has the fingerprints.
"""

from runlog.data.datasets import (
    CodeDatasetSource,
    Dataset,
    DatasetSource,
    HTTPDatasetSource,
    HuggingFaceDataset,
    HuggingFaceDatasetSource,
    LocalArtifactDatasetSource,
    MetaDataset,
    NumpyDataset,
    PandasDataset,
    PolarsDataset,
    UriDatasetSource,
    code_dataset_source,
    from_huggingface,
    from_numpy,
    from_pandas,
    from_polars,
    get_source,
    http_dataset_source,
    meta_dataset,
    resolve_source,
)
from runlog.data.registry import get_dataset_source_from_json, get_registered_sources
from runlog.data.spark import (
    DeltaDatasetSource,
    SparkDataset,
    SparkDatasetSource,
    from_spark,
    load_delta,
)
from runlog.data.tensorflow import TensorFlowDataset, from_tensorflow

__all__ = [
    "DatasetSource",
    "LocalArtifactDatasetSource",
    "HTTPDatasetSource",
    "UriDatasetSource",
    "CodeDatasetSource",
    "HuggingFaceDatasetSource",
    "SparkDatasetSource",
    "DeltaDatasetSource",
    "get_registered_sources",
    "get_dataset_source_from_json",
    "resolve_source",
    "get_source",
    "Dataset",
    "MetaDataset",
    "PandasDataset",
    "PolarsDataset",
    "NumpyDataset",
    "HuggingFaceDataset",
    "SparkDataset",
    "TensorFlowDataset",
    "from_pandas",
    "from_polars",
    "from_numpy",
    "from_huggingface",
    "from_spark",
    "load_delta",
    "from_tensorflow",
    "code_dataset_source",
    "http_dataset_source",
    "meta_dataset",
]

TYPE_CHECKING = False
if not TYPE_CHECKING:  # which would take every name for one that is there

    def __getattr__(name):
        if name.startswith("__"):  # each import asks for __path__
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return __import__("runlog.mlflow_names", fromlist=["*"]).attribute("data", name)
