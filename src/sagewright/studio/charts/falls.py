"""The way from an average to one row's score, and small bars of deviations from 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sagewright.studio.charts.scales import Scale, scale, short
from sagewright.studio.wording import number

ROOM = 16
"""Per cent of the width at both ends, for the numbers."""


@dataclass(frozen=True)
class FallStep:
    """One contribution; `value`: the feature's value in words, "" if unknown."""

    name: str
    value: str
    change: float


def waterfall(start: float, steps: Sequence[FallStep], label: str) -> Markup:
    """Draws each step from where the one before ended, as a table of rows."""
    ends = [start]
    for step in steps:
        ends.append(ends[-1] + step.change)
    axis = scale(ends)
    rows = [_sum("average", start, axis)]
    for step, begin, end in zip(steps, ends[:-1], ends[1:], strict=True):
        rows.append(_step(step, axis, begin, end))
    rows.append(_sum("this row’s score", ends[-1], axis))
    body = "".join(rows)
    return _markup(
        f'<table class="rows fall"><caption class="vh">{escape(label)}</caption><tbody>{body}</tbody></table>'
    )


def _at(axis: Scale, value: float) -> float:
    return ROOM + axis.at(value) * (100 - 2 * ROOM)


def _sum(name: str, value: float, axis: Scale) -> str:
    left, word = _at(axis, value), number(value)
    return (
        f'<tr class="sum"><th scope="row">{escape(name)}</th><td><svg class="chart" height="24" role="img" aria-label="{word}">'
        f'<line class="axis" x1="{short(left)}%" x2="{short(left)}%" y1="3" y2="21"/>'
        f'<text class="ink b md" x="{short(left)}%" dx="6" text-anchor="start" y="16">{word}</text></svg></td></tr>'
    )


def _step(step: FallStep, axis: Scale, begin: float, end: float) -> str:
    low, high = sorted((_at(axis, begin), _at(axis, end)))
    rises, word = step.change >= 0, signed(step.change)
    place = (
        f'x="{short(high)}%" dx="6" text-anchor="start"' if rises else f'x="{short(low)}%" dx="-6" text-anchor="end"'
    )
    value = f" <span>= {escape(step.value)}</span>" if step.value else ""
    first, last = short(_at(axis, begin)), short(_at(axis, end))
    return (
        f'<tr><th scope="row">{escape(step.name)}{value}</th><td><svg class="chart" height="24" role="img" aria-label="{word}">'
        f'<line class="grid" x1="{first}%" x2="{first}%" y1="0" y2="5"/>'
        f'<rect class="{"b-hot" if rises else "b-cold"}" x="{short(low)}%" width="{short(max(high - low, 0.3))}%" y="5" height="14" rx="2"/>'
        f'<line class="grid" x1="{last}%" x2="{last}%" y1="19" y2="24"/>'
        f'<text class="ink-2 md" {place} y="16">{word}</text></svg></td></tr>'
    )


def signed(value: float) -> str:
    """Writes a number with its sign."""
    word = number(abs(value))
    return f"+{word}" if value > 0 else f"−{word}" if value < 0 else word


def deviation(value: float, most: float) -> Markup:
    """Draws a bar from the middle; `most` is the value at the edge."""
    width = 24.0 if math.isinf(value) else min(abs(value) / (most or 1.0), 1.0) * 24
    x = 26.0 if value >= 0 else 26.0 - width
    return _markup(
        f'<svg class="db" viewBox="0 0 52 12" aria-hidden="true"><rect class="within" x="{short(x)}" y="3" width="{short(width)}" '
        'height="6" rx="1"/><line class="z" x1="26" x2="26" y1="0" y2="12"/></svg>'
    )


def _markup(text: str) -> Markup:
    return Markup(text)
