"""Models that are classes or functions of Python: PythonModel, how it is saved and loaded."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from typing import Any

from runlog.errors import InvalidParameter, RunlogError, shown
from runlog.models import code, from_code, pickles
from runlog.models.mlflow_pickles import TypeHints
from runlog.models.model import Model
from runlog.models.saving import PYFUNC, ModelFolder, flavor_conf
from runlog.models.signature import ModelSignature
from runlog.models.uris import local_folder
from runlog.types import hints

PICKLE = "python_model.pkl"
_HINTS = "_predict_type_hints"  # MLflow's name for it
_CODE_LOADER = "mlflow.pyfunc.loaders.code_model"


class PythonModel:
    """A model of your own: derive from it and define `predict`, and `load_context` if there is
    something to load.

    With type hints, as in `def predict(self, model_input: list[str])`, the signature is inferred
    from them, and the data of a prediction are checked against them.

    >>> class Doubled(runlog.pyfunc.PythonModel):
    ...     def predict(self, context, model_input, params=None):
    ...         return model_input * 2
    >>> with runlog.start_run():
    ...     logged = runlog.pyfunc.log_model(name="doubled", python_model=Doubled())
    >>> runlog.pyfunc.load_model(logged.model_uri).predict(21)
    42
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load what the model needs from the files in `context.artifacts`. It is called once, when
        the model is loaded."""

    @property
    def predict_type_hints(self) -> TypeHints:
        """Return the type hints of `predict`: `input` and `output`, each may be None."""
        return hints_of(self)

    def predict(
        self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None
    ) -> Any:
        """Return the predictions for `model_input`. `context` and `params` may be left out of the
        arguments."""
        raise NotImplementedError(f"{type(self).__name__} has no predict")

    def predict_stream(
        self, context: PythonModelContext, model_input: Any, params: dict[str, Any] | None = None
    ) -> Iterator[Any]:
        """Yield the predictions for `model_input` as they come."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_stream")


class PythonModelContext:
    """What a PythonModel gets: `artifacts`, the local path of each file or folder by the name that
    it was logged with, and `model_config`, a dictionary."""

    def __init__(
        self, artifacts: Mapping[str, str] | None, model_config: Mapping[str, Any] | None
    ) -> None:
        self.artifacts = dict(artifacts or {})
        self.model_config = dict(model_config or {})


class _FunctionPythonModel(PythonModel):
    """A function as a PythonModel."""

    def __init__(self, func: Any, signature: Any = None) -> None:
        self.func, self.signature = func, signature

    def predict(  # type: ignore[override]
        self, model_input: Any, params: dict[str, Any] | None = None
    ) -> Any:
        return self.func(model_input)


# -- saving ---------------------------------------------------------------------------------


def as_model(given: Any) -> Any:
    """Return the PythonModel that is given as one, as a class of one, or as a function."""
    if isinstance(given, type) and issubclass(given, PythonModel):
        given = given()
    if _is_model(given):
        return given
    if callable(given):
        count = len(inspect.signature(given).parameters)
        if count != 1:
            raise InvalidParameter(
                f"a function as python_model must accept exactly one argument. Found {count}: "
                "derive a class from runlog.pyfunc.PythonModel for context and params"
            )
        return _FunctionPythonModel(given)
    raise InvalidParameter(
        f"python_model must be a PythonModel, a function, or the path of a file that calls "
        f"runlog.models.set_model, not {shown(given)}"
    )


def _is_model(given: Any) -> bool:
    """Return whether it is a PythonModel, of runlog's or of MLflow's."""
    names = {f"{each.__module__}.{each.__qualname__}" for each in type(given).__mro__}
    return isinstance(given, PythonModel) or "mlflow.pyfunc.model.PythonModel" in names


def save(
    folder: ModelFolder,
    given: Any,
    artifacts: Mapping[str, str] | None,
    model_config: Any,
    streamable: bool | None,
) -> None:
    """Save a PythonModel, a function or a file of code to a model's folder."""
    config = from_code.read_config(model_config)
    copied = _copy_artifacts(folder, artifacts or {})
    fields: dict[str, Any] = {"artifacts": copied} if copied else {}
    if isinstance(given, (str, os.PathLike)):
        name = code.copy_into(given, folder.path)
        model = as_model(from_code.load(folder.at(name), config))
        fields["model_code_path"] = name
        modules = pickles.imported_by_file(folder.at(name))
    else:
        import cloudpickle

        model = as_model(given)
        modules = _pickled(model, folder)
        fields |= {"python_model": PICKLE, "cloudpickle_version": cloudpickle.__version__}
    if streamable is None:
        streamable = _has_own(model, "predict_stream")
    folder.add_pyfunc(
        _CODE_LOADER if "model_code_path" in fields else "mlflow.pyfunc.model",
        model_config=config,
        streamable=streamable,
        **fields,
    )
    folder.set_signature(_signature_of(model))
    paths = {name: folder.at(each["path"]) for name, each in copied.items()}
    context = PythonModelContext(paths, config)
    folder.finish(["cloudpickle"], modules, _Calls(model, context).first_predict)


def _copy_artifacts(folder: ModelFolder, artifacts: Mapping[str, str]) -> dict[str, Any]:
    """Copy files and folders into the model, and return what the MLmodel file says of them."""
    copied: dict[str, Any] = {}
    for name, uri in artifacts.items():
        if uri.startswith("hf:/"):
            raise InvalidParameter(
                f"the artifact {name!r} is at {uri}: download it with "
                "huggingface_hub.snapshot_download, and give the path"
            )
        local = local_folder(uri)
        below = "artifacts"
        if os.path.exists(folder.at(below, os.path.basename(local))):  # of another artifact
            below = f"artifacts/{code.safe_name(name)}"
        file = code.copy_into(local, folder.at(*below.split("/")))
        copied[name] = {"path": f"{below}/{file}", "uri": uri}
    return copied


def _pickled(model: Any, folder: ModelFolder) -> set[str]:
    _remember_hints(model)
    try:
        return pickles.dump(model, folder.at(PICKLE))
    except Exception as error:
        raise InvalidParameter(
            f"Failed to serialize Python model {shown(model)}: {error}. Write the model into a "
            "file that calls runlog.models.set_model, and give its path as python_model"
        ) from error


def _remember_hints(model: Any) -> None:
    """Pickle type hints that are texts with the model: what they name may not be pickled."""
    function = getattr(model, "func", None) or model.predict
    written = getattr(function, "__annotations__", {}).values()
    found = hints_of(model)
    if (found.input or found.output) and any(isinstance(each, str) for each in written):
        vars(model)[_HINTS] = found


def _has_own(model: Any, method: str) -> bool:
    found = getattr(type(model), method, None)
    return found is not None and found.__module__ not in (__name__, "mlflow.pyfunc.model")


def _signature_of(model: Any) -> ModelSignature | None:
    """Return the signature that the type hints of `predict` mean, or None."""
    found = hints_of(model)
    if not hints.is_input_hint(found.input):
        return None
    result = None if found.output is None else hints.schema_of(found.output)
    signature = ModelSignature(hints.schema_of(found.input), result)
    signature.from_type_hint = True
    return signature


def hints_of(model: Any) -> TypeHints:
    """Return the type hints of a model's `predict`."""
    from typing import get_type_hints

    remembered = getattr(model, "__dict__", {}).get(_HINTS)
    if remembered is not None:
        return TypeHints(remembered.input, remembered.output)
    function = getattr(model, "func", None) or model.predict
    try:
        found = get_type_hints(function)
    except (NameError, TypeError):  # a name that is not there any more
        return TypeHints()
    names = [each for each in inspect.signature(function).parameters if each != "context"]
    return TypeHints(found.get(names[0]) if names else None, found.get("return"))


# -- loading --------------------------------------------------------------------------------


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> Any:
    conf = flavor_conf(path, PYFUNC)
    if conf.get("model_code_path"):
        pickles.refuse_unless_allowed("the model is a file of Python code")
        name = os.path.basename(conf["model_code_path"])
        model = as_model(from_code.load(code.inside(path, name), dict(model_config or {})))
    elif conf.get("python_model"):
        if conf.get("python_model_compression"):
            raise RunlogError("the model is compressed, which runlog does not read", "BAD_REQUEST")
        model = pickles.load(code.inside(path, conf["python_model"]))
    else:
        raise RunlogError("the MLmodel file names no python_model", "INVALID_STATE")
    paths = {
        name: os.path.abspath(code.inside(path, each["path"]))
        for name, each in (conf.get("artifacts") or {}).items()
    }
    context = PythonModelContext(paths, model_config)
    model.load_context(context)
    return _Calls(model, context, Model.load(path).signature)


class _Calls:
    """A PythonModel behind `PyFuncModel`: calls its methods with the arguments that they have."""

    def __init__(self, model: Any, context: Any, signature: ModelSignature | None = None) -> None:
        self.python_model, self.context, self.signature = model, context, signature

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return self._called(self.python_model.predict, model_input, params)

    def predict_stream(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return self._called(self.python_model.predict_stream, model_input, params)

    def first_predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Load what the model needs, and predict."""
        self.python_model.load_context(self.context)
        return self.predict(model_input, params)

    def _called(self, function: Any, data: Any, params: dict[str, Any] | None) -> Any:
        names = list(inspect.signature(function).parameters)
        hint = hints_of(self.python_model).input
        if hints.is_input_hint(hint):
            data = hints.converted(data, hint)
        given = {"params": params} if "params" in names else {}
        takes_context = "context" in names or len([each for each in names if each != "params"]) > 1
        return function(self.context, data, **given) if takes_context else function(data, **given)
