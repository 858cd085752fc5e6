"""A uniform sample of rows that come in blocks: Vitter's algorithm R, a block at a time."""

from __future__ import annotations

import numpy as np


class Reservoir:
    """At most `size` of all rows that were put in, each with the same chance, with their labels."""

    def __init__(self, size: int, random: np.random.Generator) -> None:
        self.size, self.seen = size, 0
        self._random = random
        self._held: list[tuple[np.ndarray, np.ndarray]] = []
        self._count = 0

    def add(self, features: np.ndarray, labels: np.ndarray) -> None:
        """(n, d) and (n,) float32."""
        free = min(self.size - self._count, len(features))
        if free:
            self._held.append((features[:free].copy(), labels[:free].copy()))
            self._count += free
        rest = np.arange(free, len(features))
        # The row with number t (from 0) takes a place below `size` with chance size / (t + 1); a later one wins.
        places = (self._random.random(len(rest)) * (self.seen + rest + 1)).astype(np.int64)
        chosen = places < self.size
        if chosen.any():
            held_features, held_labels = self.sample()
            held_features[places[chosen]] = features[rest[chosen]]
            held_labels[places[chosen]] = labels[rest[chosen]]
        self.seen += len(features)

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows and labels held now."""
        if len(self._held) > 1:
            features, labels = zip(*self._held, strict=True)
            self._held = [(np.concatenate(features), np.concatenate(labels))]
        return self._held[0]


def share(size: int, rank: int, hosts: int) -> int:
    """How many of `size` rows one of the hosts samples."""
    return size // hosts + (rank < size % hosts)
