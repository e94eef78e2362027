"""runlog sql: read-only SQL, one query or a shell."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.commands import options, output, stores
from runlog.sql_results import distinct
from runlog.text_tables import NUMBER, TEXT, Column, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runlog.db.query import Answer, Reader, ServerReader
    from runlog.store import Store

HELP = """\
Statements end with a semicolon and may span lines. Views to read from: .tables
.tables          the views, then the tables behind them
.schema [NAME]   the definition of a view or table, or of all of them
.mode [FORM]     print results as table, json or csv
.help            show this help
.quit            leave, as Ctrl-D does. Ctrl-C clears the input or stops a query."""

COMMANDS = (".help", ".mode", ".quit", ".schema", ".tables")
KEYWORDS = (
    "select from where group by order limit join left on and or not null like count avg".split()
)


@click.command()
@click.argument("query", metavar="[QUERY]", required=False)
@options.output_options
@options.tracking_uri_option
def sql(query: str | None, form: str | None, uri: str | None) -> None:
    """Query the database with SQL.

    Works on a file, on a database on a server, and on a runlog server if you may read all its runs.
    Runs QUERY, or the statements on standard input. On a terminal, it is a shell with line editing,
    history and completion. You can only read. The views are runs, experiments, params, metrics,
    metric_summary, tags, experiment_tags, models, inputs and artifacts.
    """
    reader = _reader(stores.open_store(uri))
    try:
        if query is None and sys.stdin.isatty():
            Shell(reader, form).run()
        else:
            for answer in reader.answers(sys.stdin.read() if query in (None, "-") else query or ""):
                print_answer(answer, form)
    finally:
        reader.close()


def _reader(store: Store) -> Reader | ServerReader:
    """Return what answers statements. The file of a database is read a row at a time, whatever its
    size; other databases can be attached to it."""
    from runlog.db.query import Reader, ServerReader
    from runlog.sqlstore.store import SqlStore

    if isinstance(store, SqlStore) and stores.is_file(store):
        return Reader(store.db.path)

    def ask(statement: str) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        found = store.sql(statement)
        return found.names, found.rows

    return ServerReader(store.uri, ask)


def print_answer(answer: Answer, form: str | None) -> None:
    """Print the rows that a statement returned, if it returns any."""
    if not answer.names:
        return
    if form == "csv":
        text_tables.write_csv(
            [Column(name, TEXT) for name in answer.names], answer.rows, sys.stdout
        )
        return
    if form == "json":
        columns = [Column(name, TEXT) for name in distinct(answer.names)]
        output.print_parts(text_tables.json_rows(columns, answer.rows))
        return
    rows = list(answer.rows)
    output.print_rows(
        [
            Column(name, _kind([row[at] for row in rows]), least=12)
            for at, name in enumerate(answer.names)
        ],
        rows,
        None,
    )


def _kind(values: list[object]) -> Kind:
    """Return how to show a column of which only the values are known."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, (int, float)) for value in known):
        return NUMBER
    return Kind(_cell_texts, lambda value: value)


def _cell_texts(values: Sequence[Any]) -> list[str]:
    return [
        f"x'{value.hex()}'" if isinstance(value, bytes) else text_tables.plain(value)
        for value in values
    ]


# -- the shell ------------------------------------------------------------------------------


class Shell:
    """Reads statements and commands from a terminal until .quit or Ctrl-D."""

    def __init__(self, reader: Reader | ServerReader, form: str | None) -> None:
        self._reader = reader
        self._form = form

    def run(self) -> None:
        click.echo(f"runlog's database, read-only: {self._reader.path}\n.help helps, .quit leaves.")
        with _line_editing(self._words()):
            while (statement := self._read_statement()) is not None:
                if statement:
                    self._answer(statement)

    def _read_statement(self) -> str | None:
        """Return a command or a whole statement; empty after Ctrl-C, None at the end."""
        from runlog.db.query import is_complete

        text = ""
        while True:
            try:
                line = input("   ...> " if text else "runlog> ")
            except EOFError:
                click.echo()
                return None
            except KeyboardInterrupt:
                click.echo()
                return ""
            if not text and line.strip().startswith("."):
                return None if line.strip() in (".quit", ".exit") else line.strip()
            text += line + "\n"
            if not text.strip():
                text = ""
            elif is_complete(text):
                return text

    def _answer(self, statement: str) -> None:
        from runlog.errors import RunlogError

        try:
            if statement.startswith("."):
                self._command(*statement.split())
            else:
                for answer in self._reader.answers(statement):
                    print_answer(answer, self._form)
        except RunlogError as error:
            click.echo(f"error: {text_tables.plain(error.message)}", err=True)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)

    def _command(self, name: str, argument: str | None = None, *rest: str) -> None:
        if name == ".tables":
            columns = [Column("name", TEXT), Column("kind", TEXT)]
            output.print_rows(columns, self._reader.names(), None)
        elif name == ".schema":
            found = self._reader.schema(argument)
            click.echo("\n".join(found) or f"there is no {argument}; .tables shows what is there")
        elif name == ".mode" and argument in ("table", "json", "csv"):
            self._form = None if argument == "table" else argument
        elif name == ".mode":
            click.echo(f"mode is {self._form or 'table'}; .mode takes table, json or csv")
        elif name == ".help":
            click.echo(HELP)
        else:
            click.echo(f"there is no command {name}; .help lists the commands", err=True)

    def _words(self) -> list[str]:
        """Return what Tab completes."""
        names = [str(name) for name, kind in self._reader.names() if kind == "view"]
        columns = {column for name in names for column in self._reader.columns(name)}
        return sorted({*COMMANDS, *KEYWORDS, *names, *columns})


class _line_editing:
    """With it, lines can be edited, completed and fetched back, in this session and later ones."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def __enter__(self) -> None:
        try:
            import readline
        except ImportError:  # a Python without it reads plain lines
            return
        readline.set_completer(_completer(self._words))
        readline.set_completer_delims(" \t\n,()=<>'\";")
        readline.parse_and_bind("tab: complete")
        try:
            readline.read_history_file(_history_file())
        except OSError:
            pass

    def __exit__(self, *error: object) -> None:
        try:
            import readline

            readline.set_completer(None)
            os.makedirs(os.path.dirname(_history_file()), exist_ok=True)
            readline.set_history_length(1000)
            readline.write_history_file(_history_file())
        except (ImportError, OSError):  # a home that cannot be written has no history
            pass


def _history_file() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "runlog", "sql_history")


def _completer(words: list[str]) -> Callable[[str, int], str | None]:
    def complete(begun: str, number: int) -> str | None:
        found: Iterator[str] = (word for word in words if word.startswith(begun.lower()))
        return next((word for at, word in enumerate(found) if at == number), None)

    return complete
