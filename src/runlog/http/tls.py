"""TLS: whose certificates are trusted, and which one we show."""

from __future__ import annotations

import os
import ssl

from runlog.errors import InvalidParameter
from runlog.settings import flag, setting


def context() -> ssl.SSLContext:
    """Return the context of the settings. RUNLOG_TRACKING_SERVER_CERT_PATH is a file or folder
    of certificates to trust instead of the system's, RUNLOG_TRACKING_CLIENT_CERT_PATH a file
    with a certificate and its key to show; with RUNLOG_TRACKING_INSECURE_TLS=true any server is
    believed. Raises InvalidParameter for a file that cannot be used."""
    authorities = setting("TRACKING_SERVER_CERT_PATH")
    insecure = flag("TRACKING_INSECURE_TLS")
    if authorities and insecure:
        raise InvalidParameter(
            "RUNLOG_TRACKING_INSECURE_TLS and RUNLOG_TRACKING_SERVER_CERT_PATH exclude each other: "
            "unset one"
        )
    made = _trusting(authorities or os.environ.get("REQUESTS_CA_BUNDLE"))
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    own = setting("TRACKING_CLIENT_CERT_PATH")
    if own:
        try:
            # Without a password: asking for one would stop the training at a prompt.
            made.load_cert_chain(own, password="")
        except OSError as error:  # ssl's errors as well
            raise _unusable("RUNLOG_TRACKING_CLIENT_CERT_PATH", own, error) from None
    return made


def _trusting(path: str | None) -> ssl.SSLContext:
    if not path:
        return ssl.create_default_context()
    try:
        if os.path.isdir(path):
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise _unusable("RUNLOG_TRACKING_SERVER_CERT_PATH", path, error) from None


def _unusable(name: str, path: str, error: OSError) -> InvalidParameter:
    reason = error.strerror or str(error)
    return InvalidParameter(f"{name}: {path!r} is no usable file of PEM certificates: {reason}")
