"""Learns to distinguish events that happened from made-up pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.adam import Part
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ipinsights.batches import MiniBatch
from sagewright.algorithms.ipinsights.descent import Rows
from sagewright.algorithms.ipinsights.kernel import Room
from sagewright.algorithms.ipinsights.network import IPInsightsNetwork, bits

SLOWEST = 0.05
"""Final rate of an epoch with a falling rate, as a share of its highest rate."""
RISE = 0.2
"""Share of the epoch in which the rate rises to it."""


class IPInsightsLearner:
    """A network that learns from mini-batches: entities and blocks that occur, by steps of `Rows`, and the layers, by Adam.

    `trust`: of the rows of entities and of blocks, see `Rows`; everything is fully trusted by default.
    """

    def __init__(
        self, network: IPInsightsNetwork, rate: float, decay: float, trust: tuple[np.ndarray, np.ndarray] | None = None
    ) -> None:
        self.network, self.count, self._count_of_layers = network, 0, 0
        tables = (network.entities, network.blocks.vectors)
        of_entities, of_blocks = trust or tuple(np.ones(len(table), np.float32) for table in tables)
        self.entities = Rows(network.entities, of_entities, rate, decay)
        self.blocks = Rows(network.blocks.vectors, of_blocks, rate, decay)
        self.layers, self.biases = _joined(network, rate, decay)
        self._room = Room(tables)

    def set_rate(self, highest: float, begun: float, done: float) -> None:
        """Sets the rate of a step between the `begun` and the `done` share of an epoch with a rising and falling rate."""
        for part in (self.entities, self.blocks, self.layers, self.biases):
            part.rate = highest * max(SLOWEST, 1 - begun) * min(1.0, done / RISE)

    def step(self, batch: MiniBatch, group: Group, whole: bool = True) -> tuple[np.ndarray, int]:
        """Learns from one mini-batch of all hosts; this host's part can be empty. Unless `whole`, the network's output is taken to
        be its last bias, and the other layers don't learn. Returns this host's scores (n, 1 + m) and the number of all pairs."""
        network = self.network
        inside = network.encode(bits(batch.address)) if whole else [_repeated(network.biases[-1], len(batch.address))]
        found = self._room.slopes((batch.entity, batch.place, batch.blocks), inside[-1])
        slopes = network.slopes(inside, found.addresses) if whole else ([], [found.addresses.sum(axis=0)])
        self._move(found.entities, found.blocks, slopes, found.scores.size, group)
        return found.scores, self._seen

    def _move(
        self, entities: Any, blocks: Any, slopes: tuple[list[np.ndarray], list[np.ndarray]], rows: int, group: Group
    ) -> None:
        of_weights, of_biases = slopes
        if group.size > 1:
            entities, blocks = group.total_rows(*entities), group.total_rows(*blocks)
            together, rows = _together([*of_weights, *of_biases], rows, group)
            of_weights, of_biases = together[: len(of_weights)], together[len(of_weights) :]
        self._seen = rows
        if not rows:
            return
        self.count += 1
        self.entities.step(entities[0], entities[1], rows)
        self.blocks.step(blocks[0], blocks[1], rows)
        last = len(self.biases.values)
        self.biases.step(np.arange(last - len(of_biases), last), np.stack(of_biases) / np.float32(rows), self.count)
        if of_weights:
            self._count_of_layers += 1
            weights = np.vstack(of_weights) / np.float32(rows)
            self.layers.step(np.arange(len(weights)), weights, self._count_of_layers)


def _repeated(bias: np.ndarray, count: int) -> np.ndarray:
    found = np.empty((count, len(bias)), np.float32)
    found[...] = bias
    return found


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
