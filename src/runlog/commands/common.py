"""What the commands share: where the runs are, which ones are meant, and how the answer leaves."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runlog import text_tables
from runlog.text_tables import Column, Row

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from runlog.entities import Experiment
    from runlog.sqlstore.store import SqlStore
    from runlog.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])
Facts = Mapping[str, object]

VIEWS = ("active_only", "deleted_only", "all")
MOST_COMPLETIONS = 50


# -- where ----------------------------------------------------------------------------------


def place_option(command: Command) -> Command:
    """Adds `--tracking-uri`, which the command gets as `uri`: given there, or before the command's
    name."""
    return click.option(
        "--tracking-uri",
        "uri",
        metavar="URI",
        callback=lambda context, option, value: value or uri_before_command(context),
        help="Where the runs are: a file, a folder or sqlite:///FILE. Otherwise "
        "RUNLOG_TRACKING_URI, MLFLOW_TRACKING_URI or runlog.db here.",
    )(command)


def uri_before_command(context: click.Context | None = None) -> str | None:
    """The `--tracking-uri` that was given before the command's name: `runlog --tracking-uri URI
    runs list`."""
    context = context or click.get_current_context(silent=True)
    found = context.find_root().params.get("tracking_uri") if context else None
    return None if found is None else str(found)


def whole_uri(uri: str | None) -> str:
    """`uri`, else that before the command's name, else the tracking URI, with its password."""
    from runlog import tracking_uri as places

    return places.with_password(uri or uri_before_command())


def open_store(uri: str | None, make: bool = False) -> Store:
    """The store at `uri` or else at the tracking URI. Only with `make` is one made: a command
    that reads at a mistyped place says so and leaves no file behind. Raises NotFound."""
    from runlog import tracking_uri as places
    from runlog.errors import NotFound

    path = database_path(uri)
    if not make and path is not None and not os.path.lexists(path):
        raise NotFound(
            f"no runs here: {path} does not exist. Log a run first, or say where the runs are with "
            "--tracking-uri or RUNLOG_TRACKING_URI"
        )
    report_new_file(path)
    return places.store(uri).synchronous()


def report_new_file(path: str | None) -> None:
    """Say that a database is about to be made, if none is at `path`: it may be mistyped."""
    if path is not None and not os.path.lexists(path):
        complain("note", f"{path} is a new file")


def open_database(uri: str | None, make: bool = False) -> SqlStore:
    """The store at `uri`, as one that keeps its runs in a database."""
    from runlog.errors import InvalidParameter
    from runlog.sqlstore.store import SqlStore

    store = open_store(uri, make)
    if not isinstance(store, SqlStore):
        raise InvalidParameter(
            f"{store.uri} is a server: this is done where its database is, with --tracking-uri "
            "FILE; it may run meanwhile"
        )
    return store


def is_file(store: SqlStore) -> bool:
    """Whether a store's database is a file, not one on a server."""
    from runlog.db.sqlite import Database

    return isinstance(store.db, Database)


def open_file(uri: str | None) -> SqlStore:
    """The store at `uri`, as one that keeps its runs in a file. Raises InvalidParameter."""
    from runlog.errors import InvalidParameter

    store = open_database(uri)
    if not is_file(store):
        raise InvalidParameter(
            f"{store.uri} is on a server: this works on the file of a database only. See "
            "docs/databases.md for what to use instead"
        )
    return store


def close_stores() -> None:
    """Lets go of the files that a command opened."""
    if "runlog.tracking_uri" in sys.modules:
        from runlog import tracking_uri as places
        from runlog.errors import RunlogError

        try:
            places.close()
        except RunlogError:  # what was asked for is done
            pass


def database_path(uri: str | None) -> str | None:
    """The file behind a tracking URI, whether it is there or not; None if there can be none."""
    from runlog import tracking_uri as places
    from runlog.errors import InvalidParameter
    from runlog.store_uri import database_file

    try:
        return database_file(places.get_tracking_uri() if uri is None else uri)
    except InvalidParameter:
        return None


# -- which runs and experiments -------------------------------------------------------------


def run_arguments(many: bool = False) -> Callable[[Command], Command]:
    """Lets runs be named as arguments or with `-r/--run-id`; the command gets both, as `runs` and
    `run_ids`, for `named`."""

    def decorate(command: Command) -> Command:
        option = click.option(
            "-r",
            "--run-id",
            "run_ids",
            metavar="ID",
            multiple=True,
            shell_complete=complete_runs,
            help="A run, by its id or as much of its beginning as no other has"
            + ("; may be repeated." if many else "."),
        )
        argument = click.argument("runs", nargs=-1, metavar="RUN", shell_complete=complete_runs)
        return option(argument(command))

    return decorate


def named(runs: Sequence[str], run_ids: Sequence[str], most: int | None = None) -> list[str]:
    """The runs that a command line names. Raises UsageError if there are none or too many."""
    given = [*run_ids, *runs]
    if not given:
        raise click.UsageError("Name a run: RUN or --run-id ID.")
    if most is not None and len(given) > most:
        raise click.UsageError(f"Name one run, not {len(given)}.")
    return given


def full_run_id(store: Store, given: str) -> str:
    """The id of the run whose id is `given` or begins like that. Raises NotFound, and
    InvalidParameter when several do."""
    from runlog import validate
    from runlog.entities import ViewType
    from runlog.errors import InvalidParameter, NotFound

    given = validate.run_id(given.strip())
    if len(given) == 32:
        return given
    everywhere = [each.experiment_id for each in store.all_experiments(ViewType.ALL)]
    for condition in (f"run_id = '{given}'", f"run_id LIKE '{given}%'"):
        found = [
            run.info
            for run in store.search_runs(everywhere, condition, ViewType.ALL, 10)
            if run.info.run_id.startswith(given)  # LIKE's _ is any character
        ]
        if len(found) == 1:
            return found[0].run_id
        if found:
            some = ", ".join(f"{info.run_id[: len(given) + 6]} ({info.run_name})" for info in found)
            raise InvalidParameter(f"several runs have ids that begin with {given!r}: {some}")
    raise NotFound(f"no run has the id {given!r}, or one that begins so")


def experiment_options(many: bool = False) -> Callable[[Command], Command]:
    """Adds `-x/--experiment-id` and `-n/--experiment-name`, as tuples if `many`."""

    def decorate(command: Command) -> Command:
        more = "; may be repeated." if many else "."
        id_option = click.option(
            "-x",
            "--experiment-id",
            "experiment_ids" if many else "experiment_id",
            metavar="ID",
            multiple=many,
            shell_complete=complete_experiment_ids,
            help="An experiment, by its id" + more,
        )
        name_option = click.option(
            "-n",
            "--experiment-name",
            "experiment_names" if many else "experiment_name",
            metavar="NAME",
            multiple=many,
            shell_complete=complete_experiment_names,
            help="An experiment, by its name" + more,
        )
        return id_option(name_option(command))

    return decorate


def one_experiment(
    store: Store, experiment_id: str | None, experiment_name: str | None
) -> Experiment:
    """The experiment that `-x` or `-n` names. Raises UsageError if not exactly one of them does."""
    if (experiment_id is None) == (experiment_name is None):
        raise click.UsageError("Name one experiment: --experiment-id ID or --experiment-name NAME.")
    if experiment_id is not None:
        return store.get_experiment(experiment_id)
    assert experiment_name is not None
    return store.get_experiment_by_name(experiment_name)


def chosen_experiments(
    store: Store, ids: Sequence[str], names: Sequence[str], view: int
) -> list[Experiment]:
    """The experiments that options name, else those of the environment, else all there are."""
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


def view_option(command: Command) -> Command:
    """Adds `-v/--view`, which the command gets as `view`; `view_number` understands it."""
    return click.option(
        "-v",
        "--view",
        type=click.Choice(VIEWS, case_sensitive=False),
        default=VIEWS[0],
        metavar="VIEW",
        show_default=True,
        help="What to show: active_only, deleted_only (what is in the trash) or all.",
    )(command)


def view_number(view: str) -> int:
    from runlog.entities import ViewType

    return ViewType.from_string(view)


# -- times ----------------------------------------------------------------------------------

_SPAN = re.compile(
    "".join(rf"(?:(?P<{unit}>\d+(?:\.\d*)?|\.\d+){unit})?" for unit in "dhms"), re.ASCII
)
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}


def span(context: click.Context, option: click.Parameter, text: str | None) -> int:
    """A span of time such as 1d2h3m4s in milliseconds, 0 where none is given; its numbers may have
    decimals. What an option has as its callback."""
    if text is None:
        return 0
    found = _SPAN.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise click.BadParameter(f"{text!r} is no span of time: write 30d, 12h or 1d2h3m4s")
    parts = found.groupdict()
    return round(sum(float(parts[unit] or 0) * _MILLISECONDS[unit] for unit in parts))


# -- the answer -----------------------------------------------------------------------------


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--json` and `--csv`: the command gets `form`, which is json, csv or None."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
    @wraps(command)
    def with_form(*given: Any, as_json: bool, as_csv: bool, **options: Any) -> Any:
        if as_json and as_csv:
            raise click.UsageError("Choose one of --json and --csv.")
        return command(*given, form="json" if as_json else "csv" if as_csv else None, **options)

    return with_form


def print_rows(
    columns: Sequence[Column],
    rows: Sequence[Row],
    form: str | None,
    more: str = "",
    empty: str = "",
) -> None:
    """Prints rows as `form` says, by default a table: as wide as the terminal, or in full where
    there is none. To the user of a table `more` tells how to see columns that did not fit, and
    `empty` that there are no rows."""
    if form == "json":
        print_parts(text_tables.json_rows(columns, rows))
    elif form == "csv":
        text_tables.write_csv(columns, rows, sys.stdout)
    else:
        _print_table(columns, rows, more)
        if empty and not rows:
            say(empty)


def print_done(form: str | None, done: Iterable[tuple[str, Facts]]) -> None:
    """Says what a command did: of each thing the sentence, or for programs a row of the facts,
    which begin with `done`: created, deleted, unchanged..."""
    if form:
        print_facts(form, [facts for _, facts in done])
        return
    for sentence, _ in done:
        click.echo(text_tables.plain(sentence) if sys.stdout.isatty() else sentence)


def print_facts(form: str, rows: Sequence[Facts]) -> None:
    """Prints rows that all have the same keys, for programs."""
    columns = [Column(name, text_tables.TEXT) for name in (rows[0] if rows else ())]
    print_rows(columns, [list(row.values()) for row in rows], form)


def print_parts(parts: Iterator[str]) -> None:
    """Prints a text that comes in parts."""
    for part in parts:
        sys.stdout.write(part)


def _print_table(columns: Sequence[Column], rows: Sequence[Row], more: str) -> None:
    cells = terminal_width()
    ellipsis = "…" if text_tables.shows("…", sys.stdout) else "..."
    lines, left_out = text_tables.table(columns, rows, cells, ellipsis)
    click.echo(heading(lines[0]))
    if len(lines) > 1:
        click.echo("\n".join(lines[1:]))
    if left_out and cells is not None:
        note = f"{text_tables.counted(len(left_out), 'more column')}: {', '.join(left_out)}"
        more = f" ({more})" if more else ""
        say(text_tables.cut(note, cells - len(more), ellipsis) + more)


def heading(text: str) -> str:
    """`text` in bold on a terminal."""
    return click.style(text, bold=True) if sys.stdout.isatty() else text


def painted(text: str, colour: str) -> str:
    """`text` in a colour, where there is a terminal that may show colours."""
    return click.style(text, fg=colour) if shows_colours() else text


def shows_colours() -> bool:
    """Whether output goes to a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def terminal_width() -> int | None:
    """The columns of the terminal that standard output goes to; None if it goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return max(get_terminal_size().columns, 20)


def say(text: str) -> None:
    """Tells the person at the terminal something that is no part of the output."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


def complain(kind: str, text: str) -> None:
    """One line on standard error: `runlog: error: ...` or `runlog: warning: ...`."""
    line = text_tables.without_password(" ".join(text.splitlines()))
    click.echo(f"runlog: {kind}: {text_tables.plain(line)}", err=True)


@contextmanager
def progress(label: str, hidden: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal; call what is yielded with what is done and
    how much there is."""
    if hidden or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    bars: list[Any] = []  # made when the length is known

    def show(done: int, total: int) -> None:
        if not bars:
            bar = click.progressbar(length=max(total, 1), label=label, file=sys.stderr)
            bars.append(bar.__enter__())
        bars[0].update(done - bars[0].pos)

    try:
        yield show
    finally:
        if bars:
            bars[0].__exit__(None, None, None)


# -- completion -----------------------------------------------------------------------------


def complete_runs(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Ids of the latest runs, with their names."""

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
    """What completes one attribute of experiments, and shows another beside it."""

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
    """Metric keys: of the run named before, else of the latest runs."""

    def items(store: Store) -> Iterator[tuple[str, str]]:
        from runlog.entities import ViewType

        given = [*(context.params.get("run_ids") or ()), *(context.params.get("words") or ())]
        if given:
            runs = [store.get_run(full_run_id(store, given[0]))]
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
        store = open_store(context.params.get("uri"))
        return [
            CompletionItem(name, help=text_tables.plain(about) or None)
            for name, about in items(store)
            if name.startswith(begun)
        ]
    except (RunlogError, OSError):  # a shell shows no errors while somebody types
        return []
