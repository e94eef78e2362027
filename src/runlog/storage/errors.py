"""Errors of file systems, turned into errors that name the artifact and the reason."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from runlog.errors import InvalidParameter, NotFound, RunlogError

ERROR_CODES = {
    errno.EACCES: "PERMISSION_DENIED",
    errno.EPERM: "PERMISSION_DENIED",
    errno.EROFS: "PERMISSION_DENIED",
    errno.ENOSPC: "RESOURCE_EXHAUSTED",
    errno.EDQUOT: "RESOURCE_EXHAUSTED",
}
_WRONG_PATH = (IsADirectoryError, NotADirectoryError, FileExistsError)
# Errors that the next attempt would meet again. Those of optional packages go by their names:
# ftplib's for a refusal, asyncssh's for an unknown key, the clouds' for missing credentials.
_FINAL = (
    RunlogError,
    FileNotFoundError,
    PermissionError,
    TypeError,
    ValueError,
    NotImplementedError,
    *_WRONG_PATH,
)
_FINAL_NAMES = {
    "error_perm",
    "HostKeyNotVerifiable",
    "PermissionDenied",
    "ProfileNotFound",
    "SSLCertVerificationError",
}


class NoSuchFile(NotFound, FileNotFoundError):
    """An artifact or a local file that is not there; FileNotFoundError, too, as scripts expect."""


def is_final(error: BaseException) -> bool:
    """Return whether trying again is of no use."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return (
        isinstance(error, _FINAL)
        or _errno(error) in (*ERROR_CODES, errno.ENAMETOOLONG)
        or bool(names & _FINAL_NAMES)
        or any("Credential" in name or "Authentication" in name for name in names)
    )


def _errno(error: BaseException) -> int:
    """Return the system's number of the error. OpenSSL's numbers are others: its 1 is no EPERM."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return 0 if "SSLError" in names else getattr(error, "errno", None) or 0


@contextmanager
def explained(
    verb: str, path: str, secrets: tuple[str, ...] = (), remote: bool = False
) -> Iterator[None]:
    """Turn errors of the file system into errors of ours that name the artifact. None of the
    `secrets` gets into a message or, behind it, into a traceback."""
    try:
        yield
    except RunlogError:
        raise
    except OSError as error:
        raise _translated(verb, path, error, secrets) from _fit_to_show(error, secrets)
    except Exception as error:
        if not remote or isinstance(error, TypeError):
            raise
        raise _translated(verb, path, error, secrets) from _fit_to_show(error, secrets)


def _translated(verb: str, path: str, error: Exception, secrets: tuple[str, ...]) -> RunlogError:
    why = reason(error)
    for secret in secrets:
        why = why.replace(secret, "***")
    if isinstance(error, FileNotFoundError):
        what = "No such artifact" if verb == "read" else f"cannot {verb} artifact"
        return NoSuchFile(f"{what}: {path!r}: {why}")
    if isinstance(error, _WRONG_PATH) or _errno(error) == errno.ENAMETOOLONG:
        return InvalidParameter(f"Invalid path {path!r} of an artifact: cannot {verb} it: {why}")
    if _is_timeout(error) and not str(error):
        why = "no answer for as long as RUNLOG_ARTIFACT_TIMEOUT allows"
    what = f"artifact {path!r}" if path else "artifacts"
    code = ERROR_CODES.get(_errno(error))
    if code is None and isinstance(error, PermissionError):
        code = "PERMISSION_DENIED"
    elif code is None and _is_timeout(error):
        code = "DEADLINE_EXCEEDED"
    elif code is None and isinstance(error, (ConnectionError, EOFError)):
        code = "TEMPORARILY_UNAVAILABLE"
    return RunlogError(f"cannot {verb} {what}: {why}", code)


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or "Timeout" in type(error).__name__


def _fit_to_show(error: BaseException, secrets: tuple[str, ...]) -> BaseException | None:
    """Return the error, unless it or one behind it would show a secret in a traceback."""
    behind: BaseException | None = error
    while behind is not None:
        if any(secret in f"{behind} {behind!r}" for secret in secrets):
            return None
        behind = behind.__cause__ or behind.__context__
    return error


def reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = error.filename
        where = f": {os.fsdecode(name) if isinstance(name, bytes) else name!r}" if name else ""
        return f"{error.strerror}{where}"
    text = str(error).strip()
    return (
        text
        if isinstance(error, OSError) and text
        else f"{type(error).__name__}: {text}".rstrip(": ")
    )
