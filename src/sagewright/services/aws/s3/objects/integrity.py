"""Digests that are sent with an upload: which to count, and whether they hold."""

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
"""What PutObject, UploadPart and CopyObject take at once."""

_PREFIX = "x-amz-checksum-"
_OTHERS = ("XXHASH64", "XXHASH3", "XXHASH128")


@dataclass(frozen=True)
class Digests:
    """`algorithms` to count while the body is read, `said` those of which a value comes with it.

    `sent`: what they must come to, as far as the head says. `md5` in base64.
    """

    algorithms: tuple[str, ...]
    said: tuple[str, ...]
    sent: dict[str, str]
    md5: str | None
    of_part: bool = False

    def check(self, blob: Blob, body: Any) -> None:
        """Hold a received blob against what was sent, trailers of `body` included. Raises BadDigest, IncompleteBody."""
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
    """How many bytes a body is said to have, once decoded; None where that was left open."""
    length: int | None = getattr(body, "length", None)
    return length


def check_size(request: Mapping[str, Any]) -> None:
    """Raises EntityTooLarge for a body that is announced with more than one request may bring."""
    size = request.get("ContentLength") or 0
    if size > MOST_BYTES:
        fields = {"ProposedSize": str(size), "MaxSizeAllowed": str(MOST_BYTES)}
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, fields)


def check_source_size(size: int) -> None:
    """Raises InvalidRequest for more than one copy may bring."""
    if size > MOST_BYTES:
        raise errors.invalid_request(
            f"The specified copy source is larger than the maximum allowable size for a copy source: {MOST_BYTES}"
        )


def digests(request: Mapping[str, Any], kept: Iterable[str] = ()) -> Digests:
    """What PutObject or UploadPart asks for, `kept` always among it, and S3's default where there is nothing.

    An algorithm counts where a value of it comes, in a header or behind the body: one that is only named
    (`x-amz-sdk-checksum-algorithm`) doesn't. Source: recorded on AWS, localstack
    test_s3::TestS3PutObjectChecksum::test_s3_checksum_no_automatic_sdk_calculation. Raises InvalidRequest, InvalidDigest.
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
    """The algorithms whose values come behind the body. Raises InvalidRequest for one that is not served."""
    names: Collection[str] = getattr(body, "promised", ())
    found = [name[len(_PREFIX) :].upper() for name in names if name.startswith(_PREFIX)]
    for name in found:
        checksums.new(name)
    return found


def sent_checksums(request: Mapping[str, Any]) -> dict[str, str]:
    """The values of the members `ChecksumCRC32` and so on, by algorithm."""
    names = (*checksums.ALGORITHMS, *_OTHERS)
    return {name: request[f"Checksum{name}"] for name in names if request.get(f"Checksum{name}")}


def _size(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return -1
