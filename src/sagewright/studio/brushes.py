"""Ranges on the axes of parallel coordinates, in a page's URL: `in=max_depth~3~6` keeps the runs between 3 and 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from urllib.parse import urlencode

from sagewright.studio.tables import Chip
from sagewright.studio.visit import Visit

PARAMETER = "in"
TYPED = ("axis", "from", "to")
"""Parameters of a range that was typed into the form."""
MOST = 16


@dataclass(frozen=True)
class Brush:
    """A range of an axis, both ends included; infinite where it is open."""

    axis: str
    low: float
    high: float

    @property
    def words(self) -> str:
        if self.low == -inf:
            return f"at most {self.high:.4g}"
        return f"at least {self.low:.4g}" if self.high == inf else f"{self.low:.4g} to {self.high:.4g}"

    def keeps(self, values: Mapping[str, float]) -> bool:
        value = values.get(self.axis)
        return value is not None and self.low <= value <= self.high


def read(visit: Visit) -> tuple[Brush, ...]:
    """Returns the ranges in a page's URL, the last one of each axis; anything that is not a range is left out."""
    texts = visit.values(PARAMETER)[-MOST:]
    if visit.query.get("axis"):
        texts = [*texts, "~".join(visit.query.get(name, "") for name in TYPED)]
    found = (_parse(text) for text in texts)
    return tuple({brush.axis: brush for brush in found if brush is not None}.values())


def _parse(text: str) -> Brush | None:
    axis, _, ends = text.partition("~")
    low, _, high = ends.partition("~")
    try:
        brush = Brush(axis, float(low) if low else -inf, float(high) if high else inf)
    except ValueError:
        return None
    if (
        not axis
        or isnan(brush.low)
        or isnan(brush.high)
        or brush.low > brush.high
        or (brush.low, brush.high) == (-inf, inf)
    ):
        return None
    return brush


def chips(visit: Visit, brushes: Sequence[Brush]) -> tuple[Chip, ...]:
    return tuple(Chip(brush.axis, brush.words, _without(visit, brush.axis)) for brush in brushes)


def _without(visit: Visit, axis: str) -> str:
    typed = TYPED if visit.query.get("axis") == axis else ()
    kept = [
        (name, value)
        for name, value in visit.every
        if name not in typed and not (name == PARAMETER and value.partition("~")[0] == axis)
    ]
    return f"{visit.address}?{urlencode(kept)}" if kept else visit.address
