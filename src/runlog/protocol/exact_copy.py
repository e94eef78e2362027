"""Kinds of the endpoints that copy runs between stores."""

from __future__ import annotations

from runlog.protocol.codecs import INT64, TEXT, Field, many, message, needed
from runlog.protocol.entities import MODEL, RUN
from runlog.protocol.registry_endpoints import MODEL_VERSION
from runlog.protocol.views import COUNTS
from runlog.store_parts.exact_copy import FileRecord, ModelRecord, RunRecord, VersionRecord

_FILE = message(
    FileRecord,
    needed("path", TEXT),
    needed("size", INT64),
    needed("sha256", TEXT),
    needed("time", INT64),
)
RUN_RECORD = message(
    RunRecord,
    needed("run", RUN),
    Field("deleted_time", INT64),
    Field("counts", COUNTS, default={}),
    Field("files", many(_FILE), default=()),
)
VERSION_RECORD = message(
    VersionRecord, needed("version", MODEL_VERSION), Field("location", TEXT, default="")
)
MODEL_RECORD = message(
    ModelRecord, needed("model", MODEL), Field("lifecycle_stage", TEXT, default="active")
)
