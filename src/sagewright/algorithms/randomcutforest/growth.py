"""Grows trees with compiled code: does the same as the array operations of `forest`, in the same order and with the same draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.native.kernels import native, part

Trees = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""`left`, `dimension`, `cut`, `mass` and `boxes` of `forest.Forest`, with room for further nodes."""
Room = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Working memory: bounds of each node's points in `orders[0]`, (nodes, 2); `orders` (2, points); the running sum of the sides,
(d,).
"""


@part
def _bound(points: np.ndarray, order: np.ndarray, begin: int, end: int, box: np.ndarray) -> None:
    """Computes the smallest box around the points `order[begin:end]`."""
    width = points.shape[1]
    for column in range(width):
        box[0, column] = box[1, column] = points[order[begin], column]
    for place in range(begin + 1, end):
        point = order[place]
        for column in range(width):
            box[0, column] = min(box[0, column], points[point, column])
            box[1, column] = max(box[1, column], points[point, column])


@part
def _drawn(box: np.ndarray, draw: float, reach: np.ndarray) -> tuple[int, Any]:
    """Draws the cut of a box with some extent: the dimension, and the place in it."""
    width, total = box.shape[1], 0.0
    for column in range(width):
        total += np.float64(box[1, column]) - np.float64(box[0, column])
        reach[column] = total
    drawn, dimension = draw * total, 0
    while dimension < width - 1 and reach[dimension] <= drawn:
        dimension += 1
    low, high = box[0, dimension], box[1, dimension]
    before = reach[dimension] - (np.float64(high) - np.float64(low))
    cut = np.float32(drawn - before + np.float64(low))
    return dimension, cut if low <= cut < high else low  # despite rounding, both sides must get points


@part
def parted(rows: np.ndarray, test: tuple[int, Any], orders: np.ndarray, begin: int, end: int) -> Any:
    """Moves the rows of `orders[0, begin:end]` that are at most at the test's cut to the front. Returns where the others begin."""
    dimension, cut = (
        np.uintp(test[0]),
        test[1],
    )  # unsigned indices skip the check for negative ones: half the time
    order, other = orders[0], orders[1]
    left, right = np.uintp(begin), np.uintp(0)
    for place in range(left, np.uintp(end)):
        row = order[place]
        goes = np.uintp(rows[np.uintp(row), dimension] > cut)
        order[left] = other[right] = row
        left += np.uintp(1) - goes
        right += goes
    for place in range(right):
        order[left + place] = other[place]
    return np.int64(left)


@native(
    "float32[:, ::1], float64[::1], Tuple((int32[::1], int32[::1], float32[::1], float32[::1], float32[:, :, ::1])), "
    "Tuple((int32[:, ::1], int32[:, ::1], float64[::1])), int64[::1]"
)
def _grow(points: np.ndarray, draws: np.ndarray, trees: Trees, room: Room, nodes: np.ndarray) -> None:
    (left, dimensions, cuts, mass, boxes), (spans, orders, reach) = trees, room
    node = 0
    while node < nodes[0]:
        begin, end = spans[node, 0], spans[node, 1]
        _bound(points, orders[0], begin, end, boxes[node])
        test = _drawn(boxes[node], draws[node], reach)
        left[node], mass[node] = -1, end - begin
        dimensions[node], cuts[node] = test
        if reach[len(reach) - 1] > 0:
            middle = parted(points, test, orders, begin, end)
            child = nodes[0]
            left[node], nodes[0] = child, child + 2
            spans[child, 0], spans[child, 1] = begin, middle
            spans[child + 1, 0], spans[child + 1, 1] = middle, end
        node += 1


def grown(points: np.ndarray, order: np.ndarray, sizes: np.ndarray, draws: np.ndarray) -> Trees:
    """Returns trees of points (n, d): `order` has the numbers of all trees' points, `sizes[0]` of them for the first tree, and so
    on; `draws` are twice as many numbers from [0, 1).
    """
    most, width = 2 * len(order), points.shape[1]
    spans, orders = np.empty((most, 2), np.int32), np.empty((2, len(order)), np.int32)
    spans[: len(sizes), 1] = np.cumsum(sizes)
    spans[: len(sizes), 0] = spans[: len(sizes), 1] - sizes
    orders[0] = order
    links = np.empty(most, np.int32), np.empty(most, np.int32)
    trees = *links, np.empty(most, np.float32), np.empty(most, np.float32), np.empty((most, 2, width), np.float32)
    nodes = np.array([len(sizes)])
    _grow(points, draws, trees, (spans, orders, np.empty(width)), nodes)
    left, dimensions, cuts, mass, boxes = (each[: nodes[0]] for each in trees)
    return left, dimensions, cuts, mass, boxes


def kept() -> bool:
    """Returns True if machine code is cached, so that nothing has to be compiled."""
    return _grow.kept


def rehearse(_values: Mapping[str, Any]) -> None:
    """Compiles by growing one tree of one point."""
    grown(np.zeros((1, 1), np.float32), np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros(2))
