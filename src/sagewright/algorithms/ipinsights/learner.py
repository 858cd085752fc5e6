"""Learns to distinguish events that happened from made-up pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.adam import Part
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ipinsights.batches import MiniBatch
from sagewright.algorithms.ipinsights.kernel import Room
from sagewright.algorithms.ipinsights.network import IPInsightsNetwork

SLOWEST = 0.05
"""Final rate of a training with a falling rate, as a share of the initial rate."""


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

    def step(self, batch: MiniBatch, group: Group) -> tuple[np.ndarray, int]:
        """Learns from one mini-batch of all hosts; this host's part can be empty. Returns this host's scores (n, 1 + m) and the
        number of all pairs."""
        inside = self.network.encode(batch.bits)
        found = self._room.slopes((batch.entity, batch.place, batch.blocks), inside[-1])
        of_weights, of_biases = self.network.slopes(inside, found.addresses)
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
