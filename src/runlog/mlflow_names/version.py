"""The version of MLflow whose names and REST protocol runlog has: what `mlflow.__version__` says
where runlog is `mlflow`. Frameworks compare it with what they need."""

VERSION = "3.17.2"


def is_release_version() -> bool:
    """Return True: VERSION is of a release."""
    return True
