"""Parallel coordinates: one axis per parameter, one line per run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sagewright.studio.charts.scales import Scale, scale, short
from sagewright.studio.wording import number

TOP, BOTTOM, LEFT, RIGHT = 30, 12, 4, 4
FEW = 3
"""Axes that have room on a phone."""


@dataclass(frozen=True)
class Axis:
    """`values`: the value of each run. `kept`: the range that is chosen on it. An axis whose positive values span two powers of
    ten is logarithmic.
    """

    name: str
    values: Sequence[float]
    kept: tuple[float, float] | None = None

    @property
    def logarithmic(self) -> bool:
        return min(self.values) > 0 and max(self.values) / min(self.values) >= 100

    def place(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    @property
    def scale(self) -> Scale:
        return scale([self.place(value) for value in self.values])


@dataclass(frozen=True)
class ParallelRun:
    """`look`: the classes of its line."""

    name: str
    look: str


def parallel(axes: Sequence[Axis], runs: Sequence[ParallelRun], label: str, height: int = 260) -> Markup:
    """Draws the runs, the first one on top."""
    inner, wide, last = height - TOP - BOTTOM, 100 - LEFT - RIGHT, len(axes) - 1
    scales = [axis.scale for axis in axes]
    parts = [
        f'<svg class="chart{" few" if len(axes) <= FEW else ""}" height="{height}" role="img" aria-label="{escape(label)}">'
        f'<svg x="{LEFT}%" y="{TOP}" width="{wide}%" height="{inner}" viewBox="0 0 1000 100" preserveAspectRatio="none" overflow="visible">'
    ]
    for number_, run in reversed(list(enumerate(runs))):
        points = [
            f"{short(at / last * 1000)} {short((1 - scales[at].at(axis.place(axis.values[number_]))) * 100)}"
            for at, axis in enumerate(axes)
        ]
        parts.append(
            f'<path class="ln {escape(run.look)}" d="M{"L".join(points)}"><title>{escape(run.name)}</title></path>'
        )
    parts.append("</svg>")
    for at, axis in enumerate(axes):
        x = f"{short(LEFT + at / last * wide)}%"
        anchor = "start" if at == 0 else "end" if at == last else "middle"
        shift = ' dx="-14"' if at == 0 else ' dx="14"' if at == last else ""
        name = f"{axis.name}, log" if axis.logarithmic else axis.name
        parts.append(
            f'<line class="axis" x1="{x}" x2="{x}" y1="{TOP}" y2="{height - BOTTOM}"/>'
            f'<text class="ink b md" x="{x}" y="12" text-anchor="{anchor}"{shift}>{escape(name)}</text>'
        )
        for value, y in ((max(axis.values), TOP + 4), (min(axis.values), height - BOTTOM)):
            side = 'dx="-12" text-anchor="end"' if at == last else 'dx="12"'
            parts.append(f'<text class="halo" x="{x}" {side} y="{y}">{escape(number(value))}</text>')
        parts.append(_brush(axis, x, inner))
    return Markup("".join([*parts, "</svg>"]))


def _brush(axis: Axis, x: str, inner: int) -> str:
    """Returns the strip of an axis along which one drags, and the range that is kept."""
    over = axis.scale
    strip = f'x="{x}" width="18" transform="translate(-9 0)"'
    drawn = ""
    if axis.kept is not None:
        low, high = (min(max(over.at(_placed(axis, end)), 0.0), 1.0) for end in axis.kept)
        height = short(max((high - low) * inner, 2.0))
        drawn = f'<rect class="brush" {strip} y="{short(TOP + (1 - high) * inner)}" height="{height}"/>'
    return (
        f'{drawn}<rect class="grip" {strip} y="{TOP}" height="{inner}" data-axis="{escape(axis.name)}" '
        f'data-low="{over.low!r}" data-high="{over.high!r}" data-log="{"yes" if axis.logarithmic else ""}"/>'
    )


def _placed(axis: Axis, end: float) -> float:
    """Returns the position of an end of a range, which may be infinite, or outside a logarithm's domain."""
    if math.isinf(end) or (axis.logarithmic and end <= 0):
        return math.copysign(1e300, end if math.isinf(end) else -1.0)
    return axis.place(end)
