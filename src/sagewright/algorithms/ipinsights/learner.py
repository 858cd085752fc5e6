"""Learning to tell events that happened from pairs that were made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.adam import Part
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.ipinsights.events import Events, bits
from sagewright.algorithms.ipinsights.network import Network


def with_negatives(found: Events, values: Mapping[str, Any], random: np.random.Generator) -> tuple[Events, np.ndarray]:
    """The events, then for each so many with an address drawn from all there are, and with another event's; labels 1 and 0."""
    count = len(found)
    addresses = [found.address]
    addresses += [
        random.integers(0, 1 << 32, count, dtype=np.uint32) for _ in range(values["random_negative_sampling_rate"])
    ]
    addresses += [random.permutation(found.address) for _ in range(values["shuffled_negative_sampling_rate"])]
    labels = np.zeros(count * len(addresses), np.float32)
    labels[:count] = 1
    return Events(np.tile(found.entity, len(addresses)), np.concatenate(addresses)), labels


class Learner:
    """A network that learns from mini-batches by Adam; only the entities that occur are touched."""

    def __init__(self, network: Network, values: Mapping[str, Any]) -> None:
        self.network, self.values, self.count = network, values, 0
        rate, decay = values["learning_rate"], values["weight_decay"]
        self.entities = Part(network.entities, rate, decay)
        self.layers = [Part(each, rate, decay) for each in network.weights]
        self.biases = [Part(each[None], rate, 0.0) for each in network.biases]

    def step(self, found: Events, labels: np.ndarray, group: Group) -> tuple[np.ndarray, int]:
        """Learn from one mini-batch of all hosts; this host's part may be empty. This host's scores, and all rows."""
        entities, place = np.unique(found.entity, return_inverse=True)
        values = self.network.encode(bits(found.address))
        own = self.network.entities[found.entity]
        scores = np.einsum("ij,ij->i", own, values[-1])
        error = (probability(scores) - labels).astype(np.float32)[:, None]
        of_weights, of_biases = self.network.slopes(values, error * own)
        of_entities = _sums(error * values[-1], place, len(entities))
        slopes, rows = [*of_weights, *of_biases], len(labels)
        if group.size > 1:
            entities, of_entities, slopes, rows = _together(entities, of_entities, slopes, rows, group)
        if rows:
            self.count += 1
            self.entities.step(entities, of_entities / np.float32(rows), self.count)
            for part, slope in zip((*self.layers, *self.biases), slopes, strict=True):
                part.step(np.arange(len(part.values)), np.atleast_2d(slope) / np.float32(rows), self.count)
        return scores, rows


def _sums(rows: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """The sums (count, d) of the rows of each place."""
    order = np.argsort(place, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(place, minlength=count)))
    chosen = csr_matrix((np.ones(len(order), np.float32), order, ends), shape=(count, len(rows)))
    return np.asarray(chosen @ rows)


def _together(
    entities: np.ndarray, of_entities: np.ndarray, slopes: list[np.ndarray], rows: int, group: Group
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], int]:
    """The sums over all hosts."""
    entities, of_entities = group.total_rows(entities, of_entities)
    flat = group.total(np.concatenate([*(slope.ravel() for slope in slopes), [rows]]))
    parts = np.split(flat[:-1], np.cumsum([slope.size for slope in slopes])[:-1])
    added = [part.reshape(slope.shape).astype(np.float32) for part, slope in zip(parts, slopes, strict=True)]
    return entities, of_entities, added, int(flat[-1])
