"""Pipelines of spaCy, saved as spaCy does, which runs no code when it is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.errors import InvalidParameter
from runlog.extras import framework
from runlog.models import code, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model"]

FLAVOR_NAME = "spacy"
_FOLDER = "model.spacy"


def save_model(
    spacy_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
) -> None:
    """Save a model of spaCy to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty.
    """
    from spacy import __version__
    from spacy.pipeline import TextCategorizer

    folder = ModelFolder(
        path,
        mlflow_model,
        signature=signature,
        input_example=input_example,
        metadata=metadata,
        code_paths=code_paths,
        conda_env=conda_env,
        pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
        extra_files=extra_files,
    )
    spacy_model.to_disk(folder.at(_FOLDER))
    categorizes = any(isinstance(part, TextCategorizer) for _, part in spacy_model.pipeline)
    if categorizes:
        folder.add_pyfunc("mlflow.spacy", data=_FOLDER)
    folder.add_flavor(FLAVOR_NAME, spacy_version=__version__, data=_FOLDER)
    predict = _Predictor(spacy_model).predict if categorizes else None
    folder.finish(modules={"spacy"}, predict=predict)


def log_model(
    spacy_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a pipeline of spaCy, and return its ModelInfo.

    - If a component categorizes texts, it is a pyfunc model, too: it takes a DataFrame of one
      column of texts, and returns one with a column `predictions` of scores by category. Other
      pipelines are loaded by `load_model` only.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the pipeline of spaCy at a URI.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    and RunlogError if it is of another flavour.
    """
    folder = local_folder(model_uri, dst_path)
    return _load_pipeline(
        code.inside(folder, flavor_conf(folder, FLAVOR_NAME).get("data", _FOLDER))
    )


def _load_pipeline(path: str) -> Any:
    return framework("spacy").load(os.path.abspath(path))


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(_load_pipeline(path))


class _Predictor:
    def __init__(self, spacy_model: Any) -> None:
        self.spacy_model = spacy_model

    def get_raw_model(self) -> Any:
        return self.spacy_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the scores of the categories of each text. spaCy takes no params."""
        import pandas

        if data.shape[1] != 1:
            raise InvalidParameter(
                "the input of a spaCy model must be a DataFrame of one column, the texts, "
                f"not of {data.shape[1]}"
            )
        texts = data.iloc[:, 0]
        scores = [each.cats for each in self.spacy_model.pipe(texts)]
        return pandas.DataFrame({"predictions": scores}, index=texts.index)
