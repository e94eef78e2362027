"""A server with pages on a store that tests fill through the public API, and a browser that looks.

A page that a test opens must stay clean: no error, no violation of the policy, no request to
another origin, and nothing hostile may have run.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from processes import LONG
from runlog.artifacts import ArtifactRepo
from runlog.clock import now
from runlog.serve import create_app
from runlog.server.auth.access import Everyone
from runlog.server.pages import Pages
from runlog.sqlstore.store import SqlStore

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next(
    (path for path in ("/usr/bin/chromium", "/usr/bin/google-chrome") if os.path.exists(path)), ""
)
HOSTILE = "<img src=x onerror='window.pwned=1'>\"';--"


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def below(prefix: str, app: Any) -> Any:
    """A proxy that takes a path away and does not say so."""

    def proxy(environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        assert path.startswith(prefix), path
        return app(environ | {"PATH_INFO": path.removeprefix(prefix)}, start_response)

    return proxy


class Site:
    """A store behind a running server."""

    def __init__(self, folder: Path, access: Any = None, prefix: str = "") -> None:
        self.store = SqlStore(str(folder / "runlog.db"))
        self._started = 0
        # A store of its own: with artifacts, a server's says where they are over HTTP.
        self.app = create_app(
            SqlStore(str(folder / "runlog.db")),
            ArtifactRepo(self.store.artifact_root),
            access=access(self.store) if access else None,
            store_name=f"{folder.name}/runlog.db",
            store_uri=str(folder / "runlog.db"),
        )
        app = below(prefix, self.app) if prefix else self.app
        self._server = make_server("127.0.0.1", 0, app, Server, Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}{prefix}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def run(self, experiment: str = "0", name: str = "run", **logged: Any) -> str:
        """A finished run with metrics that are lists, params and tags, started after the others."""
        tags = logged.get("tags", {})
        self._started = max(now(), self._started + 1)
        run = self.store.create_run(experiment, "ada", self._started, tags, name)
        run_id = run.info.run_id
        for key, values in logged.get("metrics", {}).items():
            points = [(key, value, 1_700_000_000_000 + i, i) for i, value in enumerate(values)]
            self.store.log(run_id, points)
        self.store.log(run_id, params=logged.get("params", {}).items())
        if logged.get("status") != "RUNNING":
            self.store.update_run(run_id, logged.get("status", "FINISHED"), 2**41)
        return run_id

    def put(self, run_id: str, path: str, data: bytes) -> None:
        """A file among the artifacts of a run."""
        uri = self.store.get_run(run_id).info.artifact_uri
        ArtifactRepo(uri).write(path, [data])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.store.close()


@pytest.fixture(scope="session")
def pages() -> None:
    if not Pages().built:
        pytest.skip("the pages are not built: npm ci && npm run build in ui/")


@pytest.fixture(scope="session")
def site(pages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests that only look."""
    site = Site(tmp_path_factory.mktemp("site"))
    fill(site)
    yield site
    site.close()


@pytest.fixture
def ids(site: Site) -> list[str]:
    """The trials of the sweep, newest first."""
    runs = site.store.search_runs(["1"], "params.lr IS NOT NULL")
    return [run.info.run_id for run in runs]


@pytest.fixture
def fresh(pages: None, tmp_path: Path) -> Iterator[Site]:
    """An empty one, for tests that write."""
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.fixture
def guarded(pages: None, tmp_path: Path) -> Iterator[Site]:
    """One that shows all and changes nothing."""
    site = Site(tmp_path, lambda store: Everyone(read_only=True))
    yield site
    site.close()


def losses(k: int) -> list[float]:
    return [math.nan if k == 3 and i > 20 else 2 / (i + k + 1) for i in range(40)]


def fill(site: Site) -> None:
    store = site.store
    sweep = store.create_experiment("vision/sweep", tags={"team": "vision"})
    assert sweep == "1"
    parent = site.run(sweep, "family")
    for k in range(12):
        site.run(
            sweep,
            f"trial-{k:02d}",
            tags={"mlflow.parentRunId": parent, "stage": "dev" if k % 2 else "prod"},
            params={"lr": str(10 ** -(k % 4)), "depth": str(k), "seed": "7"},
            metrics={
                "train/loss": [
                    math.nan if k == 3 and i > 20 else 2 / (i + k + 1) for i in range(40)
                ],
                "val/accuracy": [1 - 1 / (i + 2) - k / 50 for i in range(40)],
            },
            status="FAILED" if k == 3 else "FINISHED",
        )
    store.create_experiment("empty")
    hostile = store.create_experiment(HOSTILE)
    run_id = site.run(
        hostile,
        HOSTILE,
        tags={"mlflow.note.content": f"# Note\n\n{HOSTILE}\n\n[a](javascript:window.pwned=1)"},
        params={"p": HOSTILE, "plain": "1"},
        metrics={"loss": [1.0, 0.5]},
    )
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>window.pwned=1</script></svg>"
    site.put(run_id, "plot.svg", script)
    site.put(run_id, "page.html", b"<p>shown</p><script>try{parent.pwned=1}catch(e){}</script>")
    site.put(run_id, "note.md", HOSTILE.encode())
    site.put(run_id, "data.csv", b"name,value\n" + HOSTILE.encode() + b",1\n")
    site.put(run_id, "deep/<b>x<b>.txt", b"INFO one\nERROR two\n")


# -- the browser ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium: scripts/packages installs it")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address: `look(site, "/path", theme="dark", width=390)`."""
    opened: list[Any] = []

    def open_page(site: Site, path: str, theme: str = "light", width: int = 1440) -> Any:
        size = {"width": width, "height": 844 if width < 700 else 900}
        context = browser.new_context(
            viewport=size, color_scheme=theme, has_touch=width < 700, accept_downloads=True
        )
        page = context.new_page()
        page.set_default_timeout(LONG * 1000)
        page.complaints = complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith((site.url, "blob:", "data:", "chrome"))
                or complaints.append(f"a request to {asked.url}")
            ),
        )
        page.goto(site.url + path)
        page.wait_for_selector("main :is(h1, .note)", state="attached")
        page.wait_for_load_state("networkidle")
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        pwned = page.evaluate("window.pwned")
        complaints = [text for text in page.complaints if not expected(text)]
        page.context.close()
        assert pwned is None
        assert complaints == []


def expected(text: str) -> bool:
    # Chromium reports every answer of 4xx; the tests that ask for one look at what the page says.
    return "Failed to load resource" in text


def violations(page: Any) -> list[str]:
    """What axe finds wrong with a page."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text())
    # Rules that ask for what these pages do otherwise would be named here; there is none.
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]
