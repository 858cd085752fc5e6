"""One measured thing, ours and the peer's, from the same run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Row:
    """`what` was measured; `ours` and `theirs` in `unit`; `limits`: what bounds ours; `detail`: p95 and the like.

    `theirs` is None where there is no such peer, or where it could not be measured: then `peer` says why.
    """

    section: str
    what: str
    ours: float
    unit: str
    peer: str
    theirs: float | None
    limits: str
    detail: str = ""
    higher_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer: over 1, ours is."""
        if self.theirs is None or not self.ours or not self.theirs:
            return None
        return self.ours / self.theirs if self.higher_is_better else self.theirs / self.ours

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}x" if self.ratio < 10 else f"{self.ratio:.0f}x"
        theirs = "" if self.theirs is None else f"{number(self.theirs)} {self.unit}"
        ours = f"{number(self.ours)} {self.unit}"
        return [self.section, self.what, ours, self.peer, theirs, ratio, self.detail, self.limits]


HEADINGS = ["", "what", "Sagewright", "peer", "the peer's", "ratio", "detail", "what limits it"]


def against(row: Row, peer: str, theirs: float | None) -> Row:
    """The same measurement of ours beside another peer."""
    return replace(row, peer=peer, theirs=theirs, detail="", limits="")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(len(ordered) * percent / 100) - 1))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float], unit: str) -> str:
    """Smallest, p95 and count, in words."""
    return f"min {number(min(values))}, p95 {number(percentile(values, 95))} {unit}, n={len(values)}"


def number(value: float) -> str:
    """Three digits that count, more where the number is large."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
