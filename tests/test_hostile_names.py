"""Names of files from somebody hostile: a server's listing, the rows of a received database."""

from __future__ import annotations

import json
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner

from runlog import RunlogClient, cli
from runlog.artifacts import ArtifactRepo, download_artifacts
from runlog.errors import InvalidParameter

RUN_ID = "0" * 32
# What a listing says is in the folder of the run, and in a folder called so.
NAMES = ["..", ".", "C:", "a\\..\\..\\b", "\\\\host\\share", "nul\0", "tab\t", "", ".runlog-x"]
LISTING = [
    {"path": name, "is_dir": is_dir, "file_size": 4} for name in NAMES for is_dir in (False, True)
]
LISTING += [{"path": "/etc/passwd", "is_dir": False, "file_size": 4}]
LISTING += [{"path": "../../up", "is_dir": False, "file_size": 4}]
INSIDE = [{"path": "evil", "is_dir": False, "file_size": 4}]


class Hostile(BaseHTTPRequestHandler):
    """A tracking server that lists names which lead elsewhere, and gives a file by any name."""

    def do_GET(self):
        address = urlsplit(self.path)
        path = parse_qs(address.query).get("path", [""])[0]
        if address.path.endswith("/runs/get"):
            info = {"run_id": RUN_ID, "experiment_id": "0", "status": "FINISHED", "start_time": 1}
            info["artifact_uri"] = f"mlflow-artifacts:/0/{RUN_ID}/artifacts"
            return self.answer({"run": {"info": info, "data": {}}})
        if address.path.endswith("/mlflow-artifacts/artifacts"):
            depth = path.count("..")
            return self.answer({"files": (INSIDE if depth else []) + LISTING * (depth < 2)})
        if "/mlflow-artifacts/artifacts/" in address.path:
            return self.answer(b"evil")
        self.send_error(404)

    def answer(self, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Endless(Hostile):
    """A server whose folders have folders in them without an end."""

    def do_GET(self):
        if "/mlflow-artifacts/artifacts" in self.path:
            return self.answer({"files": [{"path": "d" * 200, "is_dir": True}]})
        super().do_GET()


class Page(Hostile):
    """A web server whose page of links leads elsewhere."""

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if path == "/a/b":
            self.send_response(302)
            self.send_header("Location", "/a/b/")
            return self.end_headers()
        if not path.endswith("/"):
            return self.answer(b"evil")
        names = ["..", "%2e%2e/", "%2e%2e", "..%2f..%2fup", "%5c..%5cup", "C%3a", "%00", "good"]
        links = "".join(f'<a href="{name}">{name}</a>' for name in names)
        data = f"<html>{links}</html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_HEAD(self):
        self.do_GET()


@pytest.fixture
def serve():
    running = []

    def start(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def target(place):
    """A folder to download to, two levels below one that is empty else."""
    folder = place / "around" / "above" / "dst"
    folder.mkdir(parents=True)
    return folder


def files_around(target):
    around = target.parents[1]
    return sorted(
        path.relative_to(around).as_posix()
        for path in around.rglob("*")
        if path.is_file() and not path.name.startswith("runlog.db")
    )


LANDED = ["above/dst/passwd", "above/dst/up"]  # of a whole path only the last part counts


def test_a_servers_listing_leads_nowhere_else(serve, target):
    uri = serve(Hostile)
    client = RunlogClient(uri)
    assert [each.path for each in client.list_artifacts(RUN_ID)] == ["passwd", "up"]
    client.download_artifacts(RUN_ID, "", str(target))
    assert files_around(target) == LANDED
    download_artifacts(run_id=RUN_ID, tracking_uri=uri, dst_path=target)
    done = CliRunner().invoke(
        cli.main,
        ["artifacts", "download", RUN_ID, "-d", str(target), "--tracking-uri", uri],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    assert files_around(target) == LANDED


def test_folders_without_an_end_have_one(serve, target):
    """What lies deeper than an artifact may lie is not listed."""
    RunlogClient(serve(Endless)).download_artifacts(RUN_ID, "", str(target))
    assert files_around(target) == []
    assert max(len(str(each.relative_to(target))) for each in target.rglob("d*")) <= 3000


def test_a_servers_listing_leads_a_copy_nowhere_else(serve, target):
    there = RunlogClient(serve(Hostile))._repo(RUN_ID)
    there.copy_to(ArtifactRepo(str(target)))
    assert files_around(target) == LANDED


def test_the_links_of_a_web_page_lead_nowhere_else(serve, target):
    repo = ArtifactRepo(f"{serve(Page)}/a/b")
    assert [each.path for each in repo.list()] == ["good"]
    repo.download("", target)
    assert files_around(target) == ["above/dst/good"]


ROWS = ["good", "../up", "../../up", "..", "/up", "a\\..\\up", "C:/up", "x/../../../up", "nul\0"]


@pytest.fixture
def received(place):
    """A database from somebody else, with a packed run whose files have such names."""
    client = RunlogClient(str(place / "around" / "above" / "runlog.db"))
    run_id = client.create_run(client.create_experiment("e", "sqlar:")).info.run_id
    client.set_terminated(run_id)
    client.store.close()
    file = sqlite3.connect(place / "around" / "above" / "runlog.db")
    with file:
        for row in ROWS:
            name = f"1/{run_id}/artifacts/{row}"
            file.execute("insert into sqlar values (?, 33188, 0, 4, ?)", (name, b"evil"))
    file.close()
    return client, run_id


def test_names_in_a_received_database_lead_nowhere_else(received, target):
    client, run_id = received
    client.download_artifacts(run_id, "", str(target))
    assert files_around(target) == ["above/dst/good"]
    words = ["artifacts", "unpack", run_id, "--tracking-uri", client.store.uri]
    done = CliRunner().invoke(cli.main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    unpacked = f"above/artifacts/1/{run_id}/artifacts/good"
    assert files_around(target) == [unpacked, "above/dst/good"]


def test_a_link_in_the_target_is_not_followed(target, tmp_path):
    repo = RunlogClient(str(tmp_path / "own" / "runlog.db"))
    run_id = repo.create_run("0").info.run_id
    repo.log_text(run_id, "x", "sub/deep/a.txt")
    repo.log_text(run_id, "y", "b.txt")
    (target / "sub").symlink_to(target.parents[1])
    with pytest.raises(InvalidParameter, match="leads out of"):
        repo.download_artifacts(run_id, "", str(target))
    (target / "sub").unlink()
    (target / "b.txt").symlink_to(target.parent / "linked")
    repo.download_artifacts(run_id, "", str(target))
    assert files_around(target) == ["above/dst/b.txt", "above/dst/sub/deep/a.txt"]
    repo.store.close()
