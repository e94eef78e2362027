"""How runs and experiments look in a notebook: HTML in which everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from runlog import text_tables

if TYPE_CHECKING:
    from runlog.entities import DatasetInput, Experiment, Run

# Tags whose values are among the attributes that are shown.
_SHOWN_ABOVE = ("mlflow.runName", "mlflow.user")


def run(run: Run) -> str:
    """What a run is, then what it logged and read, a table each."""
    info = run.info
    about = {
        "id": info.run_id,
        "experiment": info.experiment_id,
        "status": info.status,
        "started": _time(info.start_time),
        "ended": _time(info.end_time),
        "took": None
        if info.end_time is None
        else text_tables.duration(info.end_time - info.start_time),
        "user": info.user_id,
        "stage": info.lifecycle_stage,
        "artifacts": info.artifact_uri,
    }
    tags = {key: run.data.tags[key] for key in run.data.tags if key not in _SHOWN_ABOVE}
    return _page(
        f"Run {info.run_name} ({info.status})",
        about,
        metrics={key: text_tables.number(value) for key, value in run.data.metrics.items()},
        params=run.data.params,
        tags=tags,
        inputs=_inputs(run.inputs.dataset_inputs),
    )


def experiment(experiment: Experiment) -> str:
    """What an experiment is, then its tags."""
    about = {
        "id": experiment.experiment_id,
        "created": _time(experiment.creation_time),
        "changed": _time(experiment.last_update_time),
        "stage": experiment.lifecycle_stage,
        "artifacts": experiment.artifact_location,
    }
    return _page(f"Experiment {experiment.name}", about, tags=experiment.tags)


def _time(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{text_tables.time(milliseconds)} UTC"


def _inputs(given: Iterable[DatasetInput]) -> dict[str, str]:
    """Of each data set the name and the digest, then its kind of source and the values of tags."""
    return {
        f"{each.dataset.name} {each.dataset.digest}": ", ".join(
            [each.dataset.source_type, *(tag.value for tag in each.tags)]
        )
        for each in given
    }


def _page(title: str, about: Mapping[str, str | None], **parts: Mapping[str, str]) -> str:
    """Tables, without empty ones; of the first one without empty rows."""
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
