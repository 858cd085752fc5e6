"""Scatter plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sagewright.studio.charts.scales import scale, short, ticks

TOP, BOTTOM = 10, 18


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    title: str
    look: str = "k1"
    link: str = ""


def scatter(dots: Sequence[Dot], label: str, height: int = 176) -> Markup:
    """Draws points as links with titles."""
    if not dots:
        return Markup("")
    x, y = scale([dot.x for dot in dots]), scale([dot.y for dot in dots])

    def top(value: float) -> str:
        return short(TOP + (1 - y.at(value)) * (height - TOP - BOTTOM))

    parts = [f'<svg class="chart" height="{height}" role="img" aria-label="{escape(label)}">']
    for at, word in ticks(y):
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{top(at)}" y2="{top(at)}"/>')
        parts.append(f'<text class="halo" x="0" y="{short(float(top(at)) - 3)}">{escape(word)}</text>')
    marks = ticks(x, 5)
    for n, (at, word) in enumerate(marks):
        anchor = "start" if n == 0 else "end" if n == len(marks) - 1 else "middle"
        parts.append(
            f'<text x="{short(x.at(at) * 96 + 2)}%" y="{height - 4}" text-anchor="{anchor}">{escape(word)}</text>'
        )
    for dot in dots:
        circle = f'<circle class="ring {escape(dot.look)}" cx="{short(x.at(dot.x) * 96 + 2)}%" cy="{top(dot.y)}" r="3.5"><title>{escape(dot.title)}</title></circle>'
        parts.append(f'<a href="{escape(dot.link)}" tabindex="-1">{circle}</a>' if dot.link else circle)
    return Markup("".join([*parts, "</svg>"]))
