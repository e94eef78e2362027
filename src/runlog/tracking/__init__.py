"""The client under MLflow's name for its module: `from runlog.tracking import MlflowClient`.

`client` has the same, and `fluent` the functions, for scripts that import them from there.
"""

from runlog.client import RunlogClient
from runlog.tracking_uri import (
    get_registry_uri,
    get_tracking_uri,
    is_tracking_uri_set,
    set_registry_uri,
    set_tracking_uri,
)

MlflowClient = RunlogClient

__all__ = [
    "MlflowClient",
    "RunlogClient",
    "get_registry_uri",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_registry_uri",
    "set_tracking_uri",
]

TYPE_CHECKING = False
if not TYPE_CHECKING:  # which would take every name for one that is there

    def __getattr__(name):
        if name.startswith("__"):  # each import asks for __path__
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return __import__("runlog.mlflow_names", fromlist=["*"]).attribute("tracking", name)
