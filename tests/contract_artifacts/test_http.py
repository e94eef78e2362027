"""What web servers offer can be read."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import quote

import pytest

from runlog import artifacts
from runlog.artifacts import ArtifactRepo
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter, NotFound, RunlogError
from runlog.serve import create_app
from runlog.store import open_store
from serving import serving
from wsgi import call

from .conftest import files_in

NAMES = ["a.txt", "d/with space & <more>", "d/100%", "d/a#b", "d/a?b", "d/e/grüße", "d/a+b"]


@pytest.fixture
def web(server):
    running = server("http")
    for name in NAMES:
        path = running.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return running.uri


def test_reading(web):
    repo = ArtifactRepo(web)
    for name in NAMES:
        assert repo.read(name).decode() == name
    assert repo.read("a.txt", 1, 3) == b".t"
    with repo.open("a.txt") as file:
        file.seek(2)
        assert file.read() == b"txt"


def test_listing(web):
    repo = ArtifactRepo(web)
    assert repo.list("d/e") == [FileInfo("d/e/grüße", False)]
    assert {info.path for info in repo.list("d")} == {
        "d/with space & <more>", "d/100%", "d/a#b", "d/a?b", "d/e", "d/a+b",
    }  # fmt: skip
    assert repo.list("a.txt") == repo.list("missing") == []


def test_downloading(web, tmp_path):
    ArtifactRepo(web).download("d", tmp_path)
    assert files_in(tmp_path / "d") == sorted(n.removeprefix("d/") for n in NAMES if "d/" in n)
    path = artifacts.download_artifacts(f"{web}/d/100%25", dst_path=tmp_path / "one")
    assert path == str(tmp_path / "one" / "100%")
    assert artifacts.load_text(f"{web}/a.txt") == "a.txt"


def test_what_is_not_there(web):
    with pytest.raises(NotFound, match="No such artifact: 'missing'"):
        ArtifactRepo(web).read("missing")


class Odd(BaseHTTPRequestHandler):
    """A web server without ranges: of an index without the slash, of an empty file, of one whose
    size it does not say, and of places that it does not let see."""

    protocol_version = "HTTP/1.0"
    PAGES: ClassVar = {
        "/index": ("text/html", b'<a href="empty.txt">empty.txt</a> <a href="a.json">a.json</a>'),
        "/index/": ("text/html", b'<a href="empty.txt">empty.txt</a> <a href="a.json">a.json</a>'),
        "/index/empty.txt": ("text/plain", b""),
        "/index/a.json": ("application/json", b"{}"),
        "/index/a.html": ("text/html", b"<a href=b>"),
    }

    def do_GET(self):
        kind, body = self.PAGES.get(self.path, ("", b""))
        status = 200 if kind else 403 if "/secret" in self.path else 404
        self.send_response(status)
        self.send_header("Content-Type", kind or "text/plain")
        if not self.path.endswith(".json"):
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "none")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def odd():
    running = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


def test_files_are_read_from_any_position(odd):
    repo = ArtifactRepo(f"{odd}/index")
    for name, data in (("empty.txt", b""), ("a.json", b"{}")):
        with repo.open(name) as file:
            assert file.seek(0, 2) == len(data)
            file.seek(0)
            assert file.read() == data


def test_an_index_without_a_slash(odd):
    repo = ArtifactRepo(f"{odd}/index")
    assert [info.path for info in repo.list()] == ["a.json", "empty.txt"]
    assert repo.list("a.html") == []  # a page, not an index


def test_what_is_not_listed_is_not_empty(odd):
    with pytest.raises(InvalidParameter, match="cannot be listed: it is not a directory"):
        ArtifactRepo(f"{odd}/index/a.json").list()
    with pytest.raises(RunlogError, match="answers 403") as raised:
        ArtifactRepo(f"{odd}/secret").list()
    assert raised.value.error_code == "PERMISSION_DENIED"
    with pytest.raises(RunlogError, match="Cannot connect"):
        ArtifactRepo("http://127.0.0.1:9/x").list()


def test_an_empty_file_through_our_server(odd, place):
    store = open_store(str(place / "runlog.db"))
    app = create_app(store, ArtifactRepo(f"{odd}/index"))
    files = "/api/2.0/mlflow-artifacts/artifacts"
    answer = call(app, "GET", f"{files}/empty.txt")
    assert (answer.status, answer.body) == (200, b"")
    assert [each["path"] for each in call(app, "GET", files).json["files"]] == [
        "a.json",
        "empty.txt",
    ]
    store.close()


def test_behind_a_server_of_mlflows_kind(place):
    """Such a server lists in JSON what is below its artifacts: ours does, too."""
    names = ["a.txt", "d/100%", "d/e/grüße &c", "empty"]
    with serving(place) as server:
        address = f"{server.uri}/api/2.0/mlflow-artifacts/artifacts/0/run"
        for name in names:
            path = f"{address.removeprefix(server.uri)}/{quote(name)}"
            server.call("PUT", path, b"" if name == "empty" else name.encode())
        repo = ArtifactRepo(address)
        assert sorted(info.path for info in repo.files()) == names
        assert repo.list("d") == [FileInfo("d/100%", False, 6), FileInfo("d/e", True)]
        assert repo.read("d/e/grüße &c").decode() == "d/e/grüße &c"
        with repo.open("empty") as file:
            assert file.read() == b""
        assert repo.list("none") == []
        with pytest.raises(NotFound):
            repo.read("none")


def test_writing_is_refused(web):
    for change in (lambda r: r.write("a", b"x"), lambda r: r.delete("a.txt")):
        with pytest.raises(InvalidParameter, match="can only be read"):
            change(ArtifactRepo(web))
