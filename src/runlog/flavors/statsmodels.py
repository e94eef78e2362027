"""Results of statsmodels.

statsmodels pickles them, so loading one can run any code;
`RUNLOG_ALLOW_PICKLE_DESERIALIZATION=false` refuses that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.statsmodels import autolog as autolog
from runlog.errors import InvalidParameter
from runlog.extras import framework
from runlog.models import code, pickles, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model", "autolog"]

FLAVOR_NAME = "statsmodels"
_FILE = "model.statsmodels"


def save_model(
    statsmodels_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    remove_data: bool = False,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
) -> None:
    """Save a model of statsmodels to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty.
    """
    import statsmodels

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
    statsmodels_model.save(folder.at(_FILE), remove_data)
    folder.add_pyfunc("mlflow.statsmodels", data=_FILE)
    folder.add_flavor(FLAVOR_NAME, statsmodels_version=statsmodels.__version__, data=_FILE)
    folder.finish(modules={"statsmodels"}, predict=_Predictor(statsmodels_model).predict)


def log_model(
    statsmodels_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    remove_data: bool = False,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
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
    """Log a Results object of statsmodels, which `fit` returns, and return its ModelInfo.

    - `remove_data`: leave the arrays of the training data out of the file. Predictions remain
      possible; some statistics do not.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the results of statsmodels at a URI.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    RunlogError if it is of another flavour, or if pickles are switched off.
    """
    folder = local_folder(model_uri, dst_path)
    return _load_results(code.inside(folder, flavor_conf(folder, FLAVOR_NAME).get("data", _FILE)))


def _load_results(path: str) -> Any:
    pickles.refuse_unless_allowed(f"{os.path.basename(path)} is a pickle")
    return framework("statsmodels.iolib.api").load_pickle(path)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(_load_results(path))


class _Predictor:
    def __init__(self, statsmodels_model: Any) -> None:
        self.statsmodels_model = statsmodels_model

    def get_raw_model(self) -> Any:
        return self.statsmodels_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return predictions: of rows, or of a time series between `start` and `end`, which are
        the columns of one row."""
        from statsmodels.tsa.base.tsa_model import TimeSeriesModel

        results = self.statsmodels_model
        if not isinstance(results.model, TimeSeriesModel):
            return results.predict(data)
        if len(data) != 1 or not {"start", "end"} <= {*data.columns}:
            raise InvalidParameter(
                "the input of a time series model must be a DataFrame of one row with the "
                f"columns start and end, not of {len(data)} rows with {', '.join(data.columns)}"
            )
        return results.predict(start=data["start"].iloc[0], end=data["end"].iloc[0])
