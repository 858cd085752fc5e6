"""Rows kept for the final clustering: a uniform sample of all rows, and the rows that were furthest from every centre when they
arrived.

The furthest rows are a stratum that is kept whole, so a small cluster far from the others survives however rare it is; the sample
represents the rest. Source: W. Cochran, "Sampling Techniques", chapter 5 (strata of which one is taken completely).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.rows.reservoir import Reservoir

FAR = 10
"""The sample holds ten times as many rows as the furthest ones."""
HOST_BITS = 44
"""Bits of a row's number within its host; the bits above them are the host's number."""


@dataclass(frozen=True)
class Points:
    """`rows` (n, d) float32 and how many rows each represents, `weights` (n,) float32; `whole` if they are all rows."""

    rows: np.ndarray
    weights: np.ndarray
    whole: bool


class Coreset:
    """A coreset of one host's rows, built as they arrive."""

    def __init__(self, size: int, random: np.random.Generator, rank: int) -> None:
        self._sample = Reservoir(size, random)
        self._far = FarRows(max(1, size // FAR))
        self._next = rank << HOST_BITS

    def add(self, rows: np.ndarray, squared: np.ndarray) -> None:
        """Adds rows with their squared distances to the nearest centre. The caller must not change the rows afterwards."""
        numbers = np.arange(self._next, self._next + len(rows))
        self._next += len(rows)
        self._sample.add(rows, numbers)
        self._far.add(rows, squared, numbers)

    def points(self, group: Group) -> Points | None:
        """Returns the points of all hosts at the first host; None at the others."""
        seen = int(group.total(np.array([self._sample.seen]))[0])
        rows, numbers = self._sample.sample(group)
        found = group.to_first((rows, numbers, *self._far.rows()))
        if found is None:
            return None
        rows, numbers, far, kept = (_joined([each[place] for each in found]) for place in range(4))
        if len(rows) >= seen:
            return Points(rows, np.ones(len(rows), np.float32), whole=True)
        rest = rows[~np.isin(numbers, kept)]
        share = (seen - len(far)) / max(len(rest), 1)
        weights = np.concatenate([np.full(len(rest), share, np.float32), np.ones(len(far), np.float32)])
        return Points(np.concatenate([rest, far]), weights, whole=False)


class FarRows:
    """Keeps at most `size` rows, those furthest from their centre."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._count, self._least = 0, 0.0

    def add(self, rows: np.ndarray, squared: np.ndarray, numbers: np.ndarray) -> None:
        chosen = np.flatnonzero(squared > self._least)
        if len(chosen) > self.size:
            chosen = chosen[np.argpartition(squared[chosen], -self.size)[-self.size :]]
        if len(chosen):
            self._parts.append((rows[chosen], squared[chosen], numbers[chosen]))
            self._count += len(chosen)
        if self._count > 2 * self.size:
            self._settle()

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows and their numbers."""
        self._settle()
        rows, _, numbers = (
            self._parts[0] if self._parts else (np.empty((0, 0), np.float32), None, np.empty(0, np.int64))
        )
        return rows, numbers

    def _settle(self) -> None:
        if not self._parts:
            return
        rows, squared, numbers = (_joined(list(each)) for each in zip(*self._parts, strict=True))
        if len(rows) > self.size:
            kept = np.argpartition(squared, -self.size)[-self.size :]
            rows, squared, numbers = rows[kept], squared[kept], numbers[kept]
            self._least = float(squared.min())
        self._parts, self._count = [(rows, squared, numbers)], len(rows)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    some = [each for each in parts if len(each)] or parts[:1]
    return some[0] if len(some) == 1 else np.concatenate(some)
