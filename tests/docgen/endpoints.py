"""Writes docs/rest.md from the rows that the server and the HTTP store read."""

from __future__ import annotations

from typing import Any

from runlog.protocol.endpoints import ROWS
from runlog.protocol.rows import ARTIFACTS, MLFLOW, MLFLOW_3, OURS, Row

HEAD = """\
# REST API

The endpoints of `runlog serve`. Those of MLflow's API are as MLflow has them, and clients of MLflow
use them unchanged; clients of 1.x find them below `/api/2.0/preview/mlflow/`, too. Send JSON, or
for a GET a query string. Fields in bold are required. "Who" is the right that a user needs: read,
edit or admin. `/openapi.json` has the same for programs, with the types of the answers. An error is
`{"error_code": ..., "message": ...}` with the HTTP status of its code.

Besides, `/health` says OK, `/version` the version, `/metrics` has figures for Prometheus, and
`/api/runlog/1/session` says who you are; `/login` and `/logout` are the form and its end.
[security.md](security.md) has the endpoints for users and
tokens, [ui.md](ui.md) explains what those for pages return.

```sh
curl http://127.0.0.1:5000/api/2.0/mlflow/experiments/search -H 'Content-Type: application/json' \\
    -d '{"max_results": 10}'
```
"""
PARTS = {
    MLFLOW[0]: "MLflow's tracking API",
    MLFLOW_3[0]: "MLflow 3",
    ARTIFACTS[0]: "Files",
    "/": "Files for MLflow's pages",
    OURS[0]: "What MLflow has no endpoint for",
}


def page() -> str:
    """Return the page."""
    parts: dict[str, list[Row]] = {prefix: [] for prefix in PARTS}
    for row in ROWS:
        prefix = row.prefixes[0]
        known = "/" if prefix not in parts else prefix
        parts[known].append(row)
    return HEAD + "".join(_part(prefix, rows) for prefix, rows in parts.items())


def _part(prefix: str, rows: list[Row]) -> str:
    lines = "".join(_row(row, prefix) for row in rows)
    head = f"\n## {PARTS[prefix]}\n\nBelow `{prefix}`.\n\n"
    return f"{head}| endpoint | who | fields |\n|---|---|---|\n{lines}"


def _row(row: Row, prefix: str) -> str:
    path = row.path if row.prefixes[0] == prefix else row.prefixes[0] + row.path
    path = path.replace("<", "{").replace(">", "}")
    names = [f"**{each.name}**" if each.needed else each.name for each in row.fields]
    kinds = [_kind(each.kind.schema) for each in row.fields]
    fields = ", ".join(f"{name} ({kind})" for name, kind in zip(names, kinds, strict=True))
    return f"| {row.verb} `{path}` | {row.access} | {fields} |\n"


def _kind(schema: dict[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if "enum" in schema:
        return " or ".join(schema["enum"])
    return str(schema.get("type") or "text or number").replace("string", "text")
