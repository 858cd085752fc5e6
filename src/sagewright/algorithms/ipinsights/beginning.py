"""The vectors with which training begins: from counts of how often entities used blocks.

Each block is given a random vector, and each entity the sum of its blocks' vectors, each weighted by how much of the entity's
events it has and by how rare it is. Random vectors are almost orthogonal, so entities with the same habits begin alike,
as in random indexing (P. Kanerva, J. Kristoferson and A. Holst, CogSci 2000). Each block then begins in the direction of the sum of
its entities' vectors, with the same weights: the product with a block of an entity's own doesn't become less with the number of its
other blocks, as that with the block's random vector does. A logistic regression of a sample of events, each without what it says
itself, scales the products to logarithms of odds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.ipinsights.habits import Habits
from sagewright.algorithms.ipinsights.network import IPInsightsNetwork
from sagewright.algorithms.ipinsights.pairs import Rates

FEWEST = 2
"""Events of a block that begins with a vector other than zero."""
COMMON = 0.5
"""Length of the part that entities' vectors have in common. Its product with addresses' vectors is an offset."""
LEAST_COMMON = 0.2
"""The share of it that every entity has."""
SAMPLE = 4000
"""Events of the sample."""
STEPS = 8
"""Steps of Newton's method, for four numbers."""
RAREST = -8.0
"""The lowest offset of addresses in no known block."""


def align(network: IPInsightsNetwork, habits: Habits, rates: Rates, seed: int) -> None:
    """Sets the vectors of entities and blocks, and the last bias, for training with made-up pairs of these rates."""
    random = np.random.default_rng([seed, 2])
    common, drawn = _directions(habits.totals >= FEWEST, network.entities.shape[1], random)
    weights = _weights(habits)
    entities = weights @ drawn
    blocks = weights.T @ entities
    sample = _sample(habits, Vectors(drawn, entities, blocks), random)
    odds = Odds.of(*sample, math.log(max(1, rates.shuffled)))
    blocks /= _lengths(blocks)
    # Both sides of a product get vectors of about the same length.
    length = np.sqrt(np.einsum("ij,ij->", entities, entities, dtype=np.float64) / len(entities))
    half = (odds.scale * max(length, 1e-6)) ** 0.5
    entities *= np.float32(odds.scale / half)
    blocks *= np.float32(half)
    unknown = _unknown(habits, rates, odds.offset)
    known = [*unknown[1:], odds.offset]
    shares = COMMON * np.maximum(LEAST_COMMON, 1 + odds.of_events(habits.entities[1]) / odds.offset)
    entities += np.outer(shares.astype(np.float32), common)
    beyond = odds.of_rarity(_rarity(habits.totals, habits.events), len(habits.telling))
    beyond += np.repeat(np.subtract(known, unknown), [len(uses.blocks) for uses in habits.telling.values()])
    network.blocks.vectors[:-1] = blocks + np.outer((beyond / COMMON).astype(np.float32), common)
    network.entities[habits.entities[0]] = entities
    network.biases[-1][...] = common * np.float32(unknown[0] / COMMON)


@dataclass(frozen=True)
class Odds:
    """The logarithm of the odds of a pair: `scale` times the product of its vectors, plus `offset`, plus what the entity's number
    of events and the rarity of the address's blocks say beyond their `means`, with these `slopes`.
    """

    scale: float
    offset: float
    slopes: np.ndarray
    means: np.ndarray

    @classmethod
    def of(cls, inputs: np.ndarray, labels: np.ndarray, per_event: float) -> Odds:
        """Fitted to inputs (n, 3), products, logarithms of numbers of events, and rarities, by Newton's method with a prior of
        variance 1. There are e to the power of `per_event` made-up pairs for each event, and one in the sample."""
        means = inputs[:, 1:].mean(axis=0)
        inputs = np.column_stack([inputs[:, 0], np.ones(len(inputs)), inputs[:, 1:] - means])
        found = np.zeros(4)
        for _ in range(STEPS):
            share = probability(inputs @ found)
            slope = inputs.T @ (share - labels) + found
            found -= np.linalg.solve((inputs * (share * (1 - share))[:, None]).T @ inputs + np.eye(4), slope)
        return cls(max(float(found[0]), 0.01), min(float(found[1]) - per_event, -1.0), found[2:], means)

    def of_events(self, events: np.ndarray) -> np.ndarray:
        return np.asarray(self.slopes[0] * (np.log(events) - self.means[0]))

    def of_rarity(self, rarity: np.ndarray, blocks: int) -> np.ndarray:
        """For each of an address's `blocks`."""
        return np.asarray(self.slopes[1] * (rarity - self.means[1] / blocks))


def _directions(often: np.ndarray, width: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A direction (width,), and random ones (n, width) at right angles to it, float32; zero where not `often` (n,)."""
    common = random.normal(size=width).astype(np.float32)
    common /= np.linalg.norm(common)
    drawn = random.random((int(often.sum()), width), np.float32) - np.float32(0.5)
    drawn -= np.outer(drawn @ common, common)
    drawn /= np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), np.float32(1e-6))
    blocks = np.zeros((len(often), width), np.float32)
    blocks[often] = drawn
    return common, blocks


def _rarity(totals: np.ndarray, everything: int) -> np.ndarray:
    return np.asarray(np.log1p(everything / np.maximum(1, totals)))


def _weight(count: np.ndarray, events: np.ndarray, totals: np.ndarray, everything: int) -> np.ndarray:
    """The weight of a block with `totals` events in the vector of an entity with `events`, of which `count` are in the block."""
    return np.where(totals >= FEWEST, np.sqrt(count / (events + 1)) * _rarity(totals, everything), 0)


def _weights(habits: Habits) -> csr_matrix:
    """(entities that occur, blocks) float32: a weight for each use."""
    rows, places, weights, before = [], [], [], 0
    for uses in habits.telling.values():
        row = np.searchsorted(habits.entities[0], uses.entity)
        rows.append(row)
        places.append(uses.place + before)
        weights.append(_weight(uses.count, habits.entities[1][row], uses.totals[uses.place], habits.events))
        before += len(uses.blocks)
    found = (np.concatenate(weights).astype(np.float32), (np.concatenate(rows), np.concatenate(places)))
    return csr_matrix(found, shape=(len(habits.entities[0]), before))


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """The lengths (n, 1) of vectors (n, d), to divide by: never 0."""
    return np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), np.float32(1e-6))[:, None]


@dataclass(frozen=True)
class Vectors:
    """The random vectors of blocks `drawn` (b, d), those of `entities` (e, d), and of each block the `sums` (b, d) of its
    entities' vectors.
    """

    drawn: np.ndarray
    entities: np.ndarray
    sums: np.ndarray


def _sample(habits: Habits, vectors: Vectors, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of `Odds` (n, 3) and labels (n,): first events, as if each hadn't happened, then as many pairs of an event's entity
    with the next event's address.
    """
    drawn = random.integers(habits.events, size=min(SAMPLE, habits.events))
    pairs = habits.pairs[np.searchsorted(np.cumsum(habits.counts), drawn, side="right")]
    row = np.searchsorted(habits.entities[0], pairs >> 32)
    own, events = vectors.entities[row], habits.entities[1][row]
    rarity, before = np.zeros(len(pairs)), np.zeros(len(pairs))
    parts, begin, without = [], 0, own.copy()
    for uses in habits.telling.values():
        use = uses.of(pairs)
        count, totals = uses.count[use], uses.totals[uses.place[use]]
        weight = _weight(count, events, totals, habits.events).astype(np.float32)[:, None]
        less = _weight(count - 1, events - 1, totals - 1, habits.events).astype(np.float32)[:, None]
        place = uses.place[use] + begin
        without += (less - weight) * vectors.drawn[place]
        parts.append((place, weight, less))
        rarity += _rarity(totals, habits.events)
        before += _rarity(totals - 1, habits.events)
        begin += len(uses.blocks)
    there, strange = np.zeros(len(pairs)), np.zeros(len(pairs))
    for place, weight, less in parts:  # of one length at a time: each has a vector for each event
        sums = vectors.sums[place]
        strange += np.einsum("ij,ij->i", own, np.roll(sums / _lengths(sums), 1, axis=0))
        sums += less * without - weight * own
        there += np.where(weight[:, 0] > 0, np.einsum("ij,ij->i", without, sums / _lengths(sums)), 0.0)
    happened = np.column_stack([there, np.log(np.maximum(1, events - 1)), before])
    made_up = np.column_stack([strange, np.log(events), np.roll(rarity, 1)])
    return np.concatenate([happened, made_up]), np.repeat([1.0, 0.0], len(pairs))


def _unknown(habits: Habits, rates: Rates, offset: float) -> list[float]:
    """The offsets of addresses in known blocks of the lengths that matter up to one, but in no known block of this one, for each
    length: by the share of events that are their block's only ones (I. Good, "The population frequencies of species", Biometrika
    40, 1953), and the share of all addresses that are there.
    """
    found, before, covered = [], 0, 1.0
    for length, uses in habits.telling.items():
        alone, blocks = np.count_nonzero(uses.totals == 1), len(uses.blocks) / 2.0**length
        share = (alone - before + 0.5) / habits.events
        drawn = max(1, rates.drawn) * max(covered - blocks, 1e-9)
        found.append(min(offset, max(RAREST, math.log(share / drawn))))
        before, covered = alone, blocks
    return found
