from __future__ import annotations

import pytest

from contract.names import BAD_KEYS, NOT_EXPERIMENT_IDS, ODD_NAMES
from runlog.clock import now
from runlog.entities import Experiment
from runlog.errors import AlreadyExists, BadRequest, InvalidParameter, NotFound


def test_default_is_there_and_the_others_count_up(store):
    assert store.get_experiment("0").name == "Default"
    assert [store.create_experiment(name) for name in "abc"] == ["1", "2", "3"]


def test_a_new_experiment(store):
    before = now()
    made = store.get_experiment(store.create_experiment("a", tags={"k": "v", "n": 1}))
    assert before <= made.creation_time == made.last_update_time <= now()
    place, time = made.artifact_location, made.creation_time
    assert place.endswith("/1")
    expected = Experiment("1", "a", place, "active", {"k": "v", "n": "1"}, time, time)
    assert made == expected
    assert store.find_experiment("a") == store.get_experiment_by_name("a") == expected


@pytest.mark.parametrize("name", [*ODD_NAMES, "x" * 500])
def test_any_text_is_a_name(store, name):
    number = store.create_experiment(name)
    assert store.get_experiment(number).name == name
    assert store.find_experiment(name).experiment_id == number
    assert store.find_experiment(name + " ") is None


def test_names_differ_by_case_and_by_code_points(store):
    names = ["a", "A", "é", "É", "e\u0301"]
    numbers = [store.create_experiment(name) for name in names]
    assert [store.find_experiment(name).experiment_id for name in names] == numbers


@pytest.mark.parametrize("name", ["", None, 5, "x" * 501])
def test_what_is_no_name(store, name):
    with pytest.raises(InvalidParameter, match="experiment name"):
        store.create_experiment(name)
    with pytest.raises(InvalidParameter, match="experiment name"):
        store.rename_experiment("0", name)
    assert [each.name for each in store.search_experiments()] == ["Default"]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_name_is_taken_once(store, deleted):
    number = store.create_experiment("a", tags={"k": "v"})
    if deleted:
        store.delete_experiment(number)
    with pytest.raises(AlreadyExists, match="Experiment 'a' already exists"):
        store.create_experiment("a", tags={"k": "other"})
    assert store.get_experiment(number).tags == {"k": "v"}
    with pytest.raises(BadRequest, match="'a' already exists"):
        store.rename_experiment("0", "a")
    assert store.get_experiment("0").name == "Default"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_an_experiment_with_a_bad_tag_is_not_made(store, key):
    with pytest.raises(InvalidParameter, match="experiment tag key"):
        store.create_experiment("a", tags={"good": "1", key: "2"})
    assert store.find_experiment("a") is None


def test_rename(store):
    number = store.create_experiment("a")
    store.rename_experiment(number, "it's b")
    store.rename_experiment(number, "it's b")
    assert store.get_experiment(number).name == "it's b"
    assert store.find_experiment("a") is None
    assert store.create_experiment("a") != number


def test_unknown_experiments(store):
    assert store.find_experiment("a") is None
    with pytest.raises(NotFound, match="Could not find experiment with name 'a'"):
        store.get_experiment_by_name("a")
    for call in (*WRITES.values(), *OTHERS.values()):
        with pytest.raises(NotFound, match="^No .*Experiment with id=7 exists$"):
            call(store, "7")


def test_no_experiment_has_a_negative_id(store):
    for call in (*WRITES.values(), *OTHERS.values()):
        with pytest.raises(NotFound, match="^No .*Experiment with id=-1 exists$"):
            call(store, "-1")
    assert store.search_runs(["-1"]) == []


@pytest.mark.parametrize("given", NOT_EXPERIMENT_IDS)
def test_what_is_no_experiment_id(store, given):
    for call in (*WRITES.values(), *OTHERS.values()):
        with pytest.raises(InvalidParameter, match="invalid experiment id"):
            call(store, given)


WRITES = {
    "rename": lambda store, number: store.rename_experiment(number, "b"),
    "tag": lambda store, number: store.set_experiment_tags(number, {"k": "v"}),
    "untag": lambda store, number: store.delete_experiment_tag(number, "k"),
    "create a run": lambda store, number: store.create_run(number),
}
OTHERS = {
    "get": lambda store, number: store.get_experiment(number),
    "delete": lambda store, number: store.delete_experiment(number),
    "restore": lambda store, number: store.restore_experiment(number),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_deleted_experiment_is_not_written_to(store, write):
    number = store.create_experiment("a", tags={"k": "1"})
    store.delete_experiment(number)
    deleted = store.get_experiment(number)
    with pytest.raises(InvalidParameter) as caught:
        WRITES[write](store, number)
    assert caught.value.message == (
        f"The experiment {number} must be in the 'active' state. Current state is deleted."
    )
    assert store.get_experiment(number) == deleted
    assert store.search_runs([number], run_view_type=3) == []


def test_delete_and_restore(store):
    number = store.create_experiment("a")
    with pytest.raises(NotFound):
        store.restore_experiment(number)
    store.delete_experiment(number)
    assert store.find_experiment("a").lifecycle_stage == "deleted"
    with pytest.raises(NotFound):
        store.delete_experiment(number)
    store.restore_experiment(number)
    assert store.get_experiment(number).lifecycle_stage == "active"


def test_runs_go_and_come_back_with_their_experiment(store):
    number = store.create_experiment("a")
    stays, goes = (store.create_run(number).info.run_id for _ in range(2))
    other = store.create_run("0").info.run_id
    store.delete_run(stays)
    store.delete_experiment(number)
    assert stages(store, stays, goes, other) == ["deleted", "deleted", "active"]
    store.restore_experiment(number)
    assert stages(store, stays, goes, other) == ["deleted", "active", "active"]


def test_only_what_a_deletion_took_along_comes_back(store):
    number = store.create_experiment("a")
    runs = [store.create_run(number).info.run_id for _ in range(3)]
    for run in runs:
        store.delete_run(run)
        store.delete_experiment(number)
        store.restore_experiment(number)
    assert stages(store, *runs) == ["deleted"] * 3


def stages(store, *runs):
    return [store.get_run(run).info.lifecycle_stage for run in runs]


def test_tags(store):
    store.set_experiment_tags("0", {"a": "1", "it": 'it\'s\n"é"🎈'})
    store.set_experiment_tags("0", {"a": 2, "none": None, "empty": ""})
    store.delete_experiment_tag("0", "empty")
    assert store.get_experiment("0").tags == {"a": "2", "it": 'it\'s\n"é"🎈', "none": "None"}
    with pytest.raises(NotFound, match="No tag with name: empty in experiment with id 0"):
        store.delete_experiment_tag("0", "empty")


@pytest.mark.parametrize("key", BAD_KEYS)
def test_tags_are_set_all_or_none(store, key):
    store.set_experiment_tags("0", {"a": "1"})
    with pytest.raises(InvalidParameter):
        store.set_experiment_tags("0", {"a": "2", key: "3"})
    assert store.get_experiment("0").tags == {"a": "1"}


def test_a_change_is_noted(store):
    number = store.create_experiment("a")
    made = store.get_experiment(number)
    times = [made.creation_time]
    for change in ("rename", "tag", "untag", "delete", "restore"):
        {**WRITES, **OTHERS}[change](store, number)
        changed = store.get_experiment(number)
        times.append(changed.last_update_time)
        assert changed.creation_time == made.creation_time
    assert times == sorted(times)


@pytest.mark.parametrize("place", ["s3://bucket/a b", "/tmp/é", "mlflow-artifacts:/x"])
def test_artifact_locations_stay_as_given(store, place):
    number = store.create_experiment("a", place)
    assert store.get_experiment(number).artifact_location == place
    run = store.create_run(number).info
    assert run.artifact_uri == f"{place}/{run.run_id}/artifacts"


@pytest.mark.parametrize("place", ["/a#b", "s3://bucket/a?b"])
def test_what_is_no_artifact_location(store, place):
    with pytest.raises(InvalidParameter, match="artifact location"):
        store.create_experiment("a", place)
    assert store.find_experiment("a") is None
