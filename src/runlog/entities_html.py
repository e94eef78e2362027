"""How runs and experiments look in a notebook: HTML in which everything is escaped.

They come as dictionaries, since entities load this module when a notebook asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runlog import text_tables

# Tags whose values are among the attributes that are shown.
_SHOWN_ABOVE = ("mlflow.runName", "mlflow.user")


def run_html(run: Mapping[str, Any]) -> str:
    """Return what `Run.to_dictionary` says: what the run is, then what it logged and read, a table
    each."""
    info, data, end_time = run["info"], run["data"], run["info"]["end_time"]
    about = {
        "id": info["run_id"],
        "experiment": info["experiment_id"],
        "status": info["status"],
        "started": _time_text(info["start_time"]),
        "ended": _time_text(end_time),
        "took": None if end_time is None else text_tables.duration(end_time - info["start_time"]),
        "user": info["user_id"],
        "stage": info["lifecycle_stage"],
        "artifacts": info["artifact_uri"],
    }
    return _page(
        f"Run {info['run_name']} ({info['status']})",
        about,
        metrics={key: text_tables.number(value) for key, value in data["metrics"].items()},
        params=data["params"],
        tags={key: value for key, value in data["tags"].items() if key not in _SHOWN_ABOVE},
        inputs=_inputs(run["inputs"]["dataset_inputs"]),
    )


def experiment_html(experiment: Mapping[str, Any]) -> str:
    """Return what `Experiment.to_dictionary` says: what the experiment is, then its tags."""
    about = {
        "id": experiment["experiment_id"],
        "created": _time_text(experiment["creation_time"]),
        "changed": _time_text(experiment["last_update_time"]),
        "stage": experiment["lifecycle_stage"],
        "artifacts": experiment["artifact_location"],
    }
    return _page(f"Experiment {experiment['name']}", about, tags=experiment["tags"])


def _time_text(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{text_tables.time(milliseconds)} UTC"


def _inputs(inputs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return of each data set the name and the digest, then its kind of source and the values of
    its tags."""
    return {
        f"{each['dataset']['name']} {each['dataset']['digest']}": ", ".join(
            [each["dataset"]["source_type"], *each["tags"].values()]
        )
        for each in inputs
    }


def _page(title: str, about: Mapping[str, str | None], **parts: Mapping[str, str]) -> str:
    """Return tables, without empty ones; the first one without empty rows."""
    known = {name: value for name, value in about.items() if value}
    rest = (_table(name, rows) for name, rows in parts.items() if rows)
    return "".join([_table(title, known), *rest])


def _table(title: str, rows: Mapping[str, str | None]) -> str:
    from html import escape

    left = "style='text-align:left;vertical-align:top;white-space:pre-wrap'"
    body = "".join(
        f"<tr><th {left}>{escape(str(name))}</th><td {left}>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    caption = f"<caption style='text-align:left;font-weight:bold'>{escape(title)}</caption>"
    return f"<table>{caption}<tbody>{body}</tbody></table>"
