"""A SQLite file of ours that is not a store: its own tables and application id, its own mode."""

from __future__ import annotations

import os
import stat

import pytest

from runlog.db import migrations
from runlog.db.sqlite import Database
from runlog.db.sqlite_file import Kind
from runlog.errors import StoreUnusable
from runlog.store import open_store

NOTE = migrations.Step(2, "when", lambda c: c.execute("alter table note add column at integer"))


class Notes(Kind):
    name = "a file of notes"
    application_id = 0x6E6F7465
    mode = 0o600
    remedy = "move it away"

    def version(self) -> int:
        return 1

    def schema(self) -> str:
        return "create table note (text text)"

    def steps(self, version: int) -> list[migrations.Step]:
        return []


class NewerNotes(Notes):
    def version(self) -> int:
        return 2

    def steps(self, version: int) -> list[migrations.Step]:
        return [NOTE] if version < 2 else []


def test_it_is_made_with_its_own_tables_and_mode(place):
    path = place / "notes.db"
    database = Database(str(path), Notes())
    with database.transaction():
        database.execute("insert into note values ('kept')")
    assert database.execute("pragma application_id") == [(Notes.application_id,)]
    if os.name == "posix":
        modes = {stat.S_IMODE(each.stat().st_mode) for each in place.glob("notes.db*")}
        assert modes == {0o600}
    assert str(database.damaged("torn")) == f"{path} is damaged (torn): move it away"
    database.close()


def test_it_is_upgraded_by_its_own_steps(place):
    for kind, columns in ((Notes(), 1), (NewerNotes(), 2), (NewerNotes(), 2)):
        database = Database(str(place / "notes.db"), kind)
        assert len(database.execute("select * from pragma_table_info('note')")) == columns
        database.close()
    with pytest.raises(StoreUnusable, match="newer runlog .schema 2, this one knows 1"):
        Database(str(place / "notes.db"), Notes()).open()


def test_no_kind_is_taken_for_another(place):
    Database(str(place / "notes.db"), Notes()).open()
    store = open_store(str(place / "runlog.db"))
    store.create_run("0")
    store.close()
    with pytest.raises(StoreUnusable, match="another program's SQLite database"):
        open_store(str(place / "notes.db")).search_runs(["0"])
    with pytest.raises(StoreUnusable, match="another program's SQLite database"):
        Database(str(place / "runlog.db"), Notes()).open()
