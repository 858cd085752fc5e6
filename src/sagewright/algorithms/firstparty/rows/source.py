"""Mini-batches of prepared rows in random order: from memory if they fit, otherwise from disk, otherwise by reading again in each
epoch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.rows.data import Rows, batched
from sagewright.algorithms.firstparty.rows.hold import Hold, size
from sagewright.algorithms.firstparty.rows.memory import Budget
from sagewright.algorithms.firstparty.rows.spool import Spool
from sagewright.algorithms.formats.table import Sparse, Table

SAMPLE = 0.5
"""Share of the memory for rows that a sample uses if not all of them fit. The rest is for rows in transit."""
WINDOW = 4
Batch = tuple[Any, np.ndarray]
"""Features (n, d) in the algorithm's form, an array or scipy's csr_matrix, and labels (n,)."""
Prepare = Callable[[Table, bool], Batch]
"""Makes a batch of rows; it can modify them in place if the flag says that they are not shared."""


class Source:
    """The rows of a channel, in random order. `table` holds all of them if they are `in_memory`, otherwise a uniform sample.

    They use at most the share `part` of `memory`. Raises UserError for bad rows.
    """

    def __init__(self, rows: Rows, memory: Budget, random: np.random.Generator, part: float = 1.0) -> None:
        self._rows, self._limit = rows, max(1, int(memory.left * part))
        self._random = random
        self._spool: Spool | None = None
        hold = Hold(self._limit, random)
        for block in rows.blocks():
            if hold.limit == self._limit and hold.nbytes + size(block) > self._limit:
                hold.limit = max(1, int(self._limit * SAMPLE))
                self._spool = Spool(random)
                self._write(hold.blocks)
            self._write([block])
            hold.add(block)
        memory.take(hold.nbytes)
        self.in_memory, self.rows = hold.whole, hold.seen
        self.table = hold.table()
        if not self.in_memory:
            logging.info(
                "Channel %s does not fit in memory: it is read %s in each epoch, and measurements after training use %d of its "
                "%d rows, drawn at random.",
                rows.channel, "from disk" if self._spool else "again", self.table.rows, self.rows,
            )  # fmt: skip

    @property
    def columns(self) -> int:
        return self.table.columns

    @property
    def dense(self) -> bool:
        return not isinstance(self.table.features, Sparse)

    def sample(self, count: int, random: np.random.Generator) -> Table:
        """`count` of the rows in memory, or all of them if there are fewer."""
        if self.table.rows <= count:
            return self.table
        return self.table.take(np.sort(random.choice(self.table.rows, count, replace=False)))

    def batches(self, prepare: Prepare, size: int, random: np.random.Generator) -> Iterator[Iterator[Batch]]:
        """An infinite series of iterators over mini-batches, one for each epoch."""
        while not self.in_memory:
            yield (prepare(each, False) for each in batched(self._read(), size))
        starts = np.arange(0, self.table.rows, size)
        while True:
            yield (prepare(_part(self.table, start, size), False) for start in starts)
            random.shuffle(starts)

    def _read(self) -> Iterable[Table]:
        window = self._limit // WINDOW
        return self._rows.blocks() if self._spool is None else self._spool.tables(window)

    def _write(self, blocks: Iterable[Table]) -> None:
        """Writes the rows to disk. Raises no OSError: on a full disk, rows are read again in each epoch, in their own order."""
        if self._spool is None:
            return
        try:
            for block in blocks:
                self._spool.write(block)
        except OSError as error:
            logging.warning("Rows can't be kept on disk, so training reads them in their order: %s", error)
            self._spool.remove()
            self._spool = None


class Part(Source):
    """Some rows of a source, in memory."""

    def __init__(self, table: Table) -> None:
        self.table, self.rows, self.in_memory = table, table.rows, True


@dataclass(frozen=True)
class Prepared:
    """All rows of a table in their order, in batches; can be iterated repeatedly."""

    table: Table
    prepare: Prepare
    size: int = 8192

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, self.table.rows, self.size):
            yield self.prepare(_part(self.table, start, self.size), False)


def prepared(table: Table, prepare: Prepare, size: int = 8192) -> Prepared:
    """All rows in their order, in batches that are newly allocated."""
    return Prepared(table, prepare, size)


def _part(table: Table, start: int, size: int) -> Table:
    return table.slice(start, min(start + size, table.rows))
