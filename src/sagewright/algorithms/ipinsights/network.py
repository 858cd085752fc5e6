"""The vectors: one for each bucket of entities, and those of addresses by a network on their bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BITS = 32


@dataclass
class Network:
    """`entities` (buckets, d); `weights` and `biases` of the address's layers, the first (32, d), ReLU between them; float32."""

    entities: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]

    @classmethod
    def begin(cls, buckets: int, width: int, layers: int, seed: int) -> Network:
        """`layers` hidden layers and the last one."""
        random = np.random.default_rng([seed, 0])
        entities = random.normal(0, width**-0.5, (buckets, width)).astype(np.float32)
        heights = [BITS, *[width] * layers]
        weights = [random.normal(0, (2 / height) ** 0.5, (height, width)).astype(np.float32) for height in heights]
        return cls(entities, weights, [np.zeros(width, np.float32) for _ in heights])

    def encode(self, bits: np.ndarray) -> list[np.ndarray]:
        """What each layer takes, and last the vectors (n, d) of addresses (n, 32)."""
        values = [bits]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = values[-1] @ weight + bias
            values.append(out if number == len(self.weights) - 1 else np.maximum(out, 0))
        return values

    def slopes(self, values: list[np.ndarray], of_vectors: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The slopes of a sum in weights and biases, given those in the vectors (n, d)."""
        of_weights, of_biases = [], []
        slope = of_vectors
        for number in range(len(self.weights) - 1, -1, -1):
            of_weights.append(values[number].T @ slope)
            of_biases.append(slope.sum(axis=0))
            if number:
                slope = (slope @ self.weights[number].T) * (values[number] > 0)
        return of_weights[::-1], of_biases[::-1]
