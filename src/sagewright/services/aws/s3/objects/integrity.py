"""Digests of uploads: which to compute, and whether they match."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.http.body import incomplete_body
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.blobs import checksums
from sagewright.objects.blobs.blobs import Blob

MOST_BYTES = 5 * 1024**3
"""Maximum size of PutObject, UploadPart and CopyObject."""

_PREFIX = "x-amz-checksum-"
_OTHERS = ("XXHASH64", "XXHASH3", "XXHASH128")


@dataclass(frozen=True)
class Digests:
    """`algorithms` to compute while the body is read; `said`: those for which the request carries a value.

    `sent`: the expected values known from the headers. `md5` in base64.
    """

    algorithms: tuple[str, ...]
    said: tuple[str, ...]
    sent: dict[str, str]
    md5: str | None
    of_part: bool = False

    def check(self, blob: Blob, body: Any) -> None:
        """Checks a received blob against the values sent, including trailers of `body`. Raises BadDigest, IncompleteBody."""
        if announced(body) not in {None, blob.size}:
            raise incomplete_body()
        trailers: Mapping[str, str] = getattr(body, "trailers", {})
        late = {name[len(_PREFIX) :].upper(): v for name, v in trailers.items() if name.startswith(_PREFIX)}
        for name, value in {**self.sent, **late}.items():
            if name in blob.checksums and blob.checksums[name] != value:
                raise checksums.bad_digest(name)
        if self.md5 is not None and base64.b64decode(self.md5).hex() != blob.md5:
            expected = self.md5 if self.of_part else base64.b64decode(self.md5).hex()
            raise checksums.bad_md5(expected, bytes.fromhex(blob.md5))


def announced(body: Any) -> int | None:
    """Returns the announced size of the decoded body; None if it is unknown."""
    length: int | None = getattr(body, "length", None)
    return length


def check_size(request: Mapping[str, Any]) -> None:
    """Raises EntityTooLarge for a body announced to be larger than one request allows."""
    size = request.get("ContentLength") or 0
    if size > MOST_BYTES:
        fields = {"ProposedSize": str(size), "MaxSizeAllowed": str(MOST_BYTES)}
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, fields)


def check_source_size(size: int) -> None:
    """Raises InvalidRequest for a source larger than one copy allows."""
    if size > MOST_BYTES:
        raise errors.invalid_request(
            f"The specified copy source is larger than the maximum allowable size for a copy source: {MOST_BYTES}"
        )


def digests(request: Mapping[str, Any], kept: Iterable[str] = ()) -> Digests:
    """Returns the digests that PutObject or UploadPart asks for, always including `kept`, or S3's default if there are none.

    An algorithm counts if a value for it is sent, in a header or a trailer: a mere name (`x-amz-sdk-checksum-algorithm`) doesn't.
    Source: recorded on AWS, localstack test_s3::TestS3PutObjectChecksum::test_s3_checksum_no_automatic_sdk_calculation. Raises
    InvalidRequest, InvalidDigest.
    """
    sent = sent_checksums(request)
    if len(sent) > 1:
        raise errors.invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    for name, value in sent.items():
        if _size(value) != len(checksums.new(name).digest()):
            raise errors.invalid_request(f"Value for {_PREFIX}{name.lower()} header is invalid.")
    md5 = request.get("ContentMD5")
    if md5 is not None and _size(md5) != 16:
        raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400, {"Content-MD5": md5})
    said = (*sent, *_trailing(request.get("Body")))
    requested = tuple(dict.fromkeys([*said, *kept]))
    return Digests(requested or checksums.by_default(), said, sent, md5, request.get("PartNumber") is not None)


def _trailing(body: Any) -> list[str]:
    """Returns the algorithms whose values come in trailers. Raises InvalidRequest for unsupported ones."""
    names: Collection[str] = getattr(body, "promised", ())
    found = [name[len(_PREFIX) :].upper() for name in names if name.startswith(_PREFIX)]
    for name in found:
        checksums.new(name)
    return found


def sent_checksums(request: Mapping[str, Any]) -> dict[str, str]:
    """Returns the values of the members `ChecksumCRC32` and so on, by algorithm."""
    names = (*checksums.ALGORITHMS, *_OTHERS)
    return {name: request[f"Checksum{name}"] for name in names if request.get(f"Checksum{name}")}


def _size(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return -1
