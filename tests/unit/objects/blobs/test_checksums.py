"""Check values of the CRC catalogue, and what hashlib and zlib say."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects.blobs import checksums

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", hashlib.sha1(CHECK).hexdigest()),
        ("SHA256", hashlib.sha256(CHECK).hexdigest()),
        ("SHA512", hashlib.sha512(CHECK).hexdigest()),
        ("MD5", hashlib.md5(CHECK).hexdigest()),
    ],
)
def test_known_values(algorithm: str, digest: str) -> None:
    assert base64.b64decode(checksums.of_bytes(algorithm, CHECK)).hex() == digest
    in_pieces = checksums.new(algorithm)
    in_pieces.update(CHECK[:4])
    in_pieces.update(CHECK[4:])
    assert in_pieces.digest().hex() == digest


@pytest.mark.parametrize(
    ("name", "polynomial", "bits", "algorithm"),
    [("crc32c", 0x82F63B78, 32, "CRC32C"), ("crc64nvme", 0x9A6C9329AC4BC9B5, 64, "CRC64NVME")],
)
def test_python_and_native_agree(name: str, polynomial: int, bits: int, algorithm: str) -> None:
    in_python = checksums.tabled(polynomial, bits)(CHECK * 100, 0)
    assert in_python.to_bytes(bits // 8, "big") == base64.b64decode(checksums.of_bytes(algorithm, CHECK * 100))


def test_an_unknown_algorithm() -> None:
    with pytest.raises(AwsError) as caught:
        checksums.new("XXHASH64")
    assert caught.value.code == "InvalidRequest"


def test_composites() -> None:
    parts = [checksums.of_bytes("CRC32", piece) for piece in (b"one", b"two")]
    raw = b"".join(zlib.crc32(piece).to_bytes(4, "big") for piece in (b"one", b"two"))
    assert checksums.composite("CRC32", parts) == base64.b64encode(zlib.crc32(raw).to_bytes(4, "big")).decode() + "-2"
    md5s = [hashlib.md5(piece).hexdigest() for piece in (b"one", b"two")]
    joined = hashlib.md5(bytes.fromhex("".join(md5s))).hexdigest()
    assert checksums.multipart_etag(md5s) == f"{joined}-2"
