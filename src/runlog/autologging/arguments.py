"""The arguments of a call, by name, and others in their place."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class Arguments:
    """Function and arguments of a call. `owner` is the object, if the function is a method."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self._original = args, kwargs
        self.args, self.kwargs = args, kwargs

    def proceed(self) -> Any:
        """Call the function with the arguments as they are now."""
        return self.function(*self.args, **self.kwargs)

    def restore(self) -> None:
        """Take the caller's arguments again."""
        self.args, self.kwargs = self._original

    @property
    def owner(self) -> Any:
        """Return the first argument."""
        return self.args[0]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the argument of that name, or `default` if it was not passed."""
        if name in self.kwargs:
            return self.kwargs[name]
        names = names_of(self.function)
        position = names.index(name) if name in names else len(self.args)
        return self.args[position] if position < len(self.args) else default

    def replace(self, name: str, value: Any) -> None:
        """Pass another value for that argument. The caller's list or dictionary stays as it is."""
        names = names_of(self.function)
        position = names.index(name) if name in names else len(self.args)
        if position < len(self.args):
            self.args = (*self.args[:position], value, *self.args[position + 1 :])
        else:
            self.kwargs = {**self.kwargs, name: value}

    def with_defaults(self, without: Sequence[str] = ()) -> dict[str, Any]:
        """Return all arguments by name, `self` and `without` left out, with the function's defaults
        for those that were not passed."""
        passed = dict(zip(names_of(self.function), self.args, strict=False))
        every = {**_defaults(self.function), **passed, **self.kwargs}
        return {key: value for key, value in every.items() if key not in {"self", *without}}


def names_of(function: Any) -> tuple[str, ...]:
    """Return the names of a function's arguments that may be passed by position."""
    return _signature(getattr(function, "__func__", function))[0]


def _defaults(function: Any) -> Mapping[str, Any]:
    return _signature(getattr(function, "__func__", function))[1]


@functools.lru_cache(maxsize=1000)
def _signature(function: Any) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    import inspect

    parameters = inspect.signature(function).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    plain = [each for each in parameters if each.kind not in variadic]
    names = tuple(each.name for each in plain if each.kind is not inspect.Parameter.KEYWORD_ONLY)
    return names, {each.name: each.default for each in plain if each.default is not each.empty}
