"""Graphs of steps, laid out in layers: longest path, dummies for long edges, order by the neighbours' mean.

Source: Sugiyama, Tagawa, Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981). The same graph gets the
same drawing, so that a graph that changes its states does not move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

ROUNDS = 24
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 168, 44, 204, 60, 8
"""Pixels: size of a node, distance of columns and rows."""


@dataclass(frozen=True)
class GraphNode:
    """`state`: ok, run, fail, attn, idle, wait; `below`: the second line; `link`: where the node leads."""

    name: str
    below: str
    state: str
    icon: str
    link: str = ""
    current: bool = False


@dataclass(frozen=True)
class Layout:
    """TableColumn and row of each node, and the rows that each edge passes in the columns between its ends."""

    places: dict[str, tuple[int, float]]
    passes: dict[tuple[str, str], list[tuple[int, float]]]


def layered(ids: Sequence[str], edges: Sequence[tuple[str, str]]) -> Layout:
    """Places nodes. Edges that would close a circle are ignored for the columns."""
    known = [(one, other) for one, other in dict.fromkeys(edges) if one in set(ids) and other in set(ids)]
    columns = _columns(ids, known)
    levels: list[list[Hashable]] = [[] for _ in range(max(columns.values(), default=0) + 1)]
    for one in ids:
        levels[columns[one]].append(one)
    near: dict[Hashable, list[Hashable]] = defaultdict(list)
    between: dict[tuple[str, str], list[Hashable]] = {}
    for one, other in known:
        last: Hashable = one
        between[one, other] = []
        for column in range(columns[one] + 1, columns[other]):
            dummy = (one, other, column)
            levels[column].append(dummy)
            between[one, other].append(dummy)
            near[last].append(dummy)
            near[dummy].append(last)
            last = dummy
        near[last].append(other)
        near[other].append(last)
    rows = _rows(levels, near)
    where = {node: column for column, nodes in enumerate(levels) for node in nodes}
    return Layout(
        {one: (columns[one], rows[one]) for one in ids},
        {edge: [(where[dummy], rows[dummy]) for dummy in passed] for edge, passed in between.items()},
    )


def _columns(ids: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    columns = dict.fromkeys(ids, 0)
    for _ in range(len(ids)):
        changed = False
        for one, other in edges:
            if columns[other] <= columns[one] < len(ids):
                columns[other], changed = columns[one] + 1, True
        if not changed:
            return columns
    return {one: min(column, len(ids) - 1) for one, column in columns.items()}


def _rows(levels: Sequence[list[Hashable]], near: Mapping[Hashable, list[Hashable]]) -> dict[Hashable, float]:
    where = {node: column for column, nodes in enumerate(levels) for node in nodes}
    rows = {node: float(at) for nodes in levels for at, node in enumerate(nodes)}

    def mean(node: Hashable, side: int) -> float:
        found = [rows[other] for other in near.get(node, ()) if (where[other] - where[node]) * side > 0]
        return sum(found) / len(found) if found else rows[node]

    for turn in range(ROUNDS):
        side = 1 if turn % 2 else -1
        for nodes in levels if side < 0 else list(reversed(levels)):
            nodes.sort(key=lambda node, side=side: mean(node, side))  # type: ignore[misc]
            for at, node in enumerate(nodes):
                rows[node] = float(at)
    tallest = max((len(nodes) for nodes in levels), default=1)
    return {node: at + (tallest - len(nodes)) / 2 for nodes in levels for at, node in enumerate(nodes)}


def graph(nodes: Mapping[str, GraphNode], edges: Sequence[tuple[str, str]], label: str) -> Markup:
    """Draws a graph of nodes by id; a node is a link, or text without one."""
    laid = layered(list(nodes), edges)
    if not nodes:
        return Markup("")
    columns = max(column for column, _ in laid.places.values()) + 1
    rows = max(row for _, row in laid.places.values()) + 1
    width, height = columns * ACROSS - (ACROSS - WIDTH) + 2 * MARGIN, int(rows * DOWN - (DOWN - HEIGHT)) + 2 * MARGIN
    parts = [
        f'<svg class="dag" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="group" aria-label="{escape(label)}">'
    ]
    for (one, other), passed in laid.passes.items():
        done = "done" if nodes[one].state in {"ok", "idle"} else ""
        parts.append(_edge(laid.places[one], laid.places[other], passed, done))
    parts += [_node(node, laid.places[key]) for key, node in nodes.items()]
    return Markup("".join([*parts, "</svg>"]))


def _at(place: tuple[int, float]) -> tuple[float, float]:
    return MARGIN + place[0] * ACROSS, MARGIN + place[1] * DOWN


def _edge(one: tuple[int, float], other: tuple[int, float], passed: Sequence[tuple[int, float]], look: str) -> str:
    x, y = _at(one)
    x, y = x + WIDTH, y + HEIGHT / 2
    way = f"M{x:g} {y:g}"
    for place in passed:
        left, top = _at(place)
        top += HEIGHT / 2
        bend = (left - x) / 2
        way += f"C{x + bend:g} {y:g} {left - bend:g} {top:g} {left:g} {top:g}H{left + WIDTH:g}"
        x, y = left + WIDTH, top
    left, top = _at(other)
    top += HEIGHT / 2
    bend = (left - x) / 2
    way += f"C{x + bend:g} {y:g} {left - bend:g} {top:g} {left - 2:g} {top:g}"
    arrow = f"M{left - 7:g} {top - 3.5:g}L{left - 2:g} {top:g}l-5 3.5"
    return f'<path class="edge {look}" d="{way}"/><path class="edge {look}" d="{arrow}"/>'


def _node(node: GraphNode, place: tuple[int, float]) -> str:
    x, y = _at(place)
    inner = (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<svg class="i" x="{x + 10:g}" y="{y + 7:g}" width="14" height="14"><use href="/studio/static/icons.svg#{escape(node.icon)}"/></svg>'
        f'<text x="{x + 30:g}" y="{y + 18:g}">{escape(_cut(node.name))}</text>'
        f'<text class="sub" x="{x + 30:g}" y="{y + 34:g}">{escape(_cut(node.below))}</text><title>{escape(node.name)}: {escape(node.below)}</title>'
    )
    current = ' aria-current="step"' if node.current else ""
    if node.link:
        return f'<a class="node {escape(node.state)}" href="{escape(node.link)}"{current}>{inner}</a>'
    return f'<g class="node {escape(node.state)}">{inner}</g>'


def _cut(text: str, most: int = 18) -> str:
    return text if len(text) <= most else f"{text[: most - 8]}…{text[-7:]}"
