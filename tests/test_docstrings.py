"""The docstrings of the public names: they say what is done, and their examples run."""

from __future__ import annotations

import doctest
import inspect
import warnings

import pytest

import runlog
from docgen import api

ENTRIES = [pytest.param(each, id=each.name) for each in api.entries()]
CALLS = [each for each in ENTRIES if each.values[0].is_call]
EXAMPLES = [each for each in ENTRIES if ">>>" in each.values[0].text]
NOT_IMPERATIVE = {"A", "An", "The", "It", "What", "Where", "How", "Whether", "One", "All"}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_public_name_says_what_it_is(entry):
    assert entry.text, f"{entry.name} has no docstring"
    assert entry.summary.endswith("."), entry.summary


@pytest.mark.parametrize("entry", CALLS)
def test_the_first_sentence_is_in_the_imperative(entry):
    verb = entry.text.split()[0]
    assert verb not in NOT_IMPERATIVE and not verb.endswith("s"), entry.summary


@pytest.mark.parametrize("entry", CALLS)
def test_every_argument_and_result_has_a_type(entry):
    """Properties and methods of subclasses of foreign classes included."""
    signature = inspect.signature(entry.function)
    empty = inspect.Parameter.empty
    arguments = [each for name, each in signature.parameters.items() if name not in ("self", "cls")]
    assert [each.name for each in arguments if each.annotation is empty] == []
    assert signature.return_annotation is not empty


@pytest.mark.parametrize("entry", EXAMPLES)
def test_an_example_runs(place, entry):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    example = parser.get_doctest(entry.text, {"runlog": runlog}, entry.name, None, 0)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
