"""The vectors: one for each bucket of entities; for addresses, a network's output from their bits, and one vector for each block of
addresses (the first 8, 16, 24 and 32 bits) seen in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

BITS = 32
LENGTHS = (8, 16, 24, 32)
"""Prefix lengths of the blocks that have their own vectors: a network's output from bits is too coarse to distinguish neighbours.
"""
BLOCK = 1 << 16
LENGTH = 0.5
"""Approximate initial length of each entity's vector."""


@dataclass
class Blocks:
    """`keys` (m,) int64, ascending: a block's length << 32 and its first bits; `vectors` (m + 1, d) float32, the last one zero, for
    unknown blocks.
    """

    keys: np.ndarray
    vectors: np.ndarray

    @classmethod
    def begin(cls, keys: np.ndarray, width: int) -> Blocks:
        return cls(keys, np.zeros((len(keys) + 1, width), np.float32))

    def places(self, address: np.ndarray) -> np.ndarray:
        """(n, lengths) int32: the numbers of the vectors of addresses (n,)."""
        found = np.full((len(address), len(LENGTHS)), len(self.keys), np.int32)
        ends = np.searchsorted(self.keys, np.array([*LENGTHS, BITS + 1], np.int64) << BITS)
        for column, length in enumerate(LENGTHS):
            begin, end = int(ends[column]), int(ends[column + 1])
            if begin < end:
                wanted = (length << BITS) | (address.astype(np.int64) >> (BITS - length))
                place = begin + np.minimum(np.searchsorted(self.keys[begin:end], wanted), end - begin - 1)
                found[:, column] = np.where(self.keys[place] == wanted, place, len(self.keys))
        return found

    def sums(self, places: np.ndarray) -> np.ndarray:
        """(n, d) float32: the sums of the vectors."""
        return np.asarray(chosen(places, len(self.vectors)) @ self.vectors)


def keys(address: np.ndarray) -> np.ndarray:
    """(n, lengths) int64 of (n,) uint32."""
    lengths = np.array(LENGTHS, np.int64)
    return (lengths << 32) | (address.astype(np.int64)[:, None] >> (BITS - lengths))


def chosen(places: np.ndarray, count: int) -> csr_matrix:
    """csr_matrix (n, count) with ones at each row's `places`."""
    ends = np.arange(0, places.size + 1, places.shape[1])
    return csr_matrix((np.ones(places.size, np.float32), places.ravel(), ends), shape=(len(places), count))


@dataclass
class IPInsightsNetwork:
    """`entities` (buckets, d); `weights` and `biases` of the address's layers, the first (32, d), ReLU between them; float32."""

    entities: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    blocks: Blocks

    @classmethod
    def begin(
        cls, buckets: int, width: int, layers: int, seed: int, known: tuple[np.ndarray, np.ndarray] | None = None
    ) -> IPInsightsNetwork:
        """A network with `layers` hidden layers and the last one; `known` are the buckets and the keys of blocks that occur, by
        default all and none. Vectors of other buckets are zero, and so is every score of their entities: random ones would be as
        high as those of an entity at home. The address vectors start at zero for the same reason.
        """
        random = np.random.default_rng([seed, 0])
        seen, keys = known or (np.arange(buckets), np.zeros(0, np.int64))
        begun = random.random((len(seen), width), np.float32)  # a quarter of the time that normal numbers take
        begun -= np.float32(0.5)
        begun *= np.float32(LENGTH * (12 / width) ** 0.5)
        entities = np.zeros((buckets, width), np.float32)
        entities[seen] = begun
        heights = [BITS, *[width] * layers]
        weights = [random.normal(0, (2 / height) ** 0.5, (height, width)).astype(np.float32) for height in heights]
        weights[-1][...] = 0
        blocks = Blocks.begin(keys, width)
        return cls(entities, weights, [np.zeros(width, np.float32) for _ in heights], blocks)

    def encode(self, bits: np.ndarray) -> list[np.ndarray]:
        """The input of each layer for addresses' bits (n, 32), and finally the output (n, d)."""
        values = [bits]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = values[-1] @ weight
            out += bias
            values.append(out if number == len(self.weights) - 1 else np.maximum(out, 0, out=out))
        return values

    def vectors(self, address: np.ndarray) -> np.ndarray:
        """Vectors (n, d) float32 of addresses (n,) uint32."""
        out = np.empty((len(address), self.entities.shape[1]), np.float32)
        for start in range(0, len(address), BLOCK):
            part = address[start : start + BLOCK]
            out[start : start + BLOCK] = self.encode(bits(part))[-1] + self.blocks.sums(self.blocks.places(part))
        return out

    def scores(self, entity: np.ndarray, address: np.ndarray) -> np.ndarray:
        """The dot products (n,) of both vectors."""
        parts = [slice(start, start + BLOCK) for start in range(0, max(1, len(entity)), BLOCK)]
        found = [np.einsum("ij,ij->i", self.entities[entity[part]], self.vectors(address[part])) for part in parts]
        return np.concatenate(found)

    def slopes(self, values: list[np.ndarray], of_vectors: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The gradients of weights and biases, given those of the vectors (n, d)."""
        of_weights, of_biases = [], []
        slope, ones = of_vectors, np.ones(len(of_vectors), np.float32)
        for number in range(len(self.weights) - 1, -1, -1):
            of_weights.append(values[number].T @ slope)
            of_biases.append(ones @ slope)
            if number:
                slope = slope @ self.weights[number].T
                slope *= values[number] > 0
        return of_weights[::-1], of_biases[::-1]


_SHIFTS = np.arange(BITS - 1, -1, -1, dtype=np.uint32)


def bits(address: np.ndarray) -> np.ndarray:
    """(n, 32) float32 of (n,) uint32: 1 and -1, the most significant bit first."""
    return ((address[:, None] >> _SHIFTS) & np.uint32(1)).astype(np.float32) * 2 - 1
