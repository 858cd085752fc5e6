"""The scores of rows by a forest, compiled: numba's machine code is some ten times as fast as array operations here.

A row that was inserted would be cut off above a node with the chance that a cut of the node's box, enlarged to hold the row, falls
outside the box itself. The expected collusive displacement sums, over the nodes on the row's way down, that chance times what the
row would displace there: the largest ratio, over all places above, of the points beside to the points with it (Guha et al. 2016,
section 3).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sagewright.algorithms.randomcutforest.forest import LEAF, Forest

NEVER = 1e-9
"""A chance that adds nothing to a score."""


def score(forest: Forest, rows: np.ndarray) -> np.ndarray:
    """The anomaly score of each row, (n,) float64: the mean of the trees' expected collusive displacements."""
    span = (forest.high.astype(np.float64) - forest.low).sum(axis=1).astype(np.float32)
    links = np.column_stack([forest.left, forest.right, forest.dimension])
    numbers = np.column_stack([forest.cut, forest.mass, span])
    boxes = np.stack([forest.low, forest.high], axis=1)
    out = np.zeros(len(rows))
    _add_displacements(np.ascontiguousarray(rows, np.float32), forest.roots, links, numbers, boxes, out)
    return out / len(forest.roots)


@njit(nogil=True, fastmath={"reassoc", "nsz"})  # type: ignore[untyped-decorator]
def _add_displacements(
    rows: np.ndarray, roots: np.ndarray, links: np.ndarray, numbers: np.ndarray, boxes: np.ndarray, out: np.ndarray
) -> None:
    """Onto `out`. Of a node: `links` (left, right, dimension), `numbers` (cut, mass, span), `boxes` (low, high)."""
    count, columns = rows.shape
    for tree in range(len(roots)):
        for number in range(count):
            point = rows[number]
            node = roots[tree]
            alive, most, total = 1.0, 0.0, 0.0
            while True:
                outside = np.float32(0.0)
                for column in range(columns):
                    outside += max(boxes[node, 0, column] - point[column], np.float32(0))
                    outside += max(point[column] - boxes[node, 1, column], np.float32(0))
                cut, mass, span = numbers[node]
                chance = outside / (outside + span) if outside > 0 else 0.0
                leaf = links[node, 0] == LEAF
                if leaf and chance == 0.0:
                    total += alive * most
                    break
                if chance > 0.0:
                    total += alive * chance * max(float(mass), most)
                    alive *= 1.0 - chance
                if leaf or alive < NEVER:
                    break
                if point[links[node, 2]] <= cut:
                    child, beside = links[node, 0], links[node, 1]
                else:
                    child, beside = links[node, 1], links[node, 0]
                most = max(most, numbers[beside, 1] / (numbers[child, 1] + 1.0))
                node = child
            out[number] += total
