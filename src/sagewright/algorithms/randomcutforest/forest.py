"""Grows random cut trees, all at once.

A node's box is the smallest one around its points. Its cut is uniform over the box's total side length, so that long sides are cut
more often (Guha et al. 2016, definition 1). Points that are all equal are one leaf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.randomcutforest import growth

LEAF = -1
NAMES = ("roots", "left", "right", "dimension", "cut", "mass", "low", "high")
"""The arrays of a model's file."""
UNITS = "units"
"""The array of a model's file that only a forest of columns in different units has."""
COMPILED = 1 << 25
"""Minimum size of the samples, in numbers, for which compiling pays: it takes two or three seconds."""


@dataclass(frozen=True)
class Forest:
    """Trees side by side; node numbers run over all trees together.

    `roots` (T,) int32. `left`, `right` (nodes,) int32, LEAF at leaves; `dimension` (nodes,) int32 and `cut` (nodes,) float32: a
    point whose coordinate is at most the cut goes left; `mass` (nodes,) float32: the sampled points below; `boxes` (nodes, 2, d)
    float32: the lowest and the highest of their coordinates.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    dimension: np.ndarray
    cut: np.ndarray
    mass: np.ndarray
    boxes: np.ndarray
    units: np.ndarray | None = None
    """The units that columns (d,) are divided by before they are compared with cuts and boxes; None: nothing."""

    @property
    def low(self) -> np.ndarray:
        return np.asarray(self.boxes[:, 0])

    @property
    def high(self) -> np.ndarray:
        return np.asarray(self.boxes[:, 1])

    @property
    def columns(self) -> int:
        return int(self.boxes.shape[2])

    def arrays(self) -> dict[str, np.ndarray]:
        own = {name: getattr(self, name) for name in NAMES}
        return own if self.units is None else {**own, UNITS: self.units}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Forest:
        """Raises UserError unless the arrays form a forest."""
        if missing := [name for name in NAMES if name not in arrays]:
            raise UserError(f"the model has no array {missing[0]}")
        roots, left, right, dimension = (np.asarray(arrays[name], np.int32) for name in NAMES[:4])
        cut, mass, low, high = (np.asarray(arrays[name], np.float32) for name in NAMES[4:])
        if low.ndim != 2 or low.shape != high.shape:
            raise UserError("the model's arrays don't fit together")
        units = np.asarray(arrays[UNITS], np.float32) if UNITS in arrays else None
        if units is not None and (units.shape != low.shape[1:] or not (units > 0).all()):
            raise UserError("the model's units don't fit its columns")
        forest = cls(roots, left, right, dimension, cut, mass, np.stack([low, high], axis=1), units)
        forest.check()
        return forest

    def check(self) -> None:
        """Raises UserError unless every node is below exactly one root, since machine code follows its links."""
        count = len(self.boxes)
        if self.roots.ndim != 1 or any(getattr(self, name).shape != (count,) for name in NAMES[1:-2]):
            raise UserError("the model's arrays don't fit together")
        inner = np.flatnonzero(self.left != LEAF)
        left = self.left[inner]
        if (self.right[inner] != left + 1).any():
            raise UserError("the model's nodes don't have their children side by side")
        below = np.sort(np.concatenate([self.roots, left, left + 1]))
        ordered = (left > inner).all() and ((self.dimension >= 0) & (self.dimension < self.columns)).all()
        if not ordered or not np.array_equal(below, np.arange(count)):
            raise UserError("the model's nodes do not form trees")


def grow(
    rows: np.ndarray, samples: list[np.ndarray], random: np.random.Generator, compiled: bool | None = None
) -> Forest:
    """Grows one tree from each sample of the rows (n, d) float32: their numbers, at least one. `compiled`: use machine code, which
    gives the same result; None: use it if it exists already, or if there is enough to grow to make compiling worthwhile.
    """
    order, sizes = np.concatenate(samples), np.array([len(sample) for sample in samples])
    if compiled is None:
        compiled = growth.kept() or len(order) * rows.shape[1] >= COMPILED
    if not compiled:
        return _Growth(rows[order], sizes, random).run()
    left, *others = growth.grown(rows, order, sizes, random.random(2 * len(order)))
    right = np.where(left == LEAF, LEAF, left + 1).astype(np.int32)
    return Forest(np.arange(len(sizes), dtype=np.int32), left, right, *others)


class _Growth:
    """All nodes of one depth at once: points are sorted by node."""

    def __init__(self, points: np.ndarray, sizes: np.ndarray, random: np.random.Generator) -> None:
        self.points, self.sizes, self.random = points, sizes, random
        self.parts: list[dict[str, np.ndarray]] = []
        self.nodes = 0
        self.boxes = np.empty((2 * len(self.points), 2, self.points.shape[1]), np.float32)

    def run(self) -> Forest:
        roots = np.arange(len(self.sizes), dtype=np.int32)
        while len(self.sizes):
            self._level()
        joined = {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}
        return Forest(roots=roots, boxes=self.boxes[: self.nodes], **joined)

    def _level(self) -> None:
        starts = np.cumsum(self.sizes) - self.sizes
        low, high = self.boxes[self.nodes : self.nodes + len(starts)].transpose(1, 0, 2)
        np.minimum.reduceat(self.points, starts, axis=0, out=low)
        np.maximum.reduceat(self.points, starts, axis=0, out=high)
        dimension, cut, inner = self._cuts(low, high)
        count = int(inner.sum())
        first = self.nodes + len(self.sizes)
        place = first + 2 * (np.cumsum(inner) - 1)
        self.parts.append(
            {
                "left": np.where(inner, place, LEAF).astype(np.int32),
                "right": np.where(inner, place + 1, LEAF).astype(np.int32),
                "dimension": dimension.astype(np.int32),
                "cut": cut,
                "mass": self.sizes.astype(np.float32),
            }
        )
        self.nodes = first
        self._split(np.repeat(np.arange(len(self.sizes)), self.sizes), dimension, cut, inner, count)

    def _cuts(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns each node's cut: its dimension and place, and True if the node has one."""
        reach = np.cumsum(high.astype(np.float64) - low, axis=1)
        inner = reach[:, -1] > 0
        drawn = self.random.random(len(low)) * reach[:, -1]
        dimension = np.minimum((reach <= drawn[:, None]).sum(axis=1), low.shape[1] - 1)
        node = np.arange(len(low))
        bottom, top = low[node, dimension], high[node, dimension]
        cut = (drawn - (reach[node, dimension] - (top.astype(np.float64) - bottom)) + bottom).astype(np.float32)
        # Despite rounding, both sides must get points.
        cut = np.where((cut < top) & (cut >= bottom), cut, bottom)
        return dimension, cut, inner

    def _split(self, node: np.ndarray, dimension: np.ndarray, cut: np.ndarray, inner: np.ndarray, count: int) -> None:
        kept = inner[node]
        points, node = self.points[kept], node[kept]
        goes_right = points[np.arange(len(points)), dimension[node]] > cut[node]
        key = 2 * (np.cumsum(inner) - 1)[node] + goes_right
        self.points = points[np.argsort(key, kind="stable")]
        self.sizes = np.bincount(key, minlength=2 * count)
