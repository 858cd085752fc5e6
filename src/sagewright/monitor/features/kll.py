"""Sketches of distributions in constant memory.

Source: Karnin, Lang and Liberty, "Optimal quantile approximation in streams" (2016).
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import Any

K, C = 2048, 0.64
"""Parameters of AWS's statistics: the items of the widest level, and the ratio of each level to the one above it."""
BUCKETS = 10


class KllSketch:
    """A sample of values in levels: an item of level h stands for 2^h values."""

    def __init__(self, levels: list[list[float]] | None = None) -> None:
        self._levels = levels or [[]]
        self._random = random.Random(0)  # noqa: S311 - a repeated job gives the same report

    def add(self, value: float) -> None:
        lowest = self._levels[0]
        lowest.append(value)
        if len(lowest) >= K:
            self._compress()

    @property
    def count(self) -> int:
        return sum(len(level) << height for height, level in enumerate(self._levels))

    def shares(self, points: list[float]) -> list[float]:
        """Returns the share of values at most as large as each point."""
        items = sorted((value, 1 << height) for height, level in enumerate(self._levels) for value in level)
        values, totals = [value for value, _weight in items], [0, *accumulate(weight for _value, weight in items)]
        whole = totals[-1] or 1
        return [totals[bisect_right(values, point)] / whole for point in points]

    def points(self) -> list[float]:
        return sorted({value for level in self._levels for value in level})

    def buckets(self, low: float, high: float) -> list[dict[str, float]]:
        """Returns buckets of equal width with their counts."""
        width = (high - low) / BUCKETS
        bounds = [low + width * number for number in range(BUCKETS)] + [high]
        counts = [0.0, *(round(share * self.count) for share in self.shares(bounds[1:]))]
        return [
            {"lower_bound": lower, "upper_bound": upper, "count": float(counts[at + 1] - counts[at])}
            for at, (lower, upper) in enumerate(pairwise(bounds))
        ]

    def document(self) -> dict[str, Any]:
        return {
            "parameters": {"c": C, "k": float(K)},
            "data": [[float(one) for one in level] for level in self._levels],
        }

    @classmethod
    def read(cls, document: Any) -> KllSketch:
        """Reads `document`'s form. Raises ValueError."""
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(data, list) or not data or not all(isinstance(level, list) for level in data):
            raise ValueError("a sketch has data: a list of lists of numbers")
        levels = [[_finite(one) for one in level] for level in data]
        return cls(levels)

    def _compress(self) -> None:
        height = len(self._levels)
        for at in range(height):
            if len(self._levels[at]) < max(2, math.ceil(K * C ** (height - 1 - at))):
                continue
            level = sorted(self._levels[at])
            odd = [level.pop()] if len(level) % 2 else []
            if at + 1 == len(self._levels):
                self._levels.append([])
            self._levels[at + 1] += level[self._random.randrange(2) :: 2]
            self._levels[at] = odd


def distance(one: KllSketch, other: KllSketch, *, robust: bool) -> float:
    """Returns the largest difference of the two distribution functions (Kolmogorov-Smirnov). `robust`: minus the difference
    expected by chance with this number of values."""
    if not one.count or not other.count:
        return 0.0
    points = sorted({*one.points(), *other.points()})
    largest = max(abs(a - b) for a, b in zip(one.shares(points), other.shares(points), strict=True))
    chance = 1.8 * math.sqrt((one.count + other.count) / (one.count * other.count)) if robust else 0.0
    return max(0.0, largest - chance)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a sketch has numbers only")
    return float(value)
