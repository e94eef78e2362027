"""The documentation is complete and its examples run."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

import docgen
import runlog
from docgen import api
from processes import install
from runlog import cli
from runlog.protocol.endpoints import ROWS
from runlog.serve import create_app
from runlog.server.auth.policy import Auth
from runlog.settings import SETTINGS
from runlog.sqlstore.accounts import Users
from runlog.store import open_store

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCS = "\n".join(page.read_text() for page in PAGES)


def commands(
    command: click.Command, path: tuple[str, ...] = ("runlog",)
) -> Iterator[tuple[str, click.Command]]:
    """Every command below `command`, with the words that call it."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


COMMANDS = [pytest.param(*each, id=each[0]) for each in commands(cli.main)]


@pytest.mark.parametrize("words, command", COMMANDS)
def test_every_command_and_option_is_documented(words, command):
    assert words in DOCS
    for option in command.params:
        if isinstance(option, click.Option):
            for name in (*option.opts, *option.secondary_opts):
                assert re.search(rf"(?<![\w-]){name}(?![\w-])", DOCS), f"{words} {name}"


@pytest.mark.parametrize("words, command", COMMANDS)
def test_every_command_and_option_says_what_it_does(words, command):
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or option.hidden, f"{words} {option.name}"


def settings() -> tuple[set[str], set[str]]:
    """Return the settings that the source reads, and the variables that it mentions."""
    read, mentioned = set(), set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                mentioned.update(re.findall(r"\bRUNLOG_([A-Z][A-Z\d_]*[A-Z\d])\b", node.value))
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in READERS:
                read.update(each.value for each in node.args[:1] if isinstance(each, ast.Constant))
    return {each for each in read if isinstance(each, str) and each.isupper()}, mentioned


READERS = {"setting", "settings.setting", "text", "number", "flag", "_set"}


def test_every_setting_is_listed_and_read():
    read, mentioned = settings()
    assert read == SETTINGS.keys()
    prefixes = {"HTTP_REQUEST", "SQLALCHEMYSTORE", "TRACKING"}  # RUNLOG_TRACKING_... and its like
    assert mentioned <= SETTINGS.keys() | prefixes


def test_every_environment_variable_is_documented():
    assert {name for name in SETTINGS if f"`RUNLOG_{name}`" not in DOCS} == set()


def test_every_public_name_has_an_entry():
    """Modules and MLflow's names for our classes are on the first page."""
    titles = {f"runlog.{each.title}" for each in api.entries()}
    first_page = (ROOT / "docs" / "api.md").read_text()
    for name in runlog.__all__:
        listed = re.search(rf"[`[](runlog\.)?{name}[]`]", first_page)
        assert f"runlog.{name}" in titles or listed, name


def test_every_endpoint_is_documented(place):
    """The pages' own addresses and files apart."""
    store = open_store("runlog.db")
    routes = create_app(store, access=Auth(store, Users(store.db))).routes
    rules = {re.sub(r"<(\w+)(:path)?>", r"{\1}", each.rule) for each in routes}
    prefixes = "|".join(sorted({each for row in ROWS for each in row.prefixes}, reverse=True))
    paths = {re.sub(f"^({prefixes})", "", rule) for rule in rules} - PAGES_ADDRESSES
    assert {
        path for path in paths if not re.search(rf"`[\w/.-]*{re.escape(path)}(?!\w)", DOCS)
    } == set()


PAGES_ADDRESSES = {
    "",
    "assets/{name}",
    "compare",
    "experiments",
    "experiments/{id}",
    "experiments/{id}/models/{model}",
    "models/{id}",
    "models/{id}/versions/{version}",
    "runs/{id}",
}


def test_every_view_is_documented_with_its_columns(place):
    """But for those that only our own statements use."""
    open_store("runlog.db").close()
    page = (ROOT / "docs" / "schema.md").read_text()
    table = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE))
    with closing(sqlite3.connect("runlog.db")) as file:
        views = [
            name for (name,) in file.execute("select name from sqlite_master where type = 'view'")
        ]
        columns = {
            view: ", ".join(row[1] for row in file.execute(f"pragma table_info({view})"))
            for view in views
        }
    assert table == {name: columns[name] for name in columns.keys() - OUR_VIEWS}


OUR_VIEWS = {"fresh_metric", "live_metric", "live_point"}


@pytest.mark.parametrize("path", docgen.pages(), ids=lambda path: path.name)
def test_a_generated_page_is_as_it_is_generated(path):
    assert path.read_text() == docgen.pages()[path], "run scripts/docs"


@pytest.mark.parametrize("path", sorted((ROOT / "src/runlog/integrations").glob("[a-z]*.py")))
def test_every_integration_is_documented_with_its_arguments(path):
    """Read from the source: their frameworks are not here."""
    page = (ROOT / "docs" / "integrations.md").read_text()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith(("Runlog", "Training")):
            assert f"`{path.stem}.{node.name}`" in page
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    arguments = [each.arg for each in method.args.args[1:]]
                    assert [each for each in arguments if each not in page] == []


def test_every_script_is_listed():
    """But for the one that scripts/test calls."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    scripts = {f"`scripts/{path.name}`" for path in (ROOT / "scripts").iterdir()}
    assert {name for name in scripts if name not in page} == {
        "`scripts/packages`"
    }  # of scripts/test


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def run(command: list[str] | str, folder: Path) -> str:
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_runs_from_top_to_bottom(place, page):
    """First all its Python, as one program; then its commands, on what the program logged. They
    print what the page says that they do."""
    program = place / "page.py"
    program.write_text("\n".join(blocks(page, "python")))
    printed = run([sys.executable, "-W", "error", str(program)], place)

    install(place / "bin")
    for block in blocks(page, "console"):
        for command in re.findall(r"^\$ (.*)", block, re.MULTILINE):
            printed += run(command, place)
    for block in blocks(page, "output"):
        assert block in printed
