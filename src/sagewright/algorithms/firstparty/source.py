"""Mini-batches of prepared rows: from memory, in a new order each epoch, where they fit; else read anew each epoch."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.data import Rows, slice_rows
from sagewright.algorithms.formats.table import Sparse, Table, concatenate

MEMORY_SHARE = 0.25
Batch = tuple[Any, np.ndarray]
"""Features (n, d) as the algorithm works with them, an array or scipy's csr_matrix, and labels (n,)."""
Prepare = Callable[[Table, bool], Batch]
"""Makes a batch of rows; it may write into them if the flag says that nobody else has them."""


def memory_bytes() -> int:
    """How much of the machine's memory a channel may take."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MEMORY_SHARE)


class Source:
    """The rows of a channel. `table` are those that were read first: all, if they are `in_memory`."""

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
            logging.info(
                "Channel %s does not fit in memory: it is read again in each epoch, and what is measured on it after training is "
                "measured on its first %d rows.",
                rows.channel, self.table.rows,
            )  # fmt: skip

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

    def batches(self, prepare: Prepare, size: int, random: np.random.Generator) -> Iterator[Iterator[Batch]]:
        """One iterator over mini-batches for each epoch, without end."""
        if not self.in_memory:
            yield _streamed(itertools.chain(self._held, self._blocks), prepare, size)
            while True:
                yield _streamed(self._rows.batches(size), prepare, size)
        order = random.permutation(self.table.rows)
        features, labels = prepare(self.table.take(order), True)
        starts = np.arange(0, len(order), size)
        while True:
            yield ((features[start : start + size], labels[start : start + size]) for start in starts)
            random.shuffle(starts)


def prepared(table: Table, prepare: Prepare, size: int = 8192) -> Iterator[Batch]:
    """All rows in their order."""
    return _streamed(iter([table]), prepare, size)


def _streamed(tables: Iterator[Table], prepare: Prepare, size: int) -> Iterator[Batch]:
    for table in tables:
        for start in range(0, table.rows, size):
            yield prepare(slice_rows(table, start, min(start + size, table.rows)), False)


def _bytes(block: Table) -> int:
    features = block.features
    if isinstance(features, Sparse):
        return int(features.values.nbytes + features.indices.nbytes + features.indptr.nbytes)
    return int(features.nbytes)
