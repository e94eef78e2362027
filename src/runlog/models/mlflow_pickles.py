"""What pickles of MLflow's models name beside the classes that runlog has, too."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from runlog.types import hints


class TypeHints:
    """The type hints of a model's `predict`: those of the input and of the result, or None."""

    def __init__(self, input_: Any = None, output: Any = None) -> None:
        self.input, self.output = input_, output


FuncInfo = namedtuple("FuncInfo", "input_type_hint input_param_name")


def validate_model_input(
    args: tuple[Any, ...], kwargs: dict[str, Any], index: int, hint: Any, name: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a `predict` with the input as its hint wants it. MLflow wraps the
    methods of models in a function that calls this."""
    if name in kwargs:
        return args, {**kwargs, name: hints.converted(kwargs[name], hint)}
    if len(args) <= index:
        return args, kwargs
    return (*args[:index], hints.converted(args[index], hint), *args[index + 1 :]), kwargs


STAND_INS = {
    ("mlflow.models.signature", "_TypeHints"): TypeHints,
    ("mlflow.pyfunc.utils.data_validation", "FuncInfo"): FuncInfo,
    ("mlflow.pyfunc.utils.data_validation", "_validate_model_input"): validate_model_input,
}
"""Names in pickles, and what they mean here."""
