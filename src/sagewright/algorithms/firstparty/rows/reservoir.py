"""A uniform sample of rows that arrive in blocks, at one host or at several: the rows with the smallest random keys.

Source: B.-H. Park et al., "Reservoir-based random sampling with replacement from data stream", SDM 2004. Its merging of several
hosts' samples becomes here the selection of the smallest random keys.
"""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.rows.hold import REGION_BYTES, release

PENDING = 8
"""Rows wait until they are this fraction (1 / PENDING) of the sample, because inserting them means scanning all keys."""
Parts = tuple[np.ndarray, ...]


class Reservoir:
    """Holds at most `size` of all added rows, each with the same probability."""

    def __init__(self, size: int, random: np.random.Generator) -> None:
        self.size, self.seen = size, 0
        self._random = random
        self._held: list[Parts] = []
        self._keys: list[np.ndarray] = []
        self._count = 0
        self._full: Parts | None = None
        self._least = np.inf  # a row is rejected unless its key is below this

    def add(self, *parts: np.ndarray) -> None:
        """Adds rows: arrays of equal length (features, labels), the same ones each time. The caller must not change them
        afterwards."""
        keys = self._random.random(len(parts[0]))
        self.seen += len(keys)
        if self._full is not None:
            chosen = np.flatnonzero(keys < self._least)
            if not len(chosen):
                return
            keys, parts = keys[chosen], tuple(part[chosen] for part in parts)
        self._held.append(parts)
        self._keys.append(keys)
        self._count += len(keys)
        if self._count > self.size + (0 if self._full is None else self.size // PENDING):
            self._settle()

    def sample(self, group: Group) -> Parts:
        """This host's rows in the sample of all hosts' rows, array by array; at least one row must have been added."""
        keys, rows = self._settle()
        told = group.gather(np.sort(keys)) if group.size > 1 else [keys]
        if sum(map(len, told)) <= self.size:
            return rows
        most = np.partition(np.concatenate(told), self.size - 1)[self.size - 1]
        return rows if keys.max(initial=0) <= most else tuple(part[keys <= most] for part in rows)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for parts in self._held for part in parts)

    def _settle(self) -> tuple[np.ndarray, Parts]:
        """The current keys and rows, at most `size`; in place if there were as many before."""
        keys = np.concatenate(self._keys)
        kept = np.arange(len(keys)) if len(keys) <= self.size else np.argpartition(keys, self.size - 1)[: self.size]
        if self._full is not None:
            rows = self._full
            gone = np.flatnonzero(np.bincount(kept, minlength=len(keys))[: self.size] == 0)
            come = np.sort(kept[kept >= self.size])
            for old, part in zip(rows, _picked(self._held[1:], come - self.size), strict=False):
                old[gone] = part
            keys[gone] = keys[come]
            keys = keys[: self.size]
        elif len(kept) < len(keys):
            kept.sort()
            rows = self._full = _picked(self._held, kept)
            keys = keys[kept]
        else:
            rows = self._held[0] if len(self._held) == 1 else _picked(self._held, kept)
        self._held, self._keys, self._count = [rows], [keys], len(keys)
        self._least = keys.max() if self._full is not None else np.inf
        return keys, rows


def _picked(held: list[Parts], rows: np.ndarray) -> Parts:
    """Returns the selected rows of the concatenated parts, in ascending order. Consumes `held`, freeing memory as it goes."""
    ends = np.cumsum([0, *(len(parts[0]) for parts in held)])
    borders = np.searchsorted(rows, ends)
    found = tuple(np.empty((len(rows), *part.shape[1:]), part.dtype) for part in held[0]) if held else ()
    freed = 0
    for start, first, last in zip(ends, borders, borders[1:], strict=False):
        parts = held.pop(0)
        for out, part in zip(found, parts, strict=True):
            np.take(part, rows[first:last] - start, axis=0, out=out[first:last])
            freed += part.nbytes
        if freed > REGION_BYTES:
            release()
            freed = 0
    return found
