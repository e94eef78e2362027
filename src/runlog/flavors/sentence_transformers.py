"""Models of sentence-transformers, which turn texts into vectors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.errors import BadRequest, InvalidParameter
from runlog.models import code, pickles, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = [
    "save_model",
    "log_model",
    "load_model",
    "get_default_pip_requirements",
]

FLAVOR_NAME = "sentence_transformers"
_DATA = "model.sentence_transformer"


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    task: str | None = None,
    inference_config: Mapping[str, Any] | None = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    conda_env: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
    **kwargs: Any,
) -> None:
    """Save a model of sentence-transformers to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty.
    """
    import sentence_transformers

    _check_task(task)
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
    model.save(folder.at(_DATA), **kwargs)
    folder.add_pyfunc("mlflow.sentence_transformers", data=_DATA)
    folder.add_flavor(
        FLAVOR_NAME,
        sentence_transformers_version=sentence_transformers.__version__,
        **_origin(model),
    )
    if inference_config:
        import json

        with open(folder.at("inference_config"), "w", encoding="utf-8") as file:
            json.dump(dict(inference_config), file)
    if signature is None and input_example is None and folder.model.signature is None:
        folder.model.signature = _default_signature()
    packages = ["sentence-transformers", "transformers", "torch"]
    folder.finish(packages, {type(model).__module__}, _Predictor(model).predict)


def log_model(
    model: Any,
    artifact_path: str | None = None,
    task: str | None = None,
    inference_config: Mapping[str, Any] | None = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    conda_env: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
    prompts: list[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a model of sentence-transformers, and return its ModelInfo, whose `model_uri` loads it.

    - `inference_config`: a dictionary that is stored with the model.
    - `kwargs`: arguments of the model's method `save`.
    - The other arguments are those of `runlog.sklearn.log_model`. Without a signature and an input
      example it takes a text and returns a vector.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the model of sentence-transformers at a URI: `runs:/...`, `models:/...`, a path...

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    and RunlogError if it is of another flavour.
    """
    folder = local_folder(model_uri, dst_path)
    flavor_conf(folder, FLAVOR_NAME)
    return _load_encoder(code.inside(folder, _DATA))


def _load_encoder(path: str) -> Any:
    if not pickles.allowed():
        _refuse_foreign_classes(path)
    import sentence_transformers

    return sentence_transformers.SentenceTransformer(path, trust_remote_code=pickles.allowed())


def _refuse_foreign_classes(path: str) -> None:
    """Raise RunlogError if the model names classes that are not of its framework: before version 6,
    sentence-transformers imports them from the model's folder without being told to."""
    import json

    for top, _, names in os.walk(path):
        for name in names:
            if name not in ("modules.json", "config.json"):
                continue
            with open(os.path.join(top, name), "rb") as file:
                content = json.load(file)
            for each in content if isinstance(content, list) else [content]:
                entry = each if isinstance(each, dict) else {}
                kind, function = entry.get("type"), entry.get("activation_function")
                if name == "modules.json" and not str(kind).startswith("sentence_transformers."):
                    pickles.refuse_unless_allowed(f"the model has a part of the class {kind}")
                if "." in str(function) and not str(function).startswith("torch."):
                    pickles.refuse_unless_allowed(f"the model calls {function}")


def _check_task(task: Any) -> None:
    if task is not None:
        raise InvalidParameter(
            f"task={task!r} is a protocol of MLflow's model server, which runlog has not: leave it "
            "out"
        )


def _origin(model: Any) -> dict[str, str]:
    """The name and the class of the transformer in the model, if there is one."""
    for module in model.modules():
        inner = getattr(module, "auto_model", None)
        if inner is not None:
            return {
                "source_model_name": inner.name_or_path,
                "pipeline_model_type": type(inner).__name__,
            }
    return {}


def _default_signature() -> Any:
    import numpy as np

    from runlog.models.signature import ModelSignature
    from runlog.types import ColSpec, Schema, TensorSpec

    return ModelSignature(
        Schema([ColSpec("string")]), Schema([TensorSpec(np.dtype("float64"), [-1])])
    )


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> _Predictor:
    if (model_config or {}).get("task"):
        raise BadRequest(
            "the model was saved for a protocol of MLflow's model server: load it with "
            "runlog.sentence_transformers.load_model()"
        )
    return _Predictor(_load_encoder(path))


class _Predictor:
    """A model that turns a text, a list of texts or the first column of a table into vectors."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def get_raw_model(self) -> Any:
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the vectors as an array; `params` are arguments of the model's `encode`."""
        import pandas as pd

        if isinstance(data, pd.DataFrame):
            data = data.iloc[:, 0]
        if isinstance(data, pd.Series):
            data = data.tolist()
            if data and isinstance(data[0], list):
                data = data[0]
        try:
            return self.model.encode(data, **(params or {}))
        except TypeError as error:
            if params:
                raise InvalidParameter(
                    f"encode() does not take these params, {', '.join(params)}: {error}"
                ) from error
            raise


def get_default_pip_requirements() -> list[str]:
    """Return the packages that every model of this flavour needs, with their versions."""
    from runlog.models.requirements import pinned

    return [pinned(name) for name in ("sentence-transformers", "transformers", "torch")]
