"""Bringing a source over: what is new in it or has grown, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runlog.copying import copy as copying
from runlog.copying import selection as selecting
from runlog.entities import LifecycleStage, ViewType
from runlog.errors import RunlogError
from runlog.store_parts.exact_copy import IMPORT_SIGNATURE

if TYPE_CHECKING:
    from runlog.copying.copy import Outcome
    from runlog.entities import Experiment
    from runlog.importers.source import Source
    from runlog.store import Store

_WITH_FILES = "+files"


class Imported(NamedTuple):
    """How it went: as of a copy, and how many runs were here already, as they are there."""

    outcome: Outcome
    unchanged: int


def import_runs(
    source: Source,
    target: Store | None,
    experiments: Sequence[Experiment],
    filter_string: str | None = None,
    files: bool = True,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Import experiments with their runs, points, inputs, logged models and, unless `files` is
    false, their local files. Runs that were complete in the target and look the same in the source
    are not read again.

    With `dry_run`, or without a target, nothing is written and what there is is counted.
    """
    signatures = {
        run_id: signature + (_WITH_FILES if files else "")
        for each in experiments
        for run_id, signature in source.signatures(each.experiment_id).items()
    }
    known = _known(target) if target is not None and signatures else {}
    source.unchanged = {each for each, text in signatures.items() if known.get(each) == text}
    choice = selecting.Selection(experiments, filter_string, ViewType.ALL, files)
    if dry_run or target is None:
        counts = selecting.count(selecting.Selected(source, choice), target)
        return Imported(copying.Outcome(counts, {}, {}), len(source.unchanged))
    noted = len(source.problems)
    outcome = copying.copy(source, target, choice, progress)
    if outcome.is_complete and not outcome.refused and len(source.problems) == noted:
        _remember(source, target, experiments, signatures)
    return Imported(outcome, len(source.unchanged))


def _known(target: Store) -> Mapping[str, str]:
    """Return the signatures that runs of the target have, by run id."""
    try:
        result = target.sql(
            "select run_id, value from tags where key = :key", {"key": IMPORT_SIGNATURE}
        )
        return dict(result.rows)
    except RunlogError:  # a server that takes no SQL
        ids = [each.experiment_id for each in target.all_experiments(ViewType.ALL)]
        found = target.search_run_columns(ids, f"tags.`{IMPORT_SIGNATURE}` != ''", ViewType.ALL)
        positions, texts = found.tags.get(IMPORT_SIGNATURE, ((), ()))
        return {found.runs[at].run_id: str(text) for at, text in zip(positions, texts, strict=True)}


def _remember(
    source: Source,
    target: Store,
    experiments: Sequence[Experiment],
    signatures: Mapping[str, str],
) -> None:
    """Note with each run what its source was like when it was read."""
    records = target.records
    for experiment in experiments:
        for ids in selecting.batches(source.all_run_ids(experiment.experiment_id)):
            wanted = [each for each in ids if each in signatures and each not in source.unchanged]
            for record in records.runs([records.id_here(each) for each in wanted]):
                info = record.run.info
                if info.lifecycle_stage == LifecycleStage.ACTIVE and info.run_id in signatures:
                    target.log(info.run_id, tags=[(IMPORT_SIGNATURE, signatures[info.run_id])])
