"""Runs the files in tests/wire: requests and answers of MLflow's protocol, written down by hand.

They bypass our own encoding, so that a mistake made on both sides of it is seen. A file is a list
of steps, run in order on a fresh server:

    call    "POST runs/create", below /api/2.0/mlflow/; "GET /health" where it begins with a slash
    send    the JSON body; a text is the query string of a GET
    status  what is answered, 200 if it does not say
    answer  the JSON body: "<any>" stands for any value, "<text x>" for a text with x in it
    keep    {"run": "run/info/run_id"}: later steps may say {run}
    only    why MLflow's own server answers otherwise: then it is left out where one is asked
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("wire")
MORE = {"sqlstate", "error_class", "workspace"}  # what only MLflow's newest servers say
Send = Callable[[str, str, Any], tuple[int, bytes]]


def play(name: str, send: Send, ours: bool = True) -> None:
    kept: dict[str, str] = {}
    for step in json.loads((FOLDER / name).read_text()):
        if "only" in step and not ours:
            continue
        verb, _, path = filled(step["call"], kept).partition(" ")
        path = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        status, body = send(verb, path, filled(step.get("send"), kept))
        said = f"{step}: {status} {body[:2000]!r}"
        assert status == step.get("status", 200), said
        if "answer" in step:
            answer = json.loads(body)
            assert same(filled(step["answer"], kept), answer), said
            for word, place in step.get("keep", {}).items():
                value = answer
                for part in place.split("/"):
                    value = value[int(part) if part.isdigit() else part]
                kept[word] = value


def filled(value: Any, kept: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {filled(key, kept): filled(each, kept) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, kept) for each in value]
    if isinstance(value, str):
        for word, text in kept.items():
            value = value.replace("{" + word + "}", text)
    return value


def same(expected: Any, answer: Any) -> bool:
    """Whether the answer is what was expected."""
    if isinstance(expected, str) and expected.startswith("<text "):
        return isinstance(answer, str) and expected[6:-1] in answer
    if expected == "<any>":
        return answer not in (None, "", [], {})
    if isinstance(expected, dict):
        return (
            isinstance(answer, dict)
            and expected.keys() == answer.keys() - MORE
            and all(same(value, answer[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(answer, list)
            and len(expected) == len(answer)
            and all(map(same, expected, answer))
        )
    return type(expected) is type(answer) and bool(expected == answer)
