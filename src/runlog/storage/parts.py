"""Multipart uploads that clients send to a bucket themselves, to URLs that are signed for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from runlog.storage.connections import Remote
from runlog.storage.root import Root

SECONDS = 86_400  # how long a URL is valid; it ends with its upload


class Parts:
    """Multipart uploads to S3 and compatible storages; paths are relative to the `root`. A file
    is visible when it is finished. One that is neither finished nor aborted stays in the bucket,
    invisible, until a lifecycle rule of the bucket deletes it."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._remote = cast(Remote, root.remote)

    def begin(self, path: str) -> str:
        """Begin an upload and return its id."""
        with self._root.explained("write", path):
            begun = self._call("create_multipart_upload", path)
        return str(begun["UploadId"])

    def address(self, path: str, upload_id: str, number: int) -> str:
        """Return the URL to which whoever has it can PUT a part."""
        with self._root.explained("write", path):
            return self._remote.signed(
                self._root.at(path), "upload_part", SECONDS, UploadId=upload_id, PartNumber=number
            )

    def finish(self, path: str, upload_id: str, parts: Iterable[tuple[int, str]]) -> None:
        """Make the parts, each a number and its etag, the content of the file."""
        sent = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        with self._root.explained("write", path):
            self._call(
                "complete_multipart_upload",
                path,
                UploadId=upload_id,
                MultipartUpload={"Parts": sent},
            )

    def abort(self, path: str, upload_id: str) -> None:
        """Abort an upload. Do nothing if there is none."""
        with self._root.explained("delete", path):
            try:
                self._call("abort_multipart_upload", path, UploadId=upload_id)
            except FileNotFoundError:
                pass

    def _call(self, name: str, path: str, **arguments: Any) -> Any:
        return self._remote.call_s3(name, self._root.at(path), **arguments)
