"""A uniform sample of rows that come in blocks.

Source: algorithm R of J. S. Vitter, "Random Sampling with a Reservoir", ACM TOMS 1985, a block at a time.
"""

from __future__ import annotations

import numpy as np


class Reservoir:
    """At most `size` of all rows that were put in, each with the same chance."""

    def __init__(self, size: int, random: np.random.Generator) -> None:
        self.size, self.seen = size, 0
        self._random = random
        self._held: list[tuple[np.ndarray, ...]] = []
        self._count, self._own = 0, False

    def add(self, *parts: np.ndarray) -> None:
        """Rows: arrays of equal length (features, labels), the same ones each time. The caller leaves them as they are."""
        rows = len(parts[0])
        free = min(self.size - self._count, rows)
        if free or not self._held:
            self._held.append(tuple(part[:free] for part in parts))
            self._count += free
        rest = np.arange(free, rows)
        # The row with number t (from 0) takes a place below `size` with chance size / (t + 1); a later one wins.
        places = (self._random.random(len(rest)) * (self.seen + rest + 1)).astype(np.int64)
        chosen = places < self.size
        if chosen.any():
            now = self.sample()
            if not self._own:
                self._held, self._own = [tuple(each.copy() for each in now)], True
            for held, part in zip(self._held[0], parts, strict=True):
                held[places[chosen]] = part[rest[chosen]]
        self.seen += rows

    def sample(self) -> tuple[np.ndarray, ...]:
        """The rows held now, array by array; something must have been put in."""
        if len(self._held) > 1:
            self._held, self._own = [tuple(np.concatenate(each) for each in zip(*self._held, strict=True))], True
        return self._held[0]


def share(size: int, rank: int, hosts: int) -> int:
    """How many of `size` rows one of the hosts samples."""
    return size // hosts + (rank < size % hosts)
