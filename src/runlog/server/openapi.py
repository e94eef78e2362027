"""The API's description of itself, made from the rows that it is made from."""

from __future__ import annotations

from typing import Any

from runlog.protocol import codecs
from runlog.protocol.endpoints import ROWS
from runlog.protocol.rows import PREVIEW, Row

ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
}


def document() -> dict[str, Any]:
    """Return an OpenAPI 3.1 document of every endpoint, each under its first prefix and the pages'
    one."""
    from runlog._version import __version__

    paths: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        for path in row.paths():
            if not path.startswith(PREVIEW):
                entry = paths.setdefault(path.replace("<", "{").replace(">", "}"), {})
                entry[row.verb.lower()] = _operation(row, path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "runlog", "version": __version__},
        "paths": paths,
    }


def _operation(row: Row, path: str) -> dict[str, Any]:
    inside = [field for field in row.fields if f"<{field.name}>" in path]
    outside = [field for field in row.fields if field not in inside]
    operation: dict[str, Any] = {
        "operationId": row.name + "_" + path.strip("/").replace("/", "_") + "_" + row.verb,
        "responses": {
            "200": {"description": "done", **_response_content(row)},
            "default": {
                "description": "refused",
                "content": {"application/json": {"schema": ERROR}},
            },
        },
        "parameters": [
            {"name": field.name, "in": "path", "required": True, "schema": field.kind.schema}
            for field in inside
        ],
    }
    if row.verb == "GET" or row.moves_a_file:
        operation["parameters"] += [
            {
                "name": field.name,
                "in": "query",
                "required": field.needed and not field.also,
                "schema": field.kind.schema,
            }
            for field in outside
        ]
    else:
        operation["requestBody"] = {
            "content": {"application/json": {"schema": codecs.schema_of(outside)}}
        }
    if row.moves_a_file and row.verb in ("PUT", "POST"):
        operation["requestBody"] = {"content": {"application/octet-stream": {}}}
    return operation


def _response_content(row: Row) -> dict[str, Any]:
    if row.answer is not codecs.FILE:
        return {"content": {"application/json": {"schema": row.answer.schema}}}
    if row.verb == "GET":
        return {"content": {"*/*": {}}}
    return {"content": {"application/json": {}}} if row.verb == "DELETE" else {}
