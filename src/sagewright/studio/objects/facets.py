"""Facets of a preview: columns with few distinct values, how often each occurs, and the rows that have the chosen ones.

Only the rows that the preview has read are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sagewright.studio.objects.previews import Preview

MOST_DISTINCT, MOST_VALUES, MOST_FACETS = 30, 10, 12
LEAST_ROWS = 4
"""Rows for each distinct value: a column with fewer is a name or a measurement."""
Cells = Sequence[str]


@dataclass(frozen=True)
class FacetValue:
    value: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class ColumnValues:
    """`column`: the column's position; `others`: the number of values that are not listed."""

    column: int
    name: str
    values: tuple[FacetValue, ...]
    others: int


def chosen_values(texts: Sequence[str]) -> dict[int, str]:
    """Reads `3~red`, the value of a column by its position; ignores anything else."""
    found = {}
    for text in texts:
        column, sign, value = text.partition("~")
        if sign and column.isascii() and column.isdigit() and len(column) < 4:
            found[int(column)] = value
    return found


def matching(preview: Preview, chosen: Mapping[int, str]) -> Preview:
    """Returns the preview with the rows that have all chosen values."""
    return replace(preview, rows=tuple(row for row in preview.rows if _has(row, chosen)))


def facets(preview: Preview, chosen: Mapping[int, str]) -> tuple[ColumnValues, ...]:
    """Returns the facets of columns; each is counted over the rows that have the values chosen in the others."""
    found = []
    for column, described in enumerate(preview.columns):
        distinct = {_cell(row, column) for row in preview.rows}
        few = 1 < len(distinct) <= min(MOST_DISTINCT, len(preview.rows) // LEAST_ROWS)
        if few or column in chosen:
            found.append(_facet(preview, column, described.name, chosen))
        if len(found) == MOST_FACETS:
            break
    return tuple(found)


def _facet(preview: Preview, column: int, name: str, chosen: Mapping[int, str]) -> ColumnValues:
    others = {key: value for key, value in chosen.items() if key != column}
    counts = Counter({_cell(row, column): 0 for row in preview.rows})
    counts.update(_cell(row, column) for row in preview.rows if _has(row, others))
    ordered = sorted(counts, key=lambda value: (value != chosen.get(column), -counts[value], value))
    values = tuple(FacetValue(value, counts[value], chosen.get(column) == value) for value in ordered[:MOST_VALUES])
    return ColumnValues(column, name, values, max(0, len(ordered) - MOST_VALUES))


def _has(row: Cells, chosen: Mapping[int, str]) -> bool:
    return all(_cell(row, column) == value for column, value in chosen.items())


def _cell(row: Cells, column: int) -> str:
    return row[column] if column < len(row) else ""
