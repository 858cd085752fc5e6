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
_BEGINS = 3
"""Characters of a name's beginning that suggest it."""


def nearest(asked: str, known: Iterable[str], compared: int = COMPARED) -> list[str]:
    """Returns at most three of the first `compared` known names that begin with `asked` or resemble it, the most similar one
    first."""
    by_key: dict[str, str] = {}
    for name in islice(known, compared):
        by_key.setdefault(name[:LONGEST].lower(), name)
    word = asked[:LONGEST].lower()
    longer = [key for key in by_key if len(word) >= _BEGINS and key.startswith(word)]
    found = dict.fromkeys([*longer, *get_close_matches(word, by_key, _SHOWN, _ALIKE)])
    return [by_key[key] for key in islice(found, _SHOWN)]


def did_you_mean(asked: str, known: Iterable[str], compared: int = COMPARED) -> str:
    """Returns the question "Did you mean …?" with the nearest known names, "" if none is near."""
    found = nearest(asked, known, compared)
    return f"Did you mean {' or '.join(found)}?" if found else ""


def sentences(*texts: str) -> str:
    """Joins sentences, each ended by a full stop if it has no end; empty ones are left out."""
    return " ".join(text if text.endswith((".", "?", "!")) else f"{text}." for text in texts if text)
