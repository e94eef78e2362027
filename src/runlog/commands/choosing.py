"""Which runs and experiments a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runlog.entities import Experiment
    from runlog.store import Store


def named_runs(runs: Sequence[str], run_ids: Sequence[str], most: int | None = None) -> list[str]:
    """Return the runs that a command line names. Raises UsageError for none or too many."""
    given = [*run_ids, *runs]
    if not given:
        raise click.UsageError("Name a run: RUN or --run-id ID.")
    if most is not None and len(given) > most:
        raise click.UsageError(f"Name one run, not {len(given)}.")
    return given


def full_run_id(store: Store, given: str) -> str:
    """Return the id of the run whose id is `given` or begins with it. Raises NotFound, and
    InvalidParameter if several do."""
    from runlog import validate
    from runlog.entities import ViewType
    from runlog.errors import InvalidParameter, NotFound

    given = validate.run_id(given.strip())
    if len(given) == 32:
        return given
    experiment_ids = [each.experiment_id for each in store.all_experiments(ViewType.ALL)]
    for condition in (f"run_id = '{given}'", f"run_id LIKE '{given}%'"):
        found = [
            run.info
            for run in store.search_runs(experiment_ids, condition, ViewType.ALL, 10)
            if run.info.run_id.startswith(given)  # LIKE's _ is any character
        ]
        if len(found) == 1:
            return found[0].run_id
        if found:
            some = ", ".join(f"{info.run_id[: len(given) + 6]} ({info.run_name})" for info in found)
            raise InvalidParameter(f"several runs have ids that begin with {given!r}: {some}")
    raise NotFound(f"no run has the id {given!r}, or an id that begins with it")


def one_experiment(
    store: Store, experiment_id: str | None, experiment_name: str | None
) -> Experiment:
    """Return the experiment that `-x` or `-n` names. Raises UsageError unless exactly
    one of them is used."""
    if (experiment_id is None) == (experiment_name is None):
        raise click.UsageError("Name one experiment: --experiment-id ID or --experiment-name NAME.")
    if experiment_id is not None:
        return store.get_experiment(experiment_id)
    assert experiment_name is not None
    return store.get_experiment_by_name(experiment_name)


def chosen_experiments(
    store: Store, ids: Sequence[str], names: Sequence[str], view: int
) -> list[Experiment]:
    """Return the experiments that options name, else those of the environment, else all."""
    from runlog.entities import ViewType
    from runlog.settings import setting

    if not ids and not names:
        if name := setting("EXPERIMENT_NAME"):
            names = [name]
        elif number := setting("EXPERIMENT_ID"):
            ids = [number]
    if ids or names:
        return [
            *(store.get_experiment(each) for each in ids),
            *(store.get_experiment_by_name(each) for each in names),
        ]
    # Runs in the trash may be of experiments that are not.
    active = view == ViewType.ACTIVE_ONLY
    return store.all_experiments(ViewType.ACTIVE_ONLY if active else ViewType.ALL)


def view_type(view: str) -> int:
    from runlog.entities import ViewType

    return ViewType.from_string(view)
