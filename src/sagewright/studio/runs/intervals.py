"""Intervals of rates, and of the difference between two of them.

Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927; Newcombe, "Interval estimation
for the difference between independent proportions", Statistics in Medicine 1998, method 10.
"""

from __future__ import annotations

import math

Z = 1.959963984540054
"""Number of standard deviations of a 95 % interval."""


def rate_interval(count: float, whole: float) -> tuple[float, float]:
    """Returns Wilson's 95 % interval of a rate; (0, 1) where nothing was observed."""
    if whole <= 0:
        return 0.0, 1.0
    rate = min(max(count / whole, 0.0), 1.0)
    spread = Z * math.sqrt(rate * (1 - rate) / whole + Z * Z / (4 * whole * whole))
    centre, scale = rate + Z * Z / (2 * whole), 1 + Z * Z / whole
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def difference_interval(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Returns Newcombe's 95 % interval of the second rate minus the first. Each is (count, whole)."""
    (count, whole), (other_count, other_whole) = first, second
    if whole <= 0 or other_whole <= 0:
        return -1.0, 1.0
    rate, other = count / whole, other_count / other_whole
    (low, high), (other_low, other_high) = rate_interval(count, whole), rate_interval(other_count, other_whole)
    down = math.hypot(other - other_low, high - rate)
    up = math.hypot(other_high - other, rate - low)
    return other - rate - down, other - rate + up
