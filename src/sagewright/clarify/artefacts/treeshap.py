"""Exact Shapley values of trees against a baseline (interventional TreeSHAP).

A leaf is reached by a coalition if, for each feature of its path, the row satisfies the path's conditions on it and the feature is
inside, or the baseline row does and it is outside. So the leaf's game depends only on two masks: that of the row and that of the
baseline row. With A features that only the row satisfies and B that only the baseline row does, each of the A gets
(A-1)! B! / (A+B)! of the leaf's value and each of the B minus A! (B-1)! / (A+B)!, provided that one of the two satisfies each.

`LeafTables` averages this over the baseline beforehand, for every mask that a row can have; a row then costs one look-up a feature
in each group of neighbouring leaves, however many rows the baseline has. `LeafByLeaf` is for trees too deep for tables.
Source: S. Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature Machine
Intelligence 2, 2020; the tables are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.artefacts.artefact import Check, unlimited
from sagewright.clarify.artefacts.forest import Forest, Integers, Paths
from sagewright.clarify.tables import Array

Columns: TypeAlias = NDArray[np.float32]
DEEPEST = 62
"""Features of one path that fit into a mask."""
CELLS = 1_000_000
"""Numbers that one step works on at a time."""


class TreeExplainer(Protocol):
    def explain(self, columns: Columns, check: Check = unlimited) -> Array:
        """Returns (rows, features, outputs) for `columns` (features, rows)."""
        ...


@cache
def shares(most: int) -> tuple[Array, Array]:
    """Returns two tables by [A, B]: the share of each of the A features, and of each of the B."""
    inside, outside = np.zeros((2, most + 1, most + 1))
    for a in range(most + 1):
        for b in range(most + 1 - a):
            if a:
                inside[a, b] = 1 / (a * math.comb(a + b, a))
            if b:
                outside[a, b] = -1 / (b * math.comb(a + b, b))
    return inside, outside


def masks_of(forest: Forest, paths: Paths, columns: Columns) -> Integers:
    """Returns (nodes, rows): the bits of each node's path."""
    inner = np.flatnonzero(~forest.is_leaf)
    place = np.zeros(len(forest.left), np.int64)
    place[inner] = np.arange(len(inner))
    left = forest.goes_left(columns, inner)
    kind = mask_type(paths.features.shape[1])
    masks = np.full((len(forest.left), columns.shape[1]), -1, kind)
    for level in paths.levels:
        right_way = left[place[level.parents]] == level.is_left[:, None]
        above = masks[level.parents]
        masks[level.children] = np.where(right_way, above, above & (~(1 << level.bits)).astype(kind)[:, None])
    return masks


def mask_type(bits: int) -> type[np.signedinteger[Any]]:
    """Returns the smallest type for this number of bits: masks of all nodes and rows cause most of the memory traffic."""
    return np.int16 if bits < 16 else np.int32 if bits < 32 else np.int64


@dataclass(frozen=True)
class _Others:
    """A distinct baseline mask for each of several leaves: `leaves` (positions), `masks`, and `counts` of the rows with that
    mask."""

    leaves: Integers
    masks: Integers
    counts: Integers

    @classmethod
    def distinguish(cls, masks: Integers) -> list[_Others]:
        """Divides masks (leaves, baseline rows): the first mask of each leaf, then the second of those that have two, and so on."""
        ordered = np.sort(masks, axis=1)
        first = np.ones(masks.shape, dtype=bool)
        first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        leaves, columns = np.nonzero(first)
        counts = np.diff(np.append(np.flatnonzero(first), first.size))
        ranks = (np.cumsum(first, axis=1) - 1)[leaves, columns]
        found = [np.flatnonzero(ranks == rank) for rank in range(int(ranks.max(initial=-1)) + 1)]
        return [cls(leaves[some], ordered[leaves[some], columns[some]], counts[some]) for some in found]


class LeafByLeaf:
    """Adds up the games of the leaves that a row's coalitions can reach."""

    def __init__(self, forest: Forest, paths: Paths, baseline: Columns, outputs: int) -> None:
        self.forest, self.paths, self.features, self.outputs = forest, paths, len(baseline), outputs
        self.leaves = np.flatnonzero(forest.is_leaf & (paths.counts > 0))
        self.full = ((1 << paths.counts[self.leaves]) - 1).astype(mask_type(paths.features.shape[1]))
        self.others = _Others.distinguish(masks_of(forest, paths, baseline)[self.leaves] & self.full[:, None])
        self.inside, self.outside = shares(int(paths.counts.max(initial=0)))
        self.scale = forest.values[self.leaves] / baseline.shape[1]

    def explain(self, columns: Columns, check: Check = unlimited) -> Array:
        rows = columns.shape[1]
        total = np.zeros((rows, self.features * self.outputs))
        step = max(1, 4 * CELLS // max(len(self.forest.left), 1))
        for start in range(0, rows, step):
            part = columns[:, start : start + step]
            masks = masks_of(self.forest, self.paths, part)[self.leaves] & self.full[:, None]
            for others in self.others:
                check()
                self._add(total[start : start + step], masks, others)
        return total.reshape(rows, self.features, self.outputs)

    def _add(self, total: Array, masks: Integers, others: _Others) -> None:
        """Adds the games against one baseline mask of each leaf to `total` (rows, targets)."""
        some = masks if len(others.leaves) == len(masks) else masks[others.leaves]
        reached = (some | others.masks[:, None]) == self.full[others.leaves][:, None]
        reached &= some != others.masks[:, None]
        flat = np.flatnonzero(reached)  # much faster than two coordinates
        place, row = np.divmod(flat, reached.shape[1])
        own, theirs, leaf = some.ravel()[flat], others.masks[place], others.leaves[place]
        only_own, only_theirs = own & ~theirs, theirs & ~own
        a, b = np.bitwise_count(only_own), np.bitwise_count(only_theirs)
        value = self.scale[leaf] * others.counts[place]
        gain, loss = value * self.inside[a, b], value * self.outside[a, b]
        node, targets = self.leaves[leaf], total.shape[1]
        start, output = row * targets, self.forest.outputs[node]
        left = only_own | only_theirs
        while len(left):  # the lowest feature of each leaf, then the next
            lowest = left & -left
            bits = np.bitwise_count(lowest - 1)
            given = np.where(only_own & lowest, gain, loss)
            target = self.paths.features[node, bits] * self.outputs + output
            total += np.bincount(start + target, given, total.size).reshape(total.shape)
            left ^= lowest
            more = np.flatnonzero(left)
            left, only_own, gain, loss = left[more], only_own[more], gain[more], loss[more]
            node, start, output = node[more], start[more], output[more]


def margins(forest: Forest, columns: Columns, outputs: int) -> Array:
    """Returns (rows, outputs): sums of the leaves that the rows reach, in double precision."""
    rows = columns.shape[1]
    nodes = np.tile(forest.roots, (rows, 1)).T
    everyone = np.arange(rows)
    while True:
        inner = ~forest.is_leaf[nodes]
        if not inner.any():
            break
        cells = columns[forest.features[nodes], everyone]
        left = np.where(np.isnan(cells), forest.missing_left[nodes], cells < forest.thresholds[nodes])
        nodes = np.where(inner, np.where(left, forest.left[nodes], forest.right[nodes]), nodes)
    result = np.zeros((rows, outputs))
    for output in range(outputs):
        trees = forest.outputs[forest.roots] == output
        result[:, output] = forest.values[nodes[trees]].sum(axis=0)
    return result
