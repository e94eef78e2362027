"""MLflow's folders and databases come over as MLflow itself reads them, whatever wrote them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from runlog import cli
from runlog.entities import ViewType
from runlog.errors import RunlogError
from runlog.store import open_store
from serving import serving
from test_real_clients import python_with

PROGRAM = Path(__file__).parent / "programs" / "mlflow_runs.py"
SERVER = "mlflow server"  # the environment with all of mlflow, and so its databases
UNFINISHED = "d" * 32


def call(*words: object, code: int = 0) -> str:
    """Runs the command line, and returns all that it prints."""
    result = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def made(python: Path, uri: str, folder: Path) -> dict[str, dict]:
    """Logs to MLflow, and returns what it reads of that."""
    environment = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "GIT_PYTHON_REFRESH": "quiet"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, PROGRAM, uri],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=["mlflow 1", "mlflow 2", "mlflow 3"])
def folder(request, tmp_path_factory):
    """A folder with an `mlruns`, and what is in that."""
    path = tmp_path_factory.mktemp("files")
    return path, made(python_with(request.param), str(path / "mlruns"), path)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """MLflow's SQLite file, and what is in it."""
    path = tmp_path_factory.mktemp("database")
    python = python_with(SERVER)
    return path / "mlflow.db", made(python, f"sqlite:///{path / 'mlflow.db'}", path)


@pytest.fixture
def mlruns(tmp_path):
    """A small folder of files, as MLflow 2 writes it."""
    root = tmp_path / "mlruns"
    experiment = root / "1"
    run = experiment / ("a" * 32)
    for each in ("metrics/val", "params", "tags", "artifacts"):
        (run / each).mkdir(parents=True)
    (experiment / "meta.yaml").write_text(
        f"artifact_location: file://{experiment}\nexperiment_id: '1'\n"
        "lifecycle_stage: active\nname: exp\ncreation_time: 5\nlast_update_time: 6\n"
    )
    (run / "meta.yaml").write_text(
        f"artifact_uri: file://{run}/artifacts\nend_time: 200\nexperiment_id: '1'\n"
        f"lifecycle_stage: active\nrun_id: {'a' * 32}\nrun_name: one\nstart_time: 100\n"
        "status: 3\nuser_id: ann\n"
    )
    (run / "metrics/loss").write_text("100 0.5 0\n101 0.25 1\n")
    (run / "metrics/val/acc").write_text("100 1.0 0\n")
    (run / "params/lr").write_text("0.1")
    (run / "artifacts/a.txt").write_text("hello")
    return root


def check(uri: Path, expected: dict[str, dict]) -> None:
    """All that MLflow reads is in the store, value by value."""
    store = open_store(str(uri))
    names = {each.experiment_id: each.name for each in store.all_experiments(ViewType.ALL)}
    for run_id, what in expected.items():
        run = store.get_run(run_id)
        info = run.info
        assert names[info.experiment_id] == what["experiment"]
        assert info.lifecycle_stage == what["stage"]
        assert [
            info.status, info.start_time, info.end_time, info.user_id, info.run_name,
        ] == what["info"]  # fmt: skip
        assert run.data.params == what["params"]
        tags = dict(run.data.tags)
        tags.pop("runlog.importSignature", None)
        assert tags == what["tags"]
        points = {
            key: sorted(
                [each.timestamp, each.step, repr(each.value)]
                for each in store.get_metric_history(run_id, key)
            )
            for key in run.data.metrics
        }
        assert points == what["points"]
        assert [
            [each.dataset.name, each.dataset.digest, each.tags[0].value]
            for each in run.inputs.dataset_inputs
        ] == what["inputs"]
    store.close()


def test_a_folder_comes_over_as_mlflow_reads_it(folder, tmp_path):
    path, expected = folder
    before = sorted((str(each), os.lstat(each).st_mtime_ns) for each in path.rglob("*"))
    call("import", path, "--to", tmp_path / "x.db")
    check(tmp_path / "x.db", expected)
    store = open_store(str(tmp_path / "x.db"))
    with_files = [run_id for run_id, what in expected.items() if "lr" in what["params"]]
    for run_id in with_files:
        files = Path(store.get_run(run_id).info.artifact_uri) / "notes/a.txt"
        assert files.read_text() == "hello" and not files.is_relative_to(path)
    store.close()
    assert before == sorted((str(each), os.lstat(each).st_mtime_ns) for each in path.rglob("*"))


def test_a_database_comes_over_as_mlflow_reads_it(database, tmp_path):
    path, expected = database
    content = path.read_bytes()
    for (
        what
    ) in expected.values():  # the database has no infinities: MLflow reads the largest double
        for point in what["points"].get("inf", ()):
            point[2] = point[2].replace("1.7976931348623157e+308", "inf")
    call("import", path, "--to", tmp_path / "x.db")
    check(tmp_path / "x.db", expected)
    assert path.read_bytes() == content
    assert "had not changed" in call("import", f"sqlite:///{path}", "--to", tmp_path / "x.db")
    check(tmp_path / "x.db", expected)


def test_models_come_along(database, folder, tmp_path):
    for source, expected in (database, folder):
        if not any("auc" in what["points"] for what in expected.values()):
            continue
        target = tmp_path / f"{Path(source).name}.db"
        call("import", source, "--to", target)
        store = open_store(str(target))
        ids = [each.experiment_id for each in store.all_experiments(ViewType.ALL)]
        (model,) = store.models.search(ids)
        assert (model.name, model.model_type, model.status) == ("net", "tree", "READY")
        assert (model.params, model.tags["t"]) == ({"depth": "3"}, "1")
        assert [(each.key, each.value, each.step) for each in model.metrics] == [("auc", 0.9, 4)]
        store.close()


def test_again_brings_only_what_is_new(mlruns, tmp_path):
    call("import", mlruns, "--to", tmp_path / "x.db")
    assert "1 run had not changed" in call("import", mlruns, "--to", tmp_path / "x.db")
    with open(mlruns / "1" / ("a" * 32) / "metrics/loss", "a") as file:
        file.write("102 0.125 2\n")
    assert "had not changed" not in call("import", mlruns, "--to", tmp_path / "x.db")
    store = open_store(str(tmp_path / "x.db"))
    history = store.get_metric_history("a" * 32, "loss")
    assert [each.value for each in history] == [0.5, 0.25, 0.125]
    store.close()


def test_a_server_counts_the_files_that_it_keeps(mlruns, tmp_path):
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as server:
        output = call("import", mlruns, "--to", server.uri)
        assert re.search(r"^files +1 +1$", output, re.M)
        assert "1 run had not changed" in call("import", mlruns, "--to", server.uri)


def test_a_training_that_still_writes_comes_as_far_as_it_is(mlruns, tmp_path):
    run = mlruns / "1" / UNFINISHED
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text(f"run_id: {UNFINISHED}\nstatus: 1\nstart_time: 7\n")
    (run / "metrics/loss").write_text("100 0.5 0\n101 0.2")  # in the middle of a line
    call("import", mlruns, "--to", tmp_path / "x.db")
    store = open_store(str(tmp_path / "x.db"))
    assert store.get_run(UNFINISHED).info.status == "RUNNING"
    assert [each.value for each in store.get_metric_history(UNFINISHED, "loss")] == [0.5]
    (run / "metrics/loss").write_text("100 0.5 0\n101 0.25 1\n")
    call("import", mlruns, "--to", tmp_path / "x.db")
    assert [each.value for each in store.get_metric_history(UNFINISHED, "loss")] == [0.5, 0.25]
    store.close()


@pytest.mark.parametrize(
    "meta, why",
    [
        (None, "No such file"),
        ("", "it is empty"),
        ("- a\n- b\n", "not a mapping"),
        ("status: !!python/object/apply:os.system ['touch hacked']\n", "no YAML"),
        ("a: [1\n", "no YAML"),
        ("x" * (2 << 20), "bytes"),
    ],
)
def test_a_run_whose_meta_yaml_is_no_good(mlruns, tmp_path, monkeypatch, meta, why):
    monkeypatch.chdir(tmp_path)
    path = mlruns / "1" / ("a" * 32) / "meta.yaml"
    path.unlink()
    if meta is not None:
        path.write_text(meta)
    output = call("import", mlruns, "--to", tmp_path / "x.db", code=3)
    assert str(path) in output and why in output
    assert not (tmp_path / "hacked").exists()
    store = open_store(str(tmp_path / "x.db"))
    assert store.get_run("a" * 32).data.metrics == {"loss": 0.25, "val/acc": 1.0}
    store.close()


def test_links_and_what_is_no_file_are_not_followed(mlruns, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    run = mlruns / "1" / ("a" * 32)
    (run / "params/link").symlink_to(secret)
    (run / "tags/folder").symlink_to(tmp_path)
    os.mkfifo(run / "params/pipe")
    output = call("import", mlruns, "--to", tmp_path / "x.db", code=3)
    assert all(str(run / each) in output for each in ("params/link", "tags/folder", "params/pipe"))
    store = open_store(str(tmp_path / "x.db"))
    assert store.get_run("a" * 32).data.params == {"lr": "0.1"}
    store.close()


def test_folders_that_are_links_are_not_followed(mlruns, tmp_path):
    for each in ("secret/tags", "linked/tags"):
        (tmp_path / each).mkdir(parents=True)
        (tmp_path / each / "password").write_text("hidden")
    run = mlruns / "1" / ("a" * 32)
    shutil.rmtree(run / "params")
    (run / "params").symlink_to(tmp_path / "secret/tags")
    meta = "name: x\nstatus: 2\ncreation_timestamp: 1\nlast_updated_timestamp: 1\n"
    (mlruns / "1/models/m-1").mkdir(parents=True)
    (mlruns / "1/models/m-1/meta.yaml").write_text(f"model_id: {tmp_path}/secret\n{meta}")
    (tmp_path / "linked/meta.yaml").write_text(f"model_id: m-2\n{meta}")
    (mlruns / "1/models/m-2").symlink_to(tmp_path / "linked")
    (mlruns / "1" / ("b" * 32)).symlink_to(run)
    output = call("import", mlruns, "--to", tmp_path / "x.db", code=3)
    for each in (run / "params", mlruns / "1/models/m-2", mlruns / "1" / ("b" * 32)):
        assert f"{each}: it is a link" in output
    store = open_store(str(tmp_path / "x.db"))
    assert store.get_run("a" * 32).data.params == {}
    assert store.models.get("m-1").tags == {}
    store.close()


def test_odd_names_and_numbers_are_left_out_and_the_rest_comes(mlruns, tmp_path):
    run = mlruns / "1" / ("a" * 32)
    (run / "params/lr (conflict;ed copy)").write_text("0.2")
    (run / "metrics/old").write_text("-5 0.5 0\n7 0.25 1\n")
    (run / "meta.yaml").write_text(
        "start_time: -5\nend_time: .inf\nstatus: DONE\nlifecycle_stage: [x]\n"
    )
    (run / "inputs/i").mkdir(parents=True)
    (run / "inputs/i/meta.yaml").write_text("source_id: d\nsource_type: DATASET\ntags: [1]\n")
    (mlruns / "1/datasets/d").mkdir(parents=True)
    (mlruns / "1/datasets/d/meta.yaml").write_text("name: data\ndigest: 12\n")
    os.mkfifo(run / "artifacts/pipe")
    shutil.copytree(run / "params", mlruns / "1/copy of a run/params")
    shutil.copytree(run / "params", mlruns / "²" / ("b" * 32) / "params")
    output = call("import", mlruns, "--to", tmp_path / "x.db", code=3)
    named = (run / "params/lr (conflict;ed copy)", f"{run / 'metrics/old'}:1", run / "meta.yaml",
             mlruns / "1/copy of a run", mlruns / "²")  # fmt: skip
    assert [each for each in named if str(each) not in output] == []
    store = open_store(str(tmp_path / "x.db"))
    found = store.get_run("a" * 32)
    assert (found.data.params, found.data.metrics["old"]) == ({"lr": "0.1"}, 0.25)
    assert (found.info.status, found.info.end_time) == ("RUNNING", None)
    assert [each.dataset.name for each in found.inputs.dataset_inputs] == ["data"]
    store.close()


def test_lists_of_lists_in_yaml_do_not_fill_the_memory(mlruns, tmp_path):
    lists = "".join(f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(9))
    text = f"a0: &a0 [x]\n{lists}run_name: *a9\nuser_id: me\ntags: {{k: *a9}}\n"
    (mlruns / "1" / ("a" * 32) / "meta.yaml").write_text(text)
    call("import", mlruns, "--to", tmp_path / "x.db")
    store = open_store(str(tmp_path / "x.db"))
    assert store.get_run("a" * 32).info.user_id == "me"
    store.close()


def test_a_location_that_leads_out_is_refused(mlruns, tmp_path):
    outside = tmp_path / "outside" / "artifacts"
    outside.mkdir(parents=True)
    (outside / "secret").write_text("hidden")
    meta = mlruns / "1" / ("a" * 32) / "meta.yaml"
    shutil.rmtree(mlruns / "1" / ("a" * 32) / "artifacts")
    meta.write_text(meta.read_text().replace(f"{mlruns}/1/{'a' * 32}", str(outside.parent)))
    output = call("import", mlruns, "--to", tmp_path / "x.db", code=3)
    assert "runlog artifacts allow" in output
    assert not list((tmp_path / "artifacts").rglob("secret"))
    call("import", mlruns, "--to", tmp_path / "x.db", "--artifacts", outside.parent)
    assert [each.read_text() for each in (tmp_path / "artifacts").rglob("secret")] == ["hidden"]


@pytest.mark.parametrize(
    "location",
    ["file:///C:/Learning%20Content/mlruns", "file:C:/mlruns", "/mlflow/artifacts", "dbfs:/mlruns",
     "mlflow-artifacts:/0"],
)  # fmt: skip
def test_files_are_looked_for_beside_the_source(mlruns, tmp_path, location):
    meta = mlruns / "1" / ("a" * 32) / "meta.yaml"
    text = meta.read_text().replace(f"file://{mlruns}", location).replace("\n", "\r\n")
    meta.write_bytes(text.encode())
    call("import", mlruns, "--to", tmp_path / "x.db")
    store = open_store(str(tmp_path / "x.db"))
    info = store.get_run("a" * 32).info
    assert (info.status, info.run_name) == ("FINISHED", "one")
    assert (Path(info.artifact_uri) / "a.txt").read_text() == "hello"
    store.close()


def test_malformed_points_are_named(mlruns, tmp_path):
    path = mlruns / "1" / ("a" * 32) / "metrics/loss"
    path.write_text(
        "100 0.5 0\nnonsense\n101 1e400 1\n99999999999999999999 1 2\n102 0.5\n100 0.5 0\n"
    )
    output = call("import", mlruns, "--to", tmp_path / "x.db", code=3)
    assert f"{path}:2" in output and f"{path}:4" in output
    store = open_store(str(tmp_path / "x.db"))
    points = store.get_metric_history("a" * 32, "loss")
    assert [(each.timestamp, each.step, each.value) for each in points] == [
        (100, 0, 0.5), (101, 1, float("inf")), (102, 0, 0.5),
    ]  # fmt: skip
    store.close()


def test_what_is_chosen(mlruns, tmp_path):
    shutil.copytree(mlruns / "1", mlruns / "2")
    meta = mlruns / "2" / "meta.yaml"
    meta.write_text(meta.read_text().replace("name: exp", "name: other"))
    (mlruns / "2" / ("a" * 32)).rename(mlruns / "2" / ("b" * 32))
    target = tmp_path / "x.db"
    assert "2" in call("import", mlruns, "--to", target, "--dry-run") and not target.exists()
    call("import", mlruns, "--to", target, "--experiment", "other")
    call("import", mlruns, "--to", target, "--experiment", "exp", "--filter", "metrics.loss > 1")
    call("import", mlruns, "--to", target, "--experiment", "exp", "--since", "2020-01-01")
    store = open_store(str(target))
    ids = [each.experiment_id for each in store.all_experiments()]
    assert [each.info.run_id for each in store.search_runs(ids)] == ["b" * 32]
    call("import", mlruns, "--to", target, "--filter", "min(metrics.loss) < 0.3", "--no-artifacts")
    assert len(store.search_runs([each.experiment_id for each in store.all_experiments()])) == 2
    store.close()
    assert "no experiment 'x'" in call("import", mlruns, "--experiment", "x", code=2)


def test_killed_in_the_middle_it_goes_on(mlruns, tmp_path):
    text = "".join(f"{100 + step} {step / 7} {step}\n" for step in range(20_000))
    for number in range(30):
        run = mlruns / "1" / f"{number:032x}"
        shutil.copytree(mlruns / "1" / ("a" * 32), run)
        (run / "metrics/loss").write_text(text)
    target = tmp_path / "x.db"
    command = [sys.executable, "-m", "runlog.cli", "import", str(mlruns), "--to", str(target)]
    process = subprocess.Popen(command, stdout=-1, stderr=-1)
    while not (target.exists() and os.path.exists(f"{target}-wal")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    call("import", mlruns, "--to", target)
    store = open_store(str(target))
    for number in range(30):
        assert len(store.get_metric_history(f"{number:032x}", "loss")) == 20_000
    store.close()


def test_what_is_nothing_to_import(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("hello")
    for name in ("empty", "x.txt"):
        assert "nothing that can be imported" in call("import", tmp_path / name, code=1)
    assert "does not exist" in call("import", tmp_path / "nowhere", code=1)


def test_who_opens_a_folder_of_mlflows_is_told_of_the_command(mlruns, database):
    for path in (mlruns, database[0]):
        with pytest.raises(RunlogError, match="runlog import"):
            open_store(str(path)).all_experiments()
