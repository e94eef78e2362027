"""Every released schema opens, becomes today's and is used. tests/upgrade/make.py made them."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import apsw
import pytest

from disks import mounted, remount
from processes import check, digests, together
from runlog import RunlogClient
from runlog.db import migrations
from runlog.entities import ViewType
from runlog.errors import StoreError, StoreUnusable
from runlog.store import open_store

FILES = sorted(Path(__file__).with_name("upgrade").glob("v*.db"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def old(request, place) -> Path:
    return Path(shutil.copy(request.param, place / "runlog.db"))


def schema(path: Path) -> list[tuple[str, str]]:
    connection = apsw.Connection(str(path))
    found = connection.execute("select type, name, sql from sqlite_schema order by 1, 2").fetchall()
    connection.close()
    return found


def test_there_is_a_file_of_every_schema():
    assert {path.name for path in FILES} == {f"v{n + 1}.db" for n in range(migrations.VERSION)}
    assert [step.to for step in migrations.STEPS] == [*range(2, migrations.VERSION + 1)]


def test_it_becomes_what_a_new_file_is(old, place):
    """When this fails for a schema that is not released yet: python tests/upgrade/make.py"""
    for path in (old, place / "new.db"):
        open_store(str(path)).close()
    assert schema(old) == schema(place / "new.db")
    check(old)


def test_all_that_it_holds_is_read(old, request):
    client = RunlogClient(str(old))
    assert {e.name: e.tags for e in client.search_experiments()} == {
        "Default": {"team": "first"},
        "sweep": {"stage": "old"},
    }
    (parent,) = client.search_runs(["1"], "run_name = 'parent'")
    assert parent.data.metrics == {"unmerged": 0.5}
    assert parent.info.status == "RUNNING"
    (child,) = client.search_runs(["1"], "params.lr = '0.1' AND min(metrics.loss) < 0.01")
    assert child.info.run_name == "lr 0.1"
    assert (child.info.start_time, child.info.end_time) == (1_700_000_001_000, 1_700_000_009_000)
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["note"] == "a 'quoted' snow\N{SNOWMAN}"
    assert child.info.artifact_uri.startswith(f"{old.parent}/artifacts/1/")
    (given,) = child.inputs.dataset_inputs
    assert (given.dataset.name, given.tags[0].value) == ("digits", "training")
    recorded = client.store.get_digests(child.info.run_id)
    assert recorded == {"model/weights.bin": (5, "ab" * 32)}
    history = client.get_metric_history(child.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [
        (step, 0.1 / (step + 1)) for step in range(50)
    ]
    odd = [point.value for point in client.get_metric_history(child.info.run_id, "odd")]
    assert odd[:2] == [-math.inf, math.inf] and math.isnan(odd[2])
    (deleted,) = client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)
    assert deleted.info.run_name == "deleted"
    if request.node.callspec.id != "v1":
        assert client.get_registered_model("digits").aliases == {"best": "1"}
        assert client.get_model_version("digits", 1).tags == {"n": "1"}


def test_models_are_registered_in_it(old):
    client = RunlogClient(str(old))
    client.create_registered_model("new")
    client.create_model_version("new", "s3://bucket/model")
    client.set_registered_model_alias("new", "best", 1)
    assert client.get_model_version_by_alias("new", "best").version == "1"
    client.store.close()
    check(old)


def test_it_is_logged_to(old):
    client = RunlogClient(str(old))
    (child,) = client.search_runs(["1"], "params.lr = '0.1'")
    client.log_metric(child.info.run_id, "loss", -1.0, 1_700_000_010_000, 50)
    client.set_tag(child.info.run_id, "note", "new")
    run = client.create_run(client.create_experiment("later"))
    client.log_metric(run.info.run_id, "loss", -2.0)
    client.set_terminated(run.info.run_id)
    found = client.search_runs(["0", "1", "2"], "metrics.loss < 0", order_by=["metrics.loss"])
    assert [each.info.run_id for each in found] == [run.info.run_id, child.info.run_id]
    assert client.get_metric_summary(child.info.run_id)["loss"].count == 51
    assert client.store.gc() == (1, 0)
    client.store.close()
    check(old)


# -- a schema to come -----------------------------------------------------------------------


def add_a_column(connection) -> None:
    connection.execute("alter table run add column colour text")
    connection.execute("update run set colour = 'red'")


def fail(connection) -> None:
    add_a_column(connection)
    connection.execute("insert into no_such_table values (1)")


@pytest.fixture
def next_version(monkeypatch):
    def set_to(apply) -> int:
        to = migrations.VERSION + 1
        monkeypatch.setattr(
            migrations, "STEPS", (*migrations.STEPS, migrations.Step(to, "", apply))
        )
        monkeypatch.setattr(migrations, "VERSION", to)
        return to

    return set_to


def test_a_step_and_its_record_are_one(old, next_version):
    open_store(str(old)).close()
    before = old.read_bytes()
    next_version(fail)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"{old}.*no_such_table"):
            open_store(str(old))
        assert old.read_bytes() == before


def test_many_upgrade_it_at_once(old, next_version):
    to = next_version(add_a_column)
    together(*[lambda: open_store(str(old)).close()] * 8)
    store = open_store(str(old))
    assert store.db.execute("pragma user_version") == [(to,)]
    assert store.db.execute("select distinct colour from run") == [("red",)]
    store.close()


def test_the_older_runlog_refuses_it_then(old, place, next_version):
    with pytest.MonkeyPatch.context() as newer:
        newer.setattr(
            migrations, "STEPS", (migrations.Step(migrations.VERSION + 1, "", add_a_column),)
        )
        newer.setattr(migrations, "VERSION", migrations.VERSION + 1)
        open_store(str(old)).close()
    before = digests(place)
    with pytest.raises(StoreUnusable, match="newer runlog"):
        open_store(str(old))
    assert digests(place) == before


def test_an_older_file_that_is_read_only_says_what_to_do(place, next_version):
    with mounted(place / "disk", "1m") as disk:
        path = Path(shutil.copy(FILES[-1], disk / "runlog.db"))
        remount(disk, "ro")
        next_version(add_a_column)
        with pytest.raises(StoreUnusable, match=f"{path} .*older schema.*where it can be written"):
            open_store(str(path))
