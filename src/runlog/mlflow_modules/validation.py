"""`mlflow.utils.validation`: limits of MLflow's protocol, and checks of names.

Frameworks read these to split or cut what they log. runlog itself takes any number of values in a
call, and longer ones.
"""

from __future__ import annotations

from typing import Any

from runlog import validate
from runlog.errors import InvalidParameter
from runlog.validate import (
    MAX_EXPERIMENT_NAME_LENGTH,
    MAX_METRICS_PER_BATCH,
)
from runlog.validate import MAX_INPUT_TAG_KEY_LENGTH as MAX_INPUT_TAG_KEY_SIZE
from runlog.validate import MAX_KEY_LENGTH as MAX_ENTITY_KEY_LENGTH
from runlog.validate import MAX_PARAMS_PER_BATCH as MAX_PARAMS_TAGS_PER_BATCH

__all__ = [
    "MAX_ENTITY_KEY_LENGTH",
    "MAX_EXPERIMENT_NAME_LENGTH",
    "MAX_INPUT_TAG_KEY_SIZE",
    "MAX_METRICS_PER_BATCH",
    "MAX_PARAMS_TAGS_PER_BATCH",
]

MAX_PARAM_VAL_LENGTH = 6000
MAX_TAG_VAL_LENGTH = 8000
MAX_EXPERIMENT_TAG_KEY_LENGTH = 250
MAX_EXPERIMENT_TAG_VAL_LENGTH = 20_000
MAX_ENTITIES_PER_BATCH = MAX_DATASETS_PER_BATCH = 1000
MAX_BATCH_LOG_REQUEST_SIZE = 1_000_000
MAX_EXPERIMENTS_LISTED_PER_PAGE = 50_000
MAX_DATASET_NAME_SIZE = 500
MAX_DATASET_DIGEST_SIZE = 36
MAX_INPUT_TAG_VALUE_SIZE = 500
MAX_MODEL_REGISTRY_TAG_KEY_LENGTH = 250
MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH = 100_000
MAX_REGISTERED_MODEL_ALIAS_LENGTH = 255


def validate_param_and_metric_name(name: Any) -> bool:
    """Return whether the name of a param or metric is possible."""
    try:
        validate.key(name, "param")
    except InvalidParameter:
        return False
    return True


def _validate_param_name(name: Any, path: str = "key") -> None:
    validate.key(name, "param")


def _validate_metric_name(name: Any, path: str = "name") -> None:
    validate.key(name, "metric")


def _validate_tag_name(name: Any, path: str = "key") -> None:
    validate.key(name, "tag")


def _validate_run_id(run_id: Any, path: str = "run_id") -> None:
    validate.run_id(run_id)


def _validate_experiment_name(experiment_name: Any) -> None:
    validate.experiment_name(experiment_name)


def _validate_experiment_id(exp_id: Any) -> None:
    validate.experiment_id(exp_id)
