"""PyFuncModel: a model that was loaded, whatever its flavour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from runlog.errors import RunlogError
from runlog.models.model import Model


class PyFuncModel:
    """A model that `load_model` returned. `predict` calls it; `metadata` is its Model, with its
    signature and what else the MLmodel file says."""

    def __init__(self, folder: str, implementation: Any, conf: Mapping[str, Any]) -> None:
        self.metadata = Model.load(folder)
        self._folder, self._implementation, self._conf = folder, implementation, conf

    @property
    def loader_module(self) -> str:
        """Return the name of the module that loaded it, as the MLmodel file has it."""
        return str(self._conf["loader_module"])

    @property
    def model_id(self) -> str | None:
        """Return the id of the logged model, or None if it is none."""
        return self.metadata.model_id

    @property
    def model_config(self) -> dict[str, Any] | None:
        """Return the configuration that the model was logged with, or None."""
        return self._conf.get("config")

    @property
    def predict_fn(self) -> Any:
        """Return the function that `predict` calls after it has checked the data."""
        return getattr(self._implementation, self._conf.get("predict_fn", "predict"))

    @cached_property
    def input_example(self) -> Any:
        """Return the data of the input example, or None."""
        from runlog.models import examples

        info = self.metadata.saved_input_example_info
        schema = self.metadata.get_input_schema()
        return None if info is None else examples.load(info, self._folder, schema)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the model's predictions.

        `data` are checked against the model's signature, if it has one: columns that are missing
        or of another type raise InvalidParameter, those that can be converted without a loss are,
        others are left out. `params` get the defaults of the signature.
        """
        return self._called(self.predict_fn, data, params)

    def _called(self, function: Any, data: Any, params: Mapping[str, Any] | None) -> Any:
        from runlog.models import enforcement

        signature = self.metadata.signature
        if signature is None or not signature.from_type_hint:
            data = enforcement.enforce(data, self.metadata.get_input_schema())
        checked = enforcement.enforce_params(params, self.metadata.get_params_schema())
        if _takes_params(function):
            return function(data, params=checked)
        return function(data)

    @property
    def _model_impl(self) -> Any:
        """What the flavour loaded, under the name that scripts for MLflow use."""
        return self._implementation

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield the model's predictions as they come. Raises RunlogError if it gives none so."""
        name = self._conf.get("predict_stream_fn", "predict_stream")
        if not self._conf.get("streamable", False):
            raise RunlogError(
                "the model does not stream: it was logged without a predict_stream", "BAD_REQUEST"
            )
        yield from self._called(getattr(self._implementation, name), data, params)

    def unwrap_python_model(self) -> Any:
        """Return the PythonModel in it. Raises RunlogError if it is of another kind."""
        try:
            return self._implementation.python_model
        except AttributeError:
            raise RunlogError("Unable to retrieve base model object from pyfunc.") from None

    def get_raw_model(self) -> Any:
        """Return the framework's own model. Raises NotImplementedError if the flavour has none."""
        if not hasattr(self._implementation, "get_raw_model"):
            raise NotImplementedError(f"models of {self.loader_module} have no raw model")
        return self._implementation.get_raw_model()

    def __repr__(self) -> str:
        about = {"run_id": self.metadata.run_id, "artifact_path": self.metadata.artifact_path}
        shown = [f"  {name}: {value}\n" for name, value in about.items() if value is not None]
        flavor = f"  flavor: {self.loader_module}\n"
        return "mlflow.pyfunc.loaded_model:\n" + "".join(sorted([*shown, flavor]))


def _takes_params(function: Any) -> bool:
    import inspect

    try:
        return "params" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin
        return False
