"""Files that others send in parts to a bucket themselves, to addresses that are signed for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from runlog.storage.connections import Remote
from runlog.storage.root import Place

SECONDS = 86_400  # that an address is good for; it ends with its upload


class Parts:
    """Uploads in parts to S3 and what speaks as it does; paths are of artifacts of the `place`.
    A file is seen when it is finished. One that is neither finished nor aborted lies in the bucket,
    unseen, until a rule of the bucket's lifecycle deletes it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._remote = cast(Remote, place.remote)

    def begin(self, path: str) -> str:
        """The id of a new upload."""
        with self._place.explained("write", path):
            begun = self._call("create_multipart_upload", path)
        return str(begun["UploadId"])

    def address(self, path: str, upload_id: str, number: int) -> str:
        """Where a part is to be put, by whoever has this."""
        with self._place.explained("write", path):
            return self._remote.signed(
                self._place.at(path), "upload_part", SECONDS, UploadId=upload_id, PartNumber=number
            )

    def finish(self, path: str, upload_id: str, parts: Iterable[tuple[int, str]]) -> None:
        """Makes the parts, each a number and its etag, the content of the file."""
        sent = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        with self._place.explained("write", path):
            self._call(
                "complete_multipart_upload",
                path,
                UploadId=upload_id,
                MultipartUpload={"Parts": sent},
            )

    def abort(self, path: str, upload_id: str) -> None:
        """Forgets an upload. One that is not there is fine."""
        with self._place.explained("delete", path):
            try:
                self._call("abort_multipart_upload", path, UploadId=upload_id)
            except FileNotFoundError:
                pass

    def _call(self, name: str, path: str, **given: Any) -> Any:
        return self._remote.ask_s3(name, self._place.at(path), **given)
