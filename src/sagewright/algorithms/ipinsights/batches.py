"""The mini-batches of an epoch. Whatever can be computed for many of them at once is: for each alone, it would cost more than
learning does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.network import LENGTHS, Blocks
from sagewright.algorithms.ipinsights.pairs import Pairs, Rates, places, with_drawn

AHEAD = 1 << 12
"""Events whose mini-batches are prepared together."""
Blurs = tuple[float, float, float]
"""Shares of addresses that are learnt with all their blocks, without the smallest, and without the two smallest."""
BLURS: Blurs = (0.5, 0.25, 0.25)
"""Those of events of which most are new to their entity: never more are learnt without blocks."""


@dataclass(frozen=True)
class MiniBatch:
    """Pairs as the network takes them: `entity` (n,) int32; `place` (n, 1 + m) as of `Pairs`; each `address` (a,) and the numbers
    of its `blocks` (a, lengths) int32.
    """

    entity: np.ndarray
    place: np.ndarray
    address: np.ndarray
    blocks: np.ndarray

    @classmethod
    def of(cls, pairs: Pairs, blocks: Blocks) -> MiniBatch:
        return cls(pairs.entity.astype(np.int32), pairs.place, pairs.address, blocks.places(pairs.address))


def blurs(alone: tuple[float, float]) -> Blurs:
    """Returns the shares for events of which these shares are `alone`: their entity's only ones at their address, and in its /24.
    About as many of the later events will be at an address, or in a /24, that is new to the entity (I. Good, "The population
    frequencies of species", Biometrika 40, 1953).
    """
    two = min(BLURS[2], alone[1])
    one = max(0.0, min(BLURS[1] + BLURS[2], alone[0]) - two)
    return 1 - one - two, one, two


NOTHING = MiniBatch(
    np.zeros(0, np.int32),
    np.zeros((0, 1), np.int64),
    np.zeros(0, np.uint32),
    np.zeros((0, len(LENGTHS)), np.int32),
)


@dataclass(frozen=True)
class Batches:
    """The mini-batches of `known` events, `size` each; `places` (n, lengths) are the numbers of their addresses' blocks."""

    known: Events
    blocks: Blocks
    places: np.ndarray
    rates: Rates
    size: int
    blurs: Blurs = BLURS

    @classmethod
    def of(cls, known: Events, blocks: Blocks, rates: Rates, size: int, blurs: Blurs = BLURS) -> Batches:
        return cls(known, blocks, blocks.places(known.address), rates, size, blurs)

    def epoch(self, random: np.random.Generator) -> Iterator[MiniBatch]:
        """Yields all events in random order, with pairs that are made up anew."""
        order = random.permutation(len(self.known))
        step = max(1, AHEAD // self.size) * self.size
        for start in range(0, len(order), step):
            yield from self._part(order[start : start + step], random)

    def _part(self, rows: np.ndarray, random: np.random.Generator) -> Iterator[MiniBatch]:
        known, wide = self.known.take(rows), 1 + self.rates.drawn
        address = with_drawn(known.address, self.rates.drawn, random)
        blocks = np.empty((len(rows), wide, len(LENGTHS)), np.int32)
        blocks[:, 0] = self.places[rows]
        drawn = self.blocks.places(address.reshape(-1, wide)[:, 1:].ravel())
        blocks[:, 1:] = drawn.reshape(len(rows), wide - 1, len(LENGTHS))
        blurred = self._blurred(blocks.reshape(len(address), -1), random)
        for begin in range(0, len(rows), self.size):
            end = min(begin + self.size, len(rows))
            part = slice(begin * wide, end * wide)
            place = places(end - begin, self.rates, random)
            yield MiniBatch(known.entity[begin:end], place, address[part], blurred[part])

    def _blurred(self, places: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The blocks of some addresses without the smallest ones. What is learnt of an address then holds for its neighbours too:
        otherwise the smallest block of a single event would explain it alone."""
        kept = len(LENGTHS) - random.choice(len(BLURS), len(places), p=self.blurs)
        none = np.int32(len(self.blocks.keys))
        return np.where(np.arange(len(LENGTHS)) < kept[:, None], places, none)
