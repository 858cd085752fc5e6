"""The code of functions: archives that are copied into a bucket of the account, from where invocations read them."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.functions.names import invalid
from sagewright.services.context import Context

MOST_ARCHIVE = 50 << 20
MOST_UNPACKED = 262_144_000
"""Maximum unpacked size in bytes. Source: AWS's guide, "Lambda quotas"."""
MOST_LISTED = 8 << 20
"""Maximum size in bytes of an archive's list of files, which has a few hundred bytes per file."""
_END, _WHERE_64 = b"PK\5\6", b"PK\6\7"
_LONGEST_END = 22 + (1 << 16)
PREFIX = "functions"


@dataclass(frozen=True)
class Archive:
    uri: str
    size: int
    sha256: str

    def members(self) -> dict[str, Any]:
        return {"CodeUri": self.uri, "CodeSize": self.size, "CodeSha256": self.sha256}


def keep(context: Context, name: str, given: dict[str, Any], *, dry: bool = False) -> Archive:
    """Stores the archive that a request contains or names. `dry`: checks it without storing.

    Raises InvalidParameterValueException, RequestTooLargeException.
    """
    data = _bytes(context, given)
    _check_archive(data)
    digest = hashlib.sha256(data).digest()
    bucket, key = f"sagewright-{PREFIX}-{context.region}-{context.account}", f"{name}/{digest.hex()}.zip"
    if not dry:
        store = context.platform.objects
        store.make_bucket(bucket)
        store.write_bytes(bucket, key, data, "application/zip")
    return Archive(f"s3://{bucket}/{key}", len(data), base64.b64encode(digest).decode())


def _bytes(context: Context, given: dict[str, Any]) -> bytes:
    if given.get("ImageUri"):
        raise invalid("Sagewright does not serve functions in container images (ImageUri).")
    if given.get("S3ObjectVersion"):
        raise invalid("Sagewright uses the current object of S3Key; it does not serve S3ObjectVersion.")
    zipped, bucket, key = given.get("ZipFile"), given.get("S3Bucket"), given.get("S3Key")
    if (zipped is not None) == bool(bucket and key):
        raise invalid("Please provide a source for function code: either ZipFile, or S3Bucket and S3Key.")
    if zipped is not None:
        if len(zipped) > MOST_ARCHIVE:
            raise AwsError(
                "RequestTooLargeException",
                f"The archive has {len(zipped)} bytes; at most {MOST_ARCHIVE} can be sent.",
                413,
            )
        return bytes(zipped)
    try:
        return context.platform.objects.read_bytes(str(bucket), str(key), MOST_ARCHIVE)
    except AwsError as error:
        raise invalid(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from None


def _check_archive(data: bytes) -> None:
    """Checks the archive. Reads only its list of contents, and only if that is short: in memory each file takes ten times its
    bytes."""
    if (listed := _listed(data)) > MOST_LISTED:
        raise invalid(f"The archive's list of files has {listed} bytes; at most {MOST_LISTED} are read.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OSError):
        raise invalid("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
    if size > MOST_UNPACKED:
        raise invalid(f"Unzipped size must be smaller than {MOST_UNPACKED} bytes")


def _listed(data: bytes) -> int:
    """Returns the size in bytes of the list of files, according to the end of the archive. Raises InvalidParameterValueException.

    Source: the ZIP format, APPNOTE.TXT 4.3.16. Archives of this size don't need the ZIP64 form, which has a different end record.
    """
    at = data.rfind(_END, max(len(data) - _LONGEST_END, 0))
    if at < 0 or len(data) - at < 22 or data[max(at - 20, 0) : at].startswith(_WHERE_64):
        raise invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
    return int.from_bytes(data[at + 12 : at + 16], "little")
