"""The rail next to a flow's steps, and the distribution in a column's head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sagewright.studio.charts.scales import short

LANES = (8, 20, 32)
"""Horizontal places of the lanes; further branches share the last one."""


@dataclass(frozen=True)
class RailStep:
    """`lane`: the dot's; `above`, `below`: lanes that come in and go on; `joins`: those that end here; `forks`: those that begin."""

    lane: int
    above: tuple[int, ...]
    below: tuple[int, ...]
    joins: tuple[int, ...] = ()
    forks: tuple[int, ...] = ()


def rail_steps(inputs: Sequence[Sequence[int]]) -> list[RailStep]:
    """Lays out steps by the numbers of the steps that each takes its inputs from."""
    followers = [[at for at, takes in enumerate(inputs) if number in takes] for number in range(len(inputs))]
    lanes: dict[int, int] = {}  # the lane on which a step's result waits
    steps: list[RailStep] = []
    for number, takes in enumerate(inputs):
        before = dict(lanes)
        own = min((before[one] for one in takes if one in before), default=_free(before.values()))
        for one in takes:
            if one in lanes and not any(at > number for at in followers[one]):
                del lanes[one]
        if own in lanes.values():  # an earlier result goes on there as well
            own = _free(lanes.values())
        if followers[number]:
            lanes[number] = own
        above = tuple(sorted(set(before.values())))
        below = tuple(sorted(set(lanes.values())))
        came = {before[one] for one in takes if one in before}
        joins = tuple(sorted(came - {own}))
        steps.append(
            RailStep(own, above, below, joins, tuple(lane for lane in below if lane not in above and lane != own))
        )
    return steps


def _free(taken: Iterable[int]) -> int:
    used = set(taken)
    return next(lane for lane in range(len(used) + 1) if lane not in used)


def rail(step: RailStep) -> Markup:
    """Draws one step's part of the rail."""

    def x(lane: int) -> int:
        return LANES[min(lane, len(LANES) - 1)]

    own = x(step.lane)
    parts = []
    for lane in step.above:
        if lane in step.joins:
            parts.append(f"M{x(lane)} 0C{x(lane)} 12 {own} 8 {own} 20")
        if lane not in step.joins or lane in step.below:
            parts.append(f"M{x(lane)} 0V{20 if lane == step.lane else 40}")
    if step.lane in step.below:
        parts.append(f"M{own} 20V40")
    width = max((x(lane) for lane in (*step.above, *step.below, step.lane)), default=8) + 8
    return Markup(
        f'<svg class="rail" viewBox="0 0 {max(width, 28)} 40" aria-hidden="true"><path d="{"".join(parts)}"/>'
        f'<circle cx="{own}" cy="20" r="4"/></svg>'
    )


def shape(counts: Sequence[float]) -> Markup:
    """The shape of a column: bars in a box of 100 by 24."""
    top, width = max(counts, default=0) or 1, 100 / max(len(counts), 1)
    drawn = "".join(
        f'<rect x="{short(number * width + 0.6)}" width="{short(max(width - 1.2, 0.4))}" '
        f'y="{short(24 - max(count / top * 24, 0.6))}" height="{short(max(count / top * 24, 0.6))}"/>'
        for number, count in enumerate(counts)
    )
    return Markup(f'<svg class="hist" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>')
