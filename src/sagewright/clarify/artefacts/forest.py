"""Trees of a gradient boosting model as arrays, and the conditions on the paths to their leaves.

A path's conditions on one feature are merged to one bit: whether a row satisfies all of them. Bits are numbered in the order in
which a path meets its features, so that a node's mask includes those of its ancestors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.tables import Array

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Forest:
    """All nodes of all trees. `left` and `right` are -1 for a leaf; `values` of leaves carry their tree's weight.

    A row goes left if its feature is less than the threshold, or missing where `missing_left`. `outputs` (nodes,): the score to
    which the node's tree contributes. `roots` are the trees' first nodes.
    """

    left: Integers
    right: Integers
    features: Integers
    thresholds: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    values: Array
    outputs: Integers
    roots: Integers

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        return self.left < 0

    @classmethod
    def join(cls, trees: list[dict[str, Any]], outputs: list[int], weights: list[float]) -> Forest:
        """Joins trees in XGBoost's JSON format. Raises ValueError for categorical splits and malformed trees."""
        parts: dict[str, list[Any]] = {
            name: [] for name in ("left", "right", "feature", "at", "missing", "value", "output")
        }
        roots, start = [], 0
        for tree, output, weight in zip(trees, outputs, weights, strict=True):
            left, right = (np.asarray(tree[name], np.int64) for name in ("left_children", "right_children"))
            if np.any(tree.get("split_type", 0)) or int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
                raise ValueError("the model has categorical splits or vectors as leaves")
            _check_tree(left, right)
            conditions = np.asarray(tree["split_conditions"], np.float32)
            parts["left"].append(np.where(left < 0, -1, left + start))
            parts["right"].append(np.where(left < 0, -1, right + start))
            parts["feature"].append(np.asarray(tree["split_indices"], np.int64))
            parts["at"].append(conditions)
            parts["missing"].append(np.asarray(tree["default_left"], bool))
            parts["value"].append(conditions.astype(np.float64) * weight)
            parts["output"].append(np.full(len(left), output))
            roots.append(start)
            start += len(left)
        joined = [np.concatenate(part) if part else np.zeros(0) for part in parts.values()]
        left, right, features, at, missing, value, output = joined
        return cls(left, right, features, at, missing, value, output, np.array(roots, np.int64))

    @classmethod
    def merge(cls, forests: list[Forest]) -> Forest:
        """Returns all trees of several models, whose margins are averaged."""
        starts = np.cumsum([0, *(len(forest.left) for forest in forests[:-1])])
        shifted = [
            (np.where(forest.is_leaf, -1, forest.left + start), np.where(forest.is_leaf, -1, forest.right + start))
            for forest, start in zip(forests, starts, strict=True)
        ]
        return cls(
            np.concatenate([left for left, _ in shifted]),
            np.concatenate([right for _, right in shifted]),
            np.concatenate([forest.features for forest in forests]),
            np.concatenate([forest.thresholds for forest in forests]),
            np.concatenate([forest.missing_left for forest in forests]),
            np.concatenate([forest.values for forest in forests]) / len(forests),
            np.concatenate([forest.outputs for forest in forests]),
            np.concatenate([forest.roots + start for forest, start in zip(forests, starts, strict=True)]),
        )

    def goes_left(self, columns: NDArray[np.float32], nodes: Integers) -> NDArray[np.bool_]:
        """Returns (nodes, rows) for `columns` (features, rows): whether a row goes left at a node, wherever it comes from."""
        cells = columns[self.features[nodes]]
        result: NDArray[np.bool_] = cells < self.thresholds[nodes][:, None]
        missing = np.isnan(columns).any(axis=1)
        if missing.any():
            some = np.flatnonzero(missing[self.features[nodes]])
            result[some] |= np.isnan(cells[some]) & self.missing_left[nodes[some]][:, None]
        return result


def _check_tree(left: Integers, right: Integers) -> None:
    """Raises ValueError unless every node but the root has one parent, and inner nodes have two children."""
    inner = left >= 0
    children = np.concatenate([left[inner], right[inner]])
    counts = np.bincount(children[(children >= 0) & (children < len(left))], minlength=len(left))
    if len(children) != counts.sum() or (counts[1:] > 1).any() or (len(left) and counts[0]):
        raise ValueError("a tree's nodes don't form a tree")


@dataclass(frozen=True)
class Level:
    """Edges from the inner nodes of one depth: children, their parents, the bit of the parent's feature, and the side."""

    children: Integers
    parents: Integers
    bits: Integers
    is_left: NDArray[np.bool_]


@dataclass(frozen=True)
class Paths:
    """`features` (nodes, most): a path's features in the order of their bits, -1 after the last; `counts` (nodes,)."""

    features: Integers
    counts: Integers
    levels: list[Level]

    @classmethod
    def trace(cls, forest: Forest, most: int) -> Paths | None:
        """Returns None if a path has more than `most` features."""
        size = len(forest.left)
        features, counts = np.full((size, 4), -1, np.int64), np.zeros(size, np.int64)
        levels, nodes = [], forest.roots[~forest.is_leaf[forest.roots]]
        while len(nodes):
            own = forest.features[nodes]
            same = features[nodes] == own[:, None]
            bits = np.where(same.any(axis=1), same.argmax(axis=1), counts[nodes])
            if bits.max() >= most:
                return None
            if bits.max() >= features.shape[1]:
                features = np.pad(features, ((0, 0), (0, features.shape[1])), constant_values=-1)
            for children in (forest.left[nodes], forest.right[nodes]):
                features[children] = features[nodes]
                features[children, bits] = own
                counts[children] = np.maximum(counts[nodes], bits + 1)
            children = np.concatenate([forest.left[nodes], forest.right[nodes]])
            sides = np.arange(len(children)) < len(nodes)
            levels.append(Level(children, np.tile(nodes, 2), np.tile(bits, 2), sides))
            nodes = children[~forest.is_leaf[children]]
        return cls(features[:, : max(int(counts.max(initial=0)), 1)], counts, levels)
