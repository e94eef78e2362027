from __future__ import annotations

import sys

from servers import HOST, Server, certificate, connect, dbfs_api


class DBFS(Server):
    """Not Databricks's own, which runs nowhere else: one of ours that follows the documentation."""

    def prepare(self) -> None:
        files = self.folder / "files"
        files.mkdir()
        trusted, key = certificate(self.folder)
        self.uri = "dbfs:/below"
        self.env = {
            "DATABRICKS_HOST": f"https://{HOST}:{self.port}",
            "DATABRICKS_TOKEN": dbfs_api.TOKEN,
            "REQUESTS_CA_BUNDLE": str(trusted),
        }
        self.command = [sys.executable, "-I", dbfs_api.__file__, str(files), str(self.port)]
        self.command += [str(trusted), str(key)]

    def answer(self) -> None:
        connect(self.port).close()
