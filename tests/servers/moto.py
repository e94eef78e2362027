from __future__ import annotations

from servers import HOST, Server, tool

BUCKET = "artifacts"


class Moto(Server):
    """S3 in memory: it knows the odd corners of the protocol, and forgets everything at its end."""

    def prepare(self) -> None:
        self.url = f"http://{HOST}:{self.port}"
        self.uri = f"s3://{BUCKET}/below"
        self.env = {
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_SECRET_ACCESS_KEY": "moto-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }
        program = tool("moto_server", "pip install 'moto[server]'")
        self.command = [program, "-H", HOST, "-p", str(self.port)]

    def answer(self) -> None:
        self.client().list_buckets()

    def create(self) -> None:
        self.client().create_bucket(Bucket=BUCKET)

    def client(self):  # type: ignore[no-untyped-def]
        """boto3's, to look at the bucket without fsspec."""
        return client(self.url, self.env)


def client(url: str, env: dict[str, str]):  # type: ignore[no-untyped-def]
    import boto3
    from botocore.config import Config

    return boto3.session.Session(
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    ).client(
        "s3",
        endpoint_url=url,
        config=Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 0}),
    )
