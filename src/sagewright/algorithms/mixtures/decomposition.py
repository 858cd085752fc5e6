"""Decomposes an orthogonal tensor into components, by alternating least squares whose factors are orthogonalised in each step."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.mixtures.moments import Image


@dataclass(frozen=True)
class Components:
    """T ≈ Σ λᵢ vᵢ⊗vᵢ⊗vᵢ: `values` (r,) positive, `vectors` (r, r) in columns.

    The vectors are orthonormal, so the residual's squared norm is the tensor's less Σ λᵢ². The larger this sum, `found`, the
    better.
    """

    values: np.ndarray
    vectors: np.ndarray

    @property
    def found(self) -> float:
        return float(self.values @ self.values)


@dataclass(frozen=True)
class Limits:
    restarts: int = 10
    iterations: int = 1000
    tolerance: float = 1e-8


def decompose(image: Image, size: int, limits: Limits, seed: int) -> Components:
    """Returns the best of several starts. `image` is that of a symmetric tensor (size, size, size)."""
    best: Components | None = None
    for number in range(limits.restarts):
        start = np.linalg.qr(np.random.default_rng([seed, 1, number]).normal(size=(size, size)))[0]
        found = _descend(image, start, limits)
        logging.info("restart %d: sum of squared components %.6g", number, found.found)
        if best is None or found.found > best.found * (1 + limits.tolerance):
            best = found
    assert best is not None
    return best


def _descend(image: Image, vectors: np.ndarray, limits: Limits) -> Components:
    values = np.zeros(vectors.shape[1])
    for number in range(limits.iterations + 1):
        projected = image(vectors)
        before, values = values, np.einsum("ir,ir->r", projected, vectors)  # T(v, v, v) of each column
        if number == limits.iterations or np.linalg.norm(values - before) <= limits.tolerance * np.linalg.norm(values):
            break
        left, _, right = np.linalg.svd(projected, full_matrices=False)
        vectors = left @ right  # the orthogonal matrix nearest to the least-squares step
    signs = np.where(values < 0, -1.0, 1.0)
    return Components(values * signs, vectors * signs)
