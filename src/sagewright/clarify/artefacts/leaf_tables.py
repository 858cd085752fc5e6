"""Shapley values of trees from tables with the values for every state that a row can have.

A block is a subtree with at most INNER inner nodes, as large as possible. Its state has a bit for each feature of the path to the
block (whether the row satisfies the path's conditions on it), then one for each inner node (whether the row goes left there). The
tables of a block hold, for each state, the value of each feature on its leaves' paths, summed over its leaves and averaged over the
baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.artefacts.artefact import Check, unlimited
from sagewright.clarify.artefacts.forest import Forest, Integers, Level, Paths
from sagewright.clarify.artefacts.treeshap import Columns, mask_type, masks_of, shares
from sagewright.clarify.tables import Array

INNER = 3
LEAF_BITS = 9
"""Features of a path up to which its leaf gets a table."""
MOST_NUMBERS = 2**25
"""Numbers in all tables of a forest: 256 MiB."""
CELLS = 1_000_000
"""Numbers that one step works on at a time."""


@dataclass(frozen=True)
class Blocks:
    """`of_nodes` (nodes,): a node's block, -1 above all blocks; `roots` (blocks,); `inner` (blocks, INNER): inner nodes, -1 where
    there are fewer; `needs` (nodes, features of the path, 2): bits of the state that satisfy a feature's conditions if they are
    set, and those that must not be set.
    """

    of_nodes: Integers
    roots: Integers
    inner: Integers
    needs: Integers

    @classmethod
    def cut(cls, forest: Forest, paths: Paths) -> Blocks:
        sizes = (~forest.is_leaf).astype(np.int64)
        for level in reversed(paths.levels):
            np.add.at(sizes, level.parents, sizes[level.children])
        of_nodes = np.full(len(sizes), -1, np.int64)
        numbers = np.zeros(len(sizes), np.int64)
        needs = np.zeros((*paths.features.shape, 2), np.int64)
        roots: list[int] = []
        inner: list[list[int]] = []

        def begin(nodes: Integers) -> None:
            small = nodes[sizes[nodes] <= INNER]
            of_nodes[small] = np.arange(len(roots), len(roots) + len(small))
            bits = np.arange(needs.shape[1])
            needs[small, :, 0] = np.where(bits < paths.counts[small][:, None], 1 << bits, 0)
            roots.extend(small.tolist())
            inner.extend([] for _ in small)

        begin(forest.roots)
        for level in paths.levels:
            within = of_nodes[level.parents] >= 0
            for node in level.parents[within & level.is_left].tolist():
                members = inner[of_nodes[node]]
                numbers[node] = len(members)
                members.append(node)
            children, parents = level.children[within], level.parents[within]
            of_nodes[children], needs[children] = of_nodes[parents], needs[parents]
            first = paths.counts[np.array(roots, np.int64)[of_nodes[parents]]]
            needs[children, level.bits[within], np.where(level.is_left[within], 0, 1)] |= 1 << (
                first + numbers[parents]
            )
            begin(level.children[~within])
        padded = [[*members, *[-1] * (INNER - len(members))] for members in inner]
        return cls(of_nodes, np.array(roots, np.int64), np.array(padded, np.int64).reshape(-1, INNER), needs)


class LeafTables:
    """Explains by tables. An entry is the table of one feature in one block; entries of one target are neighbours."""

    def __init__(self, forest: Forest, paths: Paths, baseline: Columns, outputs: int) -> None:
        self.forest, self.features, self.outputs = forest, len(baseline), outputs
        blocks = Blocks.cut(forest, paths)
        self.states = _States(forest, paths, blocks)
        leaves = np.flatnonzero(forest.is_leaf & (paths.counts > 0))
        owners = blocks.of_nodes[leaves]
        on_path = paths.features[leaves] >= 0
        keys, places = np.unique(
            (owners[:, None] * self.features + paths.features[leaves])[on_path], return_inverse=True
        )
        entry_blocks, features = keys // self.features, keys % self.features
        targets = features * outputs + forest.outputs[blocks.roots[entry_blocks]]
        order = np.argsort(targets, kind="stable")
        self.entry_blocks = entry_blocks[order]
        self.targets, self.firsts = np.unique(targets[order], return_index=True)
        ends = np.cumsum(1 << self.states.bits[self.entry_blocks])
        self.starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        self.table = np.zeros(int(ends[-1]) if len(ends) else 0)
        starts = np.zeros(on_path.shape, np.int64)
        starts[on_path] = self.starts[np.argsort(order)][places]
        masks = masks_of(forest, paths, baseline)[leaves] & ((1 << paths.counts[leaves]) - 1)[:, None]
        self._fill(leaves, paths.counts[leaves], starts, blocks.needs[leaves], masks)

    @classmethod
    def build(cls, forest: Forest, paths: Paths, baseline: Columns, outputs: int) -> LeafTables | None:
        """Returns None if the tables would be too large."""
        leaves = np.bincount(paths.counts[forest.is_leaf])
        numbers = sum(count * bits * 2**bits for bits, count in enumerate(leaves.tolist()))
        return (
            cls(forest, paths, baseline, outputs) if len(leaves) <= LEAF_BITS + 1 and numbers <= MOST_NUMBERS else None
        )

    def explain(self, columns: Columns, check: Check = unlimited) -> Array:
        rows = columns.shape[1]
        result = np.zeros((self.features * self.outputs, rows))
        step = max(1, CELLS // max(len(self.starts), 1))
        for start in range(0, rows if len(self.starts) else 0, step):
            check()
            states = self.states.of(columns[:, start : start + step])
            values = self.table.take(self.starts[:, None] + states[self.entry_blocks])
            result[self.targets, start : start + step] = np.add.reduceat(values, self.firsts, axis=0)
        return result.T.reshape(rows, self.features, self.outputs)

    def _fill(self, leaves: Integers, counts: Integers, starts: Integers, needs: Integers, masks: Integers) -> None:
        """Adds the leaves' values to the tables. `starts` (leaves, features of the path): their entries' first numbers; `masks`
        (leaves, baseline rows)."""
        bits = self.states.bits[self.entry_blocks_of(leaves)]
        scale = self.forest.values[leaves] / masks.shape[1]
        for width, size in sorted(set(zip(counts.tolist(), bits.tolist(), strict=True))):
            games = _games(width)
            states = np.arange(1 << size)
            group = np.flatnonzero((counts == width) & (bits == size))
            step = max(1, CELLS // (width << max(size, width)))
            for some in np.split(group, range(step, len(group), step)):
                tables = _averaged(games, masks[some]) * scale[some, None, None]
                own = _satisfied(states, needs[some, :width])
                values = np.take_along_axis(tables, own[:, :, None], axis=1)
                np.add.at(self.table, starts[some, None, :width] + states[None, :, None], values)

    def entry_blocks_of(self, leaves: Integers) -> Integers:
        return self.states.blocks.of_nodes[leaves]


def _games(width: int) -> Array:
    """Returns (baseline masks, row masks, features): Shapley values of a leaf of value 1 with a path of `width` features."""
    numbers = np.arange(1 << width)
    theirs, own = numbers[:, None], numbers[None]
    only_own, only_theirs = own & ~theirs, theirs & ~own
    inside, outside = shares(width)
    a, b = np.bitwise_count(only_own), np.bitwise_count(only_theirs)
    reached = (own | theirs) == (1 << width) - 1
    gain, loss = np.where(reached, inside[a, b], 0.0), np.where(reached, outside[a, b], 0.0)
    bits = 1 << np.arange(width)
    result: Array = np.where(only_own[..., None] & bits, gain[..., None], 0.0)
    result += np.where(only_theirs[..., None] & bits, loss[..., None], 0.0)
    return result


def _averaged(games: Array, masks: Integers) -> Array:
    """Returns (leaves, row masks, features): the sum of `games` over each leaf's baseline masks."""
    shape = (len(masks), *games.shape[1:])
    if masks.shape[1] * 4 < len(games):
        total = np.zeros(shape)
        for column in masks.T:
            total += games[column]
        return total
    counts = np.stack([np.bincount(row, minlength=len(games)) for row in masks])
    return (counts.astype(np.float64) @ games.reshape(len(games), -1)).reshape(shape)


def _satisfied(states: Integers, needs: Integers) -> Integers:
    """Returns (leaves, states): the masks of the leaves' paths. `needs` (leaves, features, 2)."""
    result = np.zeros((len(needs), len(states)), np.int64)
    for bit in range(needs.shape[1]):
        must, must_not = needs[:, bit, 0, None], needs[:, bit, 1, None]
        result |= (((states & must) == must) & ((states & must_not) == 0)).astype(np.int64) << bit
    return result


class _States:
    """Computes the states of all blocks. `bits` (blocks,): how many a state has."""

    def __init__(self, forest: Forest, paths: Paths, blocks: Blocks) -> None:
        self.forest, self.blocks = forest, blocks
        self.bits = paths.counts[blocks.roots] + (blocks.inner >= 0).sum(axis=1)
        self.inner = np.flatnonzero(~forest.is_leaf)
        place = np.zeros(len(forest.left), np.int64)
        place[self.inner] = np.arange(len(self.inner))
        above = blocks.of_nodes < 0
        above[blocks.roots] = True
        self.upper = np.flatnonzero(above)
        upper_place = np.zeros(len(forest.left), np.int64)
        upper_place[self.upper] = np.arange(len(self.upper))
        kind = self.kind = mask_type(int(self.bits.max(initial=0)))
        self.steps: list[tuple[Level, Integers]] = []
        for level in paths.levels:
            kept = blocks.of_nodes[level.parents] < 0
            if kept.any():
                parents = level.parents[kept]
                edges = Level(
                    upper_place[level.children[kept]],
                    upper_place[parents],
                    (~(1 << level.bits[kept])).astype(kind)[:, None],
                    level.is_left[kept][:, None],
                )
                self.steps.append((edges, place[parents]))
        self.roots = upper_place[blocks.roots]
        self.full = ((1 << paths.counts[blocks.roots]) - 1).astype(kind)[:, None]
        self.shifts = []
        for number in range(INNER):
            some = np.flatnonzero(blocks.inner[:, number] >= 0)
            nodes = place[blocks.inner[some, number]]
            self.shifts.append((some, nodes, (paths.counts[blocks.roots[some]] + number).astype(kind)[:, None]))

    def of(self, columns: Columns) -> Integers:
        """Returns (blocks, rows)."""
        left: NDArray[np.bool_] = self.forest.goes_left(columns, self.inner)
        masks = np.full((len(self.upper), columns.shape[1]), -1, self.kind)
        for edges, parents in self.steps:
            above = masks[edges.parents]
            masks[edges.children] = np.where(left[parents] == edges.is_left, above, above & edges.bits)
        states = masks[self.roots] & self.full
        for some, nodes, shift in self.shifts:
            states[some] |= left[nodes].astype(self.kind) << shift
        return states
