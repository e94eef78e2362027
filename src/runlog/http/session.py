"""One server: requests, retries where they may help, and its refusals as our errors."""

from __future__ import annotations

import html
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from runlog.errors import (
    HTTP_STATUS,
    AlreadyExists,
    BadRequest,
    InvalidParameter,
    NotFound,
    RunlogError,
    ServerUnreachable,
)
from runlog.http.address import Login, shown
from runlog.http.retry import NOT_DONE, RETRIED, RetryPolicy, retry_after
from runlog.http.transport import Answer, NoAnswer, NotSent, Transport, Upload
from runlog.printable import plain, plain_lines

_ERRORS = {
    each.error_code: each for each in (InvalidParameter, BadRequest, NotFound, AlreadyExists)
}
_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}
_CODES[404] = "ENDPOINT_NOT_FOUND"  # the server knows the path only if it gives the code itself
_HINTS = {
    401: "Set RUNLOG_TRACKING_TOKEN, or RUNLOG_TRACKING_USERNAME and RUNLOG_TRACKING_PASSWORD",
    404: "Is this the address of a tracking server, with its prefix?",
    407: "The proxy wants a user and password: HTTP_PROXY=http://user:password@host:port",
}
T = TypeVar("T")

PIECE = 2**20  # bytes that are read at once
MOST = 2**29  # bytes of an answer; files may have more
MOST_OF_AN_ERROR = 2**20


class Unavailable(Exception):
    """The server did not take a request that was to be sent once. `error` is the reason;
    `may_be_done` is whether the request may have been done all the same, or will be."""

    def __init__(self, error: RunlogError, may_be_done: bool = True) -> None:
        super().__init__(error.message)
        self.error, self.may_be_done = error, may_be_done


class Session:
    """Requests to one server, from any number of threads. `name` is what errors call the server."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        policy: RetryPolicy,
        login: Login = lambda: None,
        prefix: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        from runlog._version import __version__

        self.name, self._transport, self._policy = name, transport, policy
        self._login, self._prefix, self._sleep = login, prefix, sleep
        self._agent = f"runlog/{__version__} Python/{platform.python_version()}"
        self.has_answered = False

    def ask(
        self,
        verb: str,
        path: str,
        body: bytes | Upload | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        read: Callable[[Answer], T],
        repeatable: bool = True,
        done: type[RunlogError] | tuple[type[RunlogError], ...] = (),
        seconds: float | None = None,
        is_file: bool = False,
    ) -> T | None:
        """Return what `read` makes of the server's answer. A request that is not `repeatable` is
        retried only where it cannot have been done. `done` are errors which, after an attempt whose
        outcome is not known, show that it had been done: then the result is None. With `seconds` it
        is sent once, within that time. For an answer that `is_file`, and for a file that is sent,
        the timeout is one for each step.

        Raises the server's RunlogError; ServerUnreachable; with `seconds`, Unavailable.
        """
        is_unknown = False  # whether an earlier attempt was done
        delays: Iterator[float] | None = None
        policy = self._policy
        give_up = time.monotonic() + policy.limit(self.has_answered)
        is_file = is_file or isinstance(body, Upload)
        while True:
            pause = 0.0
            whole = seconds
            if whole is None and not is_file:
                whole = max(0.001, min(policy.timeout, give_up - time.monotonic()))
            try:
                answer = self._request(verb, path, body, headers, whole)
                if answer.status < 300:
                    result = read(answer)
                    self.has_answered = True
                    return result
                failure = self._refusal(answer, verb, path)
                if answer.status not in RETRIED:
                    self.has_answered = True
                    if is_unknown and isinstance(failure, done):
                        return None
                    raise failure
                is_harmless = answer.status in NOT_DONE
                pause = retry_after(answer.headers.get("Retry-After"))
            except (NotSent, NoAnswer) as error:
                failure = ServerUnreachable(f"{self.name} cannot be reached: {error}")
                is_harmless = isinstance(error, NotSent)
            if seconds is not None:
                raise Unavailable(failure, not is_harmless)
            is_unknown = is_unknown or not is_harmless
            if is_unknown and not repeatable:
                raise _not_repeated(failure)
            if delays is None:
                delays = self._delays()
                warn(f"{failure.message}. Trying again")
            delay = next(delays, None)
            if delay is None or time.monotonic() + delay > give_up:
                raise failure
            self._sleep(max(delay, pause))

    def _delays(self) -> Iterator[float]:
        policy = self._policy
        return policy.delays(policy.retries if self.has_answered else policy.first_retries)

    def _request(
        self,
        verb: str,
        path: str,
        body: bytes | Upload | None,
        headers: Mapping[str, str] | None,
        seconds: float | None,
    ) -> Answer:
        sent = {"User-Agent": self._agent, "Accept-Encoding": "identity"}
        authorization = self._login()
        if authorization is not None:
            sent["Authorization"] = authorization
        if isinstance(body, bytes):
            sent["Content-Type"] = "application/json"
        elif body is not None:
            body.file.seek(0)
        if headers:
            sent.update(headers)
        return self._transport.send(verb, self._prefix + path, sent, body, seconds)

    def json(
        self,
        verb: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        done: type[RunlogError] | tuple[type[RunlogError], ...] = (),
        seconds: float | None = None,
    ) -> Any:
        """Return the JSON that the server answers; None where `ask` answers None."""
        text = self.ask(
            verb, path, body, headers,
            read=_whole, repeatable=repeatable, done=done, seconds=seconds,
        )  # fmt: skip
        if text is None:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise RunlogError(
                f"{self._where(verb, path)} answered {_gist(text)!r}, which is not JSON. "
                + _HINTS[404]
            ) from None

    def close(self) -> None:
        """Close connections that nobody uses."""
        self._transport.close()

    def _where(self, verb: str, path: str) -> str:
        return f"{self.name}: {verb} {path.partition('?')[0]}"

    def _refusal(self, answer: Answer, verb: str, path: str) -> RunlogError:
        try:
            text = answer.read(MOST_OF_AN_ERROR)
        except NoAnswer:
            text = b""
        answer.close()
        return refusal(answer.status, text, self._where(verb, path), answer.headers.get("Location"))


def _not_repeated(failure: RunlogError) -> RunlogError:
    return type(failure)(
        f"{failure.message}. It may have been done, so it was not tried again: look",
        failure.error_code,
    )


def _whole(answer: Answer) -> bytes:
    """Return all of an answer, unless it never ends."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MOST:
            answer.close()
            raise RunlogError(
                f"the server's answer is longer than {MOST // 2**20} MB: ask for less"
            )
    return b"".join(pieces)


def refusal(status: int, body: bytes, where: str, location: str | None = None) -> RunlogError:
    """Return the error for an answer that is a refusal: the server's error as MLflow's API has it,
    or the gist of whatever page a proxy sent."""
    try:
        answer = json.loads(body)
        code, message = answer["error_code"], answer.get("message")
    except (ValueError, TypeError, KeyError, AttributeError):
        code, message = None, None
    if isinstance(code, str) and code:
        has_message = isinstance(message, str) and message
        text = plain_lines(message) if has_message else f"{where} answered {plain(code)}"
        if status == 401:
            text = f"{text.rstrip('. ')}. {_HINTS[401]}"
        kind = _ERRORS.get(code)
        return RunlogError(text, code) if kind is None else kind(text)
    text = f"{where} answered {status}"
    if status // 100 == 3 and location:
        text += (
            f" and points to {shown(location.partition('?')[0])!r}. Set the tracking URI to that"
        )
    elif gist := _gist(body):
        text += f": {gist!r}"
    if status in _HINTS:
        text = f"{text}. {_HINTS[status]}"
    default = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    code = _CODES.get(status, default)
    kind = _ERRORS.get(code)
    return RunlogError(text, code) if kind is None else kind(text)


def _gist(body: bytes) -> str:
    """Return a page's text, or the start of it."""
    text = body[:20_000].decode("utf-8", "replace")
    if "<" in text:
        text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text)
    text = " ".join(html.unescape(text).split())
    return text if len(text) <= 200 else text[:200] + "..."


def warn(text: str) -> None:
    """Log a warning, which goes to stderr unless the program configures it otherwise. One of
    Python's warnings could be made an error, and end the training."""
    import logging

    logging.getLogger("runlog").warning("%s", text)
