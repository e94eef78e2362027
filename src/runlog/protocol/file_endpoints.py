"""MLflow's endpoints that move files: bodies and answers are the files themselves."""

from __future__ import annotations

from typing import NamedTuple

from runlog.protocol import codecs
from runlog.protocol.codecs import (
    INT32,
    NOTHING,
    TEXT,
    Field,
    many,
    needed,
)
from runlog.protocol.entities import (
    LISTING,
)
from runlog.protocol.fields import (
    FILE_PATH,
    PATH,
    RUN_ID,
)
from runlog.protocol.limits import (
    MAX_PARTS,
)
from runlog.protocol.rows import (
    AJAX,
    ARTIFACTS,
    EDIT,
    READ,
    Row,
)


class UploadedPart(NamedTuple):
    """A part of a file that was uploaded, as its upload was answered."""

    part_number: int
    etag: str


_UPLOAD = (needed("artifact_path", TEXT, "path"), needed("path", TEXT, "file"))
_PART = codecs.message(UploadedPart, needed("part_number", INT32), needed("etag", TEXT))
FILE_ROWS: tuple[Row, ...] = (
    Row("listFiles", "GET", "artifacts", READ, None, (PATH,), LISTING, ARTIFACTS),
    Row(
        "downloadFile", "GET", "artifacts/<path>", READ, None,
        (FILE_PATH,), codecs.FILE, ARTIFACTS,
    ),
    Row(
        "uploadFile", "PUT", "artifacts/<path>", EDIT, None,
        (FILE_PATH,), codecs.FILE, ARTIFACTS,
    ),
    Row(
        "deleteFile", "DELETE", "artifacts/<path>", EDIT, None,
        (FILE_PATH,), codecs.FILE, ARTIFACTS,
    ),
    Row(
        "createMultipartUpload", "POST", "mpu/create/<artifact_path>", EDIT, None,
        (*_UPLOAD, Field("num_parts", INT32, default=1)), codecs.ANYTHING, ARTIFACTS,
    ),
    Row(
        "uploadPart", "PUT", "mpu/part/<path>", EDIT, None,
        (FILE_PATH, needed("upload_id", TEXT), needed("part_number", INT32)),
        codecs.FILE, ARTIFACTS,
    ),
    Row(
        "completeMultipartUpload", "POST", "mpu/complete/<artifact_path>", EDIT, None,
        (*_UPLOAD, needed("upload_id", TEXT), needed("parts", many(_PART, MAX_PARTS))),
        NOTHING, ARTIFACTS,
    ),
    Row(
        "abortMultipartUpload", "POST", "mpu/abort/<artifact_path>", EDIT, None,
        (*_UPLOAD, needed("upload_id", TEXT)), NOTHING, ARTIFACTS,
    ),
    Row(
        "getPresignedDownloadUrl", "GET", "presigned/<path>", READ, None,
        (FILE_PATH,), NOTHING, ARTIFACTS,
    ),
    Row(
        "createPresignedUploadUrl", "POST", "artifacts/presigned-upload-url", EDIT, None,
        (RUN_ID, FILE_PATH), NOTHING,
    ),
    Row(
        "createPresignedDownloadUrl", "POST", "artifacts/presigned-download-url", READ, None,
        (RUN_ID, FILE_PATH), NOTHING,
    ),
    Row(
        "getArtifact", "GET", "get-artifact", READ, None,
        (RUN_ID, FILE_PATH, Field("preview", codecs.FLAG, default=False)),
        codecs.FILE,
        ("/",),
    ),
    Row(
        "uploadArtifact", "POST", "upload-artifact", EDIT, None,
        (RUN_ID, FILE_PATH), codecs.FILE, AJAX,
    ),
)  # fmt: skip
