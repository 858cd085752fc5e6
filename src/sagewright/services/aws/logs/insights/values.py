"""Values in a query: text, numbers, booleans, or nothing, and the functions on them.

Source: "Supported operations and functions" (CloudWatch Logs user guide).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Value = str | float | bool | None
MOST_TEXT = 1 << 18
"""Maximum number of characters that a function returns."""


def number(value: Value) -> float | None:
    """Returns None if the value is not a number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def moment(at_ms: float) -> str:
    """Formats a time as in results."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{int(at_ms) % 1000:03d}"


def compared(left: Value, right: Value) -> int | None:
    """Returns -1, 0 or 1: compares numbers if both are, else text; None if either is nothing."""
    if left is None or right is None:
        return None
    one, other = number(left), number(right)
    if one is not None and other is not None:
        return (one > other) - (one < other)
    return (text(left) > text(right)) - (text(left) < text(right))


def _numeric(function: Callable[[float], float]) -> Callable[..., Value]:
    def call(value: Value) -> Value:
        found = number(value)
        if found is None:
            return None
        try:
            return float(function(found))
        except (ValueError, OverflowError):
            return None

    return call


def _extreme(choose: Callable[[list[float]], float]) -> Callable[..., Value]:
    def call(*values: Value) -> Value:
        found = [each for each in map(number, values) if each is not None]
        return choose(found) if found else None

    return call


def _substr(value: Value, start: Value, length: Value = None) -> Value:
    begin, size = int(number(start) or 0), number(length)
    whole = text(value)
    return whole[begin:] if size is None else whole[begin : begin + int(size)]


def _replace(value: Value, old: Value, new: Value) -> Value:
    whole, requested, put = text(value), text(old), text(new)
    if not requested or len(whole) + whole.count(requested) * len(put) > MOST_TEXT:
        return whole[:MOST_TEXT]
    return whole.replace(requested, put)


def _from_millis(value: Value) -> Value:
    found = number(value)
    return moment(found) if found is not None and 0 <= found < 1e14 else None


def _to_millis(value: Value) -> Value:
    try:
        found = datetime.strptime(text(value), "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    return float(round(found.timestamp() * 1000))


FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, _numeric(abs)),
    "ceil": (1, 1, _numeric(math.ceil)),
    "floor": (1, 1, _numeric(math.floor)),
    "log": (1, 1, _numeric(math.log)),
    "sqrt": (1, 1, _numeric(math.sqrt)),
    "greatest": (1, 20, _extreme(max)),
    "least": (1, 20, _extreme(min)),
    "strlen": (1, 1, lambda value: float(len(text(value)))),
    "toupper": (1, 1, lambda value: text(value).upper()),
    "tolower": (1, 1, lambda value: text(value).lower()),
    "trim": (1, 1, lambda value: text(value).strip()),
    "ltrim": (1, 1, lambda value: text(value).lstrip()),
    "rtrim": (1, 1, lambda value: text(value).rstrip()),
    "concat": (1, 20, lambda *values: "".join(map(text, values))[:MOST_TEXT]),
    "substr": (2, 3, _substr),
    "replace": (3, 3, _replace),
    "strcontains": (2, 2, lambda value, part: text(part) in text(value)),
    "isempty": (1, 1, lambda value: text(value) == ""),
    "isblank": (1, 1, lambda value: text(value).strip() == ""),
    "ispresent": (1, 1, lambda value: value is not None),
    "coalesce": (1, 20, lambda *values: next((each for each in values if each is not None), None)),
    "frommillis": (1, 1, _from_millis),
    "tomillis": (1, 1, _to_millis),
}
"""Minimum and maximum number of arguments, and the function, by lower-case name."""
