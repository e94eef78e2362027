"""Programs that know nothing of runlog log to its server: MLflow's clients of three generations,
an integration, curl and JavaScript. Each client has an environment of its own in .clients/, made
when it is first needed. R and Java log over plain HTTP, and the command lines are run with which
MLflow's clients for them move files; what those clients send over HTTP is in tests/wire."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from processes import PROGRAMS, install
from serving import serving

ENVIRONMENTS = Path(__file__).parents[1] / ".clients"
EXAMPLES = Path(__file__).parents[1] / "examples" / "clients"
VERY_LONG = 600  # seconds: pip on a slow line
CLIENTS = {
    "mlflow 1": ["mlflow-skinny==1.30.1", "setuptools<80"],
    "mlflow 2": ["mlflow-skinny==2.22.0"],
    "mlflow 3": ["mlflow-skinny>=3", "optuna", "optuna-integration"],
    "mlflow server": ["mlflow>=3"],
}
HAVE = shutil.which


def python_with(name: str) -> Path:
    """The interpreter of an environment that has the client and not runlog."""
    folder = ENVIRONMENTS / name.replace(" ", "-")
    done = folder / "done"
    ENVIRONMENTS.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may be making it
        if not done.exists() or done.read_text() != repr(CLIENTS[name]):
            shutil.rmtree(folder, ignore_errors=True)
            make_environment(folder, CLIENTS[name])
            done.write_text(repr(CLIENTS[name]))
    return folder / "bin" / "python"


def make_environment(folder: Path, packages: list[str]) -> None:
    """Without a pip of its own, and compiling only what is used: that is half of the time."""
    make = [sys.executable, "-m", "venv", "--without-pip", folder]
    subprocess.run(make, check=True, timeout=VERY_LONG)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*install, "--no-compile", *packages], check=True, timeout=VERY_LONG)


def output(command: list[object]) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=VERY_LONG,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bucket(server):
    return server("seaweedfs")


@pytest.fixture
def tracking(place):
    with serving(place) as served:
        yield served


@pytest.mark.slow
@pytest.mark.parametrize("client", ["mlflow 1", "mlflow 2", "mlflow 3"])
def test_mlflows_own_client(tracking, client):
    said = output([python_with(client), PROGRAMS / "mlflow_client.py", tracking.uri])
    assert json.loads(said.splitlines()[-1]) == {
        "status": "FINISHED",
        "lifecycle": "active",
        "metrics": {
            "acc": "0.5",
            "batch": "499.0",
            "loss": "0.1",
            "odd": "nan",
            "wide": "inf",
        },
        "params": ["0.1", 52],
        "tags": ["red", "a 'quoted' snow\N{SNOWMAN}", "1", "parent"],
        "history": [[0, 1.0], [1, 0.5], [2, 1 / 3]],
        "long history": 500,
        "children": [True],
        "pages": [1, 1],
        "files": ["many", "notes", "x.json"],
        "more files": [["many/one.bin", 7000], ["many/two.bin", 7000]],
        "text": "hello",
        "downloaded": ["one.bin", "two.bin"],
        "errors": [
            "RESOURCE_DOES_NOT_EXIST",
            "INVALID_PARAMETER_VALUE",
            "RESOURCE_ALREADY_EXISTS",
            "INVALID_PARAMETER_VALUE",
            "RESOURCE_DOES_NOT_EXIST",
        ],
        "deleted": "deleted",
        "ended": "FAILED",
        "renamed": ["renamed", "v"],
        "experiments": ["Default", "renamed"],
    }


@pytest.mark.slow
@pytest.mark.parametrize("client", ["mlflow 1", "mlflow 2", "mlflow 3"])
def test_the_registry_of_mlflows_own_client(tracking, client):
    said = output([python_with(client), PROGRAMS / "mlflow_registry.py", tracking.uri])
    aliases = {"aliases": ["2", {"best": "2"}], "copied": ["copied", "1", "models:/digits/2"]}
    assert json.loads(said.splitlines()[-1]) == {
        "created": ["digits", {"team": "vision"}, "reads digits"],
        "versions": ["1", "2", {"n": "2"}, "second"],
        "source": True,
        "run": [True, "READY", "None"],
        "files": True,
        "updated": ["new", {"k": "v"}, {"a": "b"}],
        "stages": ["Production", [["1", "Archived"], ["2", "Production"]]],
        "archived": ["1"],
        "known stages": ["None", "Staging", "Production", "Archived"],
        **({} if client == "mlflow 1" else aliases),
        "names": ["digits", "c", "b", "a"],
        "found": ["digits"],
        "searched": ["1", "2"],
        "of run": ["1", "2"],
        "left": ["2"],
        "errors": [
            "RESOURCE_DOES_NOT_EXIST",
            "RESOURCE_ALREADY_EXISTS",
            "RESOURCE_DOES_NOT_EXIST",
            "INVALID_PARAMETER_VALUE",
            "INVALID_PARAMETER_VALUE",
            "INVALID_PARAMETER_VALUE",
            "INVALID_PARAMETER_VALUE",
        ],
        "gone": ["a", "b", "c"],
    }


@pytest.mark.slow
def test_mlflows_client_sends_a_large_file_in_parts(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(2**20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(2**19))
    with serving(place, "--access-log") as served:
        output([python_with("mlflow 3"), PROGRAMS / "mlflow_large_file.py", served.uri, 2**22 + 1])
        log = (place / "log").read_text()
    (stored,) = place.glob("artifacts/0/*/artifacts/deep/large.bin")
    assert stored.read_bytes() == bytes(range(256)) * 2**14 + b"\0"
    assert log.count('"endpoint": "uploadPart", "status": 200') == 9


@pytest.mark.slow
def test_mlflows_client_sends_parts_to_the_bucket(place, bucket, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(2**20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * 2**20))
    size = 11 * 2**20 + 1
    with serving(
        place, "--access-log", "--artifacts-destination", bucket.uri, env=bucket.env
    ) as served:
        output([python_with("mlflow 3"), PROGRAMS / "mlflow_large_file.py", served.uri, size])
        log = (place / "log").read_text()
    assert log.count('"endpoint": "completeMultipartUpload", "status": 200') == 1
    assert "uploadPart" not in log and "uploadFile" not in log


@pytest.mark.slow
def test_an_integration_that_logs_through_mlflow(tracking):
    output([python_with("mlflow 3"), PROGRAMS / "optuna_study.py", tracking.uri])
    status, answer = tracking.call(
        "POST",
        "/api/2.0/mlflow/runs/search",
        json.dumps({"experiment_ids": ["1"], "filter": "metrics.loss >= 0"}),
        **{"Content-Type": "application/json"},
    )
    runs = json.loads(answer)["runs"]
    assert status == 200 and len(runs) == 5
    assert all(run["data"]["params"][0]["key"] == "x" for run in runs)


@pytest.mark.skipif(not HAVE("node"), reason="needs node")
def test_javascript(tracking):
    said = json.loads(output(["node", EXAMPLES / "javascript.mjs", tracking.uri]))
    assert said == {
        "metrics": [["loss", 0.2, 4]],
        "status": "FINISHED",
        "note": "from node",
        "failed": "RESOURCE_DOES_NOT_EXIST: Run with id=none not found",
    }


@pytest.mark.skipif(not HAVE("curl"), reason="needs curl")
def test_curl(tracking):
    def curl(path: str, *options: object) -> str:
        return output(["curl", "--silent", "--show-error", *options, f"{tracking.uri}{path}"])

    api, is_json = "/api/2.0/mlflow/", ("--header", "Content-Type: application/json")
    made = curl(api + "experiments/create", *is_json, "--data", '{"name": "curl"}')
    assert json.loads(made) == {"experiment_id": "1"}
    body = '{"experiment_id": "1", "start_time": 1700000000000}'
    run = json.loads(curl(api + "runs/create", *is_json, "--data", body))["run"]["info"]
    point = {"run_id": run["run_id"], "key": "loss", "value": 0.5, "timestamp": 1700000000000}
    assert curl(api + "runs/log-metric", *is_json, "--data", json.dumps(point)) == "{}"
    history = curl(api + f"metrics/get-history?run_id={run['run_id']}&metric_key=loss")
    assert json.loads(history)["metrics"] == [
        {"key": "loss", "value": 0.5, "timestamp": 1700000000000, "step": 0}
    ]
    files = "/api/2.0/mlflow-artifacts/artifacts/1/a.bin"
    curl(files, "--upload-file", tracking.folder / "runlog.db")
    size = curl(files, "--output", tracking.folder / "back", "--write-out", "%{size_download}")
    assert int(size) == (tracking.folder / "back").stat().st_size > 0
    form = curl(api + "experiments/create", "--data", "name=x", "--write-out", "%{http_code}")
    assert form.endswith("400") and "application/json" in form


@pytest.mark.skipif(not HAVE("curl"), reason="needs curl")
def test_the_example_for_curl(tracking):
    data = json.loads(output([EXAMPLES / "curl.sh", tracking.uri]))["run"]
    assert data["info"]["status"] == "FINISHED" and data["info"]["run_name"] == "curl"
    assert [(each["value"], each["step"]) for each in data["data"]["metrics"]] == [(0.6, 3)]
    file = f"/get-artifact?run_id={data['info']['run_id']}&path=scripts/curl.sh"
    assert tracking.call("GET", file)[1] == (EXAMPLES / "curl.sh").read_bytes()


def has_r() -> bool:
    """Whether R is here with the packages that the example uses."""
    command = ["Rscript", "-e", "stopifnot(requireNamespace('httr'), requireNamespace('jsonlite'))"]
    return bool(HAVE("Rscript")) and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not has_r(), reason="needs R, r-cran-httr and r-cran-jsonlite")
def test_r_over_plain_http(tracking, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)
    monkeypatch.setenv("MLFLOW_BIN", str(install(tracking.folder / "bin") / "runlog"))
    said = subprocess.run(["Rscript", EXAMPLES / "plain.R"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {
        "runs": 1,
        "status": "FINISHED",
        "points": 10,
        "file": "model/coefficients.csv",
        "rows": 2,
        "failed": "RESOURCE_DOES_NOT_EXIST: Run with id=none not found",
    }


@pytest.mark.skipif(not HAVE("javac"), reason="needs a JDK")
def test_java_over_plain_http(tracking):
    assert output(["java", EXAMPLES / "Plain.java", tracking.uri]).splitlines() == [
        "FINISHED from Java",
        "RESOURCE_DOES_NOT_EXIST: Run with id=none not found",
    ]


# -- R and Java -------------------------------------------------------------------------------


@pytest.fixture(params=["R", "Java"])
def move(request, tracking, monkeypatch):
    """Runs the command that a client does, with its words for a command: standard output, and of a
    failure standard error."""
    programs = install(tracking.folder / "bin")
    start = {
        "R": [programs / "runlog", "artifacts"],
        "Java": [programs / "runlog-mlflow-python", "-m", "mlflow.store.artifact.cli"],
    }[request.param]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)

    def run(*words: object, code: int = 0) -> str:
        command = [str(word) for word in [*start, *words]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return run


@pytest.fixture
def run_id(tracking):
    body = json.dumps({"experiment_id": "0", "start_time": "1700000000000"})
    answer = tracking.call(
        "POST", "/api/2.0/mlflow/runs/create", body, **{"Content-Type": "application/json"}
    )[1]
    return json.loads(answer)["run"]["info"]["run_uuid"]


def test_files_of_r_and_java_go_through_the_server(tracking, move, run_id):
    local = tracking.folder / "local"
    (local / "deep").mkdir(parents=True)
    (local / "one.txt").write_text("1")
    (local / "deep" / "two.txt").write_text("22")
    move("--help")  # Java's first, to see whether there is such a program

    run = ("--run-id", run_id)
    assert move("log-artifact", "--local-file", local / "one.txt", *run) == ""
    move("log-artifact", "--local-file", local / "one.txt", *run, "--artifact-path", "a b/c")
    move("log-artifacts", "--local-dir", local, "--artifact-path", "many", *run)
    assert json.loads(move("list", *run)) == [
        {"path": "a b", "is_dir": True},
        {"path": "many", "is_dir": True},
        {"path": "one.txt", "is_dir": False, "file_size": 1},
    ]
    (listed,) = json.loads(move("list", *run, "--artifact-path", "many/deep"))
    assert listed == {"path": "many/deep/two.txt", "is_dir": False, "file_size": 2}


@pytest.mark.parametrize("scheme", ["runs", "mlflow-artifacts"])
def test_downloads_of_r_and_java_print_the_path(tracking, move, run_id, scheme):
    (tracking.folder / "one.txt").write_text("1")
    run = ("--run-id", run_id)
    move(
        "log-artifact", "--local-file", tracking.folder / "one.txt", "--artifact-path", "deep", *run
    )
    roots = {
        "runs": f"runs:/{run_id}",
        "mlflow-artifacts": f"mlflow-artifacts:/0/{run_id}/artifacts",
    }
    path = Path(move("download", *run, "--artifact-path", "deep/one.txt").strip())
    assert path.read_text() == "1"
    for option in ("-u", "--artifact-uri"):
        path = Path(move("download", option, roots[scheme] + "/deep").strip())
        assert (path / "one.txt").read_text() == "1"
    missing = move("download", *run, "--artifact-path", "no", code=1)
    assert "FileNotFoundError" in missing


def test_what_is_no_python_says_so(place):
    program = install(place / "bin") / "runlog-mlflow-python"
    done = subprocess.run([program, "-c", "print(1)"], capture_output=True, text=True)
    assert done.returncode == 2 and "mlflow.store.artifact.cli" in done.stderr
