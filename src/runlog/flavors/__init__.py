"""Flavours of models: how the models of a framework are saved, logged and loaded.

Each module here is a submodule of `runlog` itself, `runlog.sklearn` for example, and is imported
under that name only. They are: `pyfunc`, and

- of tables: `sklearn`, `xgboost`, `lightgbm`, `catboost`, `statsmodels`, `prophet`
- of graphs and texts: `onnx`, `spacy`
- of studies, which have no models: `optuna`
- deep learning: `pytorch`, `keras`, `tensorflow`, `transformers`, `sentence_transformers`
"""

# The package `runlog` looks for its submodules here; under this name nothing is found.
__path__ = []
