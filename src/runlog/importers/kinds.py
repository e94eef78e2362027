"""Recognising what lies at a path or URI, and opening it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlog.errors import InvalidParameter, NotFound

if TYPE_CHECKING:
    from runlog.importers.source import Source

KINDS = {
    "mlflow-files": "MLflow's folder of files (mlruns/)",
    "mlflow-database": "MLflow's database (mlflow.db, postgresql://, mysql://)",
}
"""What can be imported: the names for `--from`, and what each is."""

_SQLITE = b"SQLite format 3\0"


def open_source(uri: str, kind: str | None = None, artifacts: str | None = None) -> Source:
    """Open what lies at a path or URI as `kind`, or as what it is recognised to be. `artifacts` is
    a folder with files that are no longer where the source says.

    Raises NotFound if there is nothing, and InvalidParameter for what is nothing of `KINDS`.
    """
    found = kind or recognised(uri)
    if found is None:
        raise InvalidParameter(
            f"{uri} is nothing that can be imported: looked for {', '.join(KINDS.values())}. "
            "Use --from if it is one of these all the same"
        )
    if found == "mlflow-files":
        from runlog.importers.mlflow_files import MlflowFiles

        return MlflowFiles(_mlruns(uri), artifacts)
    if found == "mlflow-database":
        from runlog.importers.mlflow_database import MlflowDatabase

        return MlflowDatabase(uri, artifacts)
    raise InvalidParameter(f"no kind {kind!r} of source: use one of {', '.join(KINDS)}")


def recognised(uri: str) -> str | None:
    """Return the kind of what lies at a path or URI, or None. Raises NotFound if nothing does."""
    from runlog.importers.mlflow_files import is_mlflow_folder

    scheme, colon, rest = uri.partition("://")
    if colon and scheme.partition("+")[0] in ("postgresql", "postgres", "mysql", "mariadb"):
        return "mlflow-database"
    path = rest.removeprefix("/") if colon and scheme == "sqlite" else uri
    if not os.path.exists(path):
        raise NotFound(f"{path} does not exist")
    if os.path.isdir(path):
        return "mlflow-files" if is_mlflow_folder(_mlruns(path)) else None
    with open(path, "rb") as file:
        head = file.read(100)
    return "mlflow-database" if head.startswith(_SQLITE) and _has_mlflow_tables(path) else None


def _mlruns(path: str) -> str:
    """Return the folder itself, or the `mlruns` in it."""
    from runlog.importers.mlflow_files import is_mlflow_folder

    inside = os.path.join(path, "mlruns")
    return inside if not is_mlflow_folder(path) and os.path.isdir(inside) else path


def _has_mlflow_tables(path: str) -> bool:
    from runlog.db.foreign import SqliteFile

    database = SqliteFile(path)
    try:
        return {"alembic_version", "experiments", "runs", "metrics"} <= database.tables().keys()
    finally:
        database.close()
