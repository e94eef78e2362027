"""Which store is in use: what a tracking URI means, and which ones are refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import runlog
from runlog.errors import InvalidParameter, NotFound


def runs():
    return runlog.search_runs(output_format="list")


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


# ------------------------------------------------------------------------ a change of directory


@pytest.mark.parametrize("given", [None, "mine.db", "folder/"])
def test_a_change_of_directory_does_not_move_the_store(tmp_path, elsewhere, monkeypatch, given):
    if given:
        monkeypatch.setenv("RUNLOG_TRACKING_URI", given)
    first = runlog.get_tracking_uri()
    with runlog.start_run() as run:
        monkeypatch.chdir(elsewhere)
        runlog.log_metric("m", 1, run_id=run.info.run_id)
        runlog.log_text("x", "a.txt")
    with runlog.start_run():
        pass
    assert len(runs()) == 2
    assert runlog.get_tracking_uri() == first and str(tmp_path) in first
    assert not os.listdir(elsewhere)


def test_a_client_stays_too(elsewhere, monkeypatch):
    client = runlog.RunlogClient()
    run_id = client.create_run("0").info.run_id
    monkeypatch.chdir(elsewhere)
    assert client.get_run(run_id).info.run_id == run_id


def test_the_directory_before_the_first_use_does_not_count(elsewhere, monkeypatch):
    monkeypatch.chdir(elsewhere)
    runlog.start_run()
    runlog.end_run()
    assert (elsewhere / "runlog.db").is_file()


def test_another_variable_is_another_store(tmp_path, monkeypatch):
    runlog.create_experiment("a")
    monkeypatch.setenv("RUNLOG_TRACKING_URI", "other.db")
    assert runlog.get_experiment_by_name("a") is None
    assert runlog.get_tracking_uri() == str(tmp_path / "other.db")


# ------------------------------------------------------------------ the experiment in each store


def test_an_experiment_is_found_by_its_name_in_another_store():
    runlog.create_experiment("first")
    assert runlog.set_experiment("mine").experiment_id == "2"
    runlog.set_tracking_uri("other.db")
    runlog.create_experiment("mine")
    assert runlog.create_experiment("not mine") == "2"
    with runlog.start_run() as run:
        assert run.info.experiment_id == "1"
    assert [each.info.run_id for each in runs()] == [run.info.run_id]


def test_an_experiment_that_another_store_has_not_is_made_there():
    runlog.create_experiment("first")
    runlog.set_experiment(experiment_id=runlog.create_experiment("mine"))
    runlog.set_tracking_uri("other.db")
    with runlog.start_run() as run:
        pass
    assert runlog.get_experiment(run.info.experiment_id).name == "mine"


def test_a_run_of_another_store_is_gone_on_with():
    """The numbers of experiments say nothing across stores."""
    with runlog.start_run() as run:
        pass
    first = runlog.get_tracking_uri()
    runlog.set_tracking_uri("other.db")
    runlog.set_experiment("mine")
    runlog.set_tracking_uri(first)
    with runlog.start_run(run.info.run_id):
        pass


def test_a_process_that_is_started_finds_the_experiment_by_its_name():
    runlog.create_experiment("first")
    runlog.set_experiment("mine")
    code = """
import runlog
runlog.set_tracking_uri("other.db")
with runlog.start_run() as run:
    print(run.info.experiment_id, runlog.get_experiment(run.info.experiment_id).name)
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout == b"1 mine\n"


def test_a_name_that_the_locale_cannot_write():
    code = """
import os, runlog
runlog.set_experiment("\\N{SNOWMAN}")
print({name: value for name, value in os.environ.items() if "_EXPERIMENT_" in name})
with runlog.start_run() as run:
    assert run.info.experiment_id == "1"
"""
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"{'RUNLOG_EXPERIMENT_ID': '1'}\n"


def test_what_the_environment_says_of_experiments_is_replaced(monkeypatch):
    for prefix in ("RUNLOG", "MLFLOW"):
        monkeypatch.setenv(f"{prefix}_EXPERIMENT_ID", "7")
        monkeypatch.setenv(f"{prefix}_EXPERIMENT_NAME", "other")
    runlog.set_experiment("mine")
    left = {name: value for name, value in os.environ.items() if "_EXPERIMENT_" in name}
    assert left == {"RUNLOG_EXPERIMENT_NAME": "mine"}


# -------------------------------------------------------------------- the run of the environment


@pytest.mark.parametrize("prefix", ["RUNLOG_", "MLFLOW_"])
def test_a_run_that_is_somebody_s_child_is_a_new_one(monkeypatch, prefix):
    with runlog.start_run() as outer:
        pass
    monkeypatch.setenv(prefix + "RUN_ID", outer.info.run_id)
    with runlog.start_run(parent_run_id=outer.info.run_id) as child:
        assert child.info.run_id != outer.info.run_id
        assert runlog.get_parent_run(child.info.run_id).info.run_id == outer.info.run_id
        with runlog.start_run(nested=True) as nested:
            assert nested.info.run_id not in (child.info.run_id, outer.info.run_id)
            assert runlog.get_parent_run(nested.info.run_id).info.run_id == child.info.run_id
    with runlog.start_run(nested=True) as alone:
        assert alone.info.run_id != outer.info.run_id
    with runlog.start_run() as again:
        assert again.info.run_id == outer.info.run_id


# --------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "uri", ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "tracking.example.com:80/prefix"]
)
def test_a_server_needs_a_scheme(uri, tmp_path):
    runlog.set_tracking_uri(uri)
    with pytest.raises(InvalidParameter) as caught:
        runlog.start_run()
    assert f"Write http://{uri}" in caught.value.message
    with pytest.raises(InvalidParameter, match="Write http://"):
        runlog.RunlogClient(uri).create_experiment("a")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("uri", ["sqlite:///run:5000", "./run:5000"])
def test_a_file_may_be_called_like_a_server(tmp_path, uri):
    runlog.set_tracking_uri(uri)
    runlog.create_experiment("a")
    assert (tmp_path / "run:5000").is_file()


EVENTS = "events.out.tfevents.1700000000.host.1.0"
EXPERIMENT = "artifact_location: /x\nexperiment_id: '12'\nlifecycle_stage: active\n"
RUN = "run-20240131_235959-1a2b3c4d"


@pytest.mark.parametrize(
    "folder, files, owner",
    [
        ("mlruns", {"models/x": ""}, "MLflow"),
        ("mlruns", {"12/meta.yaml": EXPERIMENT}, "MLflow"),
        ("some", {"0/meta.yaml": EXPERIMENT, "12/meta.yaml": EXPERIMENT}, "MLflow"),
        ("some", {"12/meta.yaml": EXPERIMENT}, "MLflow"),
        (".aim", {"VERSION": "2"}, "Aim"),
        ("some", {"run_metadata.sqlite": "", "VERSION": "2"}, "Aim"),
        ("wandb", {"debug.log": ""}, "Weights & Biases"),
        ("some", {f"{RUN}/logs/debug.log": ""}, "Weights & Biases"),
        ("some", {f"offline-{RUN}/{RUN[4:]}.wandb": ""}, "Weights & Biases"),
        ("some", {EVENTS: ""}, "TensorBoard"),
        ("runs", {f"a/{EVENTS}": "", f"b/{EVENTS}": ""}, "TensorBoard"),
    ],
)
@pytest.mark.parametrize("form", ["{}", "{}/", "file:{}"])
def test_folders_of_other_tools_are_left_alone(tmp_path, folder, files, owner, form):
    for name, text in files.items():
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = sorted(tmp_path.rglob("*"))
    runlog.set_tracking_uri(form.format(tmp_path / folder))
    with pytest.raises(InvalidParameter, match=f"is a folder of {owner}, .* choose another folder"):
        runlog.start_run()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["recipe/meta.yaml"],
        ["tensorboard/" + EVENTS, "model.pt"],
        [".aim/VERSION", "wandb/debug.log", "train.py"],
        ["run-fast/a.txt"],
    ],
)
def test_folders_of_projects_are_used(tmp_path, files):
    for name in files:
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("package: {name: x}")
    runlog.set_tracking_uri(f"{tmp_path}/project/")
    runlog.create_experiment("a")
    assert (tmp_path / "project" / "runlog.db").is_file()


def test_a_store_that_is_there_is_used_whatever_lies_beside_it(tmp_path):
    folder = tmp_path / "mlruns"
    runlog.set_tracking_uri(folder / "runlog.db")
    runlog.create_experiment("a")
    (folder / "models").mkdir()
    runlog.set_tracking_uri(f"{folder}/")
    assert runlog.get_experiment_by_name("a") is not None


@pytest.mark.parametrize("name", ["mlflow.db", "mlruns"])
def test_a_new_file_beside_mlflow_s_says_so_once(tmp_path, name):
    (tmp_path / name).touch()
    expected = rf"runlog.db is a new file. .* in {name} beside it"
    with pytest.warns(UserWarning, match=expected) as warnings:
        runlog.start_run()
    assert [warning.filename for warning in warnings] == [__file__]
    runlog.end_run()
    runlog.RunlogClient("runlog.db").create_experiment("a")


def test_a_command_says_it_in_a_line(tmp_path):
    (tmp_path / "mlruns").mkdir()
    command = [sys.executable, "-m", "runlog.cli", "experiments", "create", "-n", "a"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr.splitlines()[-1].startswith("runlog: warning: ")
    assert all(line.startswith("runlog: ") for line in done.stderr.splitlines())


def test_a_store_that_is_there_is_not_new(tmp_path):
    with pytest.raises(NotFound):
        runlog.get_run("0" * 32)
    (tmp_path / "mlruns").mkdir()
    runlog.create_experiment("not new: no warning")
