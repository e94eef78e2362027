"""The shape of the house: which module may know which, read from the imports themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "runlog"

# module: what it may import of runlog. A new module gets a row of its own.
ARROWS = {
    "_version": "",
    "clock": "",
    "errors": "",
    "printable": "",
    "names": "",
    "pyinstaller": "",
    "curves": "errors",
    "exceptions": "errors",
    "extras": "errors",
    "metric_definitions": "errors",
    "mlflow_names": "errors",
    "settings": "errors",
    "sql_results": "errors",
    "store_uri": "errors",
    "text_tables": "printable",
    "media": "errors extras",
    "types": "errors extras",
    "as_mlflow": "mlflow_names",
    "as_mlflow_path": "mlflow_names",
    "context": "errors settings",
    "db": "clock errors extras settings",
    "run_exit": "errors settings",
    "system_metrics": "clock errors extras settings",
    "entities_html": "text_tables",
    "entities": "entities_html errors",
    "query": "entities errors",
    "validate": "entities errors",
    "storage": "db entities errors settings validate",
    "store": "entities errors query settings store_uri validate",
    "store_parts": "entities errors validate",
    "dataframes": "errors extras sql_results store",
    "tracking_uri": "errors settings store store_uri",
    "protocol": "entities errors sql_results store store_parts validate",
    "sqlstore": "clock db entities errors names query settings sql_results store "
    "store_parts validate",
    "active_runs": "clock entities errors run_exit settings tracking_uri",
    "registry_client": "context entities errors storage store_parts tracking_uri",
    "html_page": "_version clock entities errors protocol store",
    "http": "_version clock db entities errors names printable protocol settings "
    "sql_results storage store store_parts validate",
    "client": "clock curves dataframes entities errors media metric_definitions "
    "mlflow_names registry_client settings storage store_parts tracking_uri "
    "validate",
    "model_registration": "errors registry_client storage store_parts",
    "model_uris": "client errors registry_client storage store_parts",
    "fluent": "active_runs client clock context dataframes entities errors "
    "model_registration run_exit settings store store_parts system_metrics "
    "tracking_uri validate",
    "artifacts": "entities errors media model_uris storage tracking_uri",
    "notebook": "entities errors fluent html_page protocol tracking_uri",
    "tracking": "client fluent tracking_uri",
    "copying": "artifacts entities errors sqlstore storage store store_parts",
    "data": "artifacts context entities errors extras storage types",
    "integrations": "active_runs artifacts client clock entities errors fluent run_exit "
    "tracking_uri validate",
    "mlflow_modules": "active_runs artifacts client commands context entities errors fluent models "
    "names settings storage store system_metrics tracking_uri validate",
    "models": "active_runs artifacts client entities errors extras fluent "
    "model_registration model_uris settings storage tracking_uri types",
    "projects": "active_runs artifacts client clock context entities errors fluent "
    "settings store store_uri tracking_uri validate",
    "server": "_version artifacts clock db entities errors html_page printable protocol "
    "query sql_results sqlstore storage store store_parts store_uri "
    "tracking_uri validate",
    "mlflow_plugin": "artifacts client errors server storage tracking_uri",
    "autologging": "active_runs client clock context data entities errors fluent models "
    "types validate",
    "commands": "_version artifacts client clock context copying db entities errors "
    "html_page http importers metric_definitions mlflow_names model_registration models "
    "projects query server settings sql_results sqlstore storage store "
    "store_parts store_uri text_tables tracking_uri validate",
    "importers": "copying db entities errors query storage store store_parts validate",
    "serve": "server",
    "flavors": "autologging errors extras fluent integrations models settings types",
    "cli": "_version commands errors",
    "mlflow_python": "cli commands",
}
SQL = re.compile(
    r"\s*(select\s.*\sfrom\s|select\s+\S+\(|insert\s+(or\s+\w+\s+)?into\s|replace\s+into\s"
    r"|update\s+\w+\s+set\s|delete\s+from\s|with\s+\w+.*\sas\s|pragma\s|vacuum\b"
    r"|(create|alter|drop)\s+(temp\s+)?(table|view|index|trigger)\s)",
    re.IGNORECASE | re.DOTALL,
)


def name_of(path: Path) -> str:
    """errors, db.sqlite... and runlog for the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "runlog"


PACKAGES = {name_of(path) for path in SOURCE.rglob("__init__.py")}
TREES = {name_of(path): ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, but for what only the type checker sees: that loads nothing."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from walk(child)


def imported(module: str) -> Iterator[str]:
    """Full names of everything that a module imports, at its top or inside a function."""
    package = ["runlog", *module.split(".")] if module != "runlog" else ["runlog"]
    if module not in PACKAGES:
        package.pop()
    for node in walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, node.module] if node.module else base
            yield from (".".join([*base, alias.name]) for alias in node.names)


def ours(module: str) -> set[str]:
    """The modules of runlog that a module imports."""
    found = set()
    for name in imported(module):
        if name.split(".")[0] != "runlog":
            continue
        name = name.partition(".")[2]
        while name and name not in TREES:  # a name in a module: the module is what counts
            name = name.rpartition(".")[0]
        found.add(name or "runlog")
    return found - {module}


def texts(module: str) -> Iterator[str]:
    """The strings of a module, docstrings left out."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(TREES[module])
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@pytest.mark.parametrize("module", sorted(TREES.keys() - {"runlog"}))
def test_imports_follow_the_arrows(module):
    part = module.split(".")[0]
    assert part in ARROWS, f"give {part} a row in ARROWS: what may it import?"
    allowed = {part, *ARROWS[part].split()}
    assert {name for name in ours(module) if name.split(".")[0] not in allowed} == set()


def test_no_module_imports_itself_by_a_detour():
    TopologicalSorter({module: ours(module) for module in TREES}).prepare()
    TopologicalSorter({module: row.split() for module, row in ARROWS.items()}).prepare()


@pytest.mark.parametrize(
    "package, homes",
    [
        ("fsspec", {"storage"}),
        ("apsw", {"db"}),
        ("sqlite3", set()),
        ("sqlalchemy", {"db"}),
        ("bottle", {"server"}),
        ("click", {"cli", "commands"}),
        ("requests", set()),
        ("urllib.request", {"http"}),
    ],
)
def test_one_home_for_each_neighbour(package, homes):
    users = {
        module.split(".")[0]
        for module in TREES
        if any(f"{name}.".startswith(f"{package}.") for name in imported(module))
    }
    assert users <= homes


@pytest.mark.parametrize("module", sorted(TREES))
def test_only_the_stores_speak_sql(module):
    # What views of databases it reads, an importer says itself.
    if module.startswith(("sqlstore", "db", "importers")):
        return
    assert [text for text in texts(module) if SQL.match(text)] == []


@pytest.mark.parametrize(
    "text, is_sql",
    [
        ("select name from run", True),
        ("\n  SELECT count(*)\n FROM run where id = ", True),
        ("insert or ignore into tag values (?)", True),
        ("update run set name = ?", True),
        ("pragma user_version", True),
        ("with recent as (select 1)", True),
        ("create table t (a)", True),
        ("create an experiment", False),
        ("update the run's name", False),
        ("select", False),
        ("delete a run from the store", False),
        ("with this name", False),
    ],
)
def test_sql_is_told_from_english(text, is_sql):
    assert bool(SQL.match(text)) == is_sql


def test_extras_are_imported_where_they_are_used():
    heavy = {"fsspec", "click", "bottle", "numpy", "pandas", "matplotlib", "PIL", "plotly", "yaml"}
    heavy |= {"sqlalchemy", "psycopg", "pymysql"}
    for module, tree in TREES.items():
        at_top = {
            alias.name.split(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and not node.level
        }
        assert at_top & heavy <= {"click", "bottle"}, module  # a home each, see above


# -- the pages' source ------------------------------------------------------------------------

PAGES = Path(__file__).parents[1] / "ui" / "src"
PAGE_SOURCES = sorted(PAGES.rglob("*.ts*"))
COMPONENT = re.compile(r"^(?:export )?function ([A-Z]\w*)\(.*?^}$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", PAGE_SOURCES, ids=lambda path: str(path.relative_to(PAGES)))
def test_lines_of_the_pages_have_120_characters_at_most(path):
    assert [line for line in path.read_text().splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("path", PAGE_SOURCES, ids=lambda path: str(path.relative_to(PAGES)))
def test_components_have_150_lines_at_most(path):
    lengths = {each[1]: each[0].count("\n") + 1 for each in COMPONENT.finditer(path.read_text())}
    assert {name: lines for name, lines in lengths.items() if lines > 150} == {}


def test_nobody_imports_the_entry_of_the_pages():
    """Parts that are loaded on demand share a file with the start through shared.ts."""
    assert [path.name for path in PAGE_SOURCES if "main.tsx" in path.read_text()] == []


# -- sizes, names and cycles ------------------------------------------------------------------

FACES = {"client", "fluent", "entities"}
"""Modules that may be long: public faces of short functions, and what is a list by nature."""
WIDE = {"SqlStore", "Store"}
"""Classes that may be wide: their methods only pass a promise on to the module that keeps it, or
are the list of promises itself."""


def lines_of(module: str) -> int:
    """The lines of a module's file."""
    parts = [] if module == "runlog" else module.split(".")
    path = SOURCE.joinpath(*parts)
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return len(path.read_text().splitlines())


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function, without those of classes that are made in it: a class of another
    package's can only be derived from where that is imported."""
    classes = [each for each in ast.walk(function) if isinstance(each, ast.ClassDef)]
    return sum(
        sign * (each.end_lineno - each.lineno + 1)
        for sign, some in ((1, [function]), (-1, classes))
        for each in some
    )


def everything_imported(module: str) -> set[str]:
    """As `ours`, with what only the type checker sees."""
    found = set()
    for node in ast.walk(TREES[module]):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.partition(".")[0] != "runlog":
                continue
            name = name.partition(".")[2]
            while name and name not in TREES:
                name = name.rpartition(".")[0]
            found.add(name or "runlog")
    return found - {module}


def test_no_cycle_even_where_only_types_are_imported():
    TopologicalSorter({module: everything_imported(module) for module in TREES}).prepare()


def test_a_folder_holds_few_modules():
    flat = [module for module in TREES if "." not in module and module not in PACKAGES]
    assert len(flat) + 1 <= 36, "put modules that lie on one side of an arrow into a package"


@pytest.mark.parametrize("module", sorted(TREES.keys() - FACES))
def test_modules_are_short(module):
    assert lines_of(module) <= 600


@pytest.mark.parametrize("module", sorted(TREES))
def test_functions_and_classes_are_short(module):
    long = [
        node.name
        for node in ast.walk(TREES[module])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and length(node) > 60
    ]
    wide = [
        node.name
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ClassDef) and module not in FACES and node.name not in WIDE
        if sum(isinstance(each, ast.FunctionDef) for each in node.body) > 45
    ]
    assert (long, wide) == ([], [])


@pytest.mark.parametrize("package", sorted(PACKAGES - {"runlog"}))
def test_a_package_lists_its_modules(package):
    text = ast.get_docstring(TREES[package]) or ""
    inside = {module.rpartition(".")[2] for module in TREES if module.rpartition(".")[0] == package}
    assert {name for name in inside if not re.search(rf"\b{name}\b", text)} == set()


def functions(module: str) -> set[str]:
    return {node.name for node in ast.walk(TREES[module]) if isinstance(node, ast.FunctionDef)}


NAMED_BY_MLFLOW = {"_load_pyfunc"}
"""What each flavour has, and whoever loads a model calls."""


def test_no_private_function_name_has_more_than_three_meanings():
    """A reader who looks for a name should land where it means what was looked for."""
    homes: dict[str, list[str]] = {}
    for module in TREES:
        for name in functions(module):
            if name.startswith("_") and not name.endswith("__") and name not in NAMED_BY_MLFLOW:
                homes.setdefault(name, []).append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 3} == {}


def members(module: str) -> set[str]:
    """The names with an underscore that a module defines: functions, classes, attributes."""
    names = set(functions(module))
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


MEMBERS = {module: members(module) for module in TREES}


@pytest.mark.parametrize("module", sorted(TREES))
def test_nobody_uses_what_is_private_to_another_module(module):
    elsewhere = set().union(*(names for other, names in MEMBERS.items() if other != module))
    used = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Attribute) and node.attr in elsewhere - MEMBERS[module]:
            if ast.unparse(node.value) not in ("self", "cls", "super()"):
                used.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runlog"):
            used |= {each.name for each in node.names if re.match("_[^_]", each.name)}
    # What named tuples call their own, a module, and a method of s3fs that ours overrides.
    assert used - {"_replace", "_asdict", "_fields", "_version", "_call_s3"} == set()
