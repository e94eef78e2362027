from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlog import artifacts
from runlog.artifacts import ArtifactRepo, NoSuchFile
from runlog.entities import FileInfo
from runlog.errors import BadRequest, InvalidParameter, NotFound, RunlogError
from runlog.storage.local import LocalFiles
from runlog.storage.paths import HIDDEN, check_path, local_root, parse_runs_uri

pytestmark = pytest.mark.usefixtures("own_temporary_files")

NAMES = [
    "a.txt",
    "with space",
    "100%",
    "%2e%2e",
    "a#b",
    "a+b",
    "grüße",
    "日本",
    "🎈",
    "12:30",
    "~",
    "-",
]

BAD_PATHS = [
    "", ".", "./", "/", "/etc/passwd", "..", "../a", "a/..", "a/../b", "a/../../b", "./../a",
    "a//b", "a/", "/a/b", "a\\b", "..\\a", "\\\\host\\share", "C:", "C:a", "C:/a", "c:\\a", "./C:a",
    "a\0b", "a\nb", "a\rb", "\x1b[31m", "a\x7f", "a\x85b", "\ud800", "b/.runlog-1", ".runlog-x/a",
]  # fmt: skip


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture(params=["local", "file:", "fsspec"])
def repo(request, root):
    """The same promises on the local disk and on any file system that fsspec knows."""
    if request.param == "fsspec":
        from fsspec.implementations.memory import MemoryFileSystem

        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
        yield ArtifactRepo("/bucket/some run", MemoryFileSystem())
    else:
        yield ArtifactRepo(root.as_uri() if request.param == "file:" else str(root))


@pytest.fixture
def local(root):
    return ArtifactRepo(str(root))


def read(repo, path):
    with repo.open(path) as file:
        return file.read()


def names_in(directory):
    return sorted(
        os.path.relpath(os.path.join(top, name), directory)
        for top, _, names in os.walk(directory)
        for name in names
    )


# --- paths and addresses -----------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD_PATHS)
def test_bad_paths_are_refused(path):
    with pytest.raises(InvalidParameter, match="Invalid path"):
        check_path(path)


@pytest.mark.parametrize("path", NAMES + ["a/b/c.txt", "...", ".hidden", "a/..b", "a..b/c", "1:2"])
def test_good_paths_stay_as_they_are(path):
    assert check_path(path) == path


@pytest.mark.parametrize("path, clean", [("./a", "a"), ("a/./b", "a/b"), ("././a/.", "a")])
def test_parts_that_are_a_dot_go(path, clean):
    assert check_path(path) == clean


@given(st.text(st.sampled_from("ab./\\:%2e \0\n~"), max_size=8))
def test_a_path_that_passes_stays_below_the_root(path):
    try:
        clean = check_path(path)
    except InvalidParameter:
        return
    assert os.path.normpath(f"/root/{clean}") == f"/root/{clean}"
    assert clean != ""
    assert check_path(clean) == clean


@pytest.mark.parametrize(
    "uri, run_id, path",
    [
        ("runs:/abc", "abc", ""),
        ("runs:/abc/", "abc", ""),
        ("runs:/abc/a b/100%#+.txt", "abc", "a b/100%#+.txt"),
        ("runs:/abc/..", "abc", ".."),
    ],
)
def test_runs_uris(uri, run_id, path):
    assert parse_runs_uri(uri) == (run_id, path)


@pytest.mark.parametrize("uri", ["", "runs:", "runs:/", "runs://host/abc", "run:/abc", "/abc/a"])
def test_what_is_no_runs_uri(uri):
    with pytest.raises(InvalidParameter, match="runs:/<run id>"):
        parse_runs_uri(uri)


@pytest.mark.parametrize(
    "uri, path",
    [
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b"),
        ("/a%20b#c", "/a%20b#c"),
        ("file:/a/b", "/a/b"),
        ("file:///a/b/", "/a/b"),
        ("FILE://localhost/a", "/a"),
        ("file:///a%20b%23c", "/a b#c"),
    ],
)
def test_local_addresses(uri, path):
    assert local_root(uri) == path


@pytest.mark.parametrize(
    "uri, said",
    [
        ("what-ever://u:secret@host/a", "what-ever: "),
        ("mlflow-artifacts:/a:secret@b", "mlflow-artifacts: "),
        ("simplecache::s3://secret/a", "simplecache::"),
        ("gs+x://secret", "gs\\+x: "),
        ("ftp://u:secret@host:port/a", "'ftp://u@host:port/a'"),
        ("ftp://u:sec/secret@host/a", "'ftp://u@host/a'"),
        ("ftp://u:secret@host/a?b", "'ftp://u@host/a\\?b'"),
    ],
)
def test_other_schemes_are_named_and_no_password_is(uri, said):
    with pytest.raises(InvalidParameter, match=said) as caught:
        ArtifactRepo(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["", "a\0b", "file:", "file://host/a", "file:/a?b", "file:/a#b"])
def test_addresses_that_name_no_place(uri):
    with pytest.raises(InvalidParameter):
        ArtifactRepo(uri)


# --- what scripts call -------------------------------------------------------------------------


@pytest.fixture
def run():
    from runlog.client import RunlogClient

    client = RunlogClient()
    run = client.create_run("0")
    client.log_text(run.info.run_id, "grüße", "d/a b.txt")
    client.log_dict(run.info.run_id, {"a": [1]}, "d/c.json")
    return run


@pytest.mark.parametrize(
    "address",
    [
        lambda run: {"artifact_uri": f"runs:/{run.info.run_id}/d/a b.txt"},
        lambda run: {"artifact_uri": f"{run.info.artifact_uri}/d/a b.txt"},
        lambda run: {"artifact_uri": Path(run.info.artifact_uri, "d", "a b.txt").as_uri()},
        lambda run: {"run_id": run.info.run_id, "artifact_path": "d/a b.txt"},
        lambda run: {
            "run_id": run.info.run_id,
            "artifact_path": "d/a b.txt",
            "tracking_uri": os.path.abspath("runlog.db"),
        },
    ],
)
def test_ways_to_say_which_artifact(run, place, address):
    path = Path(artifacts.download_artifacts(**address(run)))
    assert path.name == "a b.txt"
    assert path.read_bytes() == Path(run.info.artifact_uri, "d", "a b.txt").read_bytes()
    copy = artifacts.download_artifacts(**address(run), dst_path=place / "new" / "dir")
    assert copy.startswith(str(place / "new" / "dir"))
    assert Path(copy).read_text("utf-8") == "grüße"


def test_all_of_a_run(run, place):
    path = artifacts.download_artifacts(run_id=run.info.run_id, dst_path=place / "dst")
    assert names_in(path) == ["d/a b.txt", "d/c.json"]


def test_listing_artifacts(run):
    run_id = run.info.run_id
    assert artifacts.list_artifacts(run_id=run_id) == [FileInfo("d", True)]
    assert artifacts.list_artifacts(f"runs:/{run_id}/d") == [
        FileInfo("d/a b.txt", False, 7),
        FileInfo("d/c.json", False, 22),
    ]
    assert artifacts.list_artifacts(f"runs:/{run_id}/d/c.json") == []


def test_loading_artifacts(run):
    uri = f"runs:/{run.info.run_id}/d"
    assert artifacts.load_text(uri + "/a b.txt") == "grüße"
    assert artifacts.load_dict(uri + "/c.json") == {"a": [1]}
    with pytest.raises(BadRequest, match="JSON object"):
        artifacts.load_dict(uri + "/a b.txt")
    with pytest.raises(FileNotFoundError, match="No such artifact"):
        artifacts.load_text(uri + "/missing")


def test_loading_images():
    pytest.importorskip("PIL")
    from runlog import media

    Path("a.png").write_bytes(media.image(media.Image([[1, 2]]), "a.png"))
    assert artifacts.load_image(os.path.abspath("a.png")).size == (2, 1)


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"artifact_path": "a"},
        {"artifact_uri": "runs:/a/b", "run_id": "a"},
        {"artifact_uri": "runs:/a", "artifact_path": "b"},
        {"artifact_uri": "runs:/"},
        {"artifact_uri": "what-ever://bucket/a"},
    ],
)
def test_addresses_that_say_too_much_or_too_little(address):
    for call in (artifacts.download_artifacts, artifacts.list_artifacts):
        with pytest.raises(InvalidParameter):
            call(**address)


# --- in and out --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("directory", [None, "", "d", "d/", "./d e/f%23"])
def test_a_file_goes_in_and_comes_out(repo, tmp_path, name, directory):
    (tmp_path / name).write_bytes(b"content")
    repo.log_artifact(tmp_path / name, directory)
    path = "/".join([*(directory or "").strip("./").split("/"), name]).lstrip("/")
    assert repo.list(directory) == [FileInfo(path, False, 7)]
    assert read(repo, path) == b"content"
    (tmp_path / "dst").mkdir()
    target = repo.download(path, str(tmp_path / "dst"))
    assert target == str(tmp_path / "dst" / path)
    assert Path(target).read_bytes() == b"content"


@pytest.mark.parametrize(
    "data, content",
    [
        (b"", b""),
        (b"abc", b"abc"),
        (bytearray(b"abc"), b"abc"),
        ([], b""),
        ([b"ab", b"", b"c"], b"abc"),
        (lambda: (b"x" * 100_000 for _ in range(5)), b"x" * 500_000),
    ],
)
def test_writing_bytes(repo, data, content):
    repo.write("dir/file", data() if callable(data) else data)
    assert read(repo, "dir/file") == content
    assert repo.list("dir") == [FileInfo("dir/file", False, len(content))]


def test_logging_again_replaces(repo):
    repo.write("a", b"first, longer")
    repo.write("a", b"second")
    assert read(repo, "a") == b"second"


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "tree"
    for name in ["a.txt", "b/c.txt", "b/d/e.txt", "b/d/f g.txt"]:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "empty").mkdir()
    return top


@pytest.mark.parametrize("base", [None, "base", "two/levels"])
def test_a_directory_goes_in_and_comes_out(repo, tree, tmp_path, base):
    repo.log_artifacts(tree, base)
    (tmp_path / "dst").mkdir()
    target = repo.download(base, tmp_path / "dst")
    assert target == str(tmp_path / "dst" / (base or "")).rstrip("/")
    assert names_in(target) == names_in(tree)
    assert os.path.isdir(os.path.join(target, "empty"))
    for name in names_in(tree):
        assert Path(target, name).read_text() == name


def test_log_artifact_of_a_directory_keeps_its_name(repo, tree):
    repo.log_artifact(tree, "x")
    assert [info.path for info in repo.list("x")] == ["x/tree"]
    assert read(repo, "x/tree/b/c.txt") == b"b/c.txt"


def test_listing(repo, tree):
    repo.log_artifacts(tree)
    assert repo.list() == repo.list("") == repo.list(".") == [
        FileInfo("a.txt", False, 5),
        FileInfo("b", True),
        FileInfo("empty", True),
    ]  # fmt: skip
    assert repo.list("b") == repo.list("b/") == [
        FileInfo("b/c.txt", False, 7),
        FileInfo("b/d", True),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["a.txt", "missing", "a.txt/below", "b/missing"])
def test_listing_a_file_or_nothing_is_empty(repo, tree, path):
    repo.log_artifacts(tree)
    assert repo.list(path) == []


def test_listing_before_the_first_artifact_is_empty(repo):
    assert repo.list() == []


@pytest.mark.parametrize("path", ["missing", "b/missing", "a.txt/below"])
def test_reading_what_is_not_there(repo, tree, tmp_path, path):
    repo.log_artifacts(tree)
    for reading in (repo.open, lambda path: repo.download(path, tmp_path)):
        with pytest.raises(RunlogError, match=f"'{path}'") as caught:
            reading(path)
        assert caught.value.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def test_a_missing_artifact_is_not_found_in_both_worlds(repo):
    with pytest.raises(NotFound, match="No such artifact: 'nope'"):
        repo.open("nope")
    with pytest.raises(FileNotFoundError):
        repo.download("nope")


@pytest.mark.parametrize("path", ["a.txt", "b", "b/d", "b/d/e.txt", "missing"])
def test_deleting(repo, tree, tmp_path, path):
    repo.log_artifacts(tree)
    repo.delete(path)
    (tmp_path / "dst").mkdir()
    left = names_in(repo.download("", tmp_path / "dst"))
    assert left == [n for n in names_in(tree) if n != path and not n.startswith(path + "/")]


def test_deleting_everything(repo, tree):
    repo.log_artifacts(tree)
    repo.delete()
    assert repo.list() == []
    repo.delete()
    repo.log_artifacts(tree)
    assert len(repo.list()) == 3


@pytest.mark.parametrize("path", [p for p in BAD_PATHS if p not in ("", ".", "./", "a/", "/")])
def test_bad_paths_reach_nothing(local, tmp_path, path):
    (tmp_path / "file").write_text("x")
    local.write("a/b", b"x")
    calls = [
        lambda: local.log_artifact(tmp_path / "file", path),
        lambda: local.log_artifacts(tmp_path, path),
        lambda: local.write(path, b"x"),
        lambda: local.list(path),
        lambda: local.open(path),
        lambda: local.download(path),
        lambda: local.download(path, tmp_path),
        lambda: local.delete(path),
    ]
    for call in calls:
        with pytest.raises(InvalidParameter, match="Invalid path"):
            call()
    assert names_in(tmp_path) == ["file", "root/a/b"]


# --- the local side of logging -----------------------------------------------------------------


def test_a_missing_local_file_is_named(local, root):
    with pytest.raises(NoSuchFile, match="no local file '/no/such/file'"):
        local.log_artifact("/no/such/file")
    with pytest.raises(NoSuchFile, match="no local directory '/no/such/dir'"):
        local.log_artifacts("/no/such/dir")
    assert not root.exists()


def test_names_are_checked_before_anything_is_copied(local, tree, root):
    (tree / "z\n").write_text("x")
    with pytest.raises(InvalidParameter, match="Invalid path 'z"):
        local.log_artifacts(tree)
    assert not root.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_refused_rather_than_waited_for(local, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidParameter, match="pipe' is not a regular file"):
        local.log_artifact(tmp_path / "pipe")


def test_links_in_a_logged_directory_are_followed(local, tree, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("far")
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    (tree / "circle").symlink_to(tree)
    local.log_artifacts(tree)
    assert read(local, "link/file") == b"far"
    assert "circle" not in [info.path for info in local.list()]


def test_a_dangling_link_in_a_logged_directory_is_named(local, tree):
    (tree / "dangling").symlink_to("nowhere")
    with pytest.raises(NoSuchFile, match="dangling"):
        local.log_artifacts(tree)


def test_logging_a_directory_that_holds_the_artifacts(tmp_path):
    repo = ArtifactRepo(str(tmp_path / "artifacts"))
    (tmp_path / "a").write_text("a")
    for _ in range(3):
        repo.log_artifacts(tmp_path)
    assert names_in(tmp_path) == ["a", "artifacts/a"]


def test_logging_an_artifact_to_its_own_place(local, root):
    local.write("d/a", b"x")
    local.log_artifact(root / "d" / "a", "d")
    assert read(local, "d/a") == b"x"


def test_a_relative_root_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    repo = ArtifactRepo("here")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    repo.write("a", b"x")
    assert (tmp_path / "here" / "a").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_files_get_the_usual_permissions(local, root, tmp_path):
    (tmp_path / "private").write_text("x")
    (tmp_path / "private").chmod(0o600)
    before = os.umask(0o022)
    try:
        local.log_artifact(tmp_path / "private")
        local.write("written", b"x")
    finally:
        os.umask(before)
    assert {(root / n).stat().st_mode & 0o777 for n in ("private", "written")} == {0o644}


@pytest.mark.parametrize("path", ["a/b", "a"])
def test_a_file_and_a_directory_cannot_share_a_name(local, path):
    other = "a" if path == "a/b" else "a/b"
    local.write(other, b"x")
    with pytest.raises(InvalidParameter, match=f"Invalid path '{path[:1]}"):
        local.write(path, b"y")
    assert read(local, other) == b"x"


def test_opening_a_directory(local):
    local.write("d/a", b"x")
    with pytest.raises(InvalidParameter, match="Invalid path 'd'"):
        local.open("d")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said_so(local, root):
    class FullDisk(LocalFiles):
        def open(self, path, mode):
            return open("/dev/full", mode, buffering=0)

    with pytest.raises(RunlogError, match="cannot write artifact 'a': No space left") as caught:
        ArtifactRepo(str(root), FullDisk(str(root))).write("a", b"x")
    assert caught.value.error_code == "RESOURCE_EXHAUSTED"


# --- downloads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["d/a", "d/", "", None])
def test_what_is_done_to_a_download_does_no_harm(local, root, path):
    local.write("d/a", b"x")
    copy = Path(local.download(path))
    assert not copy.is_relative_to(root)
    file = copy if copy.is_file() else next(copy.rglob("a"))
    file.write_bytes(b"mine")
    assert read(local, "d/a") == b"x"


def test_a_destination_must_be_a_directory(local, tmp_path):
    local.write("a", b"x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotFound, match="missing"):
        local.download("a", tmp_path / "missing")
    with pytest.raises(InvalidParameter, match="must be a directory"):
        local.download("a", tmp_path / "file")


def test_a_download_replaces_what_was_there(local, tmp_path):
    local.write("a", b"new")
    (tmp_path / "a").write_bytes(b"old and longer")
    assert Path(local.download("a", tmp_path)).read_bytes() == b"new"
    assert names_in(tmp_path) == ["a", "root/a"]


# --- links inside the root ---------------------------------------------------------------------


@pytest.fixture
def linked(local, root, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("k")
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "key").write_text("the name begins like the root's")
    local.write("inside/a", b"x")
    (root / "in").symlink_to(root / "inside")
    (root / "in.txt").symlink_to("inside/a")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "out2").symlink_to("../root2")
    (root / "out.txt").symlink_to(tmp_path / "secret" / "key")
    (root / "inside" / "up").symlink_to(root)
    (root / "dangling").symlink_to(root / "nothing")
    (root / "self").symlink_to(root / "self")
    return local


@pytest.mark.parametrize("path", ["out", "out.txt", "out/key", "out2/key", "in/up/out/key"])
def test_links_that_lead_out_are_not_followed(linked, tmp_path, path):
    (tmp_path / "dst").mkdir()
    for reading in (
        linked.list,
        linked.open,
        linked.download,
        lambda path: linked.download(path, tmp_path / "dst"),
        lambda path: linked.write(path + "/new", b"x"),
    ):
        with pytest.raises(InvalidParameter, match="Invalid path"):
            reading(path)
    assert names_in(tmp_path / "dst") == []
    assert names_in(tmp_path / "secret") == ["key"]


def test_links_that_stay_inside_are_followed(linked):
    assert [info.path for info in linked.list()] == ["in", "in.txt", "inside"]
    assert read(linked, "in.txt") == read(linked, "in/a") == b"x"
    assert linked.list("in")[0] == FileInfo("in/a", False, 1)


def test_downloading_everything_skips_the_links_that_lead_out_or_in_circles(linked, tmp_path):
    (tmp_path / "dst").mkdir()
    linked.download("", tmp_path / "dst")
    assert names_in(tmp_path / "dst") == ["in.txt", "inside/a"]


def test_deleting_a_link_leaves_what_it_leads_to(linked, tmp_path):
    linked.delete("out")
    linked.delete("out.txt")
    with pytest.raises(InvalidParameter, match="Invalid path"):
        linked.delete("out2/key")
    linked.delete()
    assert names_in(tmp_path) == ["root2/key", "secret/key"]


def test_a_root_that_is_itself_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    repo = ArtifactRepo(str(tmp_path / "root"))
    repo.write("d/a", b"x")
    assert read(repo, "d/a") == b"x"
    repo.delete("d")
    assert repo.list() == []
    repo.delete()
    assert not (tmp_path / "disk").exists()


# --- no half file ------------------------------------------------------------------------------


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(repo):
    def chunks():
        yield b"half"
        raise KeyboardInterrupt

    repo.write("a", b"whole")
    with pytest.raises(KeyboardInterrupt):
        repo.write("a", chunks())
    with pytest.raises(TypeError):
        repo.write("b", ["text"])  # type: ignore[list-item]
    assert read(repo, "a") == b"whole"
    assert [info.path for info in repo.list()] == ["a"]


def test_a_failed_write_cleans_up(local, root):
    with pytest.raises(ZeroDivisionError):
        local.write("a", (b"x" * (1 // left) for left in (1, 0)))
    assert names_in(root) == []


@pytest.mark.parametrize("count", [3, 30])
def test_a_failed_directory_cleans_up(root, tmp_path, count):
    class Broken(LocalFiles):
        def put_first(self, size, local, path):
            super().put_first(size, local, path)
            if local.endswith("last"):
                raise OSError("broken")

    (tmp_path / "many").mkdir()
    for name in [*range(count), "last"]:
        (tmp_path / "many" / str(name)).write_text("x")
    with pytest.raises(RunlogError, match="cannot write artifact 'last': broken"):
        ArtifactRepo(str(root), Broken(str(root))).log_artifacts(tmp_path / "many")
    assert names_in(root) == []


@pytest.mark.parametrize("count", [3, 30])
def test_a_directory_where_one_file_cannot_go(local, root, tmp_path, count):
    local.write("2/in the way", b"x")
    (tmp_path / "many").mkdir()
    for name in range(count):
        (tmp_path / "many" / str(name)).write_text("x")
    with pytest.raises(InvalidParameter, match="Invalid path '2'"):
        local.log_artifacts(tmp_path / "many")
    assert [name for name in names_in(root) if HIDDEN in name] == []
    assert read(local, "2/in the way") == b"x"


def test_many_files(repo, tmp_path):
    (tmp_path / "many").mkdir()
    for name in range(100):
        (tmp_path / "many" / str(name)).write_text(str(name))
    repo.log_artifacts(tmp_path / "many", "d")
    assert {read(repo, info.path) for info in repo.list("d")} == {b"%d" % n for n in range(100)}


KILLED = """
import sys
from runlog.artifacts import ArtifactRepo
def chunks():
    yield b"half"
    yield b"x" * 1_000_000
    print("writing", flush=True)
    import time; time.sleep(60)
ArtifactRepo(sys.argv[1]).write("d/model.bin", chunks())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_nothing_that_looks_whole(local, root, tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(artifacts.__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout.readline() == b"writing\n"
        assert local.list("d") == []
        process.send_signal(signal.SIGKILL)
    assert len(names_in(root)) == 1
    assert local.list("d") == []
    (tmp_path / "dst").mkdir()
    local.download("d", tmp_path / "dst")
    assert names_in(tmp_path / "dst") == []
    local.delete("d")
    assert names_in(root) == []


def test_readers_see_the_old_file_or_the_new_one(local):
    import threading

    local.write("a", b"0" * 100_000)
    sizes = set()
    done = threading.Event()

    def write():
        for number in range(60):
            local.write("a", [b"%d" % (number % 10) * 100_000] * (number % 3 + 1))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        content = read(local, "a")
        sizes.add(len(content))
        assert len(set(content)) == 1
    writer.join()
    assert sizes <= {100_000, 200_000, 300_000}


def test_a_big_file_streams(local, tmp_path):
    resource = pytest.importorskip("resource")
    with open(tmp_path / "big", "wb") as file:
        file.truncate(120 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    local.log_artifact(tmp_path / "big")
    (tmp_path / "dst").mkdir()
    local.download("big", tmp_path / "dst")
    with open(tmp_path / "big", "rb") as file:
        local.write("copy", iter(lambda: file.read(1 << 20), b""))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    assert {info.file_size for info in local.list()} == {120 << 20}
