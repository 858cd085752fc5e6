"""Scores many rows with compiled code.

All rows go down a tree together and are partitioned at each node, as in quicksort. Rows that share a leaf share the way up, so they
climb it side by side: each has a lane of the processor's vectors, and a box is compared with all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.native.kernels import native, part
from sagewright.algorithms.randomcutforest import growth
from sagewright.algorithms.randomcutforest.growth import parted

LANES = 32
"""Rows that climb side by side: two registers of AVX-512, four of AVX2."""
ALONE = 8
"""Up to this many rows of a leaf climb one by one: most lanes would be empty."""
NOTHING = np.float32(0)
TINY = np.float32(1e-37)
"""Replaces a span of 0, so that no row is divided by it."""


Nodes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""`links`, `numbers` and `boxes` of `scoring.Layout`."""
Lanes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows as columns (d, LANES); each row's distance outside a box, and its score so far, (LANES,)."""


@part
def _fetch(rows: np.ndarray, order: np.ndarray, begin: int, end: int, columns: np.ndarray) -> None:
    """Loads LANES rows of `order` from `begin` on; repeats the last one beyond the end."""
    for lane in range(LANES):
        row = order[min(begin + lane, end - 1)]
        for column in range(rows.shape[1]):
            columns[column, lane] = rows[row, column]


@part
def _climb_alone(row: np.ndarray, nodes: Nodes, node: int) -> Any:
    """Returns the score of one row, with the box's sides in the lanes."""
    links, numbers, boxes = nodes
    score = numbers[node, 2]
    while node >= 0:
        outside = NOTHING
        for column in range(len(row)):
            value = row[column]
            outside += max(boxes[node, 0, column] - value, value - boxes[node, 1, column], NOTHING)
        if outside == 0:
            break
        score += outside / (outside + numbers[node, 0]) * (numbers[node, 1] - score)
        node = links[node, 2]
    return score


@part
def _climb(lanes: Lanes, nodes: Nodes, node: int) -> None:
    """Climbs from a leaf to the first box that contains every row: all boxes above contain them too."""
    (columns, outside, scores), (links, numbers, boxes) = lanes, nodes
    for lane in range(LANES):
        scores[lane] = numbers[node, 2]
    while node >= 0:
        for lane in range(LANES):
            outside[lane] = NOTHING
        for column in range(columns.shape[0]):
            low, high = boxes[node, 0, column], boxes[node, 1, column]
            for lane in range(LANES):
                value = columns[column, lane]
                outside[lane] += max(low - value, value - high, NOTHING)
        all_of_them = NOTHING
        for lane in range(LANES):
            all_of_them += outside[lane]
        if all_of_them == 0:
            break
        span, cut_off = numbers[node, 0], numbers[node, 1]
        for lane in range(LANES):
            chance = outside[lane] / max(outside[lane] + span, TINY)
            scores[lane] += chance * (cut_off - scores[lane])
        node = links[node, 2]


@native(
    "float32[:, ::1], int32[::1], Tuple((int32[:, ::1], float32[:, ::1], float32[:, :, ::1])), "
    "Tuple((int32[:, ::1], int32[:, ::1])), Tuple((float32[:, ::1], float32[::1], float32[::1])), float64[::1]",
    fastmath={"reassoc", "nsz"},
)
def _totals(
    rows: np.ndarray,
    roots: np.ndarray,
    nodes: Nodes,
    room: tuple[np.ndarray, np.ndarray],
    lanes: Lanes,
    out: np.ndarray,
) -> None:
    (orders, waiting), (links, numbers, _) = room, nodes
    for tree in range(len(roots)):
        for row in range(len(rows)):
            orders[0, row] = row
        waiting[0, 0], waiting[0, 1], waiting[0, 2] = roots[tree], 0, len(rows)
        count = 1
        while count:
            count -= 1
            node, begin, end = waiting[count, 0], waiting[count, 1], waiting[count, 2]
            child = links[node, 0]
            if child == node:
                for start in range(begin, end, LANES):
                    if end - start <= ALONE:
                        for place in range(start, end):
                            out[orders[0, place]] += _climb_alone(rows[orders[0, place]], nodes, node)
                        continue
                    _fetch(rows, orders[0], start, end, lanes[0])
                    _climb(lanes, nodes, node)
                    for lane in range(min(LANES, end - start)):
                        out[orders[0, start + lane]] += lanes[2][lane]
                continue
            middle = parted(rows, (links[node, 1], numbers[node, 3]), orders, begin, end)
            for side in range(2):
                first, last = (middle, end) if side else (begin, middle)
                if first < last:
                    waiting[count, 0], waiting[count, 1], waiting[count, 2] = child + side, first, last
                    count += 1


def kept() -> bool:
    """Returns True if machine code is cached, so that nothing has to be compiled."""
    return _totals.kept


def totals(rows: np.ndarray, roots: np.ndarray, nodes: Nodes) -> np.ndarray:
    """Returns (n,) sums over the trees for rows (n, d)."""
    count, width = rows.shape
    out = np.zeros(count)
    room = np.empty((2, count), np.int32), np.empty((len(nodes[0]) + 1, 3), np.int32)
    lanes = np.empty((width, LANES), np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    _totals(rows, roots, nodes, room, lanes, out)
    return out


def rehearse(values: Mapping[str, Any]) -> None:
    """Compiles with one row and one tree of one leaf, and compiles the growth of a tree."""
    growth.rehearse(values)
    links, numbers = np.array([[0, 0, -1]], np.int32), np.zeros((1, 4), np.float32)
    nodes = links, numbers, np.zeros((1, 2, 1), np.float32)
    totals(np.zeros((1, 1), np.float32), np.zeros(1, np.int32), nodes)
