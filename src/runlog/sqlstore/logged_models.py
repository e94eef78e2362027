"""The logged models of a SqlStore, each statement beside the function that runs it.

There are few of them beside points and runs, so a search reads an experiment's models and filters
them in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from runlog import names, validate
from runlog.clock import now
from runlog.entities import (
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    PagedList,
)
from runlog.errors import InvalidParameter, NotFound, shown
from runlog.query.clauses import MODELS
from runlog.query.evaluate import matches, sort_items
from runlog.query.page_token import decode_token, encode_token, other_search, search_mark
from runlog.query.parser import parse_filter, parse_order_by
from runlog.sqlstore.ids import active_experiment, active_run, listed
from runlog.sqlstore.retry import retry
from runlog.store_parts.logged_models import LoggedModels, ModelOrder

if TYPE_CHECKING:
    from runlog.db.base import Database
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.locations import Locations

Measured = tuple["str | None", "str | None"]  # a data set: name and digest
STATUSES = (LoggedModelStatus.PENDING, LoggedModelStatus.READY, LoggedModelStatus.FAILED)


class SqlModels(LoggedModels):
    def __init__(self, db: Database, locations: Locations) -> None:
        self._db, self._locations = db, locations

    def create(
        self,
        experiment_id: str,
        name: str | None = None,
        model_type: str = "",
        source_run_id: str = "",
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedModel:
        model_id = "m-" + names.run_id()
        self._create(model_id, experiment_id, _name(name), model_type, source_run_id, params, tags)
        return self.get(model_id)

    @retry
    def _create(
        self,
        model_id: str,
        experiment_id: str,
        name: str,
        model_type: str,
        source_run_id: str,
        params: Mapping[str, str] | None,
        tags: Mapping[str, str] | None,
    ) -> None:
        with self._db.transaction():
            experiment, location = active_experiment(self._db.execute, experiment_id)
            row = self._db.execute(
                """insert into model (model_id, experiment, name, type, source_run_id, artifact_uri,
                                      creation_time, last_update_time)
                   values (:model_id, :experiment, :name, :type, :run, :artifacts, :now, :now)
                   returning id""",
                {
                    "model_id": model_id,
                    "experiment": experiment,
                    "name": name,
                    "type": validate.text(model_type or ""),
                    "run": validate.run_id(source_run_id) if source_run_id else "",
                    "artifacts": f"{location.rstrip('/')}/models/{model_id}/artifacts",
                    "now": now(),
                },
            )
            store_params(self._db, row[0][0], model_id, params or {})
            set_tags_of(self._db, row[0][0], tags or {})

    def get(self, model_id: str) -> LoggedModel:
        with self._db.reading() as fetch:
            return read(
                self._db, self._locations, fetch, "m.id = :id", {"id": _row_id(fetch, model_id)}
            )[0]

    def finalize(self, model_id: str, status: str) -> LoggedModel:
        if status not in STATUSES:
            raise InvalidParameter(f"no model status {status!r}: use one of {', '.join(STATUSES)}")
        self._db_change(model_id, "status = :status", {"status": status})
        return self.get(model_id)

    def delete(self, model_id: str) -> None:
        self._db_change(model_id, "lifecycle_stage = 'deleted'", {})

    @retry
    def _db_change(self, model_id: str, assignment: str, bindings: Mapping[str, Any]) -> None:
        with self._db.transaction():
            number = _row_id(self._db.execute, model_id)
            self._db.execute(
                f"update model set {assignment}, last_update_time = :now where id = :id",
                {"id": number, "now": now(), **bindings},
            )

    @retry
    def set_tags(self, model_id: str, tags: Mapping[str, Any]) -> LoggedModel:
        with self._db.transaction():
            set_tags_of(self._db, _row_id(self._db.execute, model_id), tags)
        return self.get(model_id)

    @retry
    def delete_tag(self, model_id: str, key: str) -> None:
        with self._db.transaction():
            deleted = self._db.change(
                "delete from model_tag where model = :model and key = :key",
                {"model": _row_id(self._db.execute, model_id), "key": key},
            )
            if not deleted:
                raise NotFound(f"No tag with key {key!r} found for model with ID {model_id!r}.")

    @retry
    def log_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        with self._db.transaction():
            store_params(self._db, _row_id(self._db.execute, model_id), model_id, params)

    @retry
    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        with self._db.transaction():
            run = active_run(self._db.execute, run_id)
            steps = {each.model_id: validate.integer("step", each.step) for each in models}
            _link(self._db, run, "output", steps)

    def search(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[tuple[str, str | None]] = (),
        max_results: int = 50,
        order_by: Sequence[ModelOrder] = (),
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        limit = validate.max_results(max_results)
        clause = parse_filter(filter_string, MODELS)
        order = parse_order_by(
            [f"{each.field_name} {'ASC' if each.ascending else 'DESC'}" for each in order_by],
            MODELS,
        )
        wanted = [_dataset(*each) for each in datasets]
        ids = validate.experiment_ids(experiment_ids)
        mark = search_mark(clause, [tuple(each) for each in order_by], ids, wanted)
        start = _offset(page_token, mark)
        numbers = listed(ids)
        with self._db.reading() as fetch:
            models = read(
                self._db,
                self._locations,
                fetch,
                f"m.experiment in ({numbers}) and m.lifecycle_stage = 'active'",
                {},
            )
        if wanted:
            models = [each for each in models if _measured_on(each, wanted).metrics]
        found = [each for each in models if matches(clause, _measured_on(each, wanted))]
        seen = [partial(_measured_on, datasets=_of_order(each)) for each in order_by]
        found = sort_items(found, order, MODELS, views=seen)
        rest = len(found) > start + limit
        token = encode_token((mark, start + limit)) if rest else None
        return PagedList(found[start : start + limit], token)


def set_tags_of(db: Database, model: int, tags: Mapping[str, Any]) -> None:
    """Set tags of the model of that row id, within the caller's transaction."""
    db.executemany(
        """insert into model_tag (model, key, value) values (:model, :key, :value)
           on conflict (model, key) do update set value = excluded.value""",
        [
            {"model": model, "key": validate.key(key, "tag"), "value": validate.text(value)}
            for key, value in tags.items()
        ],
    )


def store_params(db: Database, model: int, model_id: str, params: Mapping[str, Any]) -> None:
    """Store params of a model, within the caller's transaction. Raises InvalidParameter for one
    that has another value already."""
    rows: list[dict[str, Any]] = [
        {"model": model, "key": validate.key(key, "param"), "value": validate.text(value)}
        for key, value in params.items()
    ]
    db.executemany(
        """insert into model_param (model, key, value) values (:model, :key, :value)
           on conflict do nothing""",
        rows,
    )
    stored: dict[str, str] = dict(
        db.execute("select key, value from model_param where model = :m", {"m": model})
    )
    for row in rows:
        if stored[row["key"]] != row["value"]:
            raise InvalidParameter(
                f"Changing param values is not allowed. Param with key='{row['key']}' was "
                f"already logged with value='{stored[row['key']]}' for model {model_id!r}. "
                f"Attempted logging new value '{row['value']}'."
            )


def log_points(db: Database, run_id: str, metrics: Sequence[Metric]) -> None:
    """Store points of a run with their models, within the caller's transaction."""
    numbers = {each: _row_id(db.execute, each) for each in {m.model_id or "" for m in metrics}}
    db.executemany(
        """insert into model_metric (model, key, step, timestamp, value, run_id, dataset_name,
                                     dataset_digest)
           values (:model, :key, :step, :timestamp, :value, :run_id, :name, :digest)
           on conflict do nothing""",
        [
            {
                "model": numbers[each.model_id or ""],
                "key": validate.key(each.key, "metric"),
                "step": validate.integer("step", each.step),
                "timestamp": validate.timestamp(each.timestamp),
                "value": db.double(validate.number(each.key, each.value)),
                "run_id": run_id,
                "name": each.dataset_name or "",
                "digest": each.dataset_digest or "",
            }
            for each in metrics
        ],
    )


def log_inputs(db: Database, run: int, models: Sequence[LoggedModelInput]) -> None:
    """Store that a run read models, within the caller's transaction."""
    _link(db, run, "input", {each.model_id: 0 for each in models})


def _link(db: Database, run: int, kind: str, steps: Mapping[str, int]) -> None:
    store_links(
        db,
        [
            {"run": run, "kind": kind, "model": _row_id(db.execute, model_id), "step": step}
            for model_id, step in steps.items()
        ],
    )


def store_links(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store that runs read or made models, all by row ids, within the caller's transaction."""
    db.executemany(
        """insert into model_link (run, kind, model, step) values (:run, :kind, :model, :step)
           on conflict (run, kind, model) do update set step = excluded.step""",
        rows,
    )


def links(
    fetch: Fetch, bindings: Mapping[str, Any]
) -> dict[int, tuple[list[LoggedModelInput], list[LoggedModelOutput]]]:
    """Return what the runs of these row ids read and made."""
    found: dict[int, tuple[list[LoggedModelInput], list[LoggedModelOutput]]] = {}
    for run, kind, model_id, step in fetch(
        """select l.run, l.kind, m.model_id, l.step from json_each(:ids) j
           cross join model_link l on l.run = j.value
           join model m on m.id = l.model order by l.run, l.kind, l.step, m.id""",
        bindings,
    ):
        inputs, outputs = found.setdefault(run, ([], []))
        if kind == "input":
            inputs.append(LoggedModelInput(model_id))
        else:
            outputs.append(LoggedModelOutput(model_id, step))
    return found


def _row_id(fetch: Fetch, model_id: str) -> int:
    """Return the row id of an active model. Raises NotFound."""
    found = fetch(
        "select id from model where model_id = :model_id and lifecycle_stage = 'active'",
        {"model_id": validate.text(model_id)},
    )
    if not found:
        raise NotFound(f"Logged model with ID '{model_id}' not found.")
    return int(found[0][0])


def read(
    db: Database, locations: Locations, fetch: Fetch, condition: str, bindings: Mapping[str, Any]
) -> list[LoggedModel]:
    """Return the models for which `condition` is true: SQL on `m`."""
    rows = fetch(
        f"""select m.id, m.model_id, m.experiment, m.name, m.artifact_uri, m.creation_time,
                   m.last_update_time, m.status, m.type, m.source_run_id
            from model m where {condition} order by m.creation_time desc, m.id desc""",
        bindings,
    )
    values: dict[str, dict[int, dict[str, str]]] = {}
    for table in ("tag", "param"):
        kept = values[table] = {row[0]: {} for row in rows}
        for number, key, value in fetch(
            f"""select t.model, t.key, t.value from model m
                join model_{table} t on t.model = m.id where {condition} {db.BY_KEY}""",
            bindings,
        ):
            kept[number][key] = value
    ids = {row[0]: row[1] for row in rows}
    points: dict[int, list[Metric]] = {number: [] for number in ids}
    for number, key, value, time, step, run, name, digest in fetch(
        f"""select p.model, p.key, p.value, p.timestamp, p.step, p.run_id, p.dataset_name,
                   p.dataset_digest
            from model m join model_metric p on p.model = m.id where {condition}
            order by p.model, p.key, p.step, p.timestamp, p.value""",
        bindings,
    ):
        points[number].append(
            Metric(key, float(value), time, step, ids[number], name or None, digest or None, run)
        )
    return [
        LoggedModel(
            str(experiment),
            model_id,
            name,
            locations.absolute(uri),
            made,
            changed,
            kind or None,
            run or None,
            status,
            values["tag"][number],
            values["param"][number],
            points[number],
        )
        for number, model_id, experiment, name, uri, made, changed, status, kind, run in rows
    ]


def _name(name: str | None) -> str:
    if not name:
        return names.generate()
    if not isinstance(name, str):
        raise InvalidParameter(f"Invalid model name ({shown(name)}): it must be text")
    # MLflow's rule: the name stands in models:/name URIs.
    if any(character in name for character in "/:.%\"'"):
        raise InvalidParameter(
            f"Invalid model name ({name!r}): it must not hold any of / : . % \" '"
        )
    return validate.text(name)


def _dataset(name: str, digest: str | None) -> Measured:
    if not name:  # as MLflow has it
        raise InvalidParameter("a data set in `datasets` must have a dataset_name")
    return name, digest or None


def _of_order(order: ModelOrder) -> list[Measured]:
    wanted = (order.dataset_name or None, order.dataset_digest or None)
    return [wanted] if any(wanted) else []


def _measured_on(model: LoggedModel, datasets: Sequence[Measured]) -> LoggedModel:
    """Return the model with only those metrics that were measured on one of the data sets, each a
    name and a digest, of which None is any."""
    if not datasets:
        return model
    points = [
        point
        for point in model.metrics
        if any(
            name in (None, point.dataset_name) and digest in (None, point.dataset_digest)
            for name, digest in datasets
        )
    ]
    return model._replace(metrics=points)


def _offset(token: str | None, mark: int) -> int:
    if not token:
        return 0
    marked, *rest = decode_token(token) or (None,)
    start = rest[0] if len(rest) == 1 else None
    if marked == mark and isinstance(start, (int, float)) and start in range(2**53):
        return int(start)
    raise other_search()
