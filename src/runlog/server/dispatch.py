"""From a request to its answer: what all endpoints have in common.

`Dispatcher` is around every endpoint: it checks the head of the request, counts and logs it, and
turns errors into answers. `Calls` makes the endpoints of the protocol: it identifies the caller,
reads the arguments, and has the handler called if the caller may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from bottle import HTTPError, request, response

from runlog.errors import BadRequest, RunlogError
from runlog.protocol import codecs
from runlog.protocol.rows import ARTIFACTS, READ, Row
from runlog.server import answers, cross_site, metrics, request_body, traffic
from runlog.server.addresses import plain
from runlog.server.auth.access import Access
from runlog.server.group_sync import Group
from runlog.server.memory import Slots
from runlog.server.traffic import Sending, Traffic, identified
from runlog.store import Store

ABOUT_SERVER = ("about", "serverInfo")  # what clients ask before they send files

Handler = Callable[[Mapping[str, Any]], Any]
View = Callable[..., Any]  # takes what the path names, returns the body of the answer


class Dispatcher(NamedTuple):
    """What every request goes through. `root` is the artifact root, which no client is shown."""

    counts: metrics.Counts
    traffic: Traffic
    root: str
    allowed_hosts: Collection[str]
    allowed_origins: Collection[str]
    log: Callable[[str], None] | None

    def wrap(self, name: str, view: View, host_matters: bool = True) -> View:
        """Return the endpoint `name`, whose answers `view` makes."""
        counts, requests, log = self.counts, self.traffic, self.log
        endpoint = counts.endpoint(name)

        def answer(**path: str) -> Any:
            environ = request.environ
            environ["REMOTE_ADDR"] = plain(environ.get("REMOTE_ADDR", ""))
            watch = counts.start(environ)
            noted = requests.begin(environ)
            try:
                _check_head(environ)
                if host_matters:
                    cross_site.check_host(environ.get("HTTP_HOST", ""), self.allowed_hosts)
                    cross_site.check_origin(environ, self.allowed_origins)
                body = view(**path)
                if isinstance(body, Iterator):
                    body = Sending(noted, body)
                elif len(body := answers.compressed(body)) >= traffic.LARGE:
                    response.set_header("Content-Length", str(len(body)))
                    body = traffic.in_pieces(noted, body)
            except RunlogError as error:
                body = answers.of_error(error, self.root, watch.request_id)
            except Exception as error:
                body = answers.of_failure(error, watch.request_id)
            if not isinstance(body, Sending):
                requests.end(noted)
            answers.set_headers(self.allowed_origins, watch.request_id)
            counts.finish(watch, endpoint, response.status_code)
            if log is not None:
                log(metrics.line(watch, name, response.status_code))
            return body

        return answer

    def no_route(self, error: HTTPError) -> bytes:
        """Return the answer to a request that no endpoint takes."""
        answers.set_headers(self.allowed_origins, "")
        path, verb = request.environ.get("PATH_INFO", "")[:200], request.method
        if error.status_code == 405 and verb == "OPTIONS":  # a browser asks before it asks
            response.status = 204
            return b""
        if error.status_code == 405:
            return answers.error_body("BAD_REQUEST", f"{path} does not take {verb}")
        return answers.error_body("ENDPOINT_NOT_FOUND", f"no endpoint {verb} {path} on this server")


class Calls:
    """The endpoints of the protocol, over a store. `handlers` are those, by name, that do more
    than to call the store; `group` syncs what was written before it is answered."""

    def __init__(
        self,
        store: Store,
        access: Access,
        handlers: Mapping[str, Handler],
        group: Group | None = None,
        artifacts_only: bool = False,
    ) -> None:
        self._store, self._access, self._handlers = store, access, handlers
        self._group, self._artifacts_only = group, artifacts_only
        self._slots = Slots()

    def view(self, row: Row) -> View:
        """Return what answers the endpoint of a row."""
        if self._artifacts_only and row.prefixes is not ARTIFACTS and row.name not in ABOUT_SERVER:
            return _not_here(row.name)
        store, access, group, slots = self._store, self._access, self._group, self._slots
        handler = self._handlers.get(row.name) or (lambda arguments: row.apply(store, arguments))

        def view(**path: str) -> Any:
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
            return answers.compressed(answers.json_text(codecs.text_of(row.answer, result)))

        return view


def _not_here(name: str) -> View:
    def refuse(**path: str) -> Any:
        raise RunlogError(
            f"{name} is not here: the server was started with --artifacts-only",
            "ENDPOINT_NOT_FOUND",
        )

    return refuse


def merge_slashes() -> None:
    """Merge the slashes of the request's path: MLflow's servers redirect to the path with single
    ones, which not all clients follow."""
    request.environ["PATH_INFO"] = re.sub("//+", "/", request.environ["PATH_INFO"])


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
