"""Values of properties as bytes that sort and compare alike in Python, SQLite and PostgreSQL.

Numbers come before texts, texts before times. A numeric text counts as a number: hyperparameters are texts on the wire.
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

Span = tuple[bytes, bytes]
"""Keys from the first up to, and excluding, the second."""

NUMBER, TEXT, TIME, FLAG, END = b"\x02", b"\x03", b"\x05", b"\x06", b"\x07"
MOST_CHARACTERS = 1025
"""Maximum number of significant characters of a text: a filter's value has 1,024 characters, so no comparison needs more."""

MOST_BYTES = 2048  # limit of an entry in PostgreSQL's indexes, with a margin
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def key_of(value: Any) -> bytes:
    """Returns the key of a bool, a number, a time or anything with a text."""
    if type(value) is str:
        return _key_of_text(value)
    if isinstance(value, bool):
        return FLAG + str(value).lower().encode()
    if isinstance(value, datetime):
        return _key_of_time(value)
    return _key_of_text(str(value))


@lru_cache(256)  # a job has the same time several times, and so has its trial component
def _key_of_time(moment: datetime) -> bytes:
    return TIME + _packed(_microseconds(moment))


@lru_cache(4096)  # most values of a job equal those of the previous job
def _key_of_text(text: str) -> bytes:
    number = as_number(text)
    return TEXT + _clipped(text) if number is None else NUMBER + _packed(number) + _clipped(text)


def text_of(key: bytes) -> str:
    """Returns the text from which a key was made; for a time, its ISO format."""
    if key[:1] == TIME:
        return (_EPOCH + round(_unpacked(key[1:9])) * _MICROSECOND).isoformat()
    return key[9 if key[:1] == NUMBER else 1 :].decode()


def as_number(text: str) -> float | None:
    """Returns the number, or None for other text; NaN is excluded, since it cannot be sorted."""
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number + 0.0  # -0.0 is 0.0


def as_time(text: str) -> datetime | None:
    """Returns the time, or None for text that is not ISO 8601; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def equal(text: str) -> list[Span]:
    """Returns the spans of values equal to the one that `text` stands for."""
    number, moment = as_number(text), as_time(text)
    low, high = _exact(text, number)
    spans = [(low, high)]
    if moment is not None:
        spans.append(_only(TIME + _packed(_microseconds(moment))))
    if text.lower() in {"true", "false"}:
        spans.append(_only(FLAG + text.lower().encode()))
    return spans


def compared(text: str, *, greater: bool, inclusive: bool) -> list[Span]:
    """Returns the spans of values greater (or less) than `text`: times compare with times; numbers and texts share one order."""
    low, high = _exact(text, as_number(text))
    spans = [_side(low, high, (NUMBER, b"\x04"), greater, inclusive)]
    if (moment := as_time(text)) is not None:
        low, high = _only(TIME + _packed(_microseconds(moment)))
        spans.append(_side(low, high, (TIME, FLAG), greater, inclusive))
    return spans


def within(key: bytes, spans: list[Span]) -> bool:
    return any(low <= key < high for low, high in spans)


def _side(low: bytes, high: bytes, whole: Span, greater: bool, inclusive: bool) -> Span:
    if greater:
        return (low if inclusive else high), whole[1]
    return whole[0], (high if inclusive else low)


def _exact(text: str, number: float | None) -> Span:
    if number is None:
        return _only(TEXT + _clipped(text))
    packed = NUMBER + _packed(number)
    return packed, packed + b"\xff"  # the text behind it never begins with this byte


def _only(key: bytes) -> Span:
    return key, key + b"\x00"


def _packed(number: float) -> bytes:
    """Returns eight bytes that sort as the numbers do."""
    bits: int = struct.unpack(">Q", struct.pack(">d", number))[0]
    return (bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63)).to_bytes(8, "big")


def _unpacked(data: bytes) -> float:
    bits = int.from_bytes(data, "big")
    bits ^= 1 << 63 if bits >> 63 else 0xFFFF_FFFF_FFFF_FFFF
    number: float = struct.unpack(">d", struct.pack(">Q", bits))[0]
    return number


def _microseconds(moment: datetime) -> float:
    return float((moment - _EPOCH) // _MICROSECOND)


def _clipped(text: str) -> bytes:
    data = text[:MOST_CHARACTERS].encode("utf-8", "replace")
    return data if len(data) <= MOST_BYTES else data[:MOST_BYTES].decode("utf-8", "ignore").encode()
