"""The record of what files were when they were logged. A store may keep none: see Store."""

from __future__ import annotations

import pytest

from contract.names import ODD_NAMES
from runlog.errors import InvalidParameter, NotFound
from runlog.store import Store

A, B = "a" * 64, "0123456789abcdef" * 4


def test_they_are_read_as_they_were_recorded(store, run_id):
    store.record_digests(run_id, [(name, n, B) for n, name in enumerate(ODD_NAMES)])
    expected = {name: (n, B) for n, name in enumerate(ODD_NAMES)}
    assert store.get_digests(run_id) == expected
    assert store.get_digests(run_id, iter(ODD_NAMES)) == expected
    assert store.get_digests(run_id, ["é", "missing"]) == {"é": expected["é"]}
    assert store.get_digests(run_id, []) == {}


def test_the_last_one_counts_even_within_a_call(store, run_id):
    store.record_digests(run_id, [("f", 1, A), ("f", 2, B)])
    assert store.get_digests(run_id) == {"f": (2, B)}
    store.record_digests(run_id, [("f", 2**40, A.upper())])
    assert store.get_digests(run_id) == {"f": (2**40, A)}


def test_runs_have_their_own(store, run_id):
    other = store.create_run("0").info.run_id
    store.record_digests(run_id, [("f", 1, A)])
    assert store.get_digests(other) == {}
    store.forget_digests(other)
    assert store.get_digests(run_id) == {"f": (1, A)}


@pytest.mark.parametrize("wrong", ["", "a" * 63, "a" * 66, "x" * 64])
def test_all_or_none_are_kept(store, run_id, wrong):
    with pytest.raises(InvalidParameter, match="no SHA-256 of 'g'"):
        store.record_digests(run_id, [("f", 1, A), ("g", 1, wrong)])
    assert store.get_digests(run_id) == {}


def test_a_run_that_does_not_exist(store):
    with pytest.raises(NotFound, match="f" * 32):
        store.record_digests("f" * 32, [("f", 1, A)])
    assert store.get_digests("f" * 32) == {}
    store.forget_digests("f" * 32, "f")


@pytest.mark.parametrize(
    "path, left",
    [
        ("d", {"d.txt", "d0", "e/d/x", "é/f"}),
        ("d/x", {"d/y/z", "d.txt", "d0", "e/d/x", "é/f"}),
        ("é", {"d/x", "d/y/z", "d.txt", "d0", "e/d/x"}),
        ("%", {"d/x", "d/y/z", "d.txt", "d0", "e/d/x", "é/f"}),
        ("", set()),
    ],
)
def test_a_file_or_a_directory_is_forgotten(store, run_id, path, left):
    paths = ["d/x", "d/y/z", "d.txt", "d0", "e/d/x", "é/f"]
    store.record_digests(run_id, [(each, 1, A) for each in paths])
    store.forget_digests(run_id, path)
    assert {*store.get_digests(run_id)} == left


def test_a_store_without_them_keeps_none(store, run_id):
    Store.record_digests(store, run_id, [("f", 1, A)])
    assert Store.get_digests(store, run_id) == store.get_digests(run_id) == {}
