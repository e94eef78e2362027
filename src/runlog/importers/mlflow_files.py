"""MLflow's folders of files, `mlruns/`, as versions 0.9 to 3.x write them.

    mlruns/EXPERIMENT/meta.yaml, tags/KEY
    mlruns/EXPERIMENT/RUN/meta.yaml, metrics/KEY, params/KEY, tags/KEY, inputs/ID/meta.yaml,
                          outputs/ID/meta.yaml, artifacts/
    mlruns/EXPERIMENT/datasets/ID/meta.yaml, models/MODEL/...
    mlruns/.trash/EXPERIMENT                deleted experiments

A metric's file has a line a point: time, value and, from 1.0 on, step; then a data set's name and
digest. Links are not followed, and nothing but plain files is read.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from runlog import validate
from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)
from runlog.errors import InvalidParameter
from runlog.importers.source import Points, Source, last_point, unique
from runlog.store_parts.exact_copy import ModelRecord, RunRecord

TRASH = ".trash"
_RESERVED = {"tags", "datasets", "traces", "models", "assessments", TRASH}
_META = "meta.yaml"
_MOST = 1 << 20  # bytes of a meta.yaml: MLflow's have a few hundred
_REMEMBERED = 4 << 20  # bytes of a metric's file whose points are kept until they are copied
_STAGES = (LifecycleStage.ACTIVE, LifecycleStage.DELETED)
_LINK = "it is a link or no plain file: not followed"


class Unreadable(Exception):
    """A file that is not what MLflow writes."""


class MlflowFiles(Source):
    """The folder of MLflow's file store."""

    kind = "mlflow-files"

    def __init__(self, path: str, artifacts: str | None = None) -> None:
        super().__init__(os.path.abspath(path), artifacts)
        self._folders: dict[str, str] = {}  # of experiments and runs, by their ids
        self._of_run: dict[str, str] = {}  # experiments by run
        self._points: dict[tuple[str, str], Points] = {}

    def folders(self) -> list[str]:
        above = os.path.dirname(self.uri)
        beside = [os.path.join(above, name) for name in ("mlartifacts", "mlruns")]
        return [self.uri, *(each for each in beside if each != self.uri and os.path.isdir(each))]

    # -- experiments ------------------------------------------------------------------------

    def experiments(self) -> list[Experiment]:
        """Return all experiments, deleted ones too."""
        found = []
        for root, stage in ((self.uri, _STAGES[0]), (os.path.join(self.uri, TRASH), _STAGES[1])):
            for entry in _entries(root):
                name = entry.name
                if entry.is_dir(follow_symlinks=False) and name not in _RESERVED:
                    if experiment := self._experiment(entry.path, name, stage):
                        found.append(experiment)
        return sorted(found, key=lambda each: (len(each.experiment_id), each.experiment_id))

    def _experiment(self, folder: str, name: str, stage: str) -> Experiment | None:
        if not name.isdigit() or name in self._folders:
            return None
        try:
            validate.experiment_id(name)
        except InvalidParameter as error:
            self.leave_out(folder, error)
            return None
        self._folders[name] = folder
        try:
            meta = _read_meta(folder)
        except Unreadable as error:
            if not any(_is_run(each.path) for each in _entries(folder)):
                return None
            self.leave_out(
                os.path.join(folder, _META), f"{error}; its runs are brought all the same"
            )
            meta = {}
        return Experiment(
            name,
            str(meta.get("name") or ("Default" if name == "0" else f"Experiment {name}"))[
                : validate.MAX_EXPERIMENT_NAME_LENGTH
            ],
            self.located(str(meta.get("artifact_location") or ""), name),
            _stage(meta, stage),
            dict(self._texts(os.path.join(folder, "tags"))),
            _integer(meta.get("creation_time")),
            _integer(meta.get("last_update_time")),
        )

    # -- runs -------------------------------------------------------------------------------

    def all_run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of all runs of an experiment, by name."""
        found = []
        for entry in _entries(self._folders[experiment_id]):
            if entry.is_symlink():
                self.leave_out(entry.path, _LINK)
            elif entry.name not in _RESERVED and _is_run(entry.path):
                try:
                    validate.run_id(entry.name)
                except InvalidParameter as error:
                    self.leave_out(entry.path, error)
                    continue
                self._folders[entry.name] = entry.path
                self._of_run[entry.name] = experiment_id
                found.append(entry.name)
        return sorted(found)

    def signatures(self, experiment_id: str) -> Mapping[str, str]:
        """Return for each run a digest of its files' sizes and times."""
        return {
            run_id: _signature(self._folders[run_id]) for run_id in self.all_run_ids(experiment_id)
        }

    def record(self, run_id: str) -> RunRecord | None:
        """Return a run with all but its points."""
        folder = self._folders[run_id]
        try:
            meta = _read_meta(folder)
        except Unreadable as error:
            self.leave_out(
                os.path.join(folder, _META), f"{error}; its data is brought all the same"
            )
            meta = {}
        tags = dict(self._texts(os.path.join(folder, "tags")))
        params = dict(self._texts(os.path.join(folder, "params")))
        counts: dict[str, int] = {}
        last = []
        for key in self._keys(os.path.join(folder, "metrics")):
            points = self.points(run_id, key)
            if points.values:
                counts[key] = len(points.values)
                last.append(last_point(run_id, key, points))
        info = self._info(run_id, meta, tags, last)
        inputs, outputs = self._run_inputs(run_id, folder), self._outputs(folder)
        data = RunData({each.key: each.value for each in last}, params, tags, tuple(last))
        deleted = _integer(meta.get("deleted_time"))
        if info.lifecycle_stage == LifecycleStage.DELETED and deleted is None:
            deleted = _changed(folder)
        return RunRecord(Run(info, data, inputs, outputs), deleted, counts)

    def _info(
        self, run_id: str, meta: Mapping[str, Any], tags: Mapping[str, str], last: Sequence[Metric]
    ) -> RunInfo:
        experiment, folder = self._of_run[run_id], self._folders[run_id]
        status = meta.get("status", RunStatus.RUNNING)
        try:
            status = validate.status(status)
        except InvalidParameter:
            self.leave_out(
                os.path.join(folder, _META), f"no run status {status!r}: taken as RUNNING"
            )
            status = "RUNNING"
        start = _integer(meta.get("start_time"))
        if start is None:
            start = min((each.timestamp for each in last), default=_changed(folder))
        name = meta.get("run_name") or tags.get("mlflow.runName") or meta.get("name") or ""
        uri = str(meta.get("artifact_uri") or "")
        return RunInfo(
            run_id,
            experiment,
            str(meta.get("user_id") or ""),
            status,
            start,
            _integer(meta.get("end_time")),
            _stage(meta),
            self.located(uri, f"{experiment}/{run_id}/artifacts", f"{run_id}/artifacts"),
            str(name),
        )

    def _texts(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield params or tags: a file each, whose path is the key."""
        for key in self._keys(folder):
            path = os.path.join(folder, key)
            try:
                yield key, _read_file(path).decode("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                self.leave_out(path, error)

    def _keys(self, folder: str, prefix: str = "") -> Iterator[str]:
        """Yield the keys of params, tags or metrics, which are the paths of their files."""
        if os.path.islink(folder):
            self.leave_out(folder, _LINK)
            return
        for entry in sorted(_entries(os.path.join(folder, prefix)), key=lambda each: each.name):
            key = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from self._keys(folder, key + "/")
            elif not entry.is_file(follow_symlinks=False):
                self.leave_out(entry.path, _LINK)
            else:
                try:
                    yield validate.key(key, os.path.basename(folder).rstrip("s"))
                except InvalidParameter as error:  # a copy of an editor's, or of a cloud's
                    self.leave_out(entry.path, error)

    # -- points -----------------------------------------------------------------------------

    def points(self, run_id: str, key: str) -> Points:
        """Return all points of a metric, each once."""
        if (run_id, key) in self._points:
            return self._points.pop((run_id, key))
        path = os.path.join(self._folders[run_id], "metrics", key)
        try:
            text = _read_file(path)
        except OSError as error:
            self.leave_out(path, error)
            return Points.none()
        points = unique(self._parsed(path, text))
        if sum(len(each.values) for each in self._points.values()) * 24 + len(text) < _REMEMBERED:
            self._points[run_id, key] = points
        return points

    def _parsed(self, path: str, text: bytes) -> Points:
        whole, _, rest = text.rpartition(b"\n")
        if rest and len(rest.split()) in (2, 3, 5) and not whole:
            whole = rest  # one line, which an editor has saved without its end
        words = whole.split()
        try:
            if len(words) == 3 * (whole.count(b"\n") + 1):
                points = Points(
                    array("q", map(int, words[::3])),
                    array("q", map(int, words[2::3])),
                    array("d", map(float, words[1::3])),
                )
                if min(points.timestamps, default=0) >= 0:
                    return points
        except (ValueError, OverflowError):
            pass
        return self._parsed_by_line(path, whole)

    def _parsed_by_line(self, path: str, text: bytes) -> Points:
        points = Points.none()
        for number, line in enumerate(text.split(b"\n"), 1):
            words = line.split()
            if not words:
                continue
            try:
                if len(words) < 2:
                    raise ValueError("no value")
                row = int(words[0]), int(words[2]) if len(words) > 2 else 0, float(words[1])
                if row[0] < 0:
                    raise ValueError("its time is negative")
                points.append(*row)
            except (ValueError, OverflowError) as error:
                self.leave_out(f"{path}:{number}", f"no point of a metric: {error}")
        return points

    # -- inputs, outputs and models ---------------------------------------------------------

    def _run_inputs(self, run_id: str, folder: str) -> RunInputs:
        inputs = RunInputs()
        above = self._folders[self._of_run[run_id]]
        for _, meta in self._metas(os.path.join(folder, "inputs")):
            source = str(meta.get("source_id"))
            if meta.get("source_type") == "MODEL_INPUT":
                inputs.model_inputs.append(LoggedModelInput(source))
                continue
            for _, data in self._metas(os.path.join(above, "datasets"), source):
                texts = [
                    _text(data.get(name))
                    for name in ("name", "digest", "source_type", "source", "schema", "profile")
                ]
                tags = meta.get("tags") or {}
                inputs.dataset_inputs.append(
                    DatasetInput(
                        Dataset(*(each or "" for each in texts[:4]), *texts[4:]),
                        [InputTag(str(key), str(value)) for key, value in tags.items()],
                    )
                )
        return inputs

    def _outputs(self, folder: str) -> RunOutputs:
        return RunOutputs(
            [
                LoggedModelOutput(str(meta.get("destination_id")), _integer(meta.get("step")) or 0)
                for _, meta in self._metas(os.path.join(folder, "outputs"))
            ]
        )

    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        """Return the logged models of experiments, oldest first."""
        found = []
        for experiment_id in experiment_ids:
            folder = os.path.join(self._folders[experiment_id], "models")
            for model_id, meta in self._metas(folder):
                try:
                    validate.run_id(model_id)
                except InvalidParameter as error:
                    self.leave_out(os.path.join(folder, model_id), error)
                    continue
                found.append(self._model(experiment_id, folder, model_id, meta))
        return sorted(found, key=lambda each: each.model.creation_timestamp)

    def _model(
        self, experiment_id: str, folder: str, model_id: str, meta: Mapping[str, Any]
    ) -> ModelRecord:
        own = os.path.join(folder, model_id)
        status = meta.get("status")
        name = status if isinstance(status, str) else _MODEL_STATUS.get(status or 0, "PENDING")
        model = LoggedModel(
            experiment_id,
            model_id,
            str(meta.get("name") or ""),
            self.located(
                str(meta.get("artifact_location") or ""),
                f"{experiment_id}/models/{model_id}/artifacts",
            ),
            _integer(meta.get("creation_timestamp")) or 0,
            _integer(meta.get("last_updated_timestamp")) or 0,
            model_type=str(meta.get("model_type") or ""),
            source_run_id=str(meta.get("source_run_id") or ""),
            status=name,
            tags=dict(self._texts(os.path.join(own, "tags"))),
            params=dict(self._texts(os.path.join(own, "params"))),
            metrics=list(self._model_metrics(model_id, os.path.join(own, "metrics"))),
        )
        return ModelRecord(model, _stage(meta))

    def _model_metrics(self, model_id: str, folder: str) -> Iterator[Metric]:
        for key in self._keys(folder):
            path = os.path.join(folder, key)
            try:
                lines = _read_file(path).decode("utf-8", "replace").splitlines()
            except OSError as error:
                self.leave_out(path, error)
                continue
            for number, line in enumerate(lines, 1):
                words = line.split(" ")
                try:
                    time, value = validate.timestamp(int(words[0])), float(words[1])
                    step = validate.integer("step", int(words[2]))
                    run_id, *dataset = words[3:]
                except (ValueError, IndexError, InvalidParameter) as error:
                    self.leave_out(f"{path}:{number}", f"no point of a metric: {error}")
                    continue
                name, digest = dataset if len(dataset) == 2 else (None, None)
                yield Metric(key, value, time, step, model_id, name, digest, run_id)

    def _metas(
        self, folder: str, only: str | None = None
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the names of the folders in a folder, and what their meta.yaml files say."""
        if os.path.islink(folder):
            self.leave_out(folder, _LINK)
            return
        names = [only] if only is not None else sorted(each.name for each in _entries(folder))
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                self.leave_out(path, _LINK)
                continue
            if not os.path.isdir(path) or os.path.dirname(name):
                continue
            try:
                yield name, _read_meta(path)
            except Unreadable as error:
                self.leave_out(os.path.join(path, _META), str(error))


_MODEL_STATUS = {
    1: LoggedModelStatus.PENDING,
    2: LoggedModelStatus.READY,
    3: LoggedModelStatus.FAILED,
}


# -- small things ---------------------------------------------------------------------------


def is_mlflow_folder(path: str) -> bool:
    """Return whether a folder is one of MLflow's file store."""
    for entry in [*_entries(path), *_entries(os.path.join(path, TRASH))]:
        if entry.name.isdigit() and entry.is_dir(follow_symlinks=False):
            if os.path.isfile(os.path.join(entry.path, _META)):
                return True
            if any(_is_run(each.path) for each in _entries(entry.path)):
                return True
    return False


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [each for each in entries if not each.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_run(path: str) -> bool:
    """Return whether a folder is a run's: it says so, or it has metrics, params or tags."""
    if os.path.islink(path):
        return False
    return os.path.isfile(os.path.join(path, _META)) or any(
        os.path.isdir(os.path.join(path, name)) for name in ("metrics", "params")
    )


def _read_file(path: str) -> bytes:
    """Return the content of a plain file. Raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no plain file")
        return file.read()


def _read_meta(folder: str) -> dict[str, Any]:
    """Return what a folder's meta.yaml says. Raises Unreadable."""
    import yaml

    path = os.path.join(folder, _META)
    try:
        text = _read_file(path)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    if len(text) > _MOST:
        raise Unreadable(f"it has {len(text)} bytes, which none of MLflow's has")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        meta = yaml.load(text.decode("utf-8", "surrogateescape"), loader)  # noqa: S506 - a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"no YAML of MLflow's: {str(error).splitlines()[0]}") from None
    if not isinstance(meta, dict):
        raise Unreadable("it is empty" if not text.strip() else "it is not a mapping")
    return _mapping_of({**meta, "tags": _mapping_of(meta.get("tags"))})


def _mapping_of(value: Any) -> dict[Any, Any]:
    """Return the scalars of a mapping, and the mappings in it. MLflow writes nothing else; and
    lists of lists, by YAML's aliases, can be as long as a text of them would fill the memory."""
    if not isinstance(value, dict):
        return {}
    return {
        name: each
        for name, each in value.items()
        if not isinstance(name, tuple)
        and (name == "tags" or not isinstance(each, (dict, list, set, tuple)))
    }


def _stage(meta: Mapping[str, Any], otherwise: str = LifecycleStage.ACTIVE) -> str:
    stage = str(meta.get("lifecycle_stage") or otherwise)
    return stage if stage in _STAGES else otherwise


def _integer(value: Any) -> int | None:
    """Return a number that a store takes as a time or a step; None for anything else."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < 1 << 63 else None


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, (dict, list)) else str(value)


def _changed(path: str) -> int:
    return os.lstat(path).st_mtime_ns // 1_000_000


def _signature(folder: str) -> str:
    """Return a digest of the names, sizes and times of the files in a folder."""
    return sha256("\n".join(sorted(_stats(folder, ""))).encode("utf-8", "replace")).hexdigest()[:32]


def _stats(folder: str, prefix: str) -> Iterable[str]:
    for entry in _entries(folder):
        name = f"{prefix}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield name
            yield from _stats(entry.path, name)
        else:
            found = entry.stat(follow_symlinks=False)
            yield f"{name} {found.st_size} {found.st_mtime_ns}"
