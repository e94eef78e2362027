from __future__ import annotations

from pathlib import Path

from servers import HOST, Missing, Server, tool

ACCOUNT, CONTAINER = "devstoreaccount1", "artifacts"
# The key that every installation of the emulator has.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PROGRAM = Path(__file__).parent / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


class Azurite(Server):
    """Microsoft's emulator of Azure Blob Storage. Comes from npm, by `npm ci` in this folder."""

    def prepare(self) -> None:
        if not PROGRAM.exists():
            raise Missing(f"azurite is not installed: run npm ci in {Path(__file__).parent}")
        url = f"http://{HOST}:{self.port}/{ACCOUNT}"
        self.uri = f"wasbs://{CONTAINER}@{ACCOUNT}.blob.core.windows.net/below"
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={url};"
        )
        self.env = {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}
        (self.folder / "data").mkdir()
        self.command = [tool("node", "apt-get install nodejs"), str(PROGRAM)]
        self.command += ["--blobHost", HOST, "--blobPort", str(self.port), "--silent"]
        self.command += ["-l", str(self.folder / "data"), "--skipApiVersionCheck"]
        self.command += ["--disableTelemetry"]

    def answer(self) -> None:
        with self.client() as client:
            next(iter(client.list_containers()), None)

    def create(self) -> None:
        with self.client() as client:
            client.create_container(CONTAINER)

    def client(self):  # type: ignore[no-untyped-def]
        """Azure's own, to look at the container without fsspec."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient.from_connection_string(
            self.connection_string, retry_total=0, connection_timeout=5
        )
