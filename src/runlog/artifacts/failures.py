"""What a file system says, turned into errors that name the artifact and the reason."""

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


class NoSuchFile(NotFound, FileNotFoundError):
    """An artifact or a local file that is not there; FileNotFoundError, too, as scripts expect."""


@contextmanager
def explained(verb: str, path: str) -> Iterator[None]:
    """Turn what the file system says into errors of ours that name the artifact."""
    try:
        yield
    except RunlogError:
        raise
    except FileNotFoundError as error:
        said = "No such artifact" if verb == "read" else f"cannot {verb} artifact"
        raise NoSuchFile(f"{said}: {path!r}: {reason(error)}") from error
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise InvalidParameter(
            f"Invalid path {path!r} of an artifact: cannot {verb} it: {reason(error)}"
        ) from error
    except OSError as error:
        code = ERROR_CODES.get(error.errno or 0)
        raise RunlogError(f"cannot {verb} artifact {path!r}: {reason(error)}", code) from error


def reason(error: OSError) -> str:
    where = f": {os.fsdecode(error.filename)!r}" if error.filename else ""
    return f"{error.strerror or error}{where}"
