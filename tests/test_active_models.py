from __future__ import annotations

import os
import threading

import pytest

import runlog
from runlog.errors import InvalidParameter, NotFound


def measured(model_id: str) -> dict[str, float]:
    return {point.key: point.value for point in runlog.get_logged_model(model_id).metrics}


def test_metrics_belong_to_the_active_model():
    model = runlog.create_external_model("tree")
    with runlog.start_run() as run:
        runlog.log_metric("before", 1)
        with runlog.set_active_model(model_id=model.model_id) as active:
            assert runlog.get_active_model_id() == active.model_id == model.model_id
            runlog.log_metric("one", 1)
            runlog.log_metrics({"two": 2, "three": 3})
            runlog.log_model_params({"depth": 3})
        runlog.log_metric("after", 1)
    assert measured(model.model_id) == {"one": 1, "two": 2, "three": 3}
    assert runlog.get_logged_model(model.model_id).params == {"depth": "3"}
    assert runlog.get_run(run.info.run_id).data.metrics.keys() == {
        "before", "one", "two", "three", "after",
    }  # fmt: skip


def test_a_model_that_is_named_takes_precedence():
    first, second = runlog.create_external_model(), runlog.create_external_model()
    with runlog.start_run(), runlog.set_active_model(model_id=first.model_id):
        runlog.log_metric("a", 1, model_id=second.model_id)
    assert (measured(first.model_id), measured(second.model_id)) == ({}, {"a": 1})


def test_it_is_the_newest_of_that_name_or_a_new_one():
    created = runlog.set_active_model(name="a tree")
    assert created.name == "a tree" and created.status == "READY"
    runlog.clear_active_model()
    assert runlog.get_active_model_id() is None
    newer = runlog.create_external_model("a tree")
    with pytest.warns(UserWarning, match="several logged models are called 'a tree'"):
        assert runlog.set_active_model(name="a tree").model_id == newer.model_id


def test_it_is_of_its_thread():
    runlog.set_active_model(name="tree")
    found = []
    thread = threading.Thread(target=lambda: found.append(runlog.get_active_model_id()))
    thread.start()
    thread.join()
    assert found == [None]


def test_the_environment_names_one(monkeypatch):
    model = runlog.create_external_model()
    monkeypatch.setenv("MLFLOW_ACTIVE_MODEL_ID", model.model_id)
    from runlog import active_runs

    active_runs.set_active_model_id("")  # as in a new process
    assert runlog.get_active_model_id() == model.model_id


def test_what_cannot_be():
    with pytest.raises(InvalidParameter, match="needs a name or a model_id"):
        runlog.set_active_model()
    model = runlog.create_external_model("tree")
    with pytest.raises(InvalidParameter, match="is called 'tree', not 'bush'"):
        runlog.set_active_model(name="bush", model_id=model.model_id)
    with pytest.raises(NotFound):
        runlog.set_active_model(model_id="m-" + "0" * 32)
    with pytest.raises(InvalidParameter, match="no logged model is active"):
        runlog.log_model_params({"a": 1})


def test_the_last_logged_model():
    assert runlog.last_logged_model() is None
    for create in (runlog.initialize_logged_model, runlog.create_external_model):
        assert create().model_id == runlog.last_logged_model().model_id


def test_an_external_model_can_be_registered():
    model = runlog.create_external_model("service", tags={"team": "a"}, params={"v": 2})
    assert model.tags["mlflow.model.isExternal"] == "true" and model.params == {"v": "2"}
    version = runlog.register_model(f"models:/{model.model_id}", "service")
    assert version.model_id == model.model_id
    described = runlog.models.get_model_info(f"models:/{model.model_id}")
    assert described.model_id == model.model_id and described.flavors == {}


def test_doctor(capsys):
    os.environ["RUNLOG_TRACKING_TOKEN"] = "a secret"
    runlog.doctor()
    printed = capsys.readouterr().out
    assert "tracking URI" in printed and "a secret" not in printed
