from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from runlog import context

COMMIT, BRANCH, REMOTE = (
    "mlflow.source.git.commit",
    "mlflow.source.git.branch",
    "mlflow.source.git.repoURL",
)
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(directory, *arguments):
    settings = ["user.name=a", "user.email=a@b", "init.defaultBranch=main", "gc.auto=0"]
    settings += ["commit.gpgSign=false", "protocol.file.allow=always"]
    command = ["git", *(part for each in settings for part in ("-c", each)), *arguments]
    answer = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    return answer.stdout.strip()


def repository(path, *, commits=1):
    path.mkdir(parents=True)
    git(path, "init")
    for number in range(commits):
        git(path, "commit", "--allow-empty", "-m", str(number))
    return path


def run_python(*arguments, cwd=None, env=None, stdin=None):
    path = os.path.dirname(os.path.dirname(context.__file__))
    answer = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path} if env is None else env,
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


# --- git ---------------------------------------------------------------------------------------


@needs_git
def test_commit_branch_and_remote(tmp_path):
    repo = repository(tmp_path / "r", commits=2)
    git(repo, "remote", "add", "origin", "https://example.org/a/b.git")
    assert context.git_tags(str(repo)) == {
        COMMIT: git(repo, "rev-parse", "HEAD"),
        BRANCH: "main",
        REMOTE: "https://example.org/a/b.git",
    }


@needs_git
def test_found_from_a_directory_inside(tmp_path):
    repo = repository(tmp_path / "r")
    (repo / "deep" / "er").mkdir(parents=True)
    assert context.git_tags(str(repo / "deep" / "er"))[COMMIT] == git(repo, "rev-parse", "HEAD")


@needs_git
@pytest.mark.parametrize("branch", ["feature/slashes", "dots.and-dashes", "grün"])
def test_names_of_branches(tmp_path, branch):
    repo = repository(tmp_path / "r")
    git(repo, "checkout", "-b", branch)
    assert context.git_tags(str(repo))[BRANCH] == branch


@needs_git
@pytest.mark.parametrize("others", [0, 50])
def test_packed_references(tmp_path, others):
    repo = repository(tmp_path / "r")
    for number in range(others):
        git(repo, "branch", f"ma{number}")
    git(repo, "tag", "-a", "v1", "-m", "annotated tags have a line of their own when packed")
    git(repo, "pack-refs", "--all")
    assert not (repo / ".git/refs/heads/main").exists()
    assert context.git_tags(str(repo))[COMMIT] == git(repo, "rev-parse", "HEAD")


@needs_git
def test_a_loose_reference_is_newer_than_the_packed_one(tmp_path):
    repo = repository(tmp_path / "r")
    git(repo, "pack-refs", "--all")
    git(repo, "commit", "--allow-empty", "-m", "newer")
    assert context.git_tags(str(repo))[COMMIT] == git(repo, "rev-parse", "HEAD")


@needs_git
def test_detached_head_has_no_branch(tmp_path):
    repo = repository(tmp_path / "r", commits=2)
    git(repo, "checkout", "--detach", "HEAD~1")
    assert context.git_tags(str(repo)) == {COMMIT: git(repo, "rev-parse", "HEAD")}


@needs_git
def test_no_commit_yet_gives_nothing(tmp_path):
    repo = repository(tmp_path / "r", commits=0)
    git(repo, "remote", "add", "origin", "https://example.org/a.git")
    assert context.git_tags(str(repo)) == {}


@needs_git
@pytest.mark.parametrize("packed", [False, True])
def test_a_worktree_has_its_own_head(tmp_path, packed):
    repo = repository(tmp_path / "r")
    git(repo, "remote", "add", "origin", "ssh://example.org/a.git")
    git(repo, "worktree", "add", "-b", "side", str(tmp_path / "w"))
    git(tmp_path / "w", "commit", "--allow-empty", "-m", "only here")
    if packed:
        git(repo, "pack-refs", "--all")
    tags = context.git_tags(str(tmp_path / "w"))
    assert tags[COMMIT] == git(tmp_path / "w", "rev-parse", "HEAD")
    assert tags[COMMIT] != git(repo, "rev-parse", "HEAD")
    assert (tags[BRANCH], tags[REMOTE]) == ("side", "ssh://example.org/a.git")


@needs_git
def test_a_submodule_is_a_repository_of_its_own(tmp_path):
    part, whole = repository(tmp_path / "part"), repository(tmp_path / "whole")
    git(whole, "submodule", "add", str(part), "sub")
    tags = context.git_tags(str(whole / "sub"))
    assert tags == {COMMIT: git(part, "rev-parse", "HEAD"), BRANCH: "main", REMOTE: str(part)}


@needs_git
def test_sha256_repositories(tmp_path):
    (tmp_path / "r").mkdir()
    git(tmp_path / "r", "init", "--object-format=sha256")
    git(tmp_path / "r", "commit", "--allow-empty", "-m", "x")
    commit = context.git_tags(str(tmp_path / "r"))[COMMIT]
    assert len(commit) == 64
    assert commit == git(tmp_path / "r", "rev-parse", "HEAD")


@needs_git
@pytest.mark.parametrize(
    "file, content",
    [
        ("HEAD", b"ref: refs/heads/.invalid\n"),  # what reftable repositories hold
        ("HEAD", b"ref: refs/heads/../../../../outside\n"),
        ("HEAD", b"\xff\xfe\x00 nonsense"),
        ("HEAD", b""),
        ("refs/heads/main", b"ref: refs/heads/main\n"),
        ("refs/heads/main", b"not a commit\n"),
    ],
)
def test_damaged_references_give_nothing(tmp_path, file, content):
    repo = repository(tmp_path / "r")
    (tmp_path / "outside").write_text("0" * 40)
    (repo / ".git" / file).write_bytes(content)
    assert context.git_tags(str(repo)) == {}


@needs_git
def test_unreadable_configuration_costs_only_the_remote(tmp_path):
    repo = repository(tmp_path / "r")
    (repo / ".git/config").unlink()
    (repo / ".git/config").mkdir()
    assert set(context.git_tags(str(repo))) == {COMMIT, BRANCH}


@pytest.mark.parametrize("pointer", ["gitdir: nowhere\n", "nonsense", "", "gitdir: \0\n"])
def test_a_pointer_to_nowhere_gives_nothing(tmp_path, pointer):
    (tmp_path / ".git").write_text(pointer)
    assert context.git_tags(str(tmp_path)) == {}


def test_no_repository_gives_nothing(tmp_path):
    assert context.git_tags(str(tmp_path)) == {}
    assert context.git_tags(None) == {}


@needs_git
@pytest.mark.parametrize(
    "remotes, tag",
    [
        ([], None),
        ([("upstream", "https://e.org/u")], "https://e.org/u"),
        ([("upstream", "https://e.org/u"), ("origin", "https://e.org/o")], "https://e.org/o"),
        ([("origin", "https://me:secret@e.org/o")], "https://e.org/o"),
        ([("origin", "git@e.org:a/b.git")], "git@e.org:a/b.git"),
        ([("origin", 'https://e.org/with "quotes" \\ # and ; more')],
         'https://e.org/with "quotes" \\ # and ; more'),
    ],
)  # fmt: skip
def test_remotes(tmp_path, remotes, tag):
    repo = repository(tmp_path / "r")
    for name, url in remotes:
        git(repo, "remote", "add", name, url)
    assert context.git_tags(str(repo)).get(REMOTE) == tag


@needs_git
def test_a_hand_written_configuration(tmp_path):
    repo = repository(tmp_path / "r")
    text = '; comment\n[Remote "origin"] URL=ssh://a/b ; why\n\turl = second\n[branch "x"]\nurl=no'
    (repo / ".git/config").write_text(text)
    assert context.git_tags(str(repo))[REMOTE] == "ssh://a/b"


@pytest.mark.parametrize(
    "url, clean",
    [
        ("https://host/a", "https://host/a"),
        ("https://user:pass@host/a", "https://host/a"),
        ("https://token@host:8443/a?b#c", "https://host:8443/a?b#c"),
        ("https://user:p@ss#w?rd@host/a", "https://host/a"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://u:p@proxy/https://v:q@host/a", "https://proxy/https://host/a"),
        ("ssh://git@host/a", "ssh://host/a"),
        ("git@host:a/b", "git@host:a/b"),
        ("user:pass@host:a/b", "host:a/b"),
        ("/srv/a@b.git", "/srv/a@b.git"),
        ("", ""),
    ],
)
def test_passwords_are_left_out(url, clean):
    assert context.without_password(url) == clean


# --- the rest of the tags ----------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    names = "LOGNAME USER LNAME USERNAME RUNLOG_RUN_CONTEXT MLFLOW_RUN_CONTEXT"
    for name in names.split():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_user_from_the_environment(environment, name):
    environment.setenv("USERNAME", "last")
    environment.setenv(name, "ada")
    assert context.user() == "ada"
    assert context.default_tags()["mlflow.user"] == "ada"


def test_user_from_the_system(environment):
    pwd = pytest.importorskip("pwd")
    assert context.user() == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root")
def test_a_user_without_an_entry_is_unknown():
    # Imported before the change of user, whom a root-owned directory may shut out.
    code = "import os, runlog.context as c; os.setuid(54321); print(c.user())"
    package = os.path.dirname(os.path.dirname(context.__file__))
    answer = run_python("-c", code, env={"PYTHONPATH": package})
    assert answer == "unknown"


TELL = "import runlog.context as c, json; print(json.dumps(c.default_tags()))"


@needs_git
def test_a_script_names_itself_and_its_repository(tmp_path):
    repo = repository(tmp_path / "r")
    (repo / "train.py").write_text(TELL)
    tags = json.loads(run_python(str(repo / "train.py"), cwd=tmp_path))
    assert tags["mlflow.source.name"] == str(repo / "train.py")
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags[COMMIT] == git(repo, "rev-parse", "HEAD")


@needs_git
@pytest.mark.parametrize(
    "arguments, stdin, name", [(["-c", TELL], None, "-c"), ([], TELL, "<console>")]
)
def test_without_a_script_the_working_directory_counts(tmp_path, arguments, stdin, name):
    repo = repository(tmp_path / "r")
    tags = json.loads(run_python(*arguments, cwd=repo, stdin=stdin))
    assert tags["mlflow.source.name"] == name
    assert tags[COMMIT] == git(repo, "rev-parse", "HEAD")


def test_a_working_directory_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    code = f"import os; os.mkdir({str(gone)!r}); os.chdir({str(gone)!r}); os.rmdir(os.getcwd())"
    tags = json.loads(run_python("-c", f"import runlog.context\n{code}\n{TELL}"))
    assert COMMIT not in tags
    assert tags["mlflow.source.name"] == "-c"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of bytes")
def test_a_script_whose_name_is_not_text(tmp_path):
    script = os.fsencode(tmp_path) + b"/caf\xe9.py"
    with open(script, "w") as file:
        file.write(TELL)
    assert json.loads(run_python(script))["mlflow.source.name"] == f"{tmp_path}/caf?.py"


@pytest.mark.parametrize(
    "variables, path, name",
    [
        ({"__vsc_ipynb_file__": "/a/code.ipynb"}, {"IPYNB_FILE": "x.ipynb"}, "code.ipynb"),
        ({}, {"__vsc_ipynb_file__": "/a/env.ipynb"}, "env.ipynb"),
        ({}, {"IPYNB_FILE": "/a/other.ipynb"}, "other.ipynb"),
        ({}, {"JPY_SESSION_NAME": "/home/a/server.ipynb"}, "server.ipynb"),
        ({}, {"JPY_SESSION_NAME": "8c4a2b"}, "launcher.py"),
        ({}, {}, "launcher.py"),
    ],
)
def test_notebooks_are_named_where_somebody_says_it(variables, path, name):
    shell = SimpleNamespace(user_ns=variables)
    assert context.source("launcher.py", shell, path) == (name, "NOTEBOOK")


def test_a_real_notebook_kernel(tmp_path):
    pytest.importorskip("ipykernel")
    from jupyter_client.manager import start_new_kernel

    package = os.path.dirname(os.path.dirname(context.__file__))
    env = {**os.environ, "PYTHONPATH": package, "JPY_SESSION_NAME": str(tmp_path / "try.ipynb")}
    manager, client = start_new_kernel(env=env, cwd=str(tmp_path))
    shown: list[str] = []
    try:
        client.execute_interactive(
            TELL, timeout=60, output_hook=lambda m: shown.append(m["content"].get("text", ""))
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    tags = json.loads("".join(shown))
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("try.ipynb", "NOTEBOOK")


@pytest.mark.parametrize("name", ["RUNLOG_RUN_CONTEXT", "MLFLOW_RUN_CONTEXT"])
def test_given_tags_come_first(environment, name):
    environment.setenv(name, '{"mlflow.user": "eve", "team": 7}')
    tags = context.default_tags()
    assert (tags["mlflow.user"], tags["team"]) == ("eve", "7")


@pytest.mark.parametrize("text", ["not json", "[1]", '"x"', "3"])
def test_given_tags_that_are_none_are_ignored_with_a_warning(environment, text):
    environment.setenv("RUNLOG_RUN_CONTEXT", text)
    with pytest.warns(UserWarning, match="RUNLOG_RUN_CONTEXT is not a JSON object"):
        assert "mlflow.user" in context.default_tags()


@needs_git
def test_tags_cost_less_than_two_milliseconds(tmp_path):
    repo = repository(tmp_path / "r")
    deep = repo.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    costs = []
    for _ in range(20):
        began = time.process_time()
        context.git_tags(str(deep))
        costs.append(time.process_time() - began)
    assert sorted(costs)[10] < 0.002


@needs_git
def test_a_change_of_directory_does_not_change_the_repository(tmp_path):
    """`python train.py` has a relative path in sys.argv."""
    for name in ("project", "elsewhere"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "commit", "-q", "--allow-empty", "-m", name)
    program = tmp_path / "project" / "train.py"
    program.write_text(
        "import os\nos.chdir('../elsewhere')\nfrom runlog import context\n"
        "print(context.default_tags()['mlflow.source.git.commit'])"
    )
    command = [sys.executable, "train.py"]
    printed = subprocess.run(command, cwd=program.parent, stdout=subprocess.PIPE, check=True).stdout
    assert printed.decode().strip() == git(program.parent, "rev-parse", "HEAD")
