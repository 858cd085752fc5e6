"""Random cut trees, all grown at once.

A node's box is the smallest one around its points. Its cut falls anywhere in the box's total side length with the same chance, so
that long sides are cut oftener (Guha et al. 2016, definition 1). Points that are all equal are one leaf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from sagewright.algorithms.errors import UserError

LEAF = -1


@dataclass(frozen=True)
class Forest:
    """Trees side by side; node n of all trees together.

    `roots` (T,) int32. `left`, `right` (nodes,) int32, LEAF at leaves; `dimension` (nodes,) int32 and `cut` (nodes,) float32: a
    point whose coordinate is at most the cut goes left; `mass` (nodes,) float32: the sampled points below; `low`, `high`
    (nodes, d) float32: the box.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    dimension: np.ndarray
    cut: np.ndarray
    mass: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def columns(self) -> int:
        return int(self.low.shape[1])

    def arrays(self) -> dict[str, np.ndarray]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Forest:
        """Raises UserError unless they make a forest."""
        missing = [each.name for each in fields(cls) if each.name not in arrays]
        if missing:
            raise UserError(f"the model has no array {missing[0]}")
        forest = cls(**{each.name: arrays[each.name] for each in fields(cls)})
        count = len(forest.left)
        links = np.concatenate([forest.roots, forest.left, forest.right])
        if (
            forest.low.ndim != 2
            or forest.low.shape != forest.high.shape
            or len(forest.low) != count
            or links.max() >= count
        ):
            raise UserError("the model's arrays don't fit together")
        inner = forest.left != LEAF
        if (forest.right[inner] != forest.left[inner] + 1).any():
            raise UserError("the model's nodes don't have their children side by side")
        return forest


def grow(samples: list[np.ndarray], random: np.random.Generator) -> Forest:
    """One tree from each sample, (n, d) float32 with n ≥ 1."""
    return _Growth(samples, random).run()


class _Growth:
    """All nodes of one depth at once: points lie sorted by the node they are in."""

    def __init__(self, samples: list[np.ndarray], random: np.random.Generator) -> None:
        self.random = random
        self.points = np.concatenate(samples)
        self.sizes = np.array([len(sample) for sample in samples])
        self.parts: list[dict[str, np.ndarray]] = []
        self.nodes = 0

    def run(self) -> Forest:
        roots = np.arange(len(self.sizes), dtype=np.int32)
        while len(self.sizes):
            self._level()
        joined = {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}
        return Forest(roots=roots, **joined)

    def _level(self) -> None:
        starts = np.cumsum(self.sizes) - self.sizes
        low, high = (each.reduceat(self.points, starts, axis=0) for each in (np.minimum, np.maximum))
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
                "low": low,
                "high": high,
            }
        )
        self.nodes = first
        self._split(np.repeat(np.arange(len(self.sizes)), self.sizes), dimension, cut, inner, count)

    def _cuts(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each node its cut's dimension and place, and whether it has one."""
        reach = np.cumsum(high.astype(np.float64) - low, axis=1)
        inner = reach[:, -1] > 0
        drawn = self.random.random(len(low)) * reach[:, -1]
        dimension = np.minimum((reach <= drawn[:, None]).sum(axis=1), low.shape[1] - 1)
        node = np.arange(len(low))
        bottom, top = low[node, dimension], high[node, dimension]
        cut = (drawn - (reach[node, dimension] - (top.astype(np.float64) - bottom)) + bottom).astype(np.float32)
        # Rounding must leave something on either side.
        cut = np.where((cut < top) & (cut >= bottom), cut, bottom)
        return dimension, cut, inner

    def _split(self, node: np.ndarray, dimension: np.ndarray, cut: np.ndarray, inner: np.ndarray, count: int) -> None:
        kept = inner[node]
        points, node = self.points[kept], node[kept]
        goes_right = points[np.arange(len(points)), dimension[node]] > cut[node]
        key = 2 * (np.cumsum(inner) - 1)[node] + goes_right
        self.points = points[np.argsort(key, kind="stable")]
        self.sizes = np.bincount(key, minlength=2 * count)
