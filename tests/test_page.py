"""Runs as one HTML file: what it holds, where it comes from, and what cannot be in it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import runlog
from processes import LONG
from runlog import cli, html_page
from runlog.errors import BadRequest, InvalidParameter, NotFound, RunlogError
from runlog.http.store import HttpStore
from runlog.serve import create_app
from runlog.sqlstore.store import SqlStore
from wsgi import WsgiTransport, call

HOSTILE = "</script></title><script>alert(1)</script><!--\"'&"


@pytest.fixture(autouse=True)
def built():
    if not (html_page.FOLDER / "offline-page.js").is_file():
        pytest.skip("the pages are not built: npm ci && npm run build in ui/")


@pytest.fixture
def store(place):
    store = SqlStore(str(place / "runlog.db"))
    yield store
    store.close()


def run_of(store, name="first", **params):
    run_id = store.create_run("0", run_name=name).info.run_id
    store.log(run_id, [("loss", 1 / (step + 1), 1000, step) for step in range(30)], params.items())
    return run_id


def content(document):
    data = re.search(r'id="recorded">([^<]*)<', document)[1]
    return json.loads(gzip.decompress(base64.b64decode(data)))


def test_a_page_holds_what_the_server_would_answer(store):
    ids = [run_of(store, lr="1"), run_of(store, lr="2")]
    kept = content(html_page.document(store, [*ids, ids[0]]))
    assert kept["run_ids"] == ids
    assert kept["runs"].keys() == {*ids}
    assert kept["comparison"]["runs"]["run_id"] == ids
    assert {each["run_id"]: each["count"] for each in kept["series"]} == dict.fromkeys(ids, 30)
    assert kept["runs"][ids[0]]["experiment"]["name"] == "Default"


def test_many_series_are_thinned_out(store, monkeypatch):
    monkeypatch.setattr(html_page, "POINTS_IN_ALL", 60)
    monkeypatch.setattr(html_page, "FEWEST_POINTS", 8)
    (series,) = content(html_page.document(store, [run_of(store)]))["series"]
    assert series["thinned"] or len(series["steps"]) == 30
    ids = [run_of(store) for _ in range(6)]
    lines = content(html_page.document(store, ids))["series"]
    assert {line["thinned"] for line in lines} == {True}
    assert all(len(line["steps"]) <= 12 for line in lines)


def test_nothing_logged_is_text_of_the_document(store):
    run_id = run_of(store, HOSTILE, p=HOSTILE)
    document = html_page.document(store, [run_id])
    assert "alert(1)" not in re.sub("<title>.*?</title>", "", document)
    assert "<title>&lt;/script&gt;&lt;/title&gt;" in document
    assert content(document)["runs"][run_id]["run"]["data"]["params"][0]["value"] == HOSTILE


@pytest.mark.parametrize("count", [0, 101])
def test_how_many_runs_a_page_shows(store, count):
    with pytest.raises(InvalidParameter, match=f"{count} runs: a page shows 1 to 100"):
        html_page.document(store, [f"{number:032x}" for number in range(count)])


def test_unknown_runs_and_missing_pages(store, place, monkeypatch):
    with pytest.raises(NotFound):
        html_page.document(store, ["f" * 32])
    monkeypatch.setattr(html_page, "FOLDER", place)
    with pytest.raises(RunlogError, match="built without pages"):
        html_page.document(store, [run_of(store)])


def test_the_server_sends_it_as_a_file(store, place):
    ids = [run_of(store), run_of(store)]
    app = create_app(SqlStore(str(place / "runlog.db")))
    query = "&".join(f"run_ids={each}" for each in ids)
    answer = call(app, "GET", "/api/runlog/1/runs/page", query=query)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="2-runs-')
    assert "sandbox" in answer.headers["content-security-policy"]
    assert content(answer.body.decode())["run_ids"] == ids


def test_it_is_made_of_a_server_s_runs_too(store, place):
    run_id = run_of(store, lr="1")
    app = create_app(SqlStore(str(place / "runlog.db")))
    remote = HttpStore("http://test", WsgiTransport(app))
    assert remote.views.table_of([run_id]).params == store.views.table_of([run_id]).params
    assert remote.views.series([run_id], ["loss"], points=8, start=3) == store.views.series(
        [run_id], ["loss"], 8, "step", 3
    )
    here, there = (content(html_page.document(each, [run_id])) for each in (store, remote))
    assert here["runs"] == there["runs"] and here["series"] == there["series"]
    with pytest.raises(AttributeError):
        _ = remote.views.nothing


def test_other_servers_have_no_views(monkeypatch):
    remote = HttpStore("http://test")
    monkeypatch.setattr(HttpStore, "is_runlog", False)
    with pytest.raises(BadRequest, match="has no views"):
        _ = remote.views


def test_a_page_is_saved(place):
    with runlog.start_run() as run:
        runlog.log_param("lr", "1")
    newest = runlog.start_run()
    runlog.end_run()
    cases = {None: newest, "params.lr = '1'": run, run.info.run_id: run, run: run}
    for given, wanted in cases.items():
        runlog.save_page(given, place / "page.html")
        document = (place / "page.html").read_text("utf-8")
        assert content(document)["run_ids"] == [wanted.info.run_id]
    runlog.save_page(runlog.search_runs(), place / "page.html")
    assert len(content((place / "page.html").read_text())["run_ids"]) == 2
    with pytest.raises(NotFound, match="no run of the experiment in use matches"):
        runlog.save_page("params.lr = '3'", place / "page.html")


def test_without_any_run_that_is_said(place):
    program = "import runlog\nrunlog.save_page(None, 'x.html')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=place, capture_output=True, text=True, timeout=LONG
    )
    assert "there is no run yet that could be shown" in done.stderr


def test_outside_of_a_notebook_show_says_what_to_do(place, capsys):
    with runlog.start_run() as run:
        pass
    assert runlog.show(run) is None
    said = capsys.readouterr()
    assert said.out == "" and "runlog.save_page" in said.err and "runlog ui" in said.err


def test_the_command_writes_it_or_nothing(store, place, monkeypatch):
    monkeypatch.chdir(place)
    run_id = run_of(store)
    words = ["runs", "page", run_id[:8], "--tracking-uri", str(place / "runlog.db")]
    done = CliRunner().invoke(cli.main, words)
    assert done.output == "Wrote 1 run to runs.html\n"
    assert content((place / "runs.html").read_text())["run_ids"] == [run_id]
    done = CliRunner().invoke(cli.main, [*words, "ffff", "-o", "other.html"])
    assert done.exit_code == 1 and not (place / "other.html").exists()
