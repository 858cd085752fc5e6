"""The scores of many rows, compiled: numba's machine code is some ten times as fast as array operations here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.kernels import kernel

TOGETHER = 32
"""Rows that go down a tree side by side: a core waits for none of them."""


@kernel(fastmath={"reassoc", "nsz"})
def _outside(rows: np.ndarray, number: int, boxes: np.ndarray, node: int) -> Any:
    """How far the row is from the node's box, the sum over the sides."""
    found = np.float32(0)
    for column in range(rows.shape[1]):
        value = rows[number, column]
        found += max(boxes[node, 0, column] - value, np.float32(0)) + max(value - boxes[node, 1, column], np.float32(0))
    return found


@kernel()
def _descend(rows: np.ndarray, start: int, links: np.ndarray, cuts: np.ndarray, nodes: np.ndarray) -> None:
    """From `nodes` (r,) to the leaves of r rows from `start` on."""
    moving = True
    while moving:
        moving = False
        for place in range(len(nodes)):
            node = nodes[place]
            below = links[node, 0] + (rows[start + place, links[node, 1]] > cuts[node])
            moving |= below != node
            nodes[place] = below


@kernel()
def totals(
    rows: np.ndarray, roots: np.ndarray, links: np.ndarray, cuts: np.ndarray, numbers: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """(n,) sums over the trees. The layout of nodes is that of `scoring.Scoring`."""
    out = np.zeros(len(rows))
    room = np.empty(TOGETHER, np.int32)
    for tree in range(len(roots)):
        for start in range(0, len(rows), TOGETHER):
            nodes = room[: min(TOGETHER, len(rows) - start)]
            nodes[:] = roots[tree]
            _descend(rows, start, links, cuts, nodes)
            for place in range(len(nodes)):
                node = nodes[place]
                score = numbers[node, 2]
                while node >= 0:
                    distance = _outside(rows, start + place, boxes, node)
                    if distance == 0:
                        break
                    chance = distance / (distance + numbers[node, 0])
                    score += chance * (numbers[node, 1] - score)
                    node = links[node, 2]
                out[start + place] += score
    return out


def rehearse(_values: Mapping[str, Any]) -> None:
    """Compile for the types of `scoring`: one row, and one tree of one leaf."""
    links, numbers = np.array([[0, 0, -1]], np.int32), np.zeros((1, 3), np.float32)
    row, root = np.zeros((1, 1), np.float32), np.zeros(1, np.int32)
    totals(row, root, links, np.full(1, np.inf, np.float32), numbers, np.zeros((1, 2, 1), np.float32))
