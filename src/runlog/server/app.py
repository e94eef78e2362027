"""The application: a route for each row of the protocol, and one place for errors."""

from __future__ import annotations

import gzip
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from bottle import Bottle, HTTPError, request, response

from runlog.artifacts import ArtifactRepo
from runlog.errors import BadRequest, RunlogError, StoreError
from runlog.printable import plain_lines
from runlog.protocol import codecs
from runlog.protocol.endpoints import BY_NAME, ROWS
from runlog.protocol.rows import ADMIN, ARTIFACTS, READ, Row
from runlog.server import (
    copy_locations,
    cross_site,
    histories,
    locations,
    openapi,
    queries,
    request_body,
    traffic,
)
from runlog.server import metrics as monitoring
from runlog.server.addresses import plain
from runlog.server.artifacts import Files
from runlog.server.auth.access import Access, Everyone, Page
from runlog.server.group_sync import Group
from runlog.server.memory import Slots
from runlog.server.pages import ROUTES, Pages, kept
from runlog.server.traffic import Sending, Traffic, identified
from runlog.storage.paths import PROXIED
from runlog.store import Store

JSON = "application/json"
ABOUT_SERVER = ("about", "serverInfo")  # what clients ask before they send files
COMPRESSED_FROM, COMPRESSION = 1024, 2  # bytes, zlib's level: 5 takes twice the time for 12 % less
Handler = Callable[[Mapping[str, Any]], Any]


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
    that begin with `mlflow-artifacts:/`. `store` itself is not changed. Without
    `artifacts` clients read and write artifact URIs themselves; with `artifacts_only` there is
    nothing else than these files. `access` decides who may do what,
    by default everyone everything. `log` is called with a line of JSON for each request. With
    `sync`, mostly `store.flush`, what was written is synced before it is answered, together for
    all that wait at the same time. Processes that have the same `counts_folder`, an empty folder
    for as long as they run, count their requests together. `pages` are the
    web pages, by default those of the package; they show `store_name`, and `store_uri` to whoever
    may know where the store is: admins, and everyone where nobody logs in. `requests` are those of
    this process that are on their way.
    """
    root = store.artifact_root if artifacts is None else artifacts.uri
    if artifacts is not None:
        store = store.with_artifact_root(PROXIED)
    prefix = "/" + static_prefix.strip("/") if static_prefix.strip("/") else ""
    may = locations.Allowed(root, tuple(allowed_locations), allow_local_locations)
    files = Files(store, artifacts, may, prefix)
    access = access or Everyone()
    pages = pages or Pages()
    app = Bottle()
    app.default_error_handler = lambda error: _routing_error(error, allowed_origins)
    app.add_hook("before_request", _merge_slashes)
    counts = monitoring.Counts(counts_folder)
    requests, slots = requests or Traffic(), Slots()
    group = Group(sync) if sync is not None else None

    handlers: dict[str, Handler] = {
        **files.handlers(),
        "createExperiment": lambda given: _create_experiment(store, given, may),
        **copy_locations.handlers(store, may),
        "serverInfo": lambda given: {
            **BY_NAME["serverInfo"].apply(store, given),
            "multipart_uploads_enabled": files.in_parts,
        },
        "getMetricHistory": lambda given: histories.answer(store, given),
        "sql": queries.handler(store),
        "runPage": lambda given: kept(store, given["run_ids"]),
    }

    def respond(name: str, view: Callable[..., Any], host_matters: bool = True) -> Any:
        endpoint = counts.endpoint(name)

        def answer(**path: str) -> Any:
            environ = request.environ
            environ["REMOTE_ADDR"] = plain(environ.get("REMOTE_ADDR", ""))
            watch = counts.start(environ)
            noted = requests.begin(environ)
            try:
                _check_head(environ)
                if host_matters:
                    _check(environ, allowed_hosts, allowed_origins)
                body = view(**path)
                if isinstance(body, Iterator):
                    body = Sending(noted, body)
                elif len(body := _compressed(body)) >= traffic.LARGE:
                    response.set_header("Content-Length", str(len(body)))
                    body = traffic.in_pieces(noted, body)
            except RunlogError as error:
                body = _refuse(error, root, watch.request_id)
            except Exception as error:
                body = _break(error, watch.request_id)
            if not isinstance(body, Sending):
                requests.end(noted)
            _decorate(allowed_origins, watch.request_id)
            counts.finish(watch, endpoint, response.status_code)
            if log is not None:
                log(monitoring.line(watch, name, response.status_code))
            return body

        return answer

    def view_of(row: Row) -> Callable[..., Any]:
        handler = handlers.get(row.name) or (lambda arguments: row.apply(store, arguments))

        def view(**path: str) -> Any:
            if artifacts_only and row.prefixes is not ARTIFACTS and row.name not in ABOUT_SERVER:
                raise RunlogError(
                    f"{row.name} is not here: the server was started with --artifacts-only",
                    "ENDPOINT_NOT_FOUND",
                )
            caller = access.identify(request.environ)
            identified(request.environ)
            given = (
                request_body.query(request.environ)
                if row.moves_a_file
                else (request_body.fields(request.environ))
            )
            arguments = row.arguments({**given, **path})
            if row.access == READ and not row.moves_a_file:
                with slots.turn(request.environ["REMOTE_ADDR"]):
                    return answer(caller, arguments)
            return answer(caller, arguments)

        def answer(caller: Any, arguments: Mapping[str, Any]) -> Any:
            result = access.perform(caller, row, arguments, handler)
            if group is not None and row.access != READ:
                group.wait()
            if isinstance(result, (bytes, Iterator)):  # the answer itself, of a file for example
                return result
            return _compressed(_sent(codecs.text_of(row.answer, result)))

        return view

    def view_of_page(page: Page) -> Callable[..., Any]:
        return lambda: page.view(request.environ)

    def metrics() -> bytes:
        access.identify(request.environ)
        return _text(counts.exposition())

    def session() -> dict[str, Any]:
        about = access.describe(access.identify(request.environ))
        uri = store_uri if about["role"] in (None, ADMIN) else ""
        return {**about, "version": monitoring.version(), "store": store_name, "store_uri": uri}

    def view_of_document(route: str) -> Callable[..., Any]:
        def view(**path: str) -> bytes:
            try:
                known = codecs.dump(session())
            except RunlogError:  # the page will ask who is there
                known = None
            return pages.document(request.environ, route, known)

        return view

    def asset(name: str) -> bytes:
        return pages.asset(request.environ, name)

    def add(path: str, verb: str, view: Any) -> None:
        app.route(path, verb, view)
        if prefix:
            app.route(prefix + path, verb, view)

    for row in ROWS:
        view = respond(row.name, view_of(row))
        for path in row.paths():
            add(re.sub(r"<(\w*path)>", r"<\1:path>", path), row.verb, view)
    add("/health", "GET", respond("health", lambda: _text("OK"), host_matters=False))
    add("/version", "GET", respond("version", lambda: _text(monitoring.version())))
    add("/metrics", "GET", respond("metrics", metrics))
    add("/openapi.json", "GET", respond("openapi", lambda: _json(openapi.document())))
    add("/api/runlog/1/session", "GET", respond("session", lambda: _json(session())))
    if pages.built and not artifacts_only:
        for route in ROUTES:
            add(route, "GET", respond("page", view_of_document(route)))
        add("/assets/<name>", "GET", respond("asset", asset))
    else:
        about = monitoring.greeting() + ("" if pages.built else pages.why_not)
        add("/", "GET", respond("index", lambda: _text(about)))
    for page in access.pages():
        add(page.path, page.verb, respond(page.name, view_of_page(page)))
    return app


def _create_experiment(store: Store, given: Mapping[str, Any], may: locations.Allowed) -> str:
    location = given["artifact_location"]
    if location:
        location = may.name(location)
    return store.create_experiment(**{**given, "artifact_location": location})


def _merge_slashes() -> None:
    """MLflow's servers redirect to the path with single slashes, which not all clients follow."""
    request.environ["PATH_INFO"] = re.sub("//+", "/", request.environ["PATH_INFO"])


def _check(
    environ: Mapping[str, Any], allowed_hosts: Collection[str], allowed_origins: Collection[str]
) -> None:
    cross_site.check_host(environ.get("HTTP_HOST", ""), allowed_hosts)
    cross_site.check_origin(environ, allowed_origins)


def _check_head(environ: Mapping[str, Any]) -> None:
    """Raise BadRequest for a head that a proxy might read in another way than this server does:
    that is how requests are smuggled."""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    try:
        if "," in environ.get("HTTP_HOST", ""):
            raise BadRequest("a request has one Host header, with one name")
        if coding is not None and environ.get("CONTENT_LENGTH"):
            raise BadRequest("a request has Content-Length or Transfer-Encoding")
        if coding is not None and coding.strip().lower() != "chunked":
            raise BadRequest(f"Transfer-Encoding must be chunked, not {coding[:100]!r}")
    except BadRequest:
        response.set_header("Connection", "close")
        raise


def _decorate(allowed_origins: Collection[str], request_id: str) -> None:
    headers = response.headers.dict  # Bottle's own spelling costs 10 us for five names
    for name, value in cross_site.HEADERS.items():
        headers.setdefault(name, [value])
    for name, value in cross_site.cors_headers(request.environ, allowed_origins).items():
        response.set_header(name, value)
    if request_id:
        headers["X-Request-Id"] = [request_id]


def _text(text: str) -> bytes:
    response.content_type = "text/plain; charset=utf-8"
    return text.encode()


def _json(value: Any) -> bytes:
    return _sent(codecs.dump(value))


def _sent(text: str) -> bytes:
    response.content_type = JSON
    return text.encode()


def _compressed(body: bytes) -> bytes:
    """JSON or HTML of some size, smaller where the client takes it so: tables to less than half."""
    if len(body) < COMPRESSED_FROM or "Content-Encoding" in response.headers:
        return body
    if response.content_type.partition(";")[0] not in (JSON, "text/html"):
        return body
    response.set_header("Vary", "Accept-Encoding")
    if "gzip" not in request.environ.get("HTTP_ACCEPT_ENCODING", ""):
        return body
    response.set_header("Content-Encoding", "gzip")
    return gzip.compress(body, COMPRESSION, mtime=0)


def _refuse(error: RunlogError, root: str, request_id: str) -> bytes:
    message = error.message
    if isinstance(error, StoreError):  # it names the server's files
        _complain(request_id, message)
        message = (
            "the server's database cannot do this now: the server's log says why, for request "
            f"{request_id}"
        )
    response.status = error.get_http_status_code()
    # A browser would ask for a password itself, before the page that sent this could.
    if response.status_code == 401 and request.environ.get("HTTP_SEC_FETCH_DEST") != "empty":
        response.set_header("WWW-Authenticate", 'Basic realm="runlog"')
    return _error(error.error_code, message.replace(root, "artifacts"))


def _break(error: Exception, request_id: str) -> bytes:
    _complain(request_id, "".join(traceback.format_exception(error)))
    response.status = 500
    return _error(
        "INTERNAL_ERROR", f"the server failed: its log says how, for request {request_id}"
    )


def _error(code: str, message: str) -> bytes:
    return _json({"error_code": code, "message": message})


def _complain(request_id: str, text: str) -> None:
    print(f"runlog: request {request_id}: {plain_lines(text)}", file=sys.stderr, flush=True)


def _routing_error(error: HTTPError, allowed_origins: Collection[str]) -> bytes:
    _decorate(allowed_origins, "")
    path, verb = request.environ.get("PATH_INFO", "")[:200], request.method
    if error.status_code == 405 and verb == "OPTIONS":  # a browser asks before it asks
        response.status = 204
        return b""
    if error.status_code == 405:
        return _error("BAD_REQUEST", f"{path} does not take {verb}")
    return _error("ENDPOINT_NOT_FOUND", f"no endpoint {verb} {path} on this server")
