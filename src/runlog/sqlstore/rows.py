"""Entities of rows: experiments, and runs with what was logged to them."""

from __future__ import annotations

from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    Run,
    RunInfo,
    RunInputs,
    RunOutputs,
    run_data_of,
)
from runlog.sqlstore.ids import json_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runlog.db.base import Database
    from runlog.entities import LoggedModelInput, LoggedModelOutput
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.locations import Locations

_NO_LINKS: tuple[list[LoggedModelInput], list[LoggedModelOutput]] = ([], [])


class Rows:
    """Reads the rows of a database, and its locations, as entities."""

    def __init__(self, db: Database, locations: Locations) -> None:
        self.db, self.locations = db, locations

    def experiments(self, fetch: Fetch, ids: Sequence[int]) -> list[Experiment]:
        """Return the experiments of these row ids, in that order."""
        bindings = json_ids(ids)
        tags: dict[int, dict[str, str]] = {number: {} for number in ids}
        for number, key, value in fetch(
            f"""select t.experiment, t.key, t.value from json_each(:ids) j
                cross join experiment_tag t on t.experiment = j.value {self.db.BY_KEY}""",
            bindings,
        ):
            tags[number][key] = value
        rows = fetch(
            """select e.id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time,
                      e.last_update_time
               from json_each(:ids) j cross join experiment e on e.id = j.value order by j.key""",
            bindings,
        )
        absolute = self.locations.absolute
        return [
            Experiment(str(number), name, absolute(location), stage, tags[number], made, changed)
            for number, name, location, stage, made, changed in rows
        ]

    def infos(self, fetch: Fetch, ids: Sequence[int]) -> dict[int, RunInfo]:
        """Return the infos of the runs of these row ids, in that order, by row id."""
        rows = fetch(
            """select r.id, r.run_id, r.experiment, r.user_id, r.status, r.start_time, r.end_time,
                      r.lifecycle_stage, r.artifact_uri, r.name
               from json_each(:ids) j cross join run r on r.id = j.value order by j.key""",
            json_ids(ids),
        )
        if len(rows) < len(ids):
            raise self.db.damaged("an index of runs names rows that are not there")
        return {
            number: RunInfo(
                run_id,
                str(experiment),
                user,
                status,
                start,
                end,
                stage,
                self.locations.absolute(uri),
                name,
            )
            for number, run_id, experiment, user, status, start, end, stage, uri, name in rows
        }

    def runs(self, fetch: Fetch, ids: Sequence[int], metric_table: str) -> list[Run]:
        """Return the runs of these row ids, in that order. `metric_table` holds the summaries."""
        if not ids:
            return []
        bindings = json_ids(ids)
        infos = self.infos(fetch, ids)
        points: dict[int, list[tuple[Any, ...]]] = {number: [] for number in ids}
        for row in fetch(
            f"""select m.run, k.name, m.last, m.last_timestamp, m.last_step
                from json_each(:ids) j cross join {metric_table} m on m.run = j.value
                join metric_key k on k.id = m.key order by m.run, k.name""",
            bindings,
        ):
            points[row[0]].append(row)
        params: dict[int, dict[str, str]] = {number: {} for number in ids}
        for number, key, value in fetch(
            f"""select p.run, p.key, p.value from json_each(:ids) j
                cross join param p on p.run = j.value {self.db.BY_KEY}""",
            bindings,
        ):
            params[number][key] = value
        tags: dict[int, dict[str, str]] = {number: {} for number in ids}
        for number, key, value in fetch(
            f"""select t.run, t.key, t.value from json_each(:ids) j
                cross join tag t on t.run = j.value {self.db.BY_KEY}""",
            bindings,
        ):
            tags[number][key] = value
        inputs = _inputs(fetch, bindings)
        links = _links(fetch, bindings)
        return [
            Run(
                infos[number],
                run_data_of(infos[number].run_id, points[number], params[number], tags[number]),
                RunInputs(inputs.get(number, []), links.get(number, _NO_LINKS)[0]),
                RunOutputs(links.get(number, _NO_LINKS)[1]),
            )
            for number in ids
        ]


def _links(
    fetch: Fetch, bindings: Mapping[str, Any]
) -> dict[int, tuple[list[LoggedModelInput], list[LoggedModelOutput]]]:
    # Without logged models, which most files have none of, their module is not needed.
    if not fetch("select 1 from model_link limit 1"):
        return {}
    from runlog.sqlstore import logged_models

    return logged_models.links(fetch, bindings)


def _inputs(fetch: Fetch, bindings: Mapping[str, Any]) -> dict[int, list[DatasetInput]]:
    found: dict[int, dict[int, DatasetInput]] = {}
    for run, number, key, value, *fields in fetch(
        """select i.run, i.id, t.key, t.value,
                  d.name, d.digest, d.source_type, d.source, d.schema, d.profile
           from json_each(:ids) j cross join input i on i.run = j.value
           join dataset d on d.id = i.dataset left join input_tag t on t.input = i.id
           order by i.id, t.key""",
        bindings,
    ):
        of_run = found.setdefault(run, {})
        if number not in of_run:
            of_run[number] = DatasetInput(Dataset(*fields), [])
        if key is not None:
            of_run[number].tags.append(InputTag(key, value))
    return {run: [*of_run.values()] for run, of_run in found.items()}
