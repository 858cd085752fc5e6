"""Curves in the style that the URL selects: smoothed by `smooth`, on a log axis by `log`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.studio.charts import Curve
from sagewright.studio.visit import Visit

SMOOTHINGS = ("0.6", "0.9", "0.98")
MOST = 0.999


@dataclass(frozen=True)
class StyleChoice:
    label: str
    link: str
    current: bool


@dataclass(frozen=True)
class CurveStyle:
    """`smooth`: the weight of all earlier points, 0 for the values themselves. `log`: the values have a log axis."""

    smooth: float = 0.0
    log: bool = False

    @property
    def axis(self) -> str:
        return "log" if self.log else ""

    def drawn(self, curve: Curve) -> list[Curve]:
        """Returns the curve; if smoothed, with its values faint in the background."""
        if not self.smooth:
            return [curve]
        colour = curve.look.split()[0]
        return [
            Curve("", curve.xs, curve.ys, f"{colour} faint"),
            Curve(curve.name, curve.xs, smoothed(curve.ys, self.smooth), curve.look),
        ]


def style_of(visit: Visit) -> CurveStyle:
    """Reads the style in the URL; a value that is not a weight from 0 to `MOST` smooths nothing."""
    try:
        smooth = float(visit.query.get("smooth", "0"))
    except ValueError:
        smooth = 0.0
    return CurveStyle(smooth if 0 < smooth <= MOST else 0.0, visit.query.get("log") == "1")


def choices(visit: Visit) -> tuple[StyleChoice, ...]:
    """Returns the links that change the style."""
    style = style_of(visit)
    weights = [
        StyleChoice(f"Smooth {one}", visit.link(smooth=one), current=style.smooth == float(one)) for one in SMOOTHINGS
    ]
    return (
        StyleChoice("As reported", visit.link(smooth=None), current=not style.smooth),
        *weights,
        StyleChoice("Log axis", visit.link(log=None if style.log else "1"), current=style.log),
    )


def smoothed(values: Sequence[float], weight: float) -> tuple[float, ...]:
    """Returns the exponential moving average, corrected for its start; values that are not finite stay as they are."""
    found, mean, count = [], 0.0, 0
    for value in values:
        if not math.isfinite(value):
            found.append(value)
            continue
        count += 1
        mean = weight * mean + (1 - weight) * value
        found.append(mean / (1 - weight**count))
    return tuple(found)
