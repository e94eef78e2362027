"""runlog artifacts verify, pack, unpack, and what gc sweeps up, run in this process."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from processes import on_disk
from runlog import RunlogClient, cli


@pytest.fixture
def client(place):
    return RunlogClient()


@pytest.fixture
def run_id(client):
    return logged(client)


def logged(client, experiment="0"):
    run_id = client.create_run(experiment).info.run_id
    for name in ("a.txt", "d/b.txt"):
        client.log_text(run_id, f"content of {name}", name)
    client.set_terminated(run_id)
    return run_id


def call(*words: str, code: int = 0):
    result = CliRunner().invoke(cli.main, [*words])
    assert result.exit_code == code, result.output + result.stderr
    return result


def findings(*words: str, code: int = 0) -> list[tuple[str, str, str]]:
    rows = json.loads(call("artifacts", "verify", *words, "--json", code=code).stdout)
    return [(row["run_id"], row["path"], row["state"]) for row in rows]


def local(client, run_id, path="") -> Path:
    return on_disk(client, run_id, path)


# -- verify ---------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_sound(client, run_id, packed):
    if packed:
        call("artifacts", "pack", run_id)
    assert findings() == findings(run_id[:8]) == findings("-x", "0") == []
    assert call("artifacts", "verify").stdout == ""


@pytest.mark.parametrize(
    "harm, state, about",
    [
        (lambda path: path.write_bytes(b"content of A.txt"), "damaged", "SHA-256 is "),
        (lambda path: path.write_bytes(b"content"), "damaged", "7 bytes instead of 16"),
        (lambda path: path.unlink(), "missing", "16 bytes were logged"),
    ],
)
def test_what_is_not(client, run_id, harm, state, about):
    sound = logged(client)
    harm(local(client, run_id, "a.txt"))
    assert findings(code=1) == [(run_id, "a.txt", state)]
    assert findings("-r", run_id, code=1) == [(run_id, "a.txt", state)]
    assert findings(sound) == []
    table = call("artifacts", "verify", "--csv", code=1).stdout.splitlines()
    assert table[0] == "run_id,path,state,about"
    assert table[1].startswith(f"{run_id},a.txt,{state},{about}")


def test_a_file_that_was_never_logged_is_told_and_no_fault(client, run_id):
    (local(client, run_id) / "extra").write_bytes(b"x")
    assert findings() == [(run_id, "extra", "unrecorded")]


def test_everything_of_a_run_is_gone(client, run_id, place):
    (place / "artifacts").rename(place / "elsewhere")
    assert [state for _, _, state in findings(code=1)] == ["missing", "missing"]


def test_a_damaged_row_of_the_archive(client, run_id):
    call("artifacts", "pack", run_id)
    db = client.store.db
    with db.transaction():
        db.execute("update sqlar set data = x'00', sz = 16 where name like '%a.txt'")
    assert findings(code=1) == [(run_id, "a.txt", "unreadable")]


def test_runs_of_the_trash_are_looked_at_on_demand(client, run_id):
    local(client, run_id, "a.txt").unlink()
    client.delete_run(run_id)
    assert findings() == []
    assert len(findings("-v", "deleted_only", code=1)) == 1


# -- pack and unpack ------------------------------------------------------------------------


def test_runs_are_packed_and_unpacked(client, run_id, place):
    said = call("artifacts", "pack", run_id[:6]).stdout
    assert said == "Packing is done: 2 files (34 B) of 1 run\n"
    assert client.get_run(run_id).info.artifact_uri.startswith("sqlar:")
    assert call("artifacts", "pack", run_id).stdout == said
    said = call("artifacts", "unpack", "-r", run_id).stdout
    assert said == "Unpacking is done: 2 files (34 B) of 1 run\n"
    assert local(client, run_id, "d/b.txt").read_text() == "content of d/b.txt"


def test_an_experiment_is_packed_but_for_runs_that_go_on(client):
    number = client.create_experiment("e")
    ended, other = logged(client, number), logged(client)
    running = client.create_run(number).info.run_id
    client.log_text(running, "x", "f")
    result = call("artifacts", "pack", "-n", "e")
    assert result.stdout.endswith("2 files (34 B) of 1 run\n")
    assert result.stderr == f"runlog: warning: run {running} is RUNNING: skipped\n"
    uris = [client.get_run(each).info.artifact_uri for each in (ended, other, running)]
    assert [uri.startswith("sqlar:") for uri in uris] == [True, False, False]


@pytest.mark.parametrize("command", ["pack", "unpack"])
@pytest.mark.parametrize(
    "words, said", [([], "Name runs"), (["abc", "-x", "0"], "not both"), (["f" * 32], "not found")]
)
def test_what_to_move_must_be_said(client, run_id, command, words, said):
    result = CliRunner().invoke(cli.main, ["artifacts", command, *words])
    assert result.exit_code and said in result.stderr


# -- gc -------------------------------------------------------------------------------------


def test_gc_frees_the_files_inside_the_database(client, run_id):
    call("artifacts", "pack", run_id)
    kept = logged(client)
    call("artifacts", "pack", kept)
    client.delete_run(run_id)
    call("gc")
    names = client.store.db.execute("select name from sqlar order by name")
    assert names == [(f"0/{kept}/artifacts/{path}",) for path in ("a.txt", "d/b.txt")]


HIDDEN = ".runlog-0123456789abcdef"


@pytest.mark.parametrize(
    "name, days, goes",
    [
        (HIDDEN, 1.1, True),
        (HIDDEN, 0.9, False),
        (".runlog-keep", 9, False),
        (HIDDEN + "0", 9, False),
        ("old.txt", 9, False),
    ],
)
def test_gc_sweeps_up_what_killed_uploads_have_left(client, run_id, name, days, goes):
    file = local(client, run_id) / "d" / name
    file.write_bytes(b"half")
    os.utime(file, (0, time.time() - days * 86400))
    shown = json.loads(call("gc", "--dry-run", "--json").stdout)
    assert [row["files"] for row in shown] == [str(file)] * goes
    call("gc", "--run-ids", "")
    assert file.exists()
    (row,) = json.loads(call("gc", "--json").stdout)
    assert row["unfinished_files"] == goes
    assert file.exists() == (not goes)
    assert local(client, run_id, "d/b.txt").exists()
