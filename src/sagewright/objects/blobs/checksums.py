"""S3's checksums, in base64 as on the wire: of bytes, streams, and composed from parts.

CRC32C and CRC64NVME use awscrt if it is installed; otherwise they are computed in Python at some MB/s.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Protocol

from sagewright.model.errors import AwsError

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5")
"""Supported algorithms; S3's XXHASH family is not supported."""

DEFAULT = "CRC64NVME"
"""S3's default for an object without any checksum. Source: S3's user guide, Checking object integrity."""

FULL_OBJECT_ONLY = frozenset({"CRC64NVME"})
LINEAR = frozenset({"CRC32", "CRC32C", "CRC64NVME"})
"""Checksums that AWS can store for the whole object, with ChecksumType FULL_OBJECT."""

POLYNOMIALS = {"CRC32": (0xEDB88320, 32), "CRC32C": (0x82F63B78, 32), "CRC64NVME": (0x9A6C9329AC4BC9B5, 64)}
"""Reflected polynomials, and their number of bits."""

Update = Callable[[bytes, int], int]


class Checksum(Protocol):
    """A running checksum, fed with the bytes in order; `digest` returns the raw bytes, most significant first."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, step: Update, width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


def new(algorithm: str) -> Checksum:
    """Raises InvalidRequest for an unsupported algorithm."""
    match algorithm:
        case "CRC32":
            return _Crc(zlib.crc32, 4)
        case "CRC32C":
            return _Crc(_native("crc32c") or tabled(*POLYNOMIALS[algorithm]), 4)
        case "CRC64NVME":
            return _Crc(_native("crc64nvme") or tabled(*POLYNOMIALS[algorithm]), 8)
        case "SHA1" | "SHA256" | "SHA512" | "MD5":
            return hashlib.new(algorithm.lower(), usedforsecurity=False)
    raise AwsError(
        "InvalidRequest",
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        f"[{', '.join(ALGORITHMS)}]",
    )


def is_quick(algorithm: str) -> bool:
    """Returns True if it is not computed in Python."""
    return algorithm not in {"CRC32C", "CRC64NVME"} or _native(algorithm.lower()) is not None


def by_default() -> tuple[str, ...]:
    """Returns the algorithms to compute by default; never in Python, which would slow down uploads too much."""
    return (DEFAULT,) if is_quick(DEFAULT) else ()


@cache
def _native(name: str) -> Update | None:
    try:
        from awscrt import checksums as native  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return getattr(native, name, None)


@cache
def tabled(polynomial: int, bits: int) -> Update:
    """Returns a reflected CRC with all-ones start and end, one byte at a time."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    mask = (1 << bits) - 1

    def step(data: bytes, value: int = 0) -> int:
        value ^= mask
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
        return value ^ mask

    return step


def encoded(checksum: Checksum) -> str:
    return base64.b64encode(checksum.digest()).decode()


def of_bytes(algorithm: str, data: bytes) -> str:
    checksum = new(algorithm)
    checksum.update(data)
    return encoded(checksum)


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """Returns the checksum of the parts' checksums, with the number of parts: `AAAA==-3`."""
    checksum = new(algorithm)
    for part in parts:
        checksum.update(base64.b64decode(part))
    return f"{encoded(checksum)}-{len(parts)}"


def joined(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """Returns the checksum of all bytes, from each part's checksum and size in bytes, without reading any; for a LINEAR
    algorithm."""
    polynomial, bits = POLYNOMIALS[algorithm]
    whole = 0
    for encoded_part, size in parts:
        moved = _product(_zeros(size, polynomial, bits), whole, polynomial, bits)
        whole = moved ^ int.from_bytes(base64.b64decode(encoded_part), "big")
    return base64.b64encode(whole.to_bytes(bits // 8, "big")).decode()


@lru_cache(maxsize=64)
def _zeros(size: int, polynomial: int, bits: int) -> int:
    """Returns the factor by which `size` zero bytes multiply a CRC: x to the power of 8 `size`, modulo the polynomial."""
    power, square, left = 1 << (bits - 1), 1 << (bits - 2), 8 * size
    while left:
        if left & 1:
            power = _product(square, power, polynomial, bits)
        square, left = _product(square, square, polynomial, bits), left >> 1
    return power


def _product(one: int, other: int, polynomial: int, bits: int) -> int:
    """Returns the product of two polynomials over GF(2), reflected: the highest bit is that of 1."""
    product, bit = 0, 1 << (bits - 1)
    while bit:
        if one & bit:
            product ^= other
        other = (other >> 1) ^ (polynomial if other & 1 else 0)
        bit >>= 1
    return product


def multipart_etag(md5s: Iterable[str]) -> str:
    """Returns S3's ETag of a multipart object, from the hexadecimal MD5 of each part."""
    digests = [bytes.fromhex(md5) for md5 in md5s]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def bad_md5(expected: str, counted: bytes) -> AwsError:
    """Returns the error. `expected` is shown in hexadecimal, for parts in base64. Source: recorded on AWS, localstack
    test_s3::TestS3::test_s3_invalid_content_md5.
    """
    fields = {"ExpectedDigest": expected, "CalculatedDigest": base64.b64encode(counted).decode()}
    return AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", 400, fields)


def bad_digest(what: str) -> AwsError:
    """`what`: the name of a checksum algorithm."""
    return AwsError("BadDigest", f"The {what} you specified did not match the calculated checksum.")
