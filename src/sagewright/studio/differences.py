"""Differences between two texts, line by line."""

from __future__ import annotations

import difflib

MOST_LINES = 400


def changed_lines(before: str, after: str) -> str:
    """Returns the lines that differ, with one line around them; those of `before` begin with -, those of `after` with +."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    lines = [line for line in found if not line.startswith(("---", "+++", "@@"))]
    more = [f"… {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])
