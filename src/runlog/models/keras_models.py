"""Keras models as models that predict from a table, for the flavours `keras` and `tensorflow`."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.models import pickles


def check_batches(signature: Any) -> None:
    """Raise InvalidParameter unless all inputs of a signature, if there is one, are tensors whose
    first dimension is free."""
    if signature is None or signature.inputs is None:
        return
    if not signature.inputs.is_tensor_spec():
        raise InvalidParameter(
            "the inputs in the signature must be tensors, of the type TensorSpec"
        )
    for spec in signature.inputs:
        if not spec.shape or spec.shape[0] != -1:
            raise InvalidParameter(
                "the first dimension of inputs in the signature is the batch and must be -1, not "
                f"{shown(tuple(spec.shape))}"
            )


def refuse_functions(path: str) -> None:
    """Raise RunlogError unless it is a file of Keras 3's format, or pickles are allowed. Keras 2
    reads a .h5 file under any name, and the bytecode of functions in it or in a SavedModel."""
    if not (path.endswith(".keras") and zipfile.is_zipfile(path)):
        pickles.refuse_unless_allowed(f"{os.path.basename(path)} may have functions of Python")


def modules_of(model: Any) -> set[str]:
    """Return the names of the modules that the classes of a Keras model and its layers are from."""
    parts = [model]
    for part in parts:
        parts += getattr(part, "layers", [])
    return {type(part).__module__ for part in parts}


class Predictor:
    """A model that predicts from a DataFrame, an array, or a list or dictionary of arrays."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def get_raw_model(self) -> Any:
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return a DataFrame for a DataFrame, and an array, or several, for anything else."""
        import numpy as np
        import pandas as pd

        if isinstance(data, pd.DataFrame):
            return pd.DataFrame(self._outputs_of(data.to_numpy()), index=data.index)
        if not isinstance(data, (np.ndarray, list, tuple, dict)):
            raise InvalidParameter(
                "a Keras model predicts from a DataFrame, an array, or a list, tuple or dictionary "
                f"of arrays, not from {type(data).__name__}"
            )
        return self._outputs_of(data)

    def _outputs_of(self, data: Any) -> Any:
        if not hasattr(self.model, "predict"):
            return self.model.serve(data).numpy()
        return self.model.predict(data, verbose=0)
