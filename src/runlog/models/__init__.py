"""Models as folders of artifacts, in MLflow's layout: each tracker opens the other's.

- `model`: `Model`, which is a MLmodel file, and `ModelInfo`; `log`: logging one; `changes` of one
- `saving`: what all flavours do when they save a model; `pickles`: pickling, and refusing
  to; `mlflow_pickles`: names in those of MLflow's
- `signature`, `examples`, `enforcement`: what goes in and out of a model; `serving_input`,
  `serving`: as a model server has it
- `requirements`, `environment`, `code`, `from_code`: the packages and the source that it needs
- `pipelines`, `keras_models`: how such models predict; `checkpoints`: those of trainings
- `exported_programs`: which archives of torch are safe to load
- `uris`: where models are; `yaml_files`: YAML
"""

from runlog.models.changes import set_signature, update_model_requirements
from runlog.models.enforcement import validate_schema
from runlog.models.examples import ModelInputExample, convert_input_example_to_serving_input
from runlog.models.from_code import ModelConfig, set_model
from runlog.models.model import Model, ModelInfo, get_model_info
from runlog.models.serving import predict, validate_serving_input
from runlog.models.signature import ModelSignature, infer_signature

__all__ = [
    "infer_signature",
    "set_signature",
    "get_model_info",
    "set_model",
    "predict",
    "validate_schema",
    "validate_serving_input",
    "convert_input_example_to_serving_input",
    "update_model_requirements",
    "Model",
    "ModelInfo",
    "ModelSignature",
    "ModelConfig",
    "ModelInputExample",
]
