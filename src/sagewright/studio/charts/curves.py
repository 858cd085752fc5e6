"""Curves over steps or time, and sparklines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sagewright.studio.charts.scales import Scale, log_ticks, scale, short, ticks

TOP, BOTTOM, NAMES = 10, 18, 14
"""Room in pixels above and below the curves; least distance between names at their ends."""


@dataclass(frozen=True)
class Curve:
    """A named curve; `look` has the classes of its line (k1 … k8, thick, faint, d2, d3)."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    look: str = "k1"


@dataclass(frozen=True)
class _Frame:
    """A drawing of `height` pixels, whose curves take `width` per cent."""

    x: Scale
    y: Scale
    height: int
    width: int

    def left(self, value: float) -> str:
        return f"{short(self.x.at(value) * self.width)}%"

    def top(self, value: float) -> float:
        return TOP + (1 - self.y.at(value)) * (self.height - TOP - BOTTOM)


def curves(
    drawn: Sequence[Curve],
    label: str,
    height: int = 132,
    *,
    axis: str = "",
    names: bool = False,
    xticks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draws curves. `axis`: "zero" for one that has 0, "log" for a log axis, which excludes 0 and below; `names`: the names are at the ends; `xticks`: words along the axis, or round numbers."""
    shown = [_logged(curve) if axis == "log" else curve for curve in drawn if len(curve.xs)]
    if not shown:
        return Markup("")
    frame = _Frame(
        scale([x for curve in shown for x in curve.xs]),
        scale([y for curve in shown for y in curve.ys], zero=axis == "zero"),
        height,
        84 if names else 100,
    )
    parts = [f'<svg class="chart" height="{height}" role="img" aria-label="{escape(label)}">', _grid(frame, axis)]
    inner = height - TOP - BOTTOM
    parts.append(
        f'<svg x="0" y="{TOP}" width="{frame.width}%" height="{inner}" viewBox="0 0 1000 100" preserveAspectRatio="none" overflow="visible">'
    )
    parts += [f'<path class="ln {escape(curve.look)}" d="{_path(curve, frame)}"/>' for curve in shown]
    parts.append("</svg>")
    parts += [
        f'<text class="halo" x="0" y="{short(frame.top(at) - 3)}">{escape(word)}</text>'
        for at, word in _marks(frame, axis)
    ]
    parts += _words(frame, list(xticks) or ticks(frame.x, 6))
    if names:
        parts += _ends(frame, shown)
    return Markup("".join([*parts, "</svg>"]))  # built of escaped parts


def _logged(curve: Curve) -> Curve:
    logs = [math.log10(y) if 0 < y < math.inf else math.nan for y in curve.ys]
    return Curve(curve.name, curve.xs, logs, curve.look)


def _marks(frame: _Frame, axis: str) -> list[tuple[float, str]]:
    return log_ticks(frame.y) if axis == "log" else ticks(frame.y)


def spark(ys: Sequence[float], width: int = 64, height: int = 20) -> Markup:
    """Draws a small curve for a cell of a table; nothing for fewer than two points."""
    values = [y for y in ys if math.isfinite(y)]
    if len(values) < 2:
        return Markup("")
    over, last = scale(values), len(values) - 1
    points = [
        (2 + at / last * (width - 6), height - 3 - over.at(value) * (height - 6)) for at, value in enumerate(values)
    ]
    line = "L".join(f"{x:.0f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" aria-hidden="true"><path class="ln hair" d="M{line}"/>'
        f'<circle class="dot" cx="{x:.0f}" cy="{y:.1f}" r="1.75"/></svg>'
    )


def _grid(frame: _Frame, axis: str) -> str:
    lines = [frame.top(at) for at, _ in _marks(frame, axis)] or [frame.height - BOTTOM]
    return "".join(f'<line class="grid" x1="0" x2="{frame.width}%" y1="{short(y)}" y2="{short(y)}"/>' for y in lines)


def _path(curve: Curve, frame: _Frame) -> str:
    points = [
        f"{short(frame.x.at(x) * 1000)} {short((1 - frame.y.at(y)) * 100)}"
        for x, y in zip(curve.xs, curve.ys, strict=True)
        if math.isfinite(y)
    ]
    return f"M{'L'.join(points)}" if points else ""


def _words(frame: _Frame, marks: Sequence[tuple[float, str]]) -> list[str]:
    last = len(marks) - 1
    anchor = {0: "start", last: "end"}
    return [
        f'<text x="{frame.left(at)}" y="{frame.height - 4}" text-anchor="{anchor.get(n, "middle")}">{escape(word)}</text>'
        for n, (at, word) in enumerate(marks)
    ]


def _ends(frame: _Frame, shown: Sequence[Curve]) -> list[str]:
    """Writes the names at the ends of curves, apart enough to be read."""
    places = sorted(
        (frame.top(curve.ys[-1]), curve.name, curve.look.split()[0])
        for curve in shown
        if curve.name and math.isfinite(curve.ys[-1])
    )
    floor, tops = float("-inf"), []
    for top, _, _ in places:
        floor = max(top, floor + NAMES)
        tops.append(floor)
    ceiling = frame.height - BOTTOM + 4.0
    for at in range(len(tops) - 1, -1, -1):
        tops[at] = min(tops[at], ceiling)
        ceiling = tops[at] - NAMES
    return [
        f'<text class="{escape(look)}" x="{frame.width}%" dx="6" y="{short(top + 4)}">{escape(name)}</text>'
        for top, (_, name, look) in zip(tops, places, strict=True)
    ]
