"""The delimiter of a CSV file, found from its first lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

CANDIDATES = (",", ";", "\t", "|")
_LINES = 50


def find_delimiter(lines: Sequence[str]) -> str:
    """Returns the character that divides all of the first lines into the same number of columns, the one with the most columns if
    several do; "" if none divides them."""
    widths = {one: _width(lines[:_LINES], one) for one in CANDIDATES}
    found = max(CANDIDATES, key=lambda one: widths[one])
    return found if widths[found] > 1 else ""


def _width(lines: Sequence[str], delimiter: str) -> int:
    """Returns the number of columns if all rows have the same, otherwise 0."""
    try:
        found = {len(row) for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter) if row}
    except csv.Error:
        return 0
    return found.pop() if len(found) == 1 else 0
