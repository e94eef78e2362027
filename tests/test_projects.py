"""Projects: MLproject files, where they come from, what is recorded, and how processes end."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

import runlog
from processes import LONG, wait_for
from runlog.errors import ExecutionException, InvalidParameter, NotFound
from runlog.projects import specification
from runlog.projects.environments import requirements
from running_projects import call, project, run_project, start
from serving import serving
from test_context import git, repository


def only_run(**search: str) -> runlog.Run:
    (found,) = runlog.search_runs(output_format="list", search_all_experiments=True, **search)
    return found


@pytest.fixture(autouse=True)
def python_on_path(monkeypatch):
    """This Python is the one in use, however the tests were started."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)


# -- MLproject files ------------------------------------------------------------------------


def test_values_are_given_or_defaults_and_the_rest_is_appended(place):
    point = specification.load(str(project(place / "p"))).entry_point("main")
    values = point.values({"text": "a b", "more": 1})
    assert values == {
        "alpha": "0.5", "data": "train.csv", "where": "s3://bucket/path", "text": "a b", "more": "1"
    }  # fmt: skip
    assert point.line(values) == "python show.py --alpha 0.5 'a b' train.csv --more 1"


TEXTS = ["plain", "a b", "it's", "$(rm -rf x)", "a;b", "", "{x}", "ü", "--flag", "a\nb", '"']


@pytest.mark.parametrize("text", TEXTS)
def test_the_command_is_the_one_that_mlflow_runs(place, text):
    theirs = pytest.importorskip("mlflow.projects._project_spec")
    folder = str(project(place / "p"))
    given = {"text": text, "extra one": text, "alpha": "1e-3"}
    expected = theirs.load_project(folder).get_entry_point("main").compute_command(given, None)
    point = specification.load(folder).entry_point("main")
    assert point.line(point.values(given)) == expected


@pytest.mark.parametrize(
    "given, message",
    [
        ({}, "missing parameters: 'text'"),
        ({"text": "", "alpha": "much"}, "'alpha' is a float, not 'much'"),
        ({"text": "", "where": "here"}, "Expected URI for parameter where"),
    ],
)
def test_wrong_parameters_start_no_run(place, given, message):
    with pytest.raises(runlog.RunlogError, match=message):
        run_project(project(place / "p"), parameters=given)
    assert not Path("runlog.db").exists()


@pytest.mark.parametrize("given", [{"what?": "1"}, {"nul": "a\0b"}])
def test_a_process_that_cannot_be_started_leaves_no_run_running(place, given):
    with pytest.raises((runlog.RunlogError, ValueError)):
        run_project(project(place / "p"), parameters={"text": "", **given})
    states = [each.info.status for each in runlog.search_runs(output_format="list")]
    assert states in ([], ["FAILED"])


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: [", "is not YAML"),
        ("- a", "must be a mapping"),
        ("entry_points: [main]", "must map names"),
        ("entry_points: {main: {parameters: {}}}", "'main' has no command"),
        ("entry_points: {main: {command: a, parameters: [b]}}", "must map names to types"),
        ("docker_env: {image: a}", "without containers"),
        ("databricks_spark_job: {python_file: a.py}", "on this machine"),
        ("python_env: missing.yaml", "is no file"),
        ("python_env: a.yaml\nconda_env: b.yaml", "several environments: python_env, conda_env"),
        ("name: a", "Could not find 'main' among the entry points (none)".replace("(", r"\(")
         .replace(")", r"\)")),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named(place, text, message):
    with pytest.raises(ExecutionException, match=message):
        run_project(project(place / "p", text))


def test_a_template_with_an_undeclared_name_is_refused(place):
    text = "entry_points: {main: {command: 'echo {a}'}}"
    with pytest.raises(InvalidParameter, match="Declare each {name}"):
        run_project(project(place / "p", text))


@pytest.mark.parametrize(
    "words, message",
    [
        (["."], "no entry"),
        ([".", "-b", "databricks"], "on this machine only"),
        ([".", "-c", "x.json"], "on this machine only"),
        ([".", "-A", "gpus=all"], "without containers"),
        ([".", "-P", "a"], "'a' is not a parameter"),
        ([".", "-P", "a=1", "-P", "a=2"], "'a' is given twice"),
        ([], "Name what to run"),
        ([".", "--", "true"], "Name what to run"),
        (["-e", "main", "--", "true"], "--entry-point goes with a project"),
    ],
)
def test_a_wrong_command_line_says_what_to_write(place, words, message):
    if words == ["."]:
        assert "Could not find 'main'" in call(*words, code=1)
    else:
        assert message in call(*words, code=2)
    assert not Path("runlog.db").exists()


@pytest.mark.parametrize(
    "argument, value",
    [
        ("backend", "kubernetes"),
        ("docker_args", {"gpus": "all"}),
        ("build_image", True),
        ("docker_auth", {"a": "b"}),
        ("backend_config", {"a": "b"}),
        ("env_manager", "poetry"),
        ("experiment_id", "77"),
    ],
)
def test_wrong_arguments_are_refused(place, argument, value):
    with pytest.raises((InvalidParameter, NotFound)):
        run_project(project(place / "p"), "fail", **{argument: value})


# -- running --------------------------------------------------------------------------------


def test_a_project_runs_as_a_run(place):
    folder = project(place / "p")
    (place / "other.csv").touch()
    submitted = run_project(
        str(folder),
        parameters={"text": "a 'b'", "data": "other.csv", "more": 2},
        experiment_name="new",
        run_name="first",
    )
    assert (submitted.wait(), submitted.get_status(), submitted.exit_code) == (True, "FINISHED", 0)
    run = runlog.get_run(submitted.run_id)
    assert run.info.run_name == "first"
    assert runlog.get_experiment(run.info.experiment_id).name == "new"
    assert run.data.metrics == {"loss": 0.5}
    assert run.data.params == {
        "alpha": "0.5", "data": "other.csv", "where": "s3://bucket/path", "text": "a 'b'",
        "more": "2",
    }  # fmt: skip
    tags = run.data.tags
    assert tags["mlflow.source.name"] == str(folder)
    assert tags["mlflow.source.type"] == "PROJECT"
    assert tags["mlflow.project.entryPoint"] == "main"
    assert tags["mlflow.project.env"] == tags["mlflow.project.backend"] == "local"
    seen = runlog.artifacts.load_dict(f"runs:/{submitted.run_id}/seen.json")
    assert seen == {
        "arguments": ["--alpha", "0.5", "a 'b'", str(place / "other.csv"), "--more", "2"],
        "folder": str(folder),
        "RUN_ID": None,  # start_run resumes the run once
        "TRACKING_URI": f"runlog://{place}/runlog.db",
        "EXPERIMENT_ID": run.info.experiment_id,
    }


def test_a_default_path_is_one_of_the_project(place):
    folder = project(place / "p")
    call(folder, "-P", "text=a")
    seen = runlog.artifacts.load_dict(f"runs:/{only_run().info.run_id}/seen.json")
    assert seen["arguments"][-1] == str(folder / "train.csv")


def test_an_artifact_is_downloaded_for_a_parameter_of_the_type_path(place):
    with runlog.start_run() as earlier:
        runlog.log_text("c", "data/c.csv")
    uri = f"runs:/{earlier.info.run_id}/data/c.csv"
    folder = project(
        place / "p",
        "entry_points: {main: {parameters: {data: path}, command: 'cp {data} copied; cat copied'}}",
    )
    call(folder, "-P", f"data={uri}", "--storage-dir", place / "kept")
    assert (folder / "copied").read_text() == "c"
    assert [path.name for path in (place / "kept").rglob("*.csv")] == ["c.csv"]
    assert only_run(filter_string="params.data LIKE 'runs:%'").data.params == {"data": uri}


def test_a_script_is_an_entry_point(place):
    folder = project(place / "p", "name: a")
    (folder / "sub dir").mkdir()
    (folder / "sub dir" / "a{b}.sh").write_text('echo "$@" > printed\n')
    call(folder, "-e", "sub dir/a{b}.sh", "-P", "x=1 2")
    assert (folder / "printed").read_text() == "--x 1 2\n"
    call(folder, "-e", "show.py")
    with pytest.raises(ExecutionException, match="no script"):
        run_project(folder, "other.py")


def test_an_exit_code_is_the_status_of_the_run(place):
    assert "FAILED, exit code 3" in call(project(place / "p"), "-e", "fail", code=3)
    assert only_run().info.status == "FAILED"
    with pytest.raises(ExecutionException, match=r"Run \(ID '\w{32}'\) failed"):
        run_project("p", "fail")


def test_a_run_that_ended_before_its_process_failed_is_failed(place):
    program = "import runlog, sys\nwith runlog.start_run(): pass\nsys.exit(1)"
    call("--", "python", "-c", program, code=1)
    assert only_run().info.status == "FAILED"


def test_what_a_process_records_of_its_end_stays(place):
    program = "import runlog\nwith runlog.start_run(): pass\nrunlog.end_run()\n"
    program += "runlog.start_run(run_id=runlog.last_active_run().info.run_id)\n"
    program += "runlog.end_run('FAILED')"
    call("--", "python", "-c", program)
    assert only_run().info.status == "FAILED"


def test_a_run_may_be_one_that_is_there(place):
    with runlog.start_run(experiment_id=runlog.create_experiment("e")) as first:
        pass
    call(project(place / "p"), "-P", "text=a", "--run-id", first.info.run_id)
    run = runlog.get_run(first.info.run_id)
    assert (run.info.status, run.data.metrics, run.data.params["text"]) == (
        "FINISHED", {"loss": 0.5}, "a",
    )  # fmt: skip


def test_a_run_inside_an_active_one_is_its_child(place):
    with runlog.start_run() as outer:
        inner = run_project(project(place / "p"), parameters={"text": "a"})
    assert runlog.get_parent_run(inner.run_id).info.run_id == outer.info.run_id


def test_a_run_that_is_not_awaited(place):
    text = "entry_points: {main: {command: 'read line < gate'}}"
    folder = project(place / "p", text)
    os.mkfifo(folder / "gate")
    submitted = run_project(folder, synchronous=False)
    assert submitted.get_status() == "RUNNING" and submitted.exit_code is None
    (folder / "gate").write_text("go\n")
    assert submitted.wait() and submitted.get_status() == "FINISHED"
    assert only_run().info.status == "FINISHED"


def test_a_run_that_is_cancelled_is_killed(place):
    folder = project(place / "p", "entry_points: {main: {command: 'sleep 1000 & wait'}}")
    submitted = run_project(folder, synchronous=False)
    submitted.cancel()
    assert not submitted.wait() and submitted.get_status() == "KILLED"
    assert only_run().info.status == "KILLED"
    submitted.cancel()  # has no effect


# -- any command ----------------------------------------------------------------------------


def test_a_command_runs_as_a_run(place):
    repo = repository(place / "r")
    commit = git(repo, "rev-parse", "HEAD")
    words = ["-n", "e", "--run-name", "a", "--tracking-uri", "x.db", "--log-output", "--"]
    program = "import runlog, sys; runlog.start_run(); runlog.log_param('a', sys.argv[1:])"
    program += "; print('out'); print('err', file=sys.stderr)"
    command = [sys.executable, "-m", "runlog.cli", "run", *words, "python", "-c", program]
    done = subprocess.run(
        [*command, "--", "-e", "b c"], cwd=repo, capture_output=True, text=True, timeout=LONG
    )
    assert (done.returncode, done.stdout) == (0, "out\n"), done.stderr
    assert "err\n" in done.stderr and "ended: FINISHED" in done.stderr
    runlog.set_tracking_uri(repo / "x.db")
    run = only_run()
    assert (run.info.run_name, run.info.status) == ("a", "FINISHED")
    assert run.data.params == {"a": "['--', '-e', 'b c']"}
    assert run.data.tags["mlflow.source.name"].endswith("-- -e 'b c'")
    assert run.data.tags["mlflow.source.type"] == "LOCAL"
    assert run.data.tags["mlflow.source.git.commit"] == commit
    log = runlog.artifacts.load_text(f"runs:/{run.info.run_id}/console.log")
    assert sorted(log.splitlines()) == ["err", "out"]


def test_a_program_that_is_not_there_starts_no_run(place):
    assert "no program 'nobody-has-this'" in call("--", "nobody-has-this", "x", code=1)
    assert not Path("runlog.db").exists()


def test_an_exit_code_does_not_depend_on_the_server(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("RUNLOG_FLUSH_TIMEOUT", "0.1")
    with serving(place) as served:
        words = ["--tracking-uri", served.uri, "--", "sh", "-c"]
        printed = call(*words, f"kill -9 {served.process.pid}; exit 5", code=5)
    assert "(FAILED) is not recorded" in printed


def test_a_run_is_named_by_a_prefix_of_its_id(place):
    with runlog.start_run() as first:
        pass
    call("--run-id", first.info.run_id[:6], "--", "true")
    assert only_run().data.tags["mlflow.source.name"] == "true"


def test_the_experiment_in_the_environment_is_handed_down_by_its_id(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "chosen")
    program = "import runlog; runlog.start_run(); runlog.end_run(); runlog.start_run()"
    call("--", "python", "-c", program)
    found = runlog.search_runs(search_all_experiments=True, output_format="list")
    names = [runlog.get_experiment(run.info.experiment_id).name for run in found]
    assert names == ["chosen", "chosen"]


# -- signals --------------------------------------------------------------------------------

FAMILY = """
import os, subprocess, sys, time
program = "import time; print(1, flush=True); time.sleep(1000)"
child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
child.stdout.readline()
print(os.getpid(), child.pid, flush=True)
time.sleep(1000)
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_process_and_its_children(place, number, code):
    (place / "family.py").write_text(FAMILY)
    process = start("--", "sh", "-c", "python family.py; true")
    pids = [int(word) for word in process.stdout.readline().split()]
    process.send_signal(number)
    assert process.wait(LONG) == code
    wait_for(lambda: not any(map(is_alive, pids)))
    assert only_run().info.status == "KILLED"
    process.stdout.close()


def test_a_process_that_ignores_signals_is_killed_by_the_third(place):
    program = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]"
    process = start("--", "python", "-c", f"{program}; print(1, flush=True); time.sleep(1000)")
    process.stdout.readline()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # none replaces another
        process.send_signal(number)
    assert process.wait(LONG) in (129, 130, 143) and only_run().info.status == "KILLED"
    process.stdout.close()


def test_a_process_that_ends_by_itself_at_a_signal_is_killed_too(place):
    program = "import signal, sys; signal.signal(15, lambda *a: sys.exit(0)); "
    process = start("--", "python", "-c", f"{program}print(1, flush=True); signal.pause()")
    process.stdout.readline()
    process.terminate()
    assert process.wait(LONG) == 143 and only_run().info.status == "KILLED"
    process.stdout.close()


# A session's leader takes its standard input for the session's terminal, and becomes the program.
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def in_terminal(words: list[str], typed: list[bytes]) -> tuple[int, bytes]:
    """Run a command on a terminal, type after each line that ends with a colon, and return the
    exit code and what was printed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, *words],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # nobody has the other side open any more
            break
        printed += part
        if part.rstrip().endswith(b":") and typed:
            os.write(ours, typed.pop(0))
    os.close(ours)
    return process.wait(LONG), printed


def test_a_process_reads_from_the_terminal_and_ctrl_c_kills_the_run(place):
    program = "print(input('name:')); input('again:')"
    words = [sys.executable, "-m", "runlog.cli", "run", "--", "python", "-c", program]
    code, printed = in_terminal(words, [b"ann\n", b"\x03"])
    assert code == 130 and b"ann" in printed.replace(b"name:ann", b""), printed
    assert only_run().info.status == "KILLED"


def test_a_process_behind_a_pipe_may_still_read_from_the_terminal(place):
    program = "import sys; print('name:', file=sys.stderr); print(input())"
    shell = f'{sys.executable} -m runlog.cli run -- python -c "{program}" | cat'
    code, printed = in_terminal(["/bin/sh", "-c", shell], [b"ann\n"])
    assert code == 0 and printed.count(b"ann") == 2, printed
    assert only_run().info.status == "FINISHED"


# -- git ------------------------------------------------------------------------------------


@pytest.fixture
def repo(place) -> Path:
    """A repository with a project in a folder, two branches and a tag."""
    repo = repository(place / "repo")
    for version in ("one", "two"):
        shutil.rmtree(repo / "inner", ignore_errors=True)
        project(repo / "inner", f"entry_points: {{main: {{command: 'echo {version} > $OUT'}}}}")
        git(repo, "add", ".")
        git(repo, "commit", "-m", version)
        git(repo, "tag", version)
    git(repo, "branch", "side", "one")
    return repo


def test_a_local_project_is_named_by_its_repository(place, repo, monkeypatch):
    monkeypatch.setenv("OUT", str(place / "out"))
    git(repo, "remote", "add", "origin", "https://ann:secret@example.org/a.git")
    call(repo / "inner")
    tags = only_run().data.tags
    assert tags["mlflow.source.name"] == f"file://{repo}#inner"
    assert tags["mlflow.source.git.commit"] == git(repo, "rev-parse", "HEAD")
    assert tags["mlflow.source.git.branch"] == "main"
    assert tags["mlflow.gitRepoURL"] == tags["mlflow.source.git.repoURL"]
    assert tags["mlflow.gitRepoURL"] == "https://example.org/a.git"


@pytest.mark.parametrize("version", ["one", "side", "full", "short", None])
@pytest.mark.parametrize("bare", [True, False])
def test_a_version_of_a_repository_is_fetched(place, repo, monkeypatch, version, bare):
    monkeypatch.setenv("OUT", str(place / "out"))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    one = git(repo, "rev-parse", "one")
    uri = f"{repo}#inner"
    if bare:
        git(place, "clone", "--bare", str(repo), "bare.git")
        uri = f"file://{place}/bare.git#inner"
    words = [] if version is None else ["-v", {"full": one, "short": one[:9]}.get(version, version)]
    call(uri, *words)
    assert (place / "out").read_text() == ("two\n" if version is None else "one\n")
    tags = only_run().data.tags
    assert tags["mlflow.source.git.commit"] == git(repo, "rev-parse", "HEAD" if not words else one)
    assert tags.get("mlflow.source.git.branch") == {"side": "side", None: "main"}.get(version)
    assert tags["mlflow.source.name"] == (uri if bare else f"file://{repo}#inner")
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert not [*place.glob("runlog-*")], "the copy is removed"


def test_submodules_are_fetched(place, repo, monkeypatch):
    outer = repository(place / "outer")
    git(outer, "submodule", "add", f"file://{repo}", "below")
    git(outer, "commit", "-m", "below")
    monkeypatch.setenv("OUT", str(place / "out"))
    call(f"file://{outer}/.git#below/inner")
    assert (place / "out").read_text() == "two\n"


@pytest.mark.parametrize(
    "uri, version, message",
    [
        ("repo#nowhere", None, "Could not find subdirectory nowhere"),
        ("repo#../..", None, "Could not find subdirectory"),
        ("repo", "nothing", "Unable to checkout version 'nothing'"),
        ("repo", "--upload-pack=touch x", "is not a version"),
        ("plain", "one", "only be given for a git repository"),
        ("nowhere", None, "there is no project at"),
        ("s3://bucket/x", None, "of the kind s3"),
        ("ext::sh -c 'touch x'", None, "there is no project at"),
        ("file:///nowhere/x.git", None, "there is no project at"),
        ("http://ann:secret@127.0.0.1:9/x.git", None, "failed"),
        ("http://ann:secret@127.0.0.1:9/x.git", "one", "Unable|failed"),
        ("ssh://ann:secret@127.0.0.1:9/x.git", None, "failed"),
    ],
)
def test_what_cannot_be_fetched_is_named_without_passwords(place, repo, uri, version, message):
    project(place / "plain")
    with pytest.raises(runlog.RunlogError, match=message) as raised:
        run_project(uri, version=version)
    assert "secret" not in str(raised.value)
    assert not Path("x").exists() and not Path("runlog.db").exists()


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Files for a user that knows the password."""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(b"ann:secret").decode()
        if self.headers.get("Authorization") == expected:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="a"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def test_a_password_reaches_the_server_and_nothing_else(place, repo, monkeypatch):
    git(place, "clone", "--bare", str(repo), "served/a.git")
    git(place / "served" / "a.git", "update-server-info")
    handler = functools.partial(Guarded, directory=str(place / "served"))
    monkeypatch.setenv("OUT", str(place / "out"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"127.0.0.1:{server.server_address[1]}"
        for version in (None, "side"):
            words = [] if version is None else ["--version", version]
            printed = call(f"http://ann:secret@{address}/a.git#inner", *words)
            assert "secret" not in printed
        server.shutdown()
        thread.join()
    for run in runlog.search_runs(output_format="list"):
        assert run.data.tags["mlflow.source.name"] == f"http://{address}/a.git#inner"
        assert run.data.tags["mlflow.gitRepoURL"] == f"http://{address}/a.git"
        assert "secret" not in str(run.data.tags)


def test_a_project_in_a_zip_file(place):
    project(place / "p")
    with zipfile.ZipFile("p.zip", "w") as file:
        for path in (place / "p").iterdir():
            file.write(path, f"inner/{path.name}")
    call("p.zip#inner", "-P", "text=a")
    assert only_run().data.tags["mlflow.source.name"] == f"{place}/p.zip#inner"


# -- environments ---------------------------------------------------------------------------

PACKAGE = {
    "greet.py": "def greet(): return 'hello'\n",
    "greet-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n",
    "greet-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\n"
    "Tag: py3-none-any\n",
    "greet-1.0.dist-info/RECORD": "",
}
GREETING = "entry_points: {main: {command: 'python -c \"import greet, sys; print(greet.greet(), "
GREETING += "sys.prefix, file=open(chr(111), chr(119)))\"'}}\n"
PYTHON_ENV = "python: '{}'\ndependencies: [-r requirements.txt]\n"
CONDA = "dependencies: [python={}, pip, {{pip: [-r requirements.txt]}}]\n"


def with_package(place: Path, name: str, text: str) -> Path:
    folder = project(place / "p", GREETING)
    with zipfile.ZipFile(folder / "greet-1.0-py3-none-any.whl", "w") as file:
        for path, content in PACKAGE.items():
            file.writestr(path, content)
    (folder / "requirements.txt").write_text("--no-index\n./greet-1.0-py3-none-any.whl\n")
    (folder / name).write_text(text.format(f"{sys.version_info.major}.{sys.version_info.minor}"))
    return folder


@pytest.mark.parametrize("manager", ["virtualenv", "uv"])
@pytest.mark.parametrize("name, text", [("python_env.yaml", PYTHON_ENV), ("conda.yaml", CONDA)])
def test_an_environment_is_made_once(place, monkeypatch, manager, name, text):
    if manager == "uv" and not shutil.which("uv"):
        pytest.skip("uv is not installed")
    monkeypatch.setenv("RUNLOG_ENV_ROOT", str(place / "envs"))
    folder = with_package(place, name, text.replace(", pip,", ","))
    call(folder, "--env-manager", manager)
    greeting, prefix = (folder / "o").read_text().split()
    assert greeting == "hello" and Path(prefix).parent == place / "envs"
    (made,) = [path for path in (place / "envs").iterdir() if path.is_dir()]
    (made / "seen").touch()
    call(folder, "--env-manager", manager)
    assert (made / "seen").exists()
    run = runlog.search_runs(max_results=1, output_format="list")[0]
    assert run.data.tags["mlflow.project.env"] == manager


def test_an_environment_that_cannot_be_made_is_not_there(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_ENV_ROOT", str(place / "envs"))
    folder = with_package(place, "python_env.yaml", PYTHON_ENV)
    (folder / "requirements.txt").write_text("--no-index\nnobody-has-this==9\n")
    printed = call(folder, "--env-manager", "virtualenv", code=1)
    assert "the environment could not be made" in printed and "nobody-has-this" in printed
    assert not Path("runlog.db").exists()
    assert not [*(place / "envs").glob("*.complete")]


def test_a_python_that_is_not_here_is_named(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_ENV_ROOT", str(place / "envs"))
    folder = project(place / "p", "entry_points: {main: {command: 'true'}}")
    (folder / "python_env.yaml").write_text("python: 2.2.1\n")
    assert "wants Python 2.2.1" in call(folder, "--env-manager", "virtualenv", code=1)


def test_the_requirements_of_a_conda_file_are_those_that_mlflow_reads(place):
    theirs = pytest.importorskip("mlflow.utils.environment")
    folder = project(place / "p", "name: a")
    (folder / "conda.yaml").write_text(
        "channels: [defaults]\ndependencies: [python=3.10.1, pip<=22, setuptools=65, "
        "{pip: [numpy>=1, -r more.txt]}]\n"
    )
    expected = theirs._PythonEnv.from_conda_yaml(folder / "conda.yaml")
    found = requirements(specification.load(str(folder)))
    assert found == (expected.python, expected.build_dependencies, expected.dependencies)


def test_packages_of_conda_are_named_that_pip_does_not_install(place):
    folder = project(place / "p", "name: a")
    (folder / "conda.yaml").write_text("dependencies: [python=3.10, conda-forge::cudatoolkit=11]\n")
    with pytest.warns(UserWarning, match="conda-forge::cudatoolkit=11"):
        found = requirements(specification.load(str(folder)))
    assert found == ("3.10", [], [])


CONDA_PROGRAM = f"""#!{sys.executable}
import sys, subprocess
assert sys.argv[1:3] == ["env", "create"], sys.argv
prefix = sys.argv[sys.argv.index("--prefix") + 1]
subprocess.run([{sys.executable!r}, "-m", "venv", "--without-pip", prefix], check=True)
"""


def test_an_environment_of_conda(place, monkeypatch):
    """conda is no package of pip's, so a program that is called as conda is makes the folder."""
    monkeypatch.setenv("RUNLOG_ENV_ROOT", str(place / "envs"))
    monkeypatch.delenv("CONDA_EXE", raising=False)
    text = "conda_env: conda.yaml\nentry_points: {main: {command: 'python -c \"import sys; "
    folder = project(place / "p", text + "print(sys.prefix, file=open(chr(111), chr(119)))\"'}}\n")
    (folder / "conda.yaml").write_text("dependencies: [python=3.10]\n")
    with monkeypatch.context() as without:
        without.setenv("PATH", "/nowhere")
        assert "conda is not installed" in call(folder, "--env-manager", "conda", code=1)
    (place / "conda").write_text(CONDA_PROGRAM)
    (place / "conda").chmod(0o755)
    monkeypatch.setenv("CONDA_EXE", str(place / "conda"))
    call(folder, "--env-manager", "conda")
    assert Path((folder / "o").read_text().strip()).parent == place / "envs"
    (folder / "conda.yaml").unlink()
    (folder / "MLproject").write_text("entry_points: {main: {command: 'true'}}")
    assert "needs a project with a conda.yaml" in call(folder, "--env-manager", "conda", code=1)


def test_a_file_that_is_not_used_is_mentioned(place):
    folder = with_package(place, "python_env.yaml", PYTHON_ENV)
    (folder / "MLproject").write_text("entry_points: {main: {command: 'true'}}")
    assert "--env-manager virtualenv makes a venv of it" in call(folder)
    assert "virtualenv" not in call(folder, "--env-manager", "local")


# -- beside MLflow --------------------------------------------------------------------------

THEIRS = """
import json, sys
import mlflow.projects
submitted = mlflow.projects.run(
    sys.argv[1], parameters={"text": "a b", "more": "x;y"}, env_manager="local", run_name="a"
)
print(submitted.run_id)
"""


def test_mlflow_records_the_same_of_the_same_project(place, monkeypatch):
    pytest.importorskip("mlflow.projects")
    repo = repository(place / "repo")
    git(repo, "remote", "add", "origin", "https://example.org/a.git")
    folder = project(repo / "inner")
    git(repo, "add", ".")
    git(repo, "commit", "-m", "a")
    with serving(place) as served:
        runlog.set_tracking_uri(served.uri)
        environment = {**os.environ, "MLFLOW_TRACKING_URI": served.uri, "PYTHONWARNINGS": "ignore"}
        python = str(Path(sys.executable).parent)
        environment["PATH"] = os.pathsep.join([python, environment["PATH"]])
        done = subprocess.run(
            [sys.executable, "-c", THEIRS, str(folder)],
            env=environment, capture_output=True, text=True, timeout=LONG, cwd=folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        theirs = runlog.get_run(done.stdout.split()[-1])
        monkeypatch.chdir(folder)
        given = {"text": "a b", "more": "x;y"}
        ours = runlog.get_run(run_project(folder, parameters=given, run_name="a").run_id)
    differing = {"mlflow.gitRepoURL", "mlflow.source.git.branch", "mlflow.gitBranchName"}
    assert {
        key: value for key, value in ours.data.tags.items() if key in theirs.data.tags
    } == theirs.data.tags
    assert ours.data.tags.keys() - theirs.data.tags.keys() <= {*differing, "mlflow.project.env"}
    unquoted = {key: value.strip("'") for key, value in theirs.data.params.items()}
    assert ours.data.params == unquoted
    assert ours.info.status == theirs.info.status == "FINISHED"
    assert ours.data.metrics == theirs.data.metrics


def test_import_mlflow_finds_runlog_in_the_process_and_its_children(place):
    child = "import mlflow, os; assert 'runlog' in mlflow.__file__; "
    child += "mlflow.MlflowClient().set_tag(os.environ['RUN'], 'c', 'd')"
    program = "import mlflow, os, subprocess, sys\n"
    program += "with mlflow.start_run() as run:\n"
    program += "    environment = {**os.environ, 'RUN': run.info.run_id}\n"
    program += f"    subprocess.run([sys.executable, '-c', {child!r}], env=environment, check=True)"
    call("--as-mlflow", "--", "python", "-c", program)
    assert only_run().data.tags["c"] == "d"


def test_the_tracking_uri_of_the_plug_in_is_understood(place):
    runlog.set_tracking_uri(f"runlog://{place}/a.db")
    assert runlog.get_tracking_uri() == str(place / "a.db")


def test_the_steps_of_the_workflow_share_a_model_by_its_alias(place):
    example = Path(__file__).parents[1] / "examples" / "workflow"
    for depth in (4, 9, 3):
        call(example, "-e", "train", "-P", f"depth={depth}")
    call(example, "-e", "predict")
    runs = runlog.search_runs(output_format="list")
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    best = next(run for run in runs if run.data.params.get("depth") == "9")
    assert runs[0].data.tags["trained_by"] == best.info.run_id
    assert runs[0].data.metrics["accuracy"] > 0.9


def test_the_example_finds_the_runs_of_its_steps(place):
    example = Path(__file__).parents[1] / "examples" / "multistep"
    first = json.dumps(sorted(os.listdir(example)))
    call(example)
    call(example, "-P", "degree=5")
    runs = runlog.search_runs(output_format="list")
    points = [run.data.tags["mlflow.project.entryPoint"] for run in runs]
    assert sorted(points) == ["main", "main", "prepare", "train", "train"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    errors = {run.data.params.get("degree"): run.data.metrics.get("error") for run in runs}
    assert errors["5"] < errors["3"] < 0.01
    assert json.dumps(sorted(os.listdir(example))) == first
