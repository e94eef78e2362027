"""Writes docs/api.md and docs/api/ from the docstrings of the public names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pkgutil import iter_modules
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import runlog
from runlog import dataframes, errors
from runlog.entities import model_registry
from runlog.errors import RunlogError

HEADS = {
    "functions": "# Functions\n\nThe functions of `runlog`. `import runlog as mlflow` keeps a "
    "script for MLflow running.\n",
    "client": "# RunlogClient\n\nThe same by run id, for several stores at a time. `MlflowClient` "
    "is the same class.\n",
    "entities": "# Entities\n\nWhat functions return. Entities do not change, are compared by "
    "value, and become dictionaries by `dict(entity)` or `entity.to_dictionary()`. Timestamps "
    "are Unix milliseconds. Import those that `runlog` itself does not have from "
    "`runlog.entities`.\n",
    "errors": "# Errors\n\nAll errors are `runlog.RunlogError`; `MlflowException` is the same "
    "class. Import the others from `runlog.errors`.\n\nBeside the errors that a function names, "
    "every function that uses the store may raise a StoreError.\n",
    "artifacts": "# runlog.artifacts\n\nThe files of runs: list, download and load them. The "
    "functions that log files are in [functions](functions.md).\n",
    "data": "# runlog.data\n\nData sets that runs read, as `runlog.log_input` takes them, and "
    "where they come from.\n",
    "models": "# runlog.models\n\nModels as folders of artifacts: logging, signatures, input "
    "examples. [The page on models](../models.md) explains them.\n",
    "flavors": "# Flavours\n\nThe modules `runlog.sklearn`, `runlog.pyfunc` and so on: one for "
    "each framework, imported when it is used.\n",
    "types": "# runlog.types\n\nThe types that signatures of models consist of.\n",
    "projects": "# runlog.projects\n\nRun projects, as [projects.md](../projects.md) describes "
    "them. `runlog.run` is the same function.\n",
}
INDEX = """\
# API reference

Everything public in `runlog`, with types and examples. Timestamps are Unix milliseconds, ids are
text. `runlog.entities`, `runlog.exceptions`, `runlog.tracking` and `runlog.client` have the names
that MLflow's modules of the same name have. `MlflowClient` is `RunlogClient`, `MlflowException` is
`RunlogError`.
"""


class Entry(NamedTuple):
    """A public name: its `title` on the `page`, where it is found, and what it is."""

    page: str
    section: str
    title: str
    name: str
    thing: Any

    @property
    def function(self) -> Any:
        """The function behind a method or property."""
        thing = self.thing.fget if isinstance(self.thing, property) else self.thing
        return inspect.unwrap(getattr(thing, "__func__", thing))

    @property
    def is_call(self) -> bool:
        """Whether it is a function, a method or a property."""
        return not inspect.isclass(self.thing)

    @property
    def text(self) -> str:
        return inspect.cleandoc(self.thing.__doc__ or "")

    @property
    def summary(self) -> str:
        """The first sentence."""
        paragraph = " ".join(self.text.partition("\n\n")[0].split())
        return re.split(r"(?<=\.)\s(?=[A-Z])", paragraph)[0]

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(".", "").replace(" ", "-")


@cache
def entries() -> tuple[Entry, ...]:
    """Return every public name, in the order of the pages."""
    return tuple(
        entry
        for found in (
            _functions(),
            _classes(),
            _errors(),
            _module("artifacts"),
            _module("data"),
            _module("models"),
            *(_flavor(name) for name in FLAVORS),
            _module("types"),
            _module("projects"),
        )
        for entry in found
    )


def pages() -> dict[str, str]:
    """Return the pages by their path below docs/."""
    index = INDEX + _list_of_flavors()
    found = {}
    for page, head in HEADS.items():
        mine = [each for each in entries() if each.page == page]
        found[f"api/{page}.md"] = head + "".join(_sections(mine))
        index += f"\n## [{head.partition(chr(10))[0][2:]}](api/{page}.md)\n\n"
        index += "".join(
            f"- [`{each.name}`](api/{page}.md#{each.anchor}): {_linked(each.summary, 'api/')}\n"
            for each in mine
        )
    return {"api.md": index, **found}


# -- which names there are --------------------------------------------------------------------


def _functions() -> Iterator[Entry]:
    found = [getattr(runlog, name) for name in runlog.__all__]
    functions = [each for each in found if isinstance(each, FunctionType)]
    functions.remove(runlog.run)  # with the others of its module
    home = {"runlog.fluent": ""}
    for each in sorted(functions, key=lambda f: (home.get(f.__module__, f.__module__), _line(f))):
        yield Entry("functions", _section(each), each.__name__, f"runlog.{each.__name__}", each)


def _classes() -> Iterator[Entry]:
    for page, names in (("client", _CLIENT), ("entities", _entities())):
        for name in names:
            thing = getattr(runlog, name, None) or _anywhere(name)
            yield from _class(page, name, thing, "runlog." if name in runlog.__all__ else "")


_PARTS = ("RegistryClient",)  # classes that only another one derives from
_CLIENT = ("RunlogClient", "RunOperations")


def _entities() -> list[str]:
    """Return the classes that are neither errors nor clients, with those that results contain."""
    found = {name: getattr(runlog, name) for name in runlog.__all__}
    classes = [name for name, each in found.items() if inspect.isclass(each)]
    named = [name for name in classes if not issubclass(found[name], (Exception, *_clients()))]
    return sorted({*named, *_REACHED})


_REACHED = (
    "LifecycleStage", "LoggedModel", "LoggedModelInput", "LoggedModelOutput", "LoggedModelStatus",
    "MetricColumns", "ModelVersion", "PagedList", "RegisteredModel", "RunOutputs",
)  # fmt: skip


def _clients() -> tuple[type, ...]:
    return tuple(_anywhere(name) for name in _CLIENT)


def _anywhere(name: str) -> Any:
    """The class of that name that `runlog` itself does not have."""
    homes = (runlog.entities, model_registry, runlog.client, dataframes)
    return next(vars(home)[name] for home in homes if name in vars(home))


def _errors() -> Iterator[Entry]:
    for thing in _below(RunlogError):
        if thing.__module__ == errors.__name__:
            yield from _class("errors", thing.__name__, thing, "")


def _below(thing: type) -> Iterator[type]:
    yield thing
    for each in thing.__subclasses__():
        yield from _below(each)


def _module(name: str) -> Iterator[Entry]:
    module: ModuleType = getattr(runlog, name)
    things = [getattr(module, each) for each in module.__all__]
    for thing in things:
        if isinstance(thing, FunctionType):
            title = thing.__name__
            yield Entry(name, "Functions", title, f"runlog.{name}.{title}", thing)
    for thing in things:
        if inspect.isclass(thing):
            yield from _class(name, thing.__name__, thing, f"runlog.{name}.")


FLAVORS = sorted(each.name for each in iter_modules([f"{Path(runlog.__file__).parent}/flavors"]))


def _list_of_flavors() -> str:
    names = ", ".join(f"`runlog.{name}`" for name in FLAVORS)
    return f"\nFlavours of models are modules: {names}.\n"


def _flavor(name: str) -> Iterator[Entry]:
    module: ModuleType = getattr(runlog, name)
    things = [getattr(module, each) for each in module.__all__]
    for thing in things:
        full = f"{name}.{getattr(thing, '__name__', '')}"
        if isinstance(thing, FunctionType):
            yield Entry("flavors", f"runlog.{name}", full, f"runlog.{full}", thing)
    for thing in things:
        if inspect.isclass(thing):
            yield from _class("flavors", thing.__name__, thing, f"runlog.{name}.")


def _class(page: str, name: str, thing: type, prefix: str) -> Iterator[Entry]:
    yield Entry(page, name, name, prefix + name, thing)
    for key, each in _members(thing).items():
        if isinstance(each, (FunctionType, property, classmethod, staticmethod)):
            yield Entry(page, name, f"{name}.{key}", f"{name}.{key}", each)


def _members(thing: type) -> dict[str, Any]:
    """The public members of a class, with those of its private bases and of its parts."""
    found: dict[str, Any] = {}
    bases = [each for each in thing.__mro__[1:] if each.__name__.startswith(("_", *_PARTS))]
    for each in (thing, *bases):
        for key, value in vars(each).items():
            if not key.startswith("_"):
                found.setdefault(key, value)
    return found


def _line(function: FunctionType) -> int:
    return inspect.unwrap(function).__code__.co_firstlineno


def _section(function: FunctionType) -> str:
    """The comment `# -- topic ---` above a function, or else its module's name."""
    lines = inspect.getsource(inspect.getmodule(function)).splitlines()[: _line(function)]
    found = [each[1] for line in lines if (each := re.match(r"# -- (.*?) -+$", line))]
    topic = found[-1] if found else function.__module__.rpartition(".")[2].replace("_", " ")
    return topic.capitalize()


# -- how one is written -----------------------------------------------------------------------


def _sections(mine: list[Entry]) -> Iterator[str]:
    section = ""
    for each in mine:
        if each.section != section and each.section != each.title:
            yield f"\n## {each.section}\n"
        section = each.section
        yield f"\n{'##' if each.section == each.title else '###'} {each.title}\n\n"
        yield f"```text\n{_signature(each)}\n```\n\n{_markdown(each.text)}\n"


def _signature(entry: Entry) -> str:
    if isinstance(entry.thing, property):
        return f"{entry.title}: {entry.function.__annotations__['return']}"
    try:
        signature = inspect.signature(entry.thing if not entry.is_call else entry.function)
    except ValueError:
        return entry.name
    arguments = [*_arguments(signature)]
    result = "" if not entry.is_call else f" -> {signature.return_annotation}"
    line = f"{entry.name}({', '.join(arguments)}){result}"
    if len(line) <= 92:
        return line
    return "\n".join([f"{entry.name}(", *(f"    {each}," for each in arguments), f"){result}"])


def _arguments(signature: inspect.Signature) -> Iterator[str]:
    named_only = False
    for name, each in signature.parameters.items():
        if name in ("self", "cls"):
            continue
        if each.kind is each.KEYWORD_ONLY and not named_only:
            named_only = True
            yield "*"
        star = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        kind = "" if each.annotation is each.empty else f": {each.annotation}"
        yield star + name + kind + ("" if each.default is each.empty else f" = {each.default!r}")


def _markdown(text: str) -> str:
    """A docstring as Markdown: its examples as blocks, public names as links."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text):
        if ">>>" in paragraph:
            parts.append(f"```pycon\n{inspect.cleandoc(paragraph)}\n```")
        elif paragraph.startswith("    "):
            parts.append(f"```text\n{inspect.cleandoc(paragraph)}\n```")
        else:
            parts.append(_linked(paragraph))
    return "\n\n".join(parts)


def _linked(text: str, folder: str = "") -> str:
    def link(found: re.Match[str]) -> str:
        entry = _by_name().get(found[1])
        return f"[{found[0]}]({folder}{entry.page}.md#{entry.anchor})" if entry else found[0]

    return re.sub(r"`([\w.]+)`", link, text)


@cache
def _by_name() -> dict[str, Entry]:
    known = {each.title: each for each in entries() if not each.is_call}
    return {**known, **{each.name: each for each in entries()}}
