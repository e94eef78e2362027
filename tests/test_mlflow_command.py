"""`runlog` takes the command lines of `mlflow`, and answers the programs that read it alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import runlog
from processes import LONG
from runlog import cli
from runlog.commands import mlflow_options
from runlog.store import open_store
from serving import serving

FILES = "/api/2.0/mlflow-artifacts/artifacts"

# What there is nothing of: models and what serves them, traces, prompts, agents, workspaces, jobs.
COMMANDS = {"runs", "experiments", "artifacts", "db", "gc", "doctor", "run", "server", "ui"}
LACKING = {
    "experiments create": {"--trace-archival-retention"},
    "gc": {"--logged-model-ids", "--jobs", "--job-ids", "--workspace", "--all-workspaces"},
    "server": {"--enable-workspaces", "--disable-workspaces", "--workspace-store-uri",
               "--disable-security-middleware", "--x-frame-options"},
}  # fmt: skip
NO_COMMANDS = {
    "runs": {"link-traces"},
    "experiments": {"update"},
    "db": {"prepopulate-trace-analytics", "delete-trace-rollups", "migrate-to-default-workspace",
           "move-resources"},
}  # fmt: skip


def leaves(group: click.Group, *words: str):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *words, name)
        else:
            yield " ".join([*words, name]), command


def options(command: click.Command) -> set[str]:
    return {
        name
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }


def test_every_option_of_mlflows_command_is_taken():
    mlflow = pytest.importorskip("mlflow.cli")
    ours, theirs = dict(leaves(cli.main)), dict(leaves(mlflow.cli))
    seen = 0
    for name, command in theirs.items():
        first, _, rest = name.partition(" ")
        if first not in COMMANDS or rest in NO_COMMANDS.get(first, ()):
            continue
        missing = options(command) - options(ours[name]) - LACKING.get(name, set())
        assert not missing, name
        seen += 1
    assert seen > 15


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli.main, words)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def test_an_experiment_is_shown(place):
    number = runlog.create_experiment("shapes", tags={"team": "x"})
    for words in (["-x", number], ["-n", "shapes"]):
        lines = call("experiments", "get", *words).splitlines()
        shown = dict(line.split("  ", 1) for line in lines)
        assert shown["name"].strip() == "shapes" and "team" in shown["tags"]
        for form in (["--output", "json"], ["--json"]):
            found = json.loads(call("experiments", "get", *words, *form))
            assert found == json.loads(json.dumps(dict(runlog.get_experiment(number))))
    assert call("experiments", "get", "-x", number, "--output", "table") == call(
        "experiments", "get", "-x", number
    )
    assert "shapes" in call("experiments", "get", "-x", number, "--csv").splitlines()[1]
    assert "Name one experiment" in call("experiments", "get", code=2)
    assert "No Experiment" in call("experiments", "get", "-x", "77", code=1)


def test_a_run_is_made(place):
    words = ["-n", "new", "--run-name", "base", "--description", "a *try*", "--status", "failed"]
    answer = json.loads(call("runs", "create", *words, "-t", "a=b=c", "--tags", "d="))
    run = runlog.get_run(answer["run_id"])
    assert answer == {
        "run_id": run.info.run_id,
        "experiment_id": run.info.experiment_id,
        "status": "FAILED",
        "run_name": "base",
    }
    assert (run.info.status, run.info.run_name) == ("FAILED", "base")
    assert run.info.end_time >= run.info.start_time
    tags = run.data.tags
    assert (tags["a"], tags["d"], tags["mlflow.note.content"]) == ("b=c", "", "a *try*")
    assert "mlflow.user" in tags
    (row,) = json.loads(
        call("runs", "create", "-n", "new", "--parent-run-id", run.info.run_id[:8], "--json")
    )
    assert row["done"] == "created"
    child = runlog.get_run(row["run_id"])
    assert child.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert child.info.experiment_id == run.info.experiment_id


def test_the_experiment_of_a_new_run_may_be_in_the_environment(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "chosen")
    answer = json.loads(call("runs", "create"))
    assert runlog.get_experiment(answer["experiment_id"]).name == "chosen"
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    assert "Name one experiment" in call("runs", "create", code=2)


@pytest.mark.parametrize("tags", [["a"], ["=b"], ["a=1", "a=2"]])
def test_a_tag_that_is_none_makes_no_run(place, tags):
    assert "tag" in call("runs", "create", "-x", "0", *(f"-t{each}" for each in tags), code=2)
    assert not Path("runlog.db").exists()


def test_gc_finds_the_files_where_the_server_keeps_them(place):
    with serving(place, "--artifacts-destination", place / "far") as served:
        runlog.set_tracking_uri(served.uri)
        with runlog.start_run() as run:
            runlog.log_text("a", "a.txt")
        runlog.delete_run(run.info.run_id)
        runlog.set_tracking_uri("")
    assert [*(place / "far").rglob("a.txt")]
    call("gc", "--artifacts-destination", "far", "--backend-store-uri", f"{place}/")
    assert not [*(place / "far").rglob("a.txt")]


def test_the_doctor_masks_what_is_set(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", '{"a": "b"}')
    assert "(hidden)" in call("doctor", "--mask-envs") and '"b"' not in call(
        "doctor", "--mask-envs"
    )
    assert '"b"' in call("doctor")


# -- mlflow server --------------------------------------------------------------------------


def test_options_of_another_server_are_taken_and_reported(place):
    words = [
        word
        for option in mlflow_options.OPTIONS
        for word in (option.name, *([] if option.is_flag else ["60"]))
    ]
    with serving(place, *words, command="server") as served:
        assert served.call("GET", "/health")[0] == 200
    said = (place / "log").read_text()
    for option in mlflow_options.OPTIONS:
        assert f"runlog: note: {option.name} does nothing here: " in said


def test_mlflows_app_for_log_ins(place):
    with serving(place, "--app-name", "basic-auth", command="server") as served:
        assert served.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")[0] == 401


def test_a_server_of_files_alone(place):
    open_store(f"{place}/").close()
    with serving(place, "--artifacts-only", command="server") as served:
        assert served.call("PUT", f"{FILES}/a/b.txt", b"b")[0] == 200
        assert served.call("GET", f"{FILES}/a/b.txt") == (200, b"b")
        assert json.loads(served.call("GET", f"{FILES}?path=a")[1])["files"][0]["path"] == "b.txt"
        status, answer = served.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
        assert status == 404 and b"--artifacts-only" in answer
        assert served.call("GET", "/experiments/0")[0] == 404
        assert served.call("GET", "/")[1].startswith(b"runlog ")
        for path in ("/health", "/version", "/api/runlog/1/about"):
            assert served.call("GET", path)[0] == 200


def test_nothing_to_serve_is_refused(place):
    command = [sys.executable, "-m", "runlog.cli", "server", "--artifacts-only"]
    done = subprocess.run(
        [*command, "--no-serve-artifacts"], capture_output=True, text=True, timeout=LONG
    )
    assert done.returncode == 2 and "nothing to serve" in done.stderr
