"""The names nearest to one that doesn't exist, for messages that ask "Did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

COMPARED = 100
"""Maximum number of names that are compared: each costs about 20 µs."""
LONGEST = 63
"""Characters of a name that are compared: the time grows with their square."""
_SHOWN = 3
_ALIKE = 0.7


def nearest(asked: str, known: Iterable[str], compared: int = COMPARED) -> list[str]:
    """Returns at most three of the first `compared` known names that resemble `asked`, the most similar one first."""
    by_key: dict[str, str] = {}
    for name in islice(known, compared):
        by_key.setdefault(name[:LONGEST].lower(), name)
    return [by_key[key] for key in get_close_matches(asked[:LONGEST].lower(), by_key, _SHOWN, _ALIKE)]


def did_you_mean(asked: str, known: Iterable[str], compared: int = COMPARED) -> str:
    """Returns the question "Did you mean …?" with the nearest known names, "" if none is near."""
    found = nearest(asked, known, compared)
    return f"Did you mean {' or '.join(found)}?" if found else ""


def sentences(*texts: str) -> str:
    """Joins sentences, each ended by a full stop if it has no end; empty ones are left out."""
    return " ".join(text if text.endswith((".", "?", "!")) else f"{text}." for text in texts if text)
