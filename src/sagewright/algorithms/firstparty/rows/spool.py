"""Rows on disk in random order: each row is assigned to one of many files at random, and files are read one at a time."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sagewright.algorithms.formats.table import Sparse, Table, concatenate

PARTS = 128


class Spool:
    """Written first, then read any number of times; deleted with the last reference. Raises OSError on a full disk."""

    def __init__(self, random: np.random.Generator, parts: int = PARTS) -> None:
        self._random = random
        self._directory = Path(tempfile.mkdtemp(prefix="rows-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._paths = [self._directory / str(number) for number in range(parts)]

    def write(self, table: Table) -> None:
        chosen = self._random.integers(0, len(self._paths), table.rows)
        order = np.argsort(chosen, kind="stable")
        moved, counts = table.take(order), np.bincount(chosen, minlength=len(self._paths))
        ends = np.cumsum(counts)
        for number in np.flatnonzero(counts):
            self._append(self._paths[number], moved.slice(ends[number] - counts[number], ends[number]))

    def tables(self, window: int) -> Iterator[Table]:
        """All rows in a new order each time, about `window` bytes or one file at a time."""
        for number in self._random.permutation(len(self._paths)):
            held: list[Table] = []
            for piece in _pieces(self._paths[number]):
                held.append(piece)
                if sum(each.nbytes for each in held) >= window:
                    yield self._mixed(held)
                    held = []
            if held:
                yield self._mixed(held)

    def remove(self) -> None:
        self._remove()

    def _mixed(self, held: list[Table]) -> Table:
        whole = concatenate(held)
        return whole.take(self._random.permutation(whole.rows))

    @staticmethod
    def _append(path: Path, table: Table) -> None:
        features = table.features
        parts = (
            [features.indptr, features.indices, features.values, np.array(features.columns)]
            if isinstance(features, Sparse)
            else [features]
        )
        labels = np.empty(0) if table.labels is None else table.labels
        with path.open("ab") as stream:
            for array in (np.array(len(parts)), *parts, labels):
                np.save(stream, array, allow_pickle=False)


def _pieces(path: Path) -> Iterator[Table]:
    if not path.exists():
        return
    with path.open("rb") as stream:
        end = path.stat().st_size
        while stream.tell() < end:
            parts = [np.load(stream) for _ in range(int(np.load(stream)))]
            labels = np.load(stream)
            features = parts[0] if len(parts) == 1 else Sparse(parts[0], parts[1], parts[2], int(parts[3]))
            yield Table(features, labels if len(labels) else None)
