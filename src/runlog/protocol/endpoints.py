"""All endpoints, a row each. The server and the HTTP store read the same."""

from __future__ import annotations

from collections.abc import Mapping

from runlog.protocol.file_endpoints import FILE_ROWS
from runlog.protocol.mlflow_endpoints import MLFLOW_ROWS
from runlog.protocol.registry_endpoints import REGISTRY_ROWS
from runlog.protocol.rows import Row
from runlog.protocol.runlog_endpoints import RUNLOG_ROWS

ROWS = MLFLOW_ROWS + REGISTRY_ROWS + FILE_ROWS + RUNLOG_ROWS
BY_NAME: Mapping[str, Row] = {row.name: row for row in ROWS}
