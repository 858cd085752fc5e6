"""Conversion of members whose JSON form differs from their Python form: blobs and timestamps."""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
import re
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from sagewright.model.aws.shapes import ListShape, MapShape, Shape, StructureShape
from sagewright.model.errors import SerializationException


def needs_conversion(shape: Shape) -> bool:
    """Returns True if `shape` contains blobs or timestamps."""
    return _needs(shape, frozenset())


def _needs(shape: Shape, seen: frozenset[str]) -> bool:
    if shape.name in seen:
        return False
    seen |= {shape.name}
    if isinstance(shape, StructureShape):
        return any(_needs(member, seen) for member in shape.members.values())
    if isinstance(shape, ListShape):
        return _needs(shape.member, seen)
    if isinstance(shape, MapShape):
        return _needs(shape.value, seen)
    return shape.type_name in {"blob", "timestamp"}


_cached_needs: dict[int, bool] = {}


def from_json(shape: Shape, value: Any) -> Any:
    """Returns `value` as parsed from JSON, with blobs as bytes and timestamps as aware datetimes; unknown members stay."""
    key = id(shape)
    if key not in _cached_needs:
        _cached_needs[key] = needs_conversion(shape)
    return _convert(shape, value) if _cached_needs[key] else value


def _convert(shape: Shape, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {k: _convert(members[k], v) if k in members else v for k, v in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_convert(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {k: _convert(shape.value, item) for k, item in value.items()}
    if shape.type_name == "timestamp":
        return to_timestamp(value)
    if shape.type_name == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise SerializationException("A blob member is not valid base64") from None
    return value


def without_nulls(value: Any) -> Any:
    """Returns `value` without null members, which are equivalent to missing ones."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def to_timestamp(value: Any) -> datetime:
    """Returns a datetime in UTC from epoch seconds or any text form that AWS clients send. Raises SerializationException."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, bool) or (isinstance(value, str) and not value.isascii()):
            raise ValueError
        elif isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, tz=UTC)
        else:
            moment = _parsed_time(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError, RuntimeError):
        raise SerializationException(f"Invalid timestamp '{value}'") from None


_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")


def _parsed_time(text: str) -> datetime:
    """Raises ValueError, and what `botocore.utils.parse_timestamp` raises."""
    with contextlib.suppress(ValueError):
        return datetime.fromtimestamp(float(text), tz=UTC)
    if _HTTP_DATE.fullmatch(text):
        return parsedate_to_datetime(text)
    if _ISO_DATE.fullmatch(text):
        return datetime.fromisoformat(text)
    from botocore.utils import parse_timestamp  # brings an HTTP client along; few clients send other forms

    found: datetime = parse_timestamp(text)
    return found


_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?[0-9]{0,400}(?:\.[0-9]{0,400})?(?:[eE][+-]?[0-9]{1,4})?")


def whole_number(text: str) -> int:
    """Parses decimal digits only: Python's `int` accepts those of any script, and underscores. Raises ValueError."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def number(text: str) -> float:
    """Parses a number. Raises ValueError, also for NaN and infinities."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(text)
    return value


BITS = {"integer": 31, "long": 63}
LARGEST: float = sys.float_info.max


def in_range(type_name: str, value: float) -> bool:
    """Returns True if a number fits the type: a model's integers have 32 bits, its longs 64, and all are finite."""
    bits = BITS.get(type_name)  # of a float: math.isfinite can't take CBOR's largest integers
    return -LARGEST <= value <= LARGEST if bits is None else -(2**bits) <= value < 2**bits


@cache
def scalar_from_text(type_name: str) -> Any:
    """Returns the function that parses a scalar of a model type from text (query strings, headers, form values)."""
    return {
        "integer": whole_number,
        "long": whole_number,
        "float": number,
        "double": number,
        "boolean": _boolean,
        "timestamp": to_timestamp,
        "blob": base64.b64decode,
    }.get(type_name, str)


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


def read_scalar(shape: Shape, text: str) -> Any:
    """Raises SerializationException if `text` is not of the shape's type."""
    try:
        value = scalar_from_text(shape.type_name)(text)
        if shape.type_name in BITS and not in_range(shape.type_name, value):
            raise ValueError(text)
        return value
    except (ValueError, binascii.Error):
        raise SerializationException(f"'{text}' can not be converted to {shape.type_name}") from None
