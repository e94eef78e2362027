"""Entities behave as values, and as MLflow's where scripts rely on that."""

from __future__ import annotations

import copy
import json
import math
import pickle

import pytest

from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    FileInfo,
    InputTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    MetricSummary,
    PagedList,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    RunTag,
    SourceType,
    ViewType,
)

INFO = RunInfo("r1", "0", "ann", "FINISHED", 1, 2, "active", "/a", "first")
DATA = RunData({"m": 0.5}, {"p": "1"}, {"t": "x"})
INPUTS = RunInputs([DatasetInput(Dataset("d", "1", "local", "{}"), [InputTag("c", "train")])])
ENTITIES = [
    Metric("m", 1.0, 2, 3, "m-1", "d", "1", "r"),
    Param("p", "1"),
    RunTag("t", "1"),
    ExperimentTag("t", "1"),
    InputTag("t", "1"),
    Dataset("d", "1", "local", "{}", "[]", "{}"),
    DatasetInput(Dataset("d", "1", "local", "{}"), [InputTag("c", "train")]),
    FileInfo("a/b", False, 5),
    MetricSummary("m", 1, 1.0, 2, 3, 1.0, 2, 1.0, 2, 1.0, 2),
    Experiment("0", "Default", "/a", "active", {"k": "v"}, 1, 2),
    LoggedModelInput("m-1"),
    LoggedModelOutput("m-1", 2),
    LoggedModel("0", "m-1", "first", "/a", 1, 2, "tree", "r1", tags={"k": "v"}),
    INFO,
    DATA,
    INPUTS,
    Run(INFO, DATA, INPUTS),
]
NAMES = [type(entity).__name__ for entity in ENTITIES]


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
def test_an_entity_does_not_change(entity):
    name = next(name for name, _ in entity)
    before = repr(entity)
    with pytest.raises(AttributeError, match=name):
        setattr(entity, name, "other")
    with pytest.raises(AttributeError, match=name):
        delattr(entity, name)
    with pytest.raises(AttributeError):
        entity.surprise = 1
    assert repr(entity) == before


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
def test_an_entity_is_its_fields(entity):
    fields = dict(entity)
    prefix = "run_" if type(entity) is Run else ""  # MLflow's names of what it is made from
    again = type(entity)(**{prefix + name: value for name, value in fields.items()})
    assert again == entity and not again != entity
    assert (
        repr(again)
        == repr(entity)
        == (f"{type(entity).__name__}({', '.join(f'{name}={v!r}' for name, v in fields.items())})")
    )
    for name in fields:
        changed = {**fields, name: "other"}
        assert type(entity)(*changed.values()) != entity
    assert entity != tuple(fields.values())


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
def test_an_entity_travels(entity):
    for copied in (pickle.loads(pickle.dumps(entity)), copy.deepcopy(entity), copy.copy(entity)):
        assert (copied, type(copied)) == (entity, type(entity))


def test_the_points_of_a_run_travel_with_it():
    points = (Metric("m", 0.5, 7, 3, run_id="r1"),)
    data = RunData({"m": 0.5}, metric_points=points)
    assert pickle.loads(pickle.dumps(data)).metric_points == points
    assert dict(data) == {"metrics": {"m": 0.5}, "params": {}, "tags": {}}


def test_entities_without_containers_go_into_sets():
    assert len({Metric("m", 1.0, 2), Metric("m", 1.0, 2, 0), Metric("m", 1.0, 2, 1)}) == 2
    assert Param("a", "1") != RunTag("a", "1")


def test_a_run_as_a_dictionary():
    outputs = RunOutputs([LoggedModelOutput("m-2", 3)])
    run = Run(INFO, DATA, RunInputs(INPUTS.dataset_inputs, [LoggedModelInput("m-1")]), outputs)
    given = run.to_dictionary()
    assert json.loads(json.dumps(given)) == given == {
        "info": {
            "run_id": "r1", "experiment_id": "0", "user_id": "ann", "status": "FINISHED",
            "start_time": 1, "end_time": 2, "lifecycle_stage": "active", "artifact_uri": "/a",
            "run_name": "first",
        },
        "data": {"metrics": {"m": 0.5}, "params": {"p": "1"}, "tags": {"t": "x"}},
        "inputs": {
            "dataset_inputs": [
                {
                    "dataset": {
                        "name": "d", "digest": "1", "source_type": "local", "source": "{}",
                        "schema": None, "profile": None,
                    },
                    "tags": {"c": "train"},
                }
            ],
            "model_inputs": [{"model_id": "m-1"}],
        },
        "outputs": {"model_outputs": [{"model_id": "m-2", "step": 3}]},
    }  # fmt: skip
    assert (run.data.to_dictionary(), run.inputs.to_dictionary()) == (
        given["data"],
        given["inputs"],
    )


def test_a_dictionary_is_a_copy():
    run = Run(INFO, DATA, INPUTS)
    run.to_dictionary()["data"]["metrics"]["m"] = math.nan
    assert run.data.metrics == {"m": 0.5}


def test_the_run_id_by_its_old_name():
    assert INFO.run_uuid == "r1"


EVIL = "<script>alert('1')</script> & \"x\""


def test_notebooks_show_no_html_of_others():
    info = RunInfo("r1", "0", EVIL, "FINISHED", 1, 2, "active", EVIL, EVIL)
    run = Run(info, RunData({"m": math.nan}, {EVIL: EVIL}, {EVIL: EVIL}))
    for shown in (run._repr_html_(), Experiment("0", EVIL, EVIL, tags={EVIL: EVIL})._repr_html_()):
        assert "<script" not in shown
        assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; &quot;x&quot;" in shown


def test_notebooks_show_what_there_is():
    shown = Run(INFO, DATA, INPUTS)._repr_html_()
    for text in ("first", "FINISHED", "r1", "0.5", "metrics", "params", "tags"):
        assert text in shown
    assert "Default" in Experiment("0", "Default", "/a")._repr_html_()


def test_notebooks_show_times_for_people_and_no_more_than_there_is():
    info = RunInfo("r1", "0", "me", "RUNNING", 1_700_000_000_000)
    shown = Run(info)._repr_html_()
    assert "2023-11-14 22:13:20 UTC" in shown and "1700000000000" not in shown
    assert shown.count("<table>") == 1 and "None" not in shown and "ended" not in shown
    ended = RunInfo("r1", "0", "me", "FINISHED", 1_700_000_000_000, 1_700_000_083_000)
    assert "1m 23s" in Run(ended)._repr_html_()
    assert Experiment("0", "Default", "/a")._repr_html_().count("<table>") == 1


def test_notebooks_show_inputs():
    data = Dataset(EVIL, "d1", "local", "{}")
    inputs = RunInputs([DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
    shown = Run(INFO, DATA, inputs)._repr_html_()
    assert "inputs" in shown and "d1" in shown and "local, train" in shown
    assert "<script" not in shown


def test_views():
    for view, name in [(1, "active_only"), (2, "deleted_only"), (3, "all")]:
        assert ViewType.from_string(name.upper()) == view
        assert ViewType.to_string(view) == name
    with pytest.raises(ValueError, match="no view type 'none': use one of active_only"):
        ViewType.from_string("none")
    with pytest.raises(ValueError, match="no view type 4"):
        ViewType.to_string(4)


def test_states():
    names = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
    assert RunStatus.all_status() == names
    assert [RunStatus.to_string(RunStatus.from_string(name)) for name in names] == names
    ended = [RunStatus.is_terminated(name) for name in names]
    assert ended == [RunStatus.is_terminated(number) for number in range(1, 6)]
    assert ended == [False, False, True, True, True]
    with pytest.raises(ValueError, match="no run status 'DONE': use one of RUNNING"):
        RunStatus.from_string("DONE")


def test_sources():
    assert SourceType.to_string(SourceType.NOTEBOOK) == "NOTEBOOK"


def test_a_page_is_a_list():
    page = PagedList(["a"], token="t")
    assert (page, page.token, page.to_list()) == (["a"], "t", ["a"])
    assert PagedList().token is None
