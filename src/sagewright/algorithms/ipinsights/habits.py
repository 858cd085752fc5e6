"""How often each entity used each address, as all hosts' events say, and which lengths of blocks tell entities apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.network import BITS, LENGTHS

GAIN = 1.25
"""How many times as often as in the larger blocks two events of a block must be of the same entity, for its length to matter."""
BEYOND_NOISE = 3.0
"""Standard deviations by which this must exceed the number that chance gives."""
MANY = 5
"""Mean number of events of a block from which its length matters in any case: entities that use a block only once can be alike."""


@dataclass(frozen=True)
class Uses:
    """Entities' uses of the blocks of one length: `key` (m,), ascending, an entity and the first bits of a block; `count` (m,) of
    events. And of all blocks that occur, ascending, `blocks` (b,) and the numbers `totals` (b,) of their events; `place` (m,) is a
    use's block there.
    """

    length: int
    key: np.ndarray
    count: np.ndarray
    blocks: np.ndarray
    place: np.ndarray
    totals: np.ndarray

    @property
    def entity(self) -> np.ndarray:
        return self.key >> self.length

    def of(self, pairs: np.ndarray) -> np.ndarray:
        """The numbers of the uses (n,) of which pairs (n,), as of `Habits`, are some."""
        return np.searchsorted(self.key, pairs >> (BITS - self.length))

    @property
    def agreement(self) -> tuple[int, int]:
        """The number of pairs of events of one block that are of the same entity, and of all pairs of events of one block."""
        return _pairs(self.count), _pairs(self.totals)


@dataclass(frozen=True)
class Habits:
    """`pairs` (m,) int64, ascending: entity << 32 | address; `counts` (m,) of their events."""

    pairs: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, known: Events, group: Group) -> Habits:
        """The habits in the events of all hosts."""
        own = np.unique((known.entity.astype(np.int64) << BITS) | known.address, return_counts=True)
        said = group.gather(own)
        if len(said) == 1:
            return cls(*own)
        pairs, place = np.unique(np.concatenate([each for each, _ in said]), return_inverse=True)
        counts = np.zeros(len(pairs), np.int64)
        np.add.at(counts, place, np.concatenate([each for _, each in said]))
        return cls(pairs, counts)

    @property
    def events(self) -> int:
        return int(self.counts.sum())

    def uses(self, length: int) -> Uses:
        """The uses of blocks that are the first `length` bits; of one block, if that is 0."""
        shifted = self.pairs >> (BITS - length)
        begins = np.flatnonzero(np.diff(shifted, prepend=-1))
        key, count = shifted[begins], np.add.reduceat(self.counts, begins)
        blocks, place = np.unique(key & ((1 << length) - 1), return_inverse=True)
        return Uses(length, key, count, blocks, place, np.bincount(place, count).astype(np.int64))

    @cached_property
    def telling(self) -> dict[int, Uses]:
        """The uses of the lengths that say more of the entity than the next smaller such length: two events of one block are of
        the same entity more often. Vectors of other lengths' blocks would only learn by heart, unless the blocks have many events.
        """
        same, together = self.uses(0).agreement
        found: dict[int, Uses] = {}
        before = 1
        for length in LENGTHS:
            uses = self.uses(length)
            expected = same / max(1, together) * uses.agreement[1]
            many = self.events >= MANY * len(uses.blocks) > MANY * before
            if many or uses.agreement[0] > GAIN * expected + BEYOND_NOISE * expected**0.5:
                before = len(uses.blocks)
                found[length] = uses
                same, together = uses.agreement
        return found

    @cached_property
    def entities(self) -> tuple[np.ndarray, np.ndarray]:
        """The entities that occur, ascending, and their numbers of events."""
        uses = self.uses(0)
        return uses.entity, uses.count

    @property
    def alone(self) -> tuple[float, float]:
        """The shares of events that are their entity's only ones at their address, and in its first 24 bits."""
        address, block = (np.count_nonzero(self.uses(length).count == 1) / self.events for length in (BITS, 24))
        return address, block

    @property
    def keys(self) -> np.ndarray:
        """The keys, as of `Blocks`, of the blocks that matter."""
        return np.concatenate(
            [np.zeros(0, np.int64), *((length << BITS) | uses.blocks for length, uses in self.telling.items())]
        )

    @property
    def totals(self) -> np.ndarray:
        """The number of events of each block of `keys`."""
        return np.concatenate([np.zeros(0, np.int64), *(uses.totals for uses in self.telling.values())])


def _pairs(counts: np.ndarray) -> int:
    return int(counts @ (counts - 1))
