"""A new store's file gets its name when it is whole."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from processes import check
from runlog.store import open_store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="made in place on Windows")


def test_nothing_else_is_left_in_the_folder(place):
    store = open_store(str(place / "runlog.db"))
    assert not list(place.glob("*.new"))
    store.close()
    assert [each.name for each in place.glob("runlog.db*")] == ["runlog.db"]


def test_its_mode_is_what_the_umask_leaves(place):
    before = os.umask(0o027)
    try:
        open_store(str(place / "runlog.db")).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "runlog.db").stat().st_mode) == 0o640


def test_it_has_all_its_tables_when_it_is_linked(place, monkeypatch):
    made = []

    def link(draft, path):
        shutil.copy(draft, place / "copy.db")
        made.append(os.path.basename(path))
        make_link(draft, path)

    make_link = os.link
    monkeypatch.setattr(os, "link", link)
    open_store(str(place / "runlog.db")).close()
    assert made == ["runlog.db"]
    monkeypatch.setattr(os, "link", make_link)
    store = open_store(str(place / "copy.db"))
    store.create_run("0")
    store.close()
    check(place / "copy.db")


@pytest.mark.parametrize("error", [PermissionError, FileExistsError])
def test_without_links_it_is_made_in_place(error, place, monkeypatch):
    def link(draft, path):
        raise error("no links here")

    monkeypatch.setattr(os, "link", link)
    store = open_store(str(place / "runlog.db"))
    store.create_run("0")
    store.close()
    assert [each.name for each in place.glob("runlog.db*")] == ["runlog.db"]
    check(place / "runlog.db")


def test_a_wal_file_that_was_left_behind_is_not_applied(place):
    store = open_store(str(place / "old.db"))
    store.create_run("0")
    shutil.copy(place / "old.db-wal", place / "runlog.db-wal")
    store.close()
    store = open_store(str(place / "runlog.db"))
    assert store.search_runs(["0"]) == []
    store.create_run("0")
    store.close()
    check(place / "runlog.db")
