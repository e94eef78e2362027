"""Which tests `scripts/unit` runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import processes
import serving
import units
from serving import free_port


def starts_a_server():
    with serving.serving("--port", "0"):
        pass


def asks_in_a_comprehension():
    return [free_port() for _ in range(2)]


def calls_one_that_does():
    starts_a_server()


def starts_a_program():
    return processes.start("log_once.py")


def needs_nothing():
    return len("a")


def item(function, folder="tests", marker=None, fixtures=(), **params):
    """What pytest says about a test."""
    return SimpleNamespace(
        function=function,
        path=SimpleNamespace(parent=SimpleNamespace(name=folder)),
        get_closest_marker=lambda name: name == marker,
        callspec=SimpleNamespace(params=params),
        _fixtureinfo=SimpleNamespace(
            name2fixturedefs={"given": [SimpleNamespace(func=each) for each in fixtures]}
        ),
    )


@pytest.mark.parametrize(
    "test, is_unit",
    [
        (item(needs_nothing), True),
        (item(needs_nothing, marker="slow"), False),
        (item(needs_nothing, folder="ui"), False),
        (item(needs_nothing, fixtures=[starts_a_server]), False),
        (item(starts_a_server), False),
        (item(asks_in_a_comprehension), False),
        (item(calls_one_that_does), False),
        (item(starts_a_program), False),
        (item(needs_nothing, kind="mariadb"), False),
        (item(needs_nothing, folder="contract", store="postgresql"), False),
        (item(starts_a_server, folder="contract", store="sqlite"), True),
    ],
)
def test_what_needs_no_server_is_a_unit(test, is_unit):
    assert units.is_unit(test) is is_unit


def test_they_are_marked(request):
    """This one is; it reaches `serving` through no function of its own."""
    assert request.node.get_closest_marker("unit") is not None
