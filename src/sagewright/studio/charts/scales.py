"""Axes: ticks at round numbers, and positions along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.studio.wording import number


@dataclass(frozen=True)
class Scale:
    """A linear scale from `low` to `high`."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Returns the position of a value, 0 to 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)


def scale(values: Sequence[float], *, zero: bool = False) -> Scale:
    """Returns a scale that includes all finite values; from 0 with `zero`."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = (low - 0.5, high + 0.5) if not zero else (min(low, 0.0), high or 1.0)
    return Scale(low, high)


def ticks(over: Scale, most: int = 4) -> list[tuple[float, str]]:
    """Returns 2 to `most` round values within the scale, with their words."""
    span = over.high - over.low
    step = 10.0 ** math.floor(math.log10(span or 1.0))
    for factor in (0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0):
        first = math.ceil(over.low / (step * factor) - 1e-9)
        last = math.floor(over.high / (step * factor) + 1e-9)
        if last - first < most:
            return [(n * step * factor, tick_word(n * step * factor, step * factor)) for n in range(first, last + 1)]
    return [(over.low, number(over.low)), (over.high, number(over.high))]


def log_ticks(over: Scale, most: int = 4) -> list[tuple[float, str]]:
    """Returns ticks of a scale of decimal logarithms: powers of ten, or round values where it spans less than two of them."""
    first, last = math.ceil(over.low - 1e-9), math.floor(over.high + 1e-9)
    if last - first >= 1 and last <= 300 and first >= -300:
        step = -(-(last - first) // (most - 1))
        return [(float(at), number(10.0**at)) for at in range(first, last + 1, step)]
    if over.high > 300 or over.low < -300:
        return [(over.low, f"1e{over.low:.0f}"), (over.high, f"1e{over.high:.0f}")]
    return [(math.log10(at), word) for at, word in ticks(Scale(10.0**over.low, 10.0**over.high), most) if at > 0]


def tick_word(value: float, step: float) -> str:
    """Formats a tick with the decimals that its step needs."""
    if step >= 1 or value == 0:
        return number(float(round(value)))
    if abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    decimals = min(max(-math.floor(math.log10(step) + 1e-9), 0) + (1 if f"{step:e}"[2] == "5" else 0), 6)
    return f"{value:.{decimals}f}".replace("-", "−")


def short(value: float) -> str:
    """Writes a coordinate with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
