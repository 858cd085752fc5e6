"""Rows held in memory: all of them, or a uniform sample if they don't fit."""

from __future__ import annotations

import contextlib
import ctypes

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.table import Sparse, Table

REGION_BYTES, MOST_REGIONS = 1 << 24, 256
_SMALL = np.iinfo(np.int32).max


class Hold:
    """Holds at most `limit` bytes of features and labels (at least one row). `seen` rows arrived."""

    def __init__(self, limit: int, random: np.random.Generator) -> None:
        self.limit, self.seen, self.nbytes = limit, 0, 0
        self._random = random
        self._blocks: list[Table] = []
        self._keys: list[np.ndarray] = []
        self._most = np.inf  # rows are held if their random key is below this

    @property
    def whole(self) -> bool:
        """True if every row that arrived is held."""
        return bool(np.isinf(self._most))

    @property
    def rows(self) -> int:
        return sum(map(len, self._keys))

    @property
    def blocks(self) -> tuple[Table, ...]:
        """The held rows in the order of their arrival."""
        return tuple(self._blocks)

    def add(self, table: Table) -> None:
        """The caller must not change the rows afterwards."""
        keys = self._random.random(table.rows)
        self.seen += len(keys)
        table, keys = _kept(Table(_narrow(table.features), table.labels), keys, self._most)
        if len(keys):
            self._blocks.append(table)
            self._keys.append(keys)
            self.nbytes += size(table)
        while self.nbytes > self.limit and self.rows > 1:
            self._thin()

    def _thin(self) -> None:
        """Keeps the half of the rows with the smallest keys."""
        keys = np.concatenate(self._keys)
        self._most = np.partition(keys, len(keys) // 2)[len(keys) // 2]
        for number, block in enumerate(self._blocks):
            self._blocks[number], self._keys[number] = _kept(block, self._keys[number], self._most)
        self.nbytes = sum(map(size, self._blocks))
        release()

    def table(self) -> Table:
        """The rows in a random order; empties the hold. Raises UserError for incompatible rows."""
        keys = np.concatenate(self._keys)
        places = np.empty(len(keys), np.int64)
        places[np.argsort(keys)] = np.arange(len(keys))
        self._keys, self.nbytes = [], 0
        return joined(self._blocks, places)


def size(table: Table) -> int:
    """Bytes of a table in a hold: its rows, and each row's key and place."""
    return table.nbytes + 16 * table.rows


def joined(blocks: list[Table], places: np.ndarray) -> Table:
    """All rows in one table, each at its place; empties the list. Needs the memory of the rows once, and a little more.

    Rows first go to the region of memory that contains their place, one block after another, and each block's memory is freed. They
    then move to their places within the region. Raises UserError for incompatible rows.
    """
    if len(blocks) == 1:
        order = np.empty(len(places), np.int64)
        order[places] = np.arange(len(places))
        return blocks.pop().take(order)
    _check(blocks)
    if not isinstance(blocks[0].features, Sparse) and sum(block.nbytes for block in blocks) < 2 * REGION_BYTES:
        return _placed(blocks, places)
    regions = _Regions(blocks, places)
    since = 0
    while blocks:
        since += blocks[0].nbytes
        regions.put(blocks.pop(0))
        if since > REGION_BYTES:
            release()
            since = 0
    release()
    return regions.sorted()


def _placed(blocks: list[Table], places: np.ndarray) -> Table:
    """All dense rows of few bytes, each moved once."""
    features = np.empty((len(places), blocks[0].columns), np.float32)
    first = blocks[0].labels
    labels = None if first is None else np.empty((len(places), *first.shape[1:]), first.dtype)
    done = 0
    while blocks:
        block = blocks.pop(0)
        part = places[done : done + block.rows]
        done += block.rows
        features[part] = block.features
        if labels is not None:
            labels[part] = block.labels
    del block
    release()
    return Table(features, labels)


class _Regions:
    def __init__(self, blocks: list[Table], places: np.ndarray) -> None:
        self.places, rows = places, len(places)
        count = max(1, min(MOST_REGIONS, sum(block.nbytes for block in blocks) // REGION_BYTES))
        self.width = -(-rows // count)
        self.starts = np.arange(0, rows, self.width)
        self.ends = self.starts.copy()
        self.scope_of = np.empty(rows, np.int64)
        self.done = 0
        first = blocks[0]
        self.labels = None if first.labels is None else np.empty((rows, *first.labels.shape[1:]), first.labels.dtype)
        self.columns = max(block.columns for block in blocks)
        self.lengths: np.ndarray | None = None
        if isinstance(first.features, Sparse):
            lengths = np.concatenate([np.diff(block.features.indptr) for block in blocks])
            entries = np.bincount(places // self.width, lengths, len(self.starts)).astype(np.int64)
            self.entry_starts = np.cumsum(entries) - entries
            self.entry_ends = self.entry_starts.copy()
            self.lengths = np.empty(rows, np.int64)
            self.indices = np.empty(entries.sum(), first.features.indices.dtype)
            self.values = np.empty(entries.sum(), np.float32)
        else:
            self.features = np.empty((rows, self.columns), np.float32)

    def put(self, block: Table) -> None:
        """Copies the next block's rows into their regions."""
        places = self.places[self.done : self.done + block.rows]
        self.done += block.rows
        order = np.argsort(places // self.width, kind="stable")
        moved, places = block.take(order), places[order]
        counts = np.bincount(places // self.width, minlength=len(self.starts))
        ends = np.cumsum(counts)
        for region in np.flatnonzero(counts):
            part = slice(ends[region] - counts[region], ends[region])
            rows = slice(self.ends[region], self.ends[region] + counts[region])
            self.ends[region] = rows.stop
            self.scope_of[rows] = places[part]
            self._store(moved.slice(part.start, part.stop), rows, region)

    def _store(self, part: Table, rows: slice, region: int) -> None:
        if self.labels is not None:
            self.labels[rows] = part.labels
        if not isinstance(part.features, Sparse):
            self.features[rows] = part.features
            return
        assert self.lengths is not None
        self.lengths[rows] = np.diff(part.features.indptr)
        entries = slice(self.entry_ends[region], self.entry_ends[region] + len(part.features.values))
        self.entry_ends[region] = entries.stop
        self.indices[entries], self.values[entries] = part.features.indices, part.features.values

    def sorted(self) -> Table:
        """Orders the rows of every region."""
        for number, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
            rows, order = slice(start, end), np.argsort(self.scope_of[start:end])
            if self.labels is not None:
                self.labels[rows] = self.labels[rows][order]
            if self.lengths is None:
                self.features[rows] = self.features[rows][order]
                continue
            entries = slice(self.entry_starts[number], self.entry_ends[number])
            indptr = np.concatenate([[0], np.cumsum(self.lengths[rows])])
            part = Sparse(indptr, self.indices[entries], self.values[entries], self.columns).take(order)
            self.indices[entries], self.values[entries] = part.indices, part.values
            self.lengths[rows] = self.lengths[rows][order]
        if self.lengths is None:
            return Table(self.features, self.labels)
        indptr = np.concatenate([[0], np.cumsum(self.lengths)])
        return Table(Sparse(indptr, self.indices, self.values, self.columns), self.labels)


def release() -> None:
    """Returns freed memory to the system: the allocator retains blocks of medium size."""
    with contextlib.suppress(AttributeError, OSError):  # only GNU's C library has this function
        ctypes.CDLL(None).malloc_trim(0)


def _kept(table: Table, keys: np.ndarray, most: float) -> tuple[Table, np.ndarray]:
    kept = np.flatnonzero(keys < most)
    return (table, keys) if len(kept) == len(keys) else (table.take(kept), keys[kept])


def _narrow(features: np.ndarray | Sparse) -> np.ndarray | Sparse:
    """Converts columns' numbers to 32 bits if these suffice, as SciPy does."""
    if not isinstance(features, Sparse) or features.columns > _SMALL or features.indices.dtype == np.int32:
        return features
    return Sparse(features.indptr, features.indices.astype(np.int32), features.values, features.columns)


def _check(blocks: list[Table]) -> None:
    if len({isinstance(block.features, Sparse) for block in blocks}) > 1:
        raise UserError("some of the data is sparse, and some is dense")
    if len({block.labels is None for block in blocks}) > 1:
        raise UserError("some of the data has labels, and some has not")
    widths = sorted({block.columns for block in blocks})
    if len(widths) > 1 and not isinstance(blocks[0].features, Sparse):
        raise UserError(f"rows have different numbers of features: {', '.join(map(str, widths))}")
