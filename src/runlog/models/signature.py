"""Signatures: the schemas of a model's inputs, outputs and params."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.types.inference import infer_params, infer_schema
from runlog.types.schema import ParamSchema, Schema


class ModelSignature:
    """The schemas of a model's inputs, outputs and params. Each may be None, but one must be
    given.

    >>> from runlog.models import ModelSignature
    >>> from runlog.types import ColSpec, Schema
    >>> ModelSignature(Schema([ColSpec("double", "height")]), Schema([ColSpec("double")]))
    inputs:
      ['height': double (required)]
    outputs:
      [double (required)]
    params:
      None
    """

    def __init__(
        self,
        inputs: Schema | Any = None,
        outputs: Schema | Any = None,
        params: ParamSchema | None = None,
    ) -> None:
        if inputs is None and outputs is None and params is None:
            raise ValueError("a signature needs at least one of inputs, outputs and params")
        self.inputs = _schema("inputs", inputs)
        self.outputs = _schema("outputs", outputs)
        if params is not None and not isinstance(params, ParamSchema):
            raise TypeError(f"the params of a signature must be a ParamSchema, not {shown(params)}")
        self.params = params
        self.from_type_hint = False
        self.type_hint_from_example = False

    def to_dict(self) -> dict[str, Any]:
        """Return the schemas as JSON texts, as a MLmodel file has them."""
        parts = {"inputs": self.inputs, "outputs": self.outputs, "params": self.params}
        return {name: None if part is None else part.to_json() for name, part in parts.items()}

    @classmethod
    def from_dict(cls, signature_dict: Mapping[str, Any]) -> ModelSignature:
        """Create it from what `to_dict` returns."""
        inputs, outputs, params = map(signature_dict.get, ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelSignature):
            return NotImplemented
        return (self.inputs, self.outputs, self.params) == (
            other.inputs,
            other.outputs,
            other.params,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"inputs:\n  {self.inputs!r}\noutputs:\n  {self.outputs!r}\nparams:\n  {self.params!r}"
        )


def _schema(what: str, given: Any) -> Schema | None:
    if given is None or isinstance(given, Schema):
        return given
    raise TypeError(f"the {what} of a signature must be a Schema, not {shown(given)}")


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[str, Any] | None = None
) -> ModelSignature:
    """Return the signature of a model that takes and returns such data, and such params.

    Data are DataFrames, arrays, dictionaries of arrays, sparse matrices, lists and dictionaries of
    plain values, or values. `params` are defaults by name. Raises InvalidParameter if the type of
    the input or of a param is unknown; an output of an unknown type is left out with a warning.

    >>> import numpy
    >>> runlog.models.infer_signature(numpy.zeros((3, 2)), numpy.zeros(3), {"threshold": 0.5})
    inputs:
      [Tensor('float64', (-1, 2))]
    outputs:
      [Tensor('float64', (-1,))]
    params:
      ['threshold': double (default: 0.5)]
    """
    inputs = None if model_input is None else infer_schema(model_input)
    outputs = None if model_output is None else _output_schema(model_output)
    return ModelSignature(inputs, outputs, infer_params(params) if params else None)


def _output_schema(output: Any) -> Schema | None:
    import logging

    try:
        return infer_schema(output)
    except (InvalidParameter, TypeError, ValueError) as error:
        logging.getLogger(__name__).warning("the signature has no outputs: %s", error)
        return None


def parsed(given: Any) -> ModelSignature | None:
    """Return a signature that is given as one, as a dictionary, or as JSON text of one."""
    if given is None or isinstance(given, ModelSignature):
        return given
    if isinstance(given, str):
        given = json.loads(given)
    return ModelSignature.from_dict(given)
