"""Flavours of models: how the models of a framework are saved, logged and loaded.

Each module here is a submodule of `runlog` itself, `runlog.sklearn` for example, and is imported
under that name only. They are: `keras`, `pyfunc`, `pytorch`, `sentence_transformers`, `sklearn`,
`tensorflow` and `transformers`.
"""

# The package `runlog` looks for its submodules here; under this name nothing is found.
__path__ = []
