"""Mini-batches of scaled rows: from memory, in a new order each epoch, where they fit; else read anew each epoch."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator

import numpy as np

from sagewright.algorithms.firstparty.data import Rows, slice_rows
from sagewright.algorithms.formats.table import Sparse, Table, concatenate
from sagewright.algorithms.linear_learner.scaling import Matrix, Scaler

MEMORY_SHARE = 0.25
Batch = tuple[Matrix, np.ndarray]
"""Scaled features (n, d), and labels (n,) as the losses take them."""


def memory_bytes() -> int:
    """How much of the machine's memory a channel may take."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MEMORY_SHARE)


class Source:
    """The rows of a channel. `sample` are the first that were read; `rows` says how many, 0 until an epoch was read."""

    def __init__(self, rows: Rows, memory: int) -> None:
        self._rows = rows
        self._blocks = rows.blocks()
        self._held: list[Table] = []
        size = 0
        for block in self._blocks:
            self._held.append(block)
            size += _bytes(block)
            if size > memory:
                break
        self.table = concatenate(self._held)
        rest = next(self._blocks, None)
        self.in_memory = rest is None
        if rest is not None:
            self._blocks = itertools.chain([rest], self._blocks)
            logging.info("Channel %s does not fit in memory: it is read again in each epoch.", rows.channel)

    @property
    def columns(self) -> int:
        return self.table.columns

    @property
    def dense(self) -> bool:
        return not isinstance(self.table.features, Sparse)

    def sample(self, count: int, random: np.random.Generator) -> Table:
        """`count` rows of what is in memory, or all of that."""
        if self.table.rows <= count:
            return self.table
        if not self.in_memory:
            return slice_rows(self.table, 0, count)
        return self.table.take(np.sort(random.choice(self.table.rows, count, replace=False)))

    def batches(self, scaler: Scaler, size: int, random: np.random.Generator) -> Iterator[Iterator[Batch]]:
        """One iterator over mini-batches for each epoch, without end."""
        if not self.in_memory:
            yield _streamed(itertools.chain(self._held, self._blocks), scaler, size)
            while True:
                yield _streamed(self._rows.batches(size), scaler, size)
        order = random.permutation(self.table.rows)
        features, labels = (
            scaler.features(self.table.take(order).features),
            scaler.labels(np.asarray(self.table.labels)[order]),
        )
        starts = np.arange(0, len(order), size)
        while True:
            yield ((features[start : start + size], labels[start : start + size]) for start in starts)
            random.shuffle(starts)


def scaled(table: Table, scaler: Scaler, size: int = 8192) -> Iterator[Batch]:
    """All rows in their order."""
    return _streamed(iter([table]), scaler, size)


def _streamed(tables: Iterator[Table], scaler: Scaler, size: int) -> Iterator[Batch]:
    for table in tables:
        for start in range(0, table.rows, size):
            part = slice_rows(table, start, min(start + size, table.rows))
            yield scaler.features(part.features), scaler.labels(np.asarray(part.labels))


def _bytes(block: Table) -> int:
    features = block.features
    if isinstance(features, Sparse):
        return int(features.values.nbytes + features.indices.nbytes + features.indptr.nbytes)
    return int(features.nbytes)
