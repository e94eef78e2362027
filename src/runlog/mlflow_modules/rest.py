"""`mlflow.utils.rest_utils`: how to log in to a tracking server, as a value."""

from __future__ import annotations

_REST_API_PATH_PREFIX = "/api/2.0"


class MlflowHostCreds:
    """The address of a server, and what to log in with. Nothing here uses it: runlog logs in with
    RUNLOG_TRACKING_USERNAME and RUNLOG_TRACKING_PASSWORD, or RUNLOG_TRACKING_TOKEN."""

    def __init__(
        self,
        host: str,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        aws_sigv4: bool = False,
        auth: str | None = None,
        ignore_tls_verification: bool = False,
        client_cert_path: str | None = None,
        server_cert_path: str | None = None,
    ) -> None:
        self.host, self.username, self.password, self.token = host, username, password, token
        self.aws_sigv4, self.auth = aws_sigv4, auth
        self.ignore_tls_verification = ignore_tls_verification
        self.client_cert_path, self.server_cert_path = client_cert_path, server_cert_path

    @property
    def verify(self) -> bool | str:
        """Return whether certificates are checked, or the file of those to trust."""
        return self.server_cert_path or not self.ignore_tls_verification
