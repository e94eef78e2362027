"""The application: which endpoints there are, and what answers each."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from bottle import Bottle, request

from runlog.artifacts import ArtifactRepo
from runlog.errors import RunlogError
from runlog.protocol import codecs
from runlog.protocol.endpoints import BY_NAME, ROWS
from runlog.protocol.rows import ADMIN, OURS
from runlog.server import answers, histories, locations, metrics, openapi, queries, unsupported
from runlog.server.artifacts import Files
from runlog.server.auth.access import Access, Everyone, Page
from runlog.server.dispatch import Calls, Dispatcher, Handler, View, merge_slashes
from runlog.server.group_sync import Group
from runlog.server.pages import ROUTES, Pages, saved_runs
from runlog.server.traffic import Traffic
from runlog.storage.paths import PROXIED
from runlog.store import Store


def create_app(
    store: Store,
    artifacts: ArtifactRepo | None = None,
    *,
    access: Access | None = None,
    allowed_hosts: Collection[str] = (),
    allowed_origins: Collection[str] = (),
    static_prefix: str = "",
    allow_local_locations: bool = False,
    allowed_locations: Collection[str] = (),
    artifacts_only: bool = False,
    log: Callable[[str], None] | None = None,
    sync: Callable[[], None] | None = None,
    counts_folder: str = "",
    pages: Pages | None = None,
    store_name: str = "",
    store_uri: str = "",
    requests: Traffic | None = None,
) -> Bottle:
    """Return MLflow's REST API over `store`, as a WSGI application.

    Clients up- and download files through the server, to and from `artifacts`; they are told URIs
    that begin with `mlflow-artifacts:/`. `store` itself is not changed. Without `artifacts` clients
    read and write artifact URIs themselves; with `artifacts_only` there is nothing else than these
    files. `access` decides who may do what, by default everyone everything. `log` is called with a
    line of JSON for each request. With `sync`, mostly `store.flush`, what was written is synced
    before it is answered, together for all that wait at the same time. Processes that have the same
    `counts_folder`, an empty folder for as long as they run, count their requests together. `pages`
    are the web pages, by default those of the package; they show `store_name`, and `store_uri` to
    whoever may know where the store is: admins, and everyone where nobody logs in. `requests` are
    those of this process that are on their way.
    """
    root = store.artifact_root if artifacts is None else artifacts.uri
    store = store if artifacts is None else store.with_artifact_root(PROXIED)
    may = locations.Allowed(root, tuple(allowed_locations), allow_local_locations)
    prefix = "/" + static_prefix.strip("/") if static_prefix.strip("/") else ""
    handlers = _handlers(store, Files(store, artifacts, may, prefix), may)
    access, pages, counts = access or Everyone(), pages or Pages(), metrics.Counts(counts_folder)
    routes = _Routes(
        Bottle(),
        prefix,
        Dispatcher(counts, requests or Traffic(), root, allowed_hosts, allowed_origins, log),
    )
    session = _Session(access, store_name, store_uri)
    group = None if sync is None else Group(sync)
    _add_protocol(routes, Calls(store, access, handlers, group, artifacts_only))
    _add_about_server(routes, session, counts)
    if not artifacts_only:
        _add_unsupported(routes, access)
    _add_pages(routes, session, pages, artifacts_only)
    for page in access.pages():
        routes.add(page.path, page.name, _view_of_page(page), page.verb)
    return routes.app


def _handlers(store: Store, files: Files, may: locations.Allowed) -> dict[str, Handler]:
    """Return what answers the rows of the protocol that do more than to call the store."""
    return {
        **files.handlers(),
        **locations.handlers(store, may),
        "serverInfo": lambda given: {
            **BY_NAME["serverInfo"].apply(store, given),
            "multipart_uploads_enabled": files.in_parts,
        },
        "getMetricHistory": lambda given: histories.answer(store, given),
        "sql": queries.handler(store),
        "runPage": lambda given: saved_runs(store, given["run_ids"]),
    }


class _Routes:
    """The paths of an application, each with `prefix` and without."""

    def __init__(self, app: Bottle, prefix: str, dispatcher: Dispatcher) -> None:
        self.app, self._prefix, self._dispatcher = app, prefix, dispatcher
        app.default_error_handler = dispatcher.no_route
        app.add_hook("before_request", merge_slashes)

    def add(
        self, path: str, name: str, view: View, verb: str = "GET", host_matters: bool = True
    ) -> None:
        """Have `view` answer the requests for a path, as the endpoint `name`."""
        self.add_all((path,), name, view, verb, host_matters)

    def add_all(
        self,
        paths: Collection[str],
        name: str,
        view: View,
        verb: str = "GET",
        host_matters: bool = True,
    ) -> None:
        """Have `view` answer the requests for several paths, as one endpoint."""
        view = self._dispatcher.wrap(name, view, host_matters)
        for path in paths:
            self.app.route(path, verb, view)
            if self._prefix:
                self.app.route(self._prefix + path, verb, view)


class _Session(NamedTuple):
    """What the pages know of who looks at them, and of the store."""

    access: Access
    store_name: str
    store_uri: str

    def describe(self) -> dict[str, Any]:
        """Return what a page is told about whoever sends the request."""
        about = self.access.describe(self.access.identify(request.environ))
        uri = self.store_uri if about["role"] in (None, ADMIN) else ""
        return {**about, "version": metrics.version(), "store": self.store_name, "store_uri": uri}


def _add_protocol(routes: _Routes, calls: Calls) -> None:
    for row in ROWS:
        paths = [re.sub(r"<(\w*path)>", r"<\1:path>", path) for path in row.paths()]
        routes.add_all(paths, row.name, calls.view(row), row.verb)


def _add_about_server(routes: _Routes, session: _Session, counts: metrics.Counts) -> None:
    def exposition() -> bytes:
        session.access.identify(request.environ)
        return answers.text(counts.exposition())

    routes.add("/health", "health", lambda: answers.text("OK"), host_matters=False)
    routes.add("/version", "version", lambda: answers.text(metrics.version()))
    routes.add("/metrics", "metrics", exposition)
    routes.add("/openapi.json", "openapi", lambda: answers.json(openapi.document()))
    routes.add(OURS[0] + "session", "session", lambda: answers.json(session.describe()))


def _add_unsupported(routes: _Routes, access: Access) -> None:
    def view_of(answer: str) -> View:
        def refuse(**path: str) -> bytes:
            access.identify(request.environ)
            raise unsupported.refusal(answer)

        return refuse

    for path, name, answer in unsupported.routes():
        for verb in unsupported.VERBS:
            routes.add(path, name, view_of(answer), verb)


def _add_pages(routes: _Routes, session: _Session, pages: Pages, artifacts_only: bool) -> None:
    def view_of_document(route: str) -> View:
        def view(**path: str) -> bytes:
            try:
                known = codecs.dump(session.describe())
            except RunlogError:  # the page will ask who is there
                known = None
            return pages.document(request.environ, route, known)

        return view

    if not pages.built or artifacts_only:
        about = metrics.greeting() + ("" if pages.built else pages.why_not)
        routes.add("/", "index", lambda: answers.text(about))
        return
    for route in ROUTES:
        routes.add(route, "page", view_of_document(route))
    routes.add("/assets/<name>", "asset", lambda name: pages.asset(request.environ, name))


def _view_of_page(page: Page) -> View:
    return lambda: page.view(request.environ)
