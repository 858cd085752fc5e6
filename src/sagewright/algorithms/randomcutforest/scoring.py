"""Scores rows by a forest.

An inserted row would be cut off above a node with the probability that a cut of the node's box, enlarged to hold the row, falls
outside the box itself (Guha et al. 2016, section 3). Its score in a tree is the expected value, over the places where that can
happen, of a number that decreases with the place's depth: log2(n + 1) / (depth + 1) in a tree of n points. A row that ends at a
leaf of m points equal to it has log2(n + 1) / (depth + log2(m + 1)) times 1 - m / (2 n). Source: AWS's developer guide, "How
RCF Works": the score is inverse to the point's depth, averaged over the trees and scaled with the sample size; the treatment of
equal points is that of AWS's open library, random-cut-forest-by-aws.

The number depends on the node alone. So the expected value is computed from the leaf upwards, and is final at the first box that
contains the row: all boxes above contain it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.randomcutforest import kernel
from sagewright.algorithms.randomcutforest.forest import LEAF, Forest

COMPILED = 1 << 23
"""Minimum of rows times trees times columns for which compiling pays: it takes two or three seconds."""
CELLS = 1 << 20
"""Pairs of a row and a tree, times columns, that array operations process at once."""
ROWS = 1 << 15
"""Rows that go down the trees together: with fewer, some would climb alone."""


def score(forest: Forest, rows: np.ndarray) -> np.ndarray:
    """Returns the anomaly score of each row, (n,) float64: the mean over the trees."""
    return Scoring(forest)(rows)


@dataclass(frozen=True)
class Layout:
    """A forest in the layout for scoring.

    For each node: `links` (first child, dimension, parent) int32, a leaf being its child and -1 a root's parent; `numbers` (span of
    the box, the score of a row that is cut off there, of one that ends there, the cut, infinite at leaves); `boxes` (low, high).
    """

    links: np.ndarray
    numbers: np.ndarray
    boxes: np.ndarray

    @classmethod
    def of(cls, forest: Forest) -> Layout:
        """Lays out a forest. Children are side by side, the left one first."""
        count = len(forest.left)
        inner = np.flatnonzero(forest.left != LEAF)
        links, numbers = np.empty((count, 3), np.int32), np.empty((count, 4), np.float32)
        child, dimension, parent = links.T
        child[:], dimension[:], parent[:] = np.arange(count), forest.dimension, -1
        child[inner] = forest.left[inner]
        parent[forest.left[inner]] = parent[forest.right[inner]] = inner
        depth, sample, level = np.zeros(count, np.float32), forest.mass.copy(), np.asarray(forest.roots)
        while len(level := _below(forest, level)):
            depth[level], sample[level] = depth[parent[level]] + 1, sample[parent[level]]
        span, cut_off, ends, cut = numbers.T
        span[:] = forest.high.sum(axis=1, dtype=np.float64) - forest.low.sum(axis=1, dtype=np.float64)
        scale = np.log2(sample + 1)
        cut_off[:] = scale / (depth + 1)
        ends[:] = scale / (depth + np.log2(forest.mass + 1)) * (1 - forest.mass / (2 * sample))
        cut[:] = np.inf
        cut[inner] = forest.cut[inner]
        return cls(links, numbers, forest.boxes)


def _below(forest: Forest, level: np.ndarray) -> np.ndarray:
    """Returns the nodes below those of a level."""
    children = np.concatenate([forest.left[level], forest.right[level]])
    return np.asarray(children[children != LEAF])


@dataclass(frozen=True)
class Scoring:
    """A forest laid out for scoring. Thread-safe."""

    forest: Forest

    def __call__(self, rows: np.ndarray, compiled: bool | None = None) -> np.ndarray:
        """Returns (n,) float64. `compiled`: use machine code; None: use it if it exists already, or if many rows make compiling
        worthwhile.
        """
        rows = np.ascontiguousarray(rows, np.float32)
        if self.forest.units is not None:
            rows = rows / self.forest.units
        if compiled is None:
            compiled = kernel.kept() or rows.size * len(self.forest.roots) >= COMPILED
        step = ROWS if compiled else max(1, CELLS // (len(self.forest.roots) * rows.shape[1]))
        parts = [rows[start : start + step] for start in range(0, len(rows), step)]
        if compiled:
            return np.concatenate([np.zeros(0), *threads.each(self._by_kernel, parts)])
        return np.concatenate([np.zeros(0), *map(self._by_arrays, parts)])

    @cached_property
    def _layout(self) -> Layout:
        return Layout.of(self.forest)

    def _by_kernel(self, rows: np.ndarray) -> np.ndarray:
        at = self._layout
        out = kernel.totals(rows, self.forest.roots, (at.links, at.numbers, at.boxes))
        return np.asarray(out / len(self.forest.roots))

    def _by_arrays(self, rows: np.ndarray) -> np.ndarray:
        """Computes the same with array operations, all pairs of a row and a tree side by side."""
        at, trees = self._layout, len(self.forest.roots)
        row, node = np.repeat(np.arange(len(rows)), trees), np.tile(self.forest.roots, len(rows)).astype(np.int64)
        moving = np.arange(len(row))
        while len(moving):
            child, dimension, _ = at.links[node[moving]].T
            below = child + (rows[row[moving], dimension] > at.numbers[node[moving], 3])
            on = below != node[moving]
            node[moving] = below
            moving = moving[on]
        found = at.numbers[node, 2].astype(np.float64)
        moving = np.arange(len(row))
        while len(moving):
            here, point = node[moving], rows[row[moving]]
            low, high = at.boxes[here].transpose(1, 0, 2)
            outside = (np.maximum(low - point, 0) + np.maximum(point - high, 0)).sum(axis=1)
            span, cut_off = at.numbers[here, :2].T
            chance = np.divide(outside, outside + span, out=np.zeros_like(outside), where=outside > 0)
            found[moving] += chance * (cut_off - found[moving])
            node[moving] = at.links[here, 2]
            moving = moving[(outside > 0) & (node[moving] >= 0)]
        return np.asarray(found.reshape(len(rows), trees).mean(axis=1))
