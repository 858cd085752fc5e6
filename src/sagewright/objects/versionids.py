"""Version ids: 32 letters and digits that the server recognises as its own, containing the version's rank.

S3 distinguishes an id that it never assigned (InvalidArgument) from one whose version was deleted (NoSuchVersion), and a list
continues after a version that was deleted between two pages. Source: localstack/localstack, `test_s3_api.snapshot.json` and
`test_s3_list_operations.snapshot.json`, recorded on AWS.
"""

from __future__ import annotations

import hashlib
import secrets
import string

NULL_VERSION = "null"
_RANK_BYTES, _RANDOM_BYTES, _CHECK_BYTES = 6, 11, 6
_BYTES = _RANK_BYTES + _RANDOM_BYTES + _CHECK_BYTES
_LENGTH = 32
_DIGITS = string.digits + string.ascii_letters
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


def new_version_id(rank: int) -> str:
    """`rank`: the version's position among those of its key, a negative number that decreases with each."""
    body = rank.to_bytes(_RANK_BYTES, "big", signed=True) + secrets.token_bytes(_RANDOM_BYTES)
    left, text = int.from_bytes(_masked(body) + _check(body), "big"), ""
    while len(text) < _LENGTH:
        left, value = divmod(left, len(_DIGITS))
        text += _DIGITS[value]
    return text


def rank_of(version: str) -> int | None:
    """Returns None for an id that the server has not assigned, or assigned before ids contained a rank."""
    number = 0
    for digit in reversed(version[: _LENGTH + 1]):
        number = number * len(_DIGITS) + _VALUES.get(digit, 0)
    if len(version) != _LENGTH or number >= 1 << 8 * _BYTES:
        return None
    raw = number.to_bytes(_BYTES, "big")
    body = _masked(raw[:-_CHECK_BYTES])
    if _check(body) != raw[-_CHECK_BYTES:]:
        return None
    return int.from_bytes(body[:_RANK_BYTES], "big", signed=True)


def is_issued(version: str) -> bool:
    return version == NULL_VERSION or rank_of(version) is not None


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]


def _masked(body: bytes) -> bytes:
    """Masks the rank with the random bytes, and restores it the same way: ids of one key have no common prefix."""
    mask = hashlib.sha256(body[_RANK_BYTES:]).digest()[:_RANK_BYTES]
    return bytes(a ^ b for a, b in zip(body[:_RANK_BYTES], mask, strict=False)) + body[_RANK_BYTES:]
