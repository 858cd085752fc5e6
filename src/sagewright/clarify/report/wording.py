"""Texts from data made safe to display, and numbers in a readable form."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

MAX_TEXT = 200
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
"""Characters that reverse the text around them."""


def clean(text: Any, limit: int = MAX_TEXT) -> str:
    """The text without control characters, cut to `limit` characters. Names, labels and tokens are written by others."""
    raw = str(text)
    shown = "".join(map(_visible, raw[:limit]))
    return shown + "…" if len(raw) > limit else shown


def _visible(character: str) -> str:
    if character in "\t\n\r":
        return " "
    hidden = unicodedata.category(character) in ("Cc", "Cs") or ord(character) in _BIDI
    return "\ufffd" if hidden else character


def number(value: Any) -> str:
    """Four decimals or significant digits; counts in full. Texts such as Infinity stay."""
    if value is None:
        return "None"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return clean(value)
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value) or math.isinf(value):
        return str(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:.4f}" if abs(value) < 10 else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:.3e}"


def brief(value: Any) -> str:
    """A number as a sentence has it."""
    return f"{value:.4g}" if isinstance(value, float) else number(value)


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
