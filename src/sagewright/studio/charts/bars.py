"""Bars, meters, slots and lanes of time. Bars and lanes are tables: the browser lays out names and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sagewright.studio.charts.scales import short
from sagewright.studio.wording import number


@dataclass(frozen=True)
class LaneSpan:
    """A piece of time in a lane; `look`: b-ok, b-run, b-fail, b-idle."""

    begin: float
    end: float
    look: str
    title: str
    words: str = ""
    link: str = ""


def meter(parts: Sequence[tuple[float, str]], label: str, *, slim: bool = False) -> Markup:
    """A bar of parts: (per cent, class)."""
    drawn, at = [], 0.0
    for share, look in parts:
        drawn.append(f'<rect class="{escape(look)}" x="{short(at)}%" width="{short(share)}%" height="100%"/>')
        at += share
    look = "meter slim" if slim else "meter"
    return _markup(f'<svg class="{look}" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>')


def slots(used: int, total: int, label: str) -> Markup:
    """As many boxes as there are slots, filled ones first."""
    width = 100 / max(total, 1)
    boxes = "".join(
        f'<rect class="{"on" if n < used else ""}" x="{short(n * width + 0.3)}%" y=".5" width="{short(max(width - 1.05, 0.2))}%" height="13" rx="2"/>'
        for n in range(min(total, 64))
    )
    return _markup(f'<svg class="slots" role="img" aria-label="{escape(label)}">{boxes}</svg>')


def bars(items: Sequence[tuple[str, float]], label: str, look: str = "b-accent") -> Markup:
    """Horizontal bars: (name, value of at least 0)."""
    top = max((value for _, value in items), default=0.0) or 1.0
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td><svg class="chart" height="14" aria-hidden="true">'
        f'<rect class="{look}" width="{short(max(value / top * 100, 0.4))}%" height="14" rx="2"/></svg></td><td class="n">{number(value)}</td></tr>'
        for name, value in items
    ]
    return _table("bars", label, rows)


def lanes(
    items: Sequence[tuple[str, Sequence[LaneSpan]]],
    over: tuple[float, float],
    ticks: Sequence[tuple[float, str]],
    label: str,
) -> Markup:
    """Lanes of time from over[0] to over[1]: one row per name, with its spans."""
    begin, end = over

    def left(at: float) -> float:
        return min(max((at - begin) / ((end - begin) or 1) * 100, 0.0), 100.0)

    grid = "".join(
        f'<line class="grid" x1="{short(left(at))}%" x2="{short(left(at))}%" y1="0" y2="100%"/>' for at, _ in ticks
    )
    rows = []
    for name, spans in items:
        told = "; ".join(span.title for span in spans if span.title)[:200] or name
        drawn = []
        for span in spans:
            x, width = left(span.begin), max(left(span.end) - left(span.begin), 0.28)
            drawn.append(
                f'<rect class="{escape(span.look)}" x="{short(x)}%" width="{short(width)}%" y="4" height="14" rx="2"><title>{escape(span.title)}</title></rect>'
            )
            if span.words:
                if width > 20:
                    drawn.append(f'<text class="on md" x="{short(x)}%" dx="6" y="15">{escape(span.words)}</text>')
                    continue
                far = x + width > 80
                anchor = f'x="{short(x if far else x + width)}%" dx="{-6 if far else 6}" text-anchor="{"end" if far else "start"}"'
                drawn.append(f'<text class="md" {anchor} y="15">{escape(span.words)}</text>')
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td><svg class="chart" height="22" role="img" aria-label="{escape(told)}">{grid}{"".join(drawn)}</svg></td></tr>'
        )
    axis = "".join(
        f'<text x="{short(left(at))}%" y="11" text-anchor="{"start" if left(at) < 3 else "end" if left(at) > 97 else "middle"}">{escape(word)}</text>'
        for at, word in ticks
    )
    head = f'<thead><tr><td></td><td><svg class="chart" height="15" aria-hidden="true">{axis}</svg></td></tr></thead>'
    return _table("lanes", label, rows, head)


def _table(kind: str, label: str, rows: Sequence[str], head: str = "") -> Markup:
    caption = f'<caption class="vh">{escape(label)}</caption>'
    return _markup(f'<table class="rows {kind}">{caption}{head}<tbody>{"".join(rows)}</tbody></table>')


def _markup(text: str) -> Markup:
    return Markup(text)  # built of escaped parts and numbers
