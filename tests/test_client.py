"""RunlogClient: MLflow's methods, run by run id. What stores promise is in `tests/contract/`."""

from __future__ import annotations

import io
import json
import math
import os

import pytest

import runlog
from runlog import MlflowClient, RunlogClient
from runlog.clock import now
from runlog.entities import (
    Dataset,
    DatasetInput,
    FileInfo,
    InputTag,
    Metric,
    Param,
    Run,
    RunTag,
    ViewType,
)
from runlog.errors import AlreadyExists, InvalidParameter, NotFound, RunlogError


@pytest.fixture
def client():
    return RunlogClient()


@pytest.fixture
def run_id(client):
    return client.create_run("0").info.run_id


def test_names():
    from runlog.exceptions import MlflowException
    from runlog.tracking import MlflowClient as the_same

    assert MlflowClient is the_same is runlog.tracking.RunlogClient is RunlogClient
    assert MlflowException is runlog.MlflowException is RunlogError


def test_places(tmp_path):
    assert RunlogClient().tracking_uri == str(tmp_path / "runlog.db")
    one, other = RunlogClient("one.db"), RunlogClient(tracking_uri="sqlite:///other.db")
    one.create_experiment("a")
    assert other.get_experiment_by_name("a") is None
    assert RunlogClient(str(tmp_path / "one.db")).get_experiment_by_name("a") is not None
    assert repr(one) == f"RunlogClient({str(tmp_path / 'one.db')!r})"
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["one.db", "other.db"]


# ---------------------------------------------------------------------------------- experiments


def test_experiments(client, tmp_path):
    number = client.create_experiment("a", tmp_path / "files", {"k": 1})
    made = client.get_experiment(number)
    assert made == client.get_experiment_by_name("a")
    assert (made.name, made.tags, made.artifact_location) == ("a", {"k": "1"}, f"{tmp_path}/files")
    client.rename_experiment(number, "b")
    client.set_experiment_tag(number, "l", 2.5)
    client.delete_experiment_tag(number, "k")
    changed = client.get_experiment(number)
    assert (changed.name, changed.tags) == ("b", {"l": "2.5"})
    client.delete_experiment(number)
    assert client.get_experiment_by_name("b").lifecycle_stage == "deleted"
    client.restore_experiment(number)
    assert client.get_experiment(number).lifecycle_stage == "active"


def test_experiment_searches(client):
    numbers = [client.create_experiment(name) for name in "abc"]
    client.delete_experiment(numbers[2])
    page = client.search_experiments(max_results=2, order_by=["name"])
    assert [each.name for each in page] == ["Default", "a"]
    rest = client.search_experiments(max_results=2, order_by=["name"], page_token=page.token)
    assert ([each.name for each in rest], rest.token) == (["b"], None)
    assert [each.name for each in client.list_experiments(ViewType.DELETED_ONLY)] == ["c"]
    assert len(client.list_experiments(ViewType.ALL)) == 4
    page = client.list_experiments(max_results=1)
    assert len(client.list_experiments(page_token=page.token)) == 2
    assert [each.name for each in client.search_experiments(filter_string="name LIKE 'D%'")] == [
        "Default"
    ]


# ----------------------------------------------------------------------------------------- runs


def test_a_run(client):
    before = now()
    run = client.create_run("0", tags={"mlflow.user": "ann", "k": 1}, run_name="first")
    assert before <= run.info.start_time <= now()
    assert (run.info.user_id, run.info.status, run.info.run_name) == ("ann", "RUNNING", "first")
    assert run.data.tags == {"mlflow.user": "ann", "k": "1", "mlflow.runName": "first"}
    assert client.get_run(run.info.run_id) == run
    assert run.info.run_uuid == run.info.run_id
    assert client.create_run("0", start_time=5).info.start_time == 5
    assert runlog.active_run() is None


def test_a_parent(client, run_id):
    child = client.create_run("0", tags={"mlflow.parentRunId": run_id}).info.run_id
    assert client.get_parent_run(child) == client.get_run(run_id)
    assert client.get_parent_run(run_id) is None


@pytest.mark.parametrize(
    "given, status, end_time",
    [
        ({}, "FINISHED", None),
        ({"status": "FAILED"}, "FAILED", None),
        ({"status": "KILLED", "end_time": 5}, "KILLED", 5),
        ({"end_time": 0}, "FINISHED", 0),
    ],
)
def test_set_terminated(client, run_id, given, status, end_time):
    before = now()
    client.set_terminated(run_id, **given)
    info = client.get_run(run_id).info
    assert info.status == status
    assert info.end_time == end_time if end_time is not None else before <= info.end_time <= now()


def test_update_run(client, run_id):
    client.update_run(run_id, "SCHEDULED")
    client.update_run(run_id, name="other")
    info = client.get_run(run_id).info
    assert (info.status, info.run_name, info.end_time) == ("SCHEDULED", "other", None)


def test_trash(client, run_id):
    client.delete_run(run_id)
    assert client.search_runs(["0"]) == []
    with pytest.raises(InvalidParameter, match="must be in the 'active' state"):
        client.log_metric(run_id, "m", 1)
    client.restore_run(run_id)
    assert len(client.search_runs(["0"])) == 1


def test_searches(client):
    for number in range(5):
        run = client.create_run("0", start_time=number).info.run_id
        client.log_metric(run, "m", number)
    page = client.search_runs(["0"], "metrics.m > 0", max_results=3, order_by=["metrics.m"])
    assert [run.data.metrics["m"] for run in page] == [1, 2, 3]
    rest = client.search_runs(
        ["0"], "metrics.m > 0", max_results=3, order_by=["metrics.m"], page_token=page.token
    )
    assert ([run.data.metrics["m"] for run in rest], rest.token) == ([4], None)
    infos = client.list_run_infos("0", max_results=2)
    assert [info.start_time for info in infos] == [4, 3]
    infos = client.list_run_infos("0", order_by=["start_time"])
    assert [info.start_time for info in infos] == [0, 1, 2, 3, 4]


# -------------------------------------------------------------------------------------- logging


def test_logging(client, run_id):
    before = now()
    assert client.log_metric(run_id, "m", 1) is None
    client.log_metric(run_id, "m", 2, timestamp=5, step=7)
    assert client.log_param(run_id, "p", 0.5) == 0.5
    client.set_tag(run_id, "t", None)
    client.set_tag(run_id, "u", 1)
    client.delete_tag(run_id, "u")
    data = client.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 2.0}, {"p": "0.5"}, "None")
    assert "u" not in data.tags
    late, early = client.get_metric_history(run_id, "m")[::-1]
    assert (early, late.step) == (Metric("m", 2.0, 5, 7, run_id=run_id), 0)
    assert before <= late.timestamp <= now()


def test_metric_summary(client, run_id):
    client.log_batch(run_id, [Metric("m", value, 0, step) for step, value in enumerate([2, 1, 3])])
    found = client.get_metric_summary(run_id)["m"]
    assert (found.count, found.first, found.last) == (3, 2.0, 3.0)
    assert (found.min, found.min_step, found.max, found.max_step) == (1.0, 1, 3.0, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"metrics": [("m", 1.0, 0, 0)]},
        {"params": {"p": 1}},
        {"tags": 5},
        {"metrics": [Metric("m", 1.0, 0)], "tags": [{"key": "t", "value": "1"}]},
    ],
)
def test_a_batch_of_no_entities(client, run_id, given):
    with pytest.raises(InvalidParameter, match=r"a batch is lists of entities, Metric\(key"):
        client.log_batch(run_id, **given)
    assert client.get_run(run_id).data.metrics == {}


def test_log_batch(client, run_id):
    metrics = [Metric(f"m{number}", number, 0, 0) for number in range(1500)]
    params = [Param(f"p{number}", str(number)) for number in range(150)]
    client.log_batch(run_id, metrics, params, [RunTag("t", "1")])
    data = client.get_run(run_id).data
    assert (len(data.metrics), len(data.params), data.tags["t"]) == (1500, 150, "1")
    with pytest.raises(InvalidParameter, match="'p0'"):
        client.log_batch(run_id, [Metric("m0", 5, 9, 9)], [Param("p0", "other")])
    assert client.get_run(run_id).data.metrics["m0"] == 0.0


def test_logged_before_it_returns_however_it_is_called(client, run_id):
    calls = [
        client.log_metric(run_id, "m", 1, synchronous=False),
        client.log_param(run_id, "p", 1, synchronous=False),
        client.set_tag(run_id, "t", 1, synchronous=False),
        client.log_batch(run_id, [Metric("n", 1, 0)], synchronous=False),
    ]
    data = client.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 1.0, "n": 1.0}, {"p": "1"}, "1")
    assert [call.wait() for call in calls] == [None] * 4
    assert client.log_param(run_id, "p", 1, synchronous=True) == 1


def test_inputs(client, run_id):
    given = DatasetInput(Dataset("d", "1", "local", "{}"), [InputTag("a", "b")])
    client.log_inputs(run_id)
    client.log_inputs(run_id, [given])
    assert client.get_run(run_id).inputs.dataset_inputs == [given]


# ------------------------------------------------------------------------------------ artifacts


def paths(client, run_id, path=None):
    return [(file.path, file.is_dir) for file in client.list_artifacts(run_id, path)]


def test_files(client, run_id, tmp_path):
    (tmp_path / "a.txt").write_text("é")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "b.txt").write_text("b")
    client.log_artifact(run_id, "a.txt")
    client.log_artifact(run_id, tmp_path / "a.txt", "x/y")
    client.log_artifact(run_id, "folder/", "x")
    client.log_artifacts(run_id, tmp_path / "folder", "all of it")
    assert paths(client, run_id) == [("a.txt", False), ("all of it", True), ("x", True)]
    assert paths(client, run_id, "x") == [("x/folder", True), ("x/y", True)]
    assert client.list_artifacts(run_id, "x/y") == [FileInfo("x/y/a.txt", False, 2)]
    assert paths(client, run_id, "all of it") == [("all of it/deep", True)]
    assert paths(client, run_id, "x/y/a.txt") == paths(client, run_id, "none") == []


def test_downloads(client, run_id, tmp_path):
    client.log_text(run_id, "héllo", "a/b.txt")
    (tmp_path / "here").mkdir()
    for path in (
        client.download_artifacts(run_id, "a/b.txt"),
        client.download_artifacts(run_id, "a/b.txt", tmp_path / "here"),
        os.path.join(client.download_artifacts(run_id, "a"), "b.txt"),
        os.path.join(client.download_artifacts(run_id, "", "here"), "a", "b.txt"),
    ):
        with open(path, encoding="utf-8") as file:
            assert file.read() == "héllo"
    with pytest.raises(NotFound):
        client.download_artifacts(run_id, "none.txt")


def content(client, run_id, path):
    with open(client.download_artifacts(run_id, path), "rb") as file:
        return file.read()


def test_text_dictionaries_and_streams(client, run_id):
    client.log_text(run_id, "one\n", "t.txt")
    client.log_text(run_id, "two\n", "t.txt")
    client.log_dict(run_id, {"a": [1, None, "é"]}, "d.json")
    client.log_stream(run_id, io.BytesIO(b"x" * 3_000_000), "deep/s.bin")
    assert content(client, run_id, "t.txt") == b"two\n"
    assert json.loads(content(client, run_id, "d.json")) == {"a": [1, None, "é"]}
    assert content(client, run_id, "deep/s.bin") == b"x" * 3_000_000


@pytest.mark.parametrize("path", ["", "/etc/x", "../x", "a/../../x", "a\0b"])
def test_artifacts_stay_where_they_belong(client, run_id, path):
    with pytest.raises(InvalidParameter, match="Invalid path"):
        client.log_text(run_id, "x", path)
    assert client.list_artifacts(run_id) == []


def test_artifacts_of_a_run_that_is_not_there(client):
    for call in (client.list_artifacts, client.download_artifacts):
        with pytest.raises(NotFound, match="Run with id=a not found"):
            call("a")


def test_pictures(client, run_id):
    np, pillow = pytest.importorskip("numpy"), pytest.importorskip("PIL.Image")
    array = np.zeros((4, 5, 3), "uint8")
    client.log_image(run_id, array, "a.png")
    client.log_image(run_id, pillow.fromarray(array), key="dog", step=3, timestamp=7)
    assert content(client, run_id, "a.png").startswith(b"\x89PNG")
    names = [path for path, _ in paths(client, run_id, "images")]
    assert len(names) == 2 and all("dog" in name and "step" in name for name in names)
    with pillow.open(client.download_artifacts(run_id, "a.png")) as image:
        assert image.size == (5, 4)


@pytest.mark.parametrize(
    "given", [{}, {"artifact_file": "a.png", "key": "k"}, {"artifact_file": "a.png", "step": 0}]
)
def test_pictures_go_by_file_or_by_key(client, run_id, given):
    pytest.importorskip("numpy")
    with pytest.raises(TypeError, match="log_image"):
        client.log_image(run_id, None, **given)


def test_figures(client, run_id):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    client.log_figure(run_id, figure, "f.png", save_kwargs={"dpi": 20})
    client.log_figure(run_id, figure, "f.svg")
    assert content(client, run_id, "f.png").startswith(b"\x89PNG")
    assert b"<svg" in content(client, run_id, "f.svg")


def test_tables(client, run_id):
    pd = pytest.importorskip("pandas")
    other = client.create_run("0", start_time=5).info.run_id
    client.log_table(run_id, {"q": ["a", "b"], "n": [1, 2]}, "eval/t.json")
    client.log_table(run_id, pd.DataFrame({"q": ["c"], "n": [3]}), "eval/t.json")
    client.log_table(other, {"q": ["d"], "n": [4]}, "eval/t.json")
    found = client.load_table("0", "eval/t.json")
    assert sorted(zip(found["q"], found["n"], strict=True)) == [
        ("a", 1), ("b", 2), ("c", 3), ("d", 4),
    ]  # fmt: skip
    mine = client.load_table("0", "eval/t.json", [run_id], ["run_id", "status"])
    assert list(mine) == ["q", "n", "run_id", "status"]
    assert (mine["run_id"].unique().tolist(), len(mine)) == ([run_id], 3)
    logged = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert logged == [{"path": "eval/t.json", "type": "table"}]


def test_no_table(client, run_id):
    pytest.importorskip("pandas")
    with pytest.raises(NotFound, match="No runs found with the corresponding table artifact"):
        client.load_table("0", "t.json")
    client.log_table(run_id, {"run_id": [1]}, "t.json")
    assert list(client.load_table("0", "t.json", [], ["run_id"])) == ["run_id", "run_id_"]
    with pytest.raises(InvalidParameter, match="no column 'color'"):
        client.load_table("0", "t.json", extra_columns=["color"])


# ---------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "call, error, code",
    [
        (lambda client: client.get_run("a"), NotFound, "RESOURCE_DOES_NOT_EXIST"),
        (lambda client: client.get_experiment("7"), NotFound, "RESOURCE_DOES_NOT_EXIST"),
        (lambda client: client.create_experiment("Default"), AlreadyExists,
         "RESOURCE_ALREADY_EXISTS"),
        (lambda client: client.search_runs("0"), InvalidParameter, "INVALID_PARAMETER_VALUE"),
        (lambda client: client.search_runs(["0"], "x"), InvalidParameter,
         "INVALID_PARAMETER_VALUE"),
    ],
)  # fmt: skip
def test_errors(client, call, error, code):
    with pytest.raises(error) as caught:
        call(client)
    assert caught.value.error_code == code
    assert isinstance(caught.value, runlog.MlflowException)
    assert json.loads(caught.value.serialize_as_json())["error_code"] == code


def test_flush_and_go_on(client, run_id):
    client.log_metric(run_id, "m", math.inf)
    client.flush()
    client.log_metric(run_id, "m", math.nan, step=1)
    assert repr(client.get_run(run_id).data.metrics) == "{'m': nan}"
    assert isinstance(client.get_run(run_id), Run)
