"""Models as folders of artifacts, in MLflow's layout: each tracker opens the other's.

- `model`: `Model`, which is a MLmodel file, and `ModelInfo`; `log`: logging one
- `saving`: what all flavours do when they save a model; `pickles`: pickling, and refusing to
- `signature`, `examples`, `serving_input`: what goes in and out of a model
- `requirements`, `environment`, `code`: the packages and the files of source that it needs
- `uris`: where models are; `yaml_files`: YAML
"""

from runlog.models.model import Model, ModelInfo, get_model_info
from runlog.models.signature import ModelSignature, infer_signature

__all__ = [
    "Model",
    "ModelInfo",
    "ModelSignature",
    "get_model_info",
    "infer_signature",
]
