"""Events, and made-up pairs to distinguish them from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.ipinsights.events import Events


@dataclass(frozen=True)
class Rates:
    """The number of made-up pairs per event, with a uniformly `drawn` address, and with the `shuffled` one of another event."""

    drawn: int
    shuffled: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Rates:
        return cls(values["random_negative_sampling_rate"], values["shuffled_negative_sampling_rate"])


@dataclass(frozen=True)
class Pairs:
    """Events and the made-up pairs for them: each `entity` (n,) with 1 + m of `address` (a,), whose numbers are `place` (n, 1 + m);
    the first pair of each happened.
    """

    entity: np.ndarray
    address: np.ndarray
    place: np.ndarray

    def flat(self) -> tuple[Events, np.ndarray]:
        """The pairs one by one, and their labels; those that happened come first."""
        entity = np.tile(self.entity, self.place.shape[1])
        return Events(entity, self.address[self.place.T.ravel()]), labels(self.place).T.ravel()


def labels(place: np.ndarray) -> np.ndarray:
    """(n, 1 + m) float32."""
    found = np.zeros(place.shape, np.float32)
    found[:, 0] = 1
    return found


def made_up(found: Events, rates: Rates, random: np.random.Generator) -> Pairs:
    address = with_drawn(found.address, rates.drawn, random)
    return Pairs(found.entity, address, places(len(found), rates, random))


def with_drawn(address: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """(n (1 + count),) uint32: each address, followed by so many drawn ones."""
    found = np.empty((len(address), 1 + count), np.uint32)
    found[:, 0] = address
    found[:, 1:] = random.integers(0, 1 << 32, (len(address), count), dtype=np.uint32)
    return found.ravel()


def places(count: int, rates: Rates, random: np.random.Generator) -> np.ndarray:
    """(count, 1 + m) int64: for each event the numbers of its addresses among those of `with_drawn`. The shuffled ones are those of
    other events: the ones some places further on in a random order.
    """
    wide = 1 + rates.drawn
    found = np.empty((count, wide + rates.shuffled), np.int64)
    own, order = np.arange(count), random.permutation(count)
    found[:, :wide] = np.arange(count * wide).reshape(count, wide)
    away = random.integers(min(1, count - 1), max(1, count), rates.shuffled)
    found[order, wide:] = order[(own[:, None] + away) % max(1, count)] * wide
    return found
