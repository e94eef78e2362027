"""Models in ONNX. They run no code when they are loaded; onnxruntime predicts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.extras import framework
from runlog.models import code, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model"]

FLAVOR_NAME = "onnx"
ONNX_EXECUTION_PROVIDERS = ["CUDAExecutionProvider", "CPUExecutionProvider"]
_FILE = "model.onnx"


def save_model(
    onnx_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    onnx_execution_providers: Sequence[Any] | None = None,
    onnx_session_options: Mapping[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    save_as_external_data: bool = True,
    extra_files: Sequence[str] | None = None,
    **kwargs: Any,
) -> None:
    """Save a model of ONNX to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty, or for unknown session options.
    """
    import onnx

    options = None if onnx_session_options is None else dict(onnx_session_options)
    _check(options or {})
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
    onnx.save_model(
        onnx_model, folder.at(_FILE), save_as_external_data=save_as_external_data, **kwargs
    )
    folder.add_pyfunc("mlflow.onnx", data=_FILE)
    folder.add_flavor(
        FLAVOR_NAME,
        onnx_version=onnx.__version__,
        data=_FILE,
        providers=[*_plain(onnx_execution_providers or ONNX_EXECUTION_PROVIDERS)],
        onnx_session_options=options,
    )
    has_runtime = find_spec("onnxruntime") is not None
    folder.finish([] if has_runtime else ["onnxruntime"], {"onnx", "onnxruntime"})


def log_model(
    onnx_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    onnx_execution_providers: Sequence[Any] | None = None,
    onnx_session_options: Mapping[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    save_as_external_data: bool = True,
    extra_files: Sequence[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a ModelProto of ONNX, and return its ModelInfo.

    - `onnx_execution_providers`: names of onnxruntime's providers, or pairs of a name and its
      options, best first; by default CUDA's, then the CPU's. What a machine does not have is left
      out when the model is loaded there.
    - `onnx_session_options`: a dictionary with any of `intra_op_num_threads`,
      `inter_op_num_threads`, `execution_mode` ("sequential" or "parallel"),
      `graph_optimization_level` (0, 1, 2 or 99) and `extra_session_config`, a dictionary.
    - `save_as_external_data`: large tensors go to files beside the model, which models above 2 GiB
      need. `kwargs` go to `onnx.save_model`.
    - No signature is inferred from an `input_example`; it needs one to be checked.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the ModelProto of ONNX at a URI, after onnx has checked it.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    and RunlogError if it is of another flavour.
    """
    onnx = framework("onnx")
    folder = local_folder(model_uri, dst_path)
    path = code.inside(folder, flavor_conf(folder, FLAVOR_NAME)["data"])
    onnx.checker.check_model(path)
    return onnx.load(path)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(path, flavor_conf(os.path.dirname(path), FLAVOR_NAME))


class _Predictor:
    def __init__(self, path: str, conf: Mapping[str, Any]) -> None:
        onnxruntime = framework("onnxruntime")
        wanted = conf.get("providers") or ONNX_EXECUTION_PROVIDERS
        wanted = [wanted] if isinstance(wanted, str) else wanted
        available = onnxruntime.get_available_providers()
        providers = [
            tuple(each) if isinstance(each, list) else each
            for each in wanted
            if (each if isinstance(each, str) else each[0]) in available
        ]
        options = _session_options(conf.get("onnx_session_options") or {})
        self.rt = onnxruntime.InferenceSession(
            path, options, providers=providers or ["CPUExecutionProvider"]
        )
        self.inputs = [(each.name, each.type) for each in self.rt.get_inputs()]
        self.output_names = [each.name for each in self.rt.get_outputs()]

    def get_raw_model(self) -> Any:
        return self.rt

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the outputs by name: a DataFrame for a DataFrame, or else a dictionary.

        `data` is a DataFrame, an array if the model has one input, or a dictionary of arrays by
        the inputs' names. Numbers of 64 bits become 32 where the model has those.
        """
        import numpy

        feed = self._feed(data)
        for name, kind in self.inputs:
            if kind == "tensor(float)" and getattr(feed.get(name), "dtype", None) == numpy.float64:
                feed[name] = feed[name].astype(numpy.float32)
        results = self.rt.run(self.output_names, feed)
        outputs = dict(zip(self.output_names, results, strict=True))
        if not hasattr(data, "columns"):
            return outputs
        import pandas

        columns = {name: numpy.asarray(value).reshape(-1) for name, value in outputs.items()}
        return pandas.DataFrame(columns)

    def _feed(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            return dict(data)
        names = [name for name, _ in self.inputs]
        if hasattr(data, "columns"):
            if len(names) > 1:
                return {name: data[name].to_numpy() for name in names}
            return {names[0]: data.to_numpy()}
        if not hasattr(data, "dtype"):
            raise TypeError(
                "the input of an ONNX model must be a DataFrame, an array, or a dictionary of "
                f"arrays, not {shown(data)}"
            )
        if len(names) > 1:
            raise InvalidParameter(
                f"the model has the inputs {', '.join(names)}: give it a DataFrame or a "
                "dictionary with these names, not an array"
            )
        return {names[0]: data}


_MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
_OPTIONS = {
    "inter_op_num_threads",
    "intra_op_num_threads",
    "execution_mode",
    "graph_optimization_level",
    "extra_session_config",
}


def _check(options: Mapping[str, Any]) -> None:
    """Raise InvalidParameter for session options that `_session_options` cannot set."""
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise InvalidParameter(
            f"unknown onnx_session_options: {', '.join(unknown)}. Known are "
            f"{', '.join(sorted(_OPTIONS))}"
        )
    mode = options.get("execution_mode")
    if mode is not None and str(mode).lower() not in _MODES:
        raise InvalidParameter(f"execution_mode must be sequential or parallel, not {shown(mode)}")
    level = options.get("graph_optimization_level")
    if level is not None and level not in (0, 1, 2, 99):
        raise InvalidParameter(
            f"graph_optimization_level must be 0, 1, 2 or 99, not {shown(level)}"
        )


def _session_options(options: Mapping[str, Any]) -> Any:
    import onnxruntime

    _check(options)
    session = onnxruntime.SessionOptions()
    for name in ("inter_op_num_threads", "intra_op_num_threads"):
        if options.get(name):
            setattr(session, name, options[name])
    if options.get("execution_mode"):
        mode = _MODES[options["execution_mode"].lower()]
        session.execution_mode = getattr(onnxruntime.ExecutionMode, mode)
    if options.get("graph_optimization_level") is not None:
        level = options["graph_optimization_level"]
        session.graph_optimization_level = onnxruntime.GraphOptimizationLevel(level)
    for name, value in (options.get("extra_session_config") or {}).items():
        session.add_session_config_entry(name, value)
    return session


def _plain(providers: Sequence[Any]) -> list[Any]:
    """Return providers as YAML has them: pairs are lists."""
    return [each if isinstance(each, str) else [*each] for each in providers]
