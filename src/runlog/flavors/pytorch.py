"""PyTorch models: a `torch.nn.Module`, saved as a pickle, as TorchScript or as an exported program.

A model is pickled unless it is a script, so its classes have to be importable where it is loaded;
those of the program itself go with it. `serialization_format="pt2"` saves a graph traced with the
input example instead, which needs no classes and runs no code when it is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runlog.autologging.pytorch import autolog as autolog
from runlog.errors import BadRequest, InvalidParameter, NotFound, shown, warn
from runlog.extras import framework
from runlog.models import code, exported_programs, pickles, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

if TYPE_CHECKING:
    import torch

__all__ = [
    "save_model",
    "log_model",
    "load_model",
    "autolog",
    "save_state_dict",
    "log_state_dict",
    "load_state_dict",
    "load_checkpoint",
    "autolog",
    "get_default_pip_requirements",
]

FLAVOR_NAME = "pytorch"
SERIALIZATION_FORMAT_PICKLE = "pickle"
SERIALIZATION_FORMAT_PT2 = "pt2"
_DATA = "data"
_PICKLED, _EXPORTED = "model.pth", "model.pt2"
_PICKLE_MODULE = "pickle_module_info.txt"
_CLOUDPICKLE = "mlflow.pytorch.pickle_module"
"""MLflow's name for cloudpickle, in the file of that name: a module that added to it once."""
_STATE_DICT, _SAFETENSORS = "state_dict.pth", "state_dict.safetensors"


def save_model(
    pytorch_model: torch.nn.Module,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    mlflow_model: Model | None = None,
    code_paths: Sequence[str] | None = None,
    pickle_module: Any = None,
    signature: Any = None,
    input_example: Any = None,
    extra_files: Sequence[str] | None = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    export_model: bool = False,
    serialization_format: str | None = None,
    requirements_file: str | None = None,
    **kwargs: Any,
) -> None:
    """Save a PyTorch model to a local folder. See `log_model`.

    Raises TypeError if it is no `torch.nn.Module`, and InvalidParameter if the folder is not empty,
    or the model cannot be exported as it is.
    """
    import torch

    if not isinstance(pytorch_model, torch.nn.Module):
        raise TypeError(f"the model must be a torch.nn.Module, not {shown(pytorch_model)}")
    exported = _is_exported(export_model, serialization_format)
    example = _as_arrays(input_example, exported)
    folder = ModelFolder(
        path,
        mlflow_model,
        signature=signature,
        input_example=example,
        metadata=metadata,
        code_paths=code_paths,
        conda_env=conda_env,
        pip_requirements=requirements_file if pip_requirements is None else pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
        extra_files=extra_files,
    )
    os.makedirs(folder.at(_DATA))
    if exported:
        with _evaluating(pytorch_model):
            _export(pytorch_model, folder.at(_DATA, _EXPORTED), example, folder.model.signature)
    else:
        _pickle(pytorch_model, folder.at(_DATA), pickle_module, kwargs)
    folder.add_flavor(FLAVOR_NAME, model_data=_DATA, pytorch_version=str(torch.__version__))
    packages = ["torch"] if exported else ["torch", "cloudpickle"]
    predict = None
    if not (exported and isinstance(example, (list, tuple))):  # which has several inputs
        predict = _Predictor(pytorch_model, _device_of(pytorch_model)).predict
        folder.add_pyfunc(
            "mlflow.pytorch",
            data=_DATA,
            pickle_module_name=_name_of(pickle_module),
            model_config={"device": None},
        )
    with _evaluating(pytorch_model):
        folder.finish(packages, _modules_of(pytorch_model), predict)


def log_model(
    pytorch_model: torch.nn.Module,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    pickle_module: Any = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    extra_files: Sequence[str] | None = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    export_model: bool = False,
    serialization_format: str | None = None,
    requirements_file: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a PyTorch model, and return its ModelInfo, whose `model_uri` loads it again.

    - `serialization_format`: "pickle" (the default), or "pt2", as `export_model=True` says, too.
    - `pickle_module`: cloudpickle by default. `kwargs` are those of `torch.save`.
    - `input_example`: arrays or tensors for "pt2", which is traced with them. A dimension that is
      -1 in the signature may have another size later if it is greater than 1 in the example. A
      model that is exported with several inputs has no pyfunc model.
    - `extra_files`: paths or URIs of files to store in the model's folder `extra_files`.
    - `requirements_file`: MLflow 2's name for a path given as `pip_requirements`.
    - The other arguments are those of `runlog.sklearn.log_model`.

    The pyfunc model runs where `RUNLOG_DEFAULT_PREDICTION_DEVICE` says, or where
    `pyfunc.load_model(uri, model_config={"device": "cuda"})` does.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None, **kwargs: Any) -> torch.nn.Module:
    """Return the PyTorch model at a URI, in evaluation mode: `runs:/...`, `models:/...`, a path.

    With `dst_path` its files are copied into that folder first. `kwargs` are those of `torch.load`,
    such as `map_location`; `device` moves the model. Raises NotFound if there is none, and
    RunlogError if it is of another flavour, or would run code where that is switched off.
    """
    import torch

    folder = local_folder(model_uri, dst_path)
    conf = flavor_conf(folder, FLAVOR_NAME)
    version = conf.get("pytorch_version")
    if version != torch.__version__:
        warn(f"the model was saved with torch {version}, and is loaded with {torch.__version__}")
    return _load_network(code.inside(folder, conf["model_data"]), **kwargs)


def _load_network(path: str, device: str | None = None, **options: Any) -> torch.nn.Module:
    """Load the file of a model, or the model in a folder of data."""
    import torch

    exported = os.path.join(path, _EXPORTED)
    if os.path.isfile(exported):
        if not pickles.allowed():
            exported_programs.check(exported)
        return _on_device(torch.export.load(exported).module(), device)
    if os.path.isdir(path):
        options.setdefault("pickle_module", _pickle_module_of(path))
        path = os.path.join(path, _PICKLED)
    if options.get("weights_only"):
        options.pop("pickle_module", None)
    else:
        options["weights_only"] = False
        pickles.refuse_unless_allowed(
            "the PyTorch model is a pickle (not one saved with serialization_format='pt2')"
        )
    model: torch.nn.Module = _torch_load(path, options)
    model.eval()
    return model if device is None else model.to(device)


def _torch_load(path: str, options: Mapping[str, Any]) -> Any:
    """Scripts are told by their files: `torch.load` would load one, too, but with a warning."""
    import zipfile

    import torch

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                return torch.jit.load(path, map_location=options.get("map_location"))
    return torch.load(path, **options)


def _on_device(model: torch.nn.Module, device: str | None) -> torch.nn.Module:
    """Exported programs stay where they were traced."""
    own = _device_of(model)
    if device is not None and own.partition(":")[0] != device.partition(":")[0]:
        raise BadRequest(
            f"the model was exported on {own} and cannot move to {device}: save it again, with "
            f"model.to({device!r})"
        )
    return model


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Switch off dropout and the statistics of batches while the model is called."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _device_of(model: torch.nn.Module) -> str:
    import itertools

    for tensor in itertools.chain(model.parameters(), model.buffers()):
        return str(tensor.device)
    return "cpu"


def _is_exported(export_model: bool, serialization_format: str | None) -> bool:
    formats = (None, SERIALIZATION_FORMAT_PICKLE, SERIALIZATION_FORMAT_PT2)
    if serialization_format not in formats:
        raise InvalidParameter(
            f"serialization_format must be 'pickle' or 'pt2', not {shown(serialization_format)}"
        )
    if export_model and serialization_format == SERIALIZATION_FORMAT_PICKLE:
        raise InvalidParameter("export_model=True contradicts serialization_format='pickle'")
    return export_model or serialization_format == SERIALIZATION_FORMAT_PT2


def _as_arrays(example: Any, exported: bool = False) -> Any:
    """Return an input example with arrays for its tensors, alone or in a list. A list of the one
    input that a model is exported with is that input."""
    if isinstance(example, (list, tuple)):
        arrays = type(example)(_as_arrays(part) for part in example)
        return arrays[0] if exported and len(arrays) == 1 else arrays
    return example.detach().cpu().numpy() if hasattr(example, "detach") else example


def _export(model: torch.nn.Module, path: str, example: Any, signature: Any) -> None:
    import numpy as np
    import torch

    if isinstance(model, torch.jit.ScriptModule):
        raise InvalidParameter("a script cannot be exported: use serialization_format='pickle'")
    inputs = [example] if isinstance(example, np.ndarray) else example
    if not isinstance(inputs, (list, tuple)) or not all(
        isinstance(value, np.ndarray) for value in inputs
    ):
        raise InvalidParameter(
            "serialization_format='pt2' traces the model, so it needs an input_example: an array "
            f"or a tensor, or a list of them, not {shown(example)}"
        )
    schema = getattr(signature, "inputs", None)
    shapes = [getattr(spec, "shape", (-1,)) for spec in schema] if schema else [(-1,)] * len(inputs)
    free = [
        {position: torch.export.Dim.AUTO for position, size in enumerate(shape) if size == -1}
        for shape in shapes
    ]
    device = _device_of(model)
    tensors = tuple(torch.from_numpy(value).to(device) for value in inputs)
    torch.export.save(torch.export.export(model, tensors, dynamic_shapes=tuple(free)), path)


def _pickle(
    model: torch.nn.Module, folder: str, pickle_module: Any, options: Mapping[str, Any]
) -> None:
    import torch

    with open(os.path.join(folder, _PICKLE_MODULE), "w") as file:
        file.write(_name_of(pickle_module))
    path = os.path.join(folder, _PICKLED)
    if isinstance(model, torch.jit.ScriptModule):
        torch.jit.save(model, path)
        return
    import cloudpickle

    torch.save(model, path, pickle_module=pickle_module or cloudpickle, **options)


def _name_of(pickle_module: Any) -> str:
    return _CLOUDPICKLE if pickle_module is None else str(pickle_module.__name__)


def _pickle_module_of(folder: str) -> Any:
    """Return the module that reads the pickle of a folder, which a file names."""
    import importlib
    import pickle

    try:
        with open(os.path.join(folder, _PICKLE_MODULE)) as file:
            name = file.read().strip()
    except FileNotFoundError:
        return pickle
    if name in (_CLOUDPICKLE, "cloudpickle", "pickle"):
        return pickle
    pickles.refuse_unless_allowed(f"the model is read by the module {name}")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotFound(
            f"the model is pickled by {name}, which cannot be imported: {error}"
        ) from error


def _modules_of(model: torch.nn.Module) -> set[str]:
    """Return the names of modules that the classes of a model are from, or use."""
    names: set[str] = set()
    for cls in {type(part) for part in model.modules()}:
        for base in cls.__mro__:
            names.add(base.__module__)
            for function in vars(base).values():
                if base.__module__ != "__main__" or not hasattr(function, "__code__"):
                    continue
                names |= pickles.imported_by(function.__code__)
                for value in map(function.__globals__.get, function.__code__.co_names):
                    name = value.__name__ if isinstance(value, ModuleType) else None
                    names.add(name or getattr(value, "__module__", None) or "")
    return names


def _load_pyfunc(
    path: str, model_config: Mapping[str, Any] | None = None, weights_only: bool = False
) -> _Predictor:
    import torch

    from runlog.settings import setting

    device = (model_config or {}).get("device") or setting("DEFAULT_PREDICTION_DEVICE")
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if os.path.exists(os.path.join(path, _EXPORTED)):
            device = None
    model = _load_network(path, device=device, weights_only=weights_only)
    return _Predictor(model, device or _device_of(model))


class _Predictor:
    """A model that predicts from a DataFrame, an array or a tensor, and returns the same."""

    def __init__(self, model: torch.nn.Module, device: str) -> None:
        self.model, self.device = model, device

    def get_raw_model(self) -> torch.nn.Module:
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Call the model; `params` are keyword arguments of its forward."""
        import numpy as np
        import pandas as pd
        import torch

        if params and "device" in params:
            raise InvalidParameter(
                "the device is chosen when the model is loaded: "
                "runlog.pyfunc.load_model(uri, model_config={'device': 'cuda'})"
            )
        if isinstance(data, pd.DataFrame):
            tensor = torch.from_numpy(data.to_numpy(dtype=np.float32, copy=True))
        elif isinstance(data, np.ndarray):
            tensor = torch.from_numpy(data if data.flags.writeable else data.copy())
        elif isinstance(data, torch.Tensor):
            tensor = data
        else:
            raise TypeError(
                "a PyTorch model predicts from a DataFrame, an array or a tensor, not from "
                f"{type(data).__name__}"
            )
        with torch.no_grad():
            output = self.model(tensor.to(self.device), **(params or {}))
        if not isinstance(output, torch.Tensor):
            raise TypeError(
                f"the model returned {type(output).__name__}, and only a tensor makes a table: use "
                "the model itself, from runlog.pytorch.load_model()"
            )
        if isinstance(data, torch.Tensor):
            return output
        array = output.cpu().numpy()
        return pd.DataFrame(array, index=data.index) if isinstance(data, pd.DataFrame) else array


def log_state_dict(state_dict: Mapping[str, Any], artifact_path: str, **kwargs: Any) -> None:
    """Log a state dict, or a checkpoint of several, to a folder of the active run's artifacts.

    See `save_state_dict`. It is no model: `load_state_dict` loads it.
    """
    import tempfile

    from runlog import fluent

    with tempfile.TemporaryDirectory(prefix="runlog-") as folder:
        save_state_dict(state_dict, folder, **kwargs)
        fluent.log_artifacts(folder, artifact_path)


def save_state_dict(
    state_dict: Mapping[str, Any],
    path: str | os.PathLike[str],
    safetensors: bool = False,
    **kwargs: Any,
) -> None:
    """Save a state dict to a local folder: by `torch.save`, which gets the `kwargs`, or, if it has
    nothing but tensors, as `safetensors`, which other programs read, too.

    Raises TypeError if it is no dictionary, and InvalidParameter if it has other values than
    tensors, with safetensors.
    """
    import torch

    if not isinstance(state_dict, dict):
        raise TypeError(
            f"a state dict must be a dictionary, as model.state_dict() is, not {shown(state_dict)}"
        )
    os.makedirs(path, exist_ok=True)
    if not safetensors:
        torch.save(state_dict, os.path.join(path, _STATE_DICT), **kwargs)
        return
    others = [str(key) for key, value in state_dict.items() if not torch.is_tensor(value)]
    if others:
        raise InvalidParameter(f"safetensors hold tensors only, no {', '.join(others)}")
        # Tensors that share their memory, as tied weights do, are refused unless they are copied.
    tensors = {str(key): value.detach().clone().contiguous() for key, value in state_dict.items()}
    framework("safetensors.torch").save_file(tensors, os.path.join(path, _SAFETENSORS))


def load_state_dict(state_dict_uri: str, **kwargs: Any) -> dict[str, Any]:
    """Return the state dict in a folder: `runs:/...`, `models:/...`, a path or another URI.

    `kwargs` are those of `torch.load`, which reads tensors and plain values unless
    `weights_only=False` is given. Raises NotFound if there is none there, and RunlogError if it
    would run code where that is switched off.
    """
    import torch

    folder = local_folder(state_dict_uri)
    safe = os.path.join(folder, _SAFETENSORS)
    if os.path.isfile(safe):
        loaded: dict[str, Any] = framework("safetensors.torch").load_file(safe)
        return loaded
    if not os.path.isfile(path := os.path.join(folder, _STATE_DICT)):
        raise NotFound(f"no state dict at {state_dict_uri!r}: it has no file {_STATE_DICT}")
    if not kwargs.setdefault("weights_only", True):
        pickles.refuse_unless_allowed("with weights_only=False a state dict is a pickle")
    state: dict[str, Any] = torch.load(path, **kwargs)
    return state


def load_checkpoint(
    model_class: Any,
    run_id: str | None = None,
    epoch: int | None = None,
    global_step: int | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Return the Lightning module of a checkpoint that autologging stored.

    - `model_class`: the class of the module. `kwargs` are those of its `load_from_checkpoint`.
    - `run_id`: the run, by default the active one. `epoch` or `global_step`: which checkpoint, by
      default the latest.

    Raises InvalidParameter if both are given, and NotFound if the run has no such checkpoint.
    """
    from runlog.models import checkpoints

    options = dict(kwargs or {})
    if not pickles.allowed():
        options["weights_only"] = True
    path = checkpoints.download(run_id, epoch, global_step)
    return model_class.load_from_checkpoint(path, **options)


def get_default_pip_requirements() -> list[str]:
    """Return the packages that every model of this flavour needs, with their versions."""
    from runlog.models.requirements import pinned

    return [pinned("torch"), pinned("cloudpickle")]
