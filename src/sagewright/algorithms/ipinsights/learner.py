"""Learns to distinguish events that happened from made-up pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.adam import Part
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.kernel import Room
from sagewright.algorithms.ipinsights.network import LENGTHS, IPInsightsNetwork, bits

BLURS = (0.5, 0.25, 0.25)
"""Shares of addresses that are learnt with all their blocks, without the smallest, and without the two smallest."""
SLOWEST = 0.05
"""Final rate of a training with a falling rate, as a share of the initial rate."""


@dataclass(frozen=True)
class Pairs:
    """Events and the made-up pairs for them: each `entity` (n,) with 1 + m of `address` (a,), whose numbers are `place` (n, 1 + m);
    the first pair of each happened. `lengths` (a,): of how many of its blocks, the largest first, an address has the vectors; None:
    of all.
    """

    entity: np.ndarray
    address: np.ndarray
    place: np.ndarray
    lengths: np.ndarray | None = None

    @property
    def labels(self) -> np.ndarray:
        """(n, 1 + m) float32."""
        found = np.zeros(self.place.shape, np.float32)
        found[:, 0] = 1
        return found

    def blurred(self, random: np.random.Generator) -> Pairs:
        """The same pairs, with some addresses known only by their larger blocks. What is learnt of these then holds for their other
        addresses too: otherwise the smallest block of a single event would explain it alone."""
        lengths = len(LENGTHS) - random.choice(len(BLURS), len(self.address), p=BLURS)
        return replace(self, lengths=lengths)

    def flat(self) -> tuple[Events, np.ndarray]:
        """The pairs one by one, and their labels; those that happened come first."""
        entity = np.tile(self.entity, self.place.shape[1])
        return Events(entity, self.address[self.place.T.ravel()]), self.labels.T.ravel()


def made_up(found: Events, values: Mapping[str, Any], random: np.random.Generator) -> Pairs:
    """For each event, the configured numbers of pairs with a uniformly drawn address and with another event's address."""
    count, drawn = len(found), values["random_negative_sampling_rate"]
    addresses = [found.address, random.integers(0, 1 << 32, count * drawn, dtype=np.uint32)]
    places = [np.arange(count), *(np.arange(count) + count * (1 + number) for number in range(drawn))]
    places += [random.permutation(count) for _ in range(values["shuffled_negative_sampling_rate"])]
    return Pairs(found.entity, np.concatenate(addresses), np.stack(places, axis=1))


NOTHING = Pairs(np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros((0, 1), np.int64))


class IPInsightsLearner:
    """A network that learns from mini-batches by Adam; only the entities and blocks that occur are updated."""

    def __init__(self, network: IPInsightsNetwork, rate: float, decay: float) -> None:
        self.network, self.rate, self.count = network, rate, 0
        self.entities = Part(network.entities, rate, decay)
        self.blocks = Part(network.blocks.vectors, rate, decay)
        self.layers, self.biases = _joined(network, rate, decay)
        self._room = Room((network.entities, network.blocks.vectors))

    def slow_down(self, done: float) -> None:
        """Lowers the rate; `done` is the completed share of the training."""
        for part in (self.entities, self.blocks, self.layers, self.biases):
            part.rate = self.rate * max(SLOWEST, 1 - done)

    def step(self, pairs: Pairs, group: Group) -> tuple[np.ndarray, int]:
        """Learns from one mini-batch of all hosts; this host's part can be empty. Returns this host's scores (n, 1 + m) and the
        number of all pairs."""
        network = self.network
        inside = network.encode(bits(pairs.address))
        batch = pairs.entity.astype(np.int32), pairs.place, network.blocks.places(pairs.address, pairs.lengths)
        found = self._room.slopes(batch, inside[-1])
        of_weights, of_biases = network.slopes(inside, found.addresses)
        self._move(found.entities, found.blocks, [*of_weights, *of_biases], found.scores.size, group)
        return found.scores, self._seen

    def _move(self, entities: Any, blocks: Any, slopes: list[np.ndarray], rows: int, group: Group) -> None:
        if group.size > 1:
            entities, blocks = group.total_rows(*entities), group.total_rows(*blocks)
            slopes, rows = _together(slopes, rows, group)
        self._seen = rows
        if not rows:
            return
        self.count += 1
        self.entities.step(entities[0], entities[1] / np.float32(rows), self.count)
        self.blocks.step(blocks[0], blocks[1] / np.float32(rows), self.count)
        half = len(slopes) // 2
        for part, each in ((self.layers, np.vstack(slopes[:half])), (self.biases, np.stack(slopes[half:]))):
            part.step(np.arange(len(part.values)), each / np.float32(rows), self.count)


def _joined(network: IPInsightsNetwork, rate: float, decay: float) -> tuple[Part, Part]:
    """One part for the weights of all layers and one for their biases; the network's own become views of them."""
    weights, biases = np.vstack(network.weights), np.stack(network.biases)
    ends = np.cumsum([len(each) for each in network.weights])[:-1]
    network.weights, network.biases = np.split(weights, ends), list(biases)
    return Part(weights, rate, decay), Part(biases, rate, 0.0)


def _together(slopes: list[np.ndarray], rows: int, group: Group) -> tuple[list[np.ndarray], int]:
    """The sums over all hosts."""
    flat = group.total(np.concatenate([*(slope.ravel() for slope in slopes), [rows]]))
    parts = np.split(flat[:-1], np.cumsum([slope.size for slope in slopes])[:-1])
    added = [part.reshape(slope.shape).astype(np.float32) for part, slope in zip(parts, slopes, strict=True)]
    return added, int(flat[-1])
