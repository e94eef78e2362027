"""Complete ids, names and metrics when a user presses Tab in a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import choosing, stores

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from runlog.store import Store

MOST_COMPLETIONS = 50


def complete_runs(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Complete ids of the latest runs, and show their names."""

    def items(store: Store) -> Iterator[tuple[str, str]]:
        from runlog.entities import ViewType

        everywhere = [each.experiment_id for each in store.all_experiments(ViewType.ALL)]
        condition = f"run_id LIKE '{begun}%'" if begun.isalnum() else None
        if begun and condition is None:
            return
        for run in store.search_runs(everywhere, condition, ViewType.ALL, MOST_COMPLETIONS):
            yield run.info.run_id, f"{run.info.run_name} {run.info.status}"

    return _completions(context, begun, items)


def _experiment_completer(name: str, about: str) -> Callable[..., list[CompletionItem]]:
    """Return a function that completes one attribute of experiments and shows another."""

    def complete(
        context: click.Context, option: click.Parameter, begun: str
    ) -> list[CompletionItem]:
        from runlog.entities import ViewType

        def items(store: Store) -> Iterator[tuple[str, str]]:
            for each in store.all_experiments(ViewType.ALL):
                yield getattr(each, name), getattr(each, about)

        return _completions(context, begun, items)

    return complete


complete_experiment_ids = _experiment_completer("experiment_id", "name")
complete_experiment_names = _experiment_completer("name", "lifecycle_stage")


def complete_metrics(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Complete metric keys: of the run named before, else of the latest runs."""

    def items(store: Store) -> Iterator[tuple[str, str]]:
        from runlog.entities import ViewType

        given = [*(context.params.get("run_ids") or ()), *(context.params.get("words") or ())]
        if given:
            runs = [store.get_run(choosing.full_run_id(store, given[0]))]
        else:
            everywhere = [each.experiment_id for each in store.all_experiments(ViewType.ALL)]
            runs = list(store.search_runs(everywhere, None, max_results=10))
        for key in sorted({key for run in runs for key in run.data.metrics}):
            yield key, ""

    return _completions(context, begun, items)


def _completions(
    context: click.Context, begun: str, items: Callable[[Store], Iterator[tuple[str, str]]]
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from runlog.errors import RunlogError

    try:
        store = stores.open_store(context.params.get("uri"))
        return [
            CompletionItem(name, help=text_tables.plain(about) or None)
            for name, about in items(store)
            if name.startswith(begun)
        ]
    except (RunlogError, OSError):  # a shell shows no errors while somebody types
        return []
