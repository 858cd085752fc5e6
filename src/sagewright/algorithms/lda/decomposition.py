"""The components of an orthogonal tensor, by alternating least squares whose factors are made orthogonal in each step."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Components:
    """T ≈ Σ λᵢ vᵢ⊗vᵢ⊗vᵢ: `values` (r,) positive, `vectors` (r, r) in columns; `error` is what is left of T's norm."""

    values: np.ndarray
    vectors: np.ndarray
    error: float


@dataclass(frozen=True)
class Limits:
    restarts: int = 10
    iterations: int = 1000
    tolerance: float = 1e-8


def decompose(tensor: np.ndarray, limits: Limits, seed: int) -> Components:
    """The best of several starts."""
    best: Components | None = None
    for number in range(limits.restarts):
        start = np.linalg.qr(np.random.default_rng([seed, 1, number]).normal(size=tensor.shape[:2]))[0]
        found = _descend(tensor, start, limits)
        logging.info("restart %d: relative error %.6f", number, found.error)
        if best is None or found.error < best.error - limits.tolerance:
            best = found
        if best.error < limits.tolerance:
            break
    assert best is not None
    return best


def _descend(tensor: np.ndarray, vectors: np.ndarray, limits: Limits) -> Components:
    norm = max(float(np.linalg.norm(tensor)), 1e-300)
    values = _values(tensor, vectors)
    for _ in range(limits.iterations):
        image = np.einsum("ijr,jr->ir", tensor @ vectors, vectors)
        left, _, right = np.linalg.svd(image, full_matrices=False)
        vectors = left @ right  # the orthogonal matrix nearest to the least-squares step
        before, values = values, _values(tensor, vectors)
        if np.linalg.norm(values - before) <= limits.tolerance * np.linalg.norm(values):
            break
    signs = np.where(values < 0, -1.0, 1.0)
    # The components are orthonormal, so what they leave of the tensor is what Pythagoras says.
    rest = max(norm**2 - float(values @ values), 0.0)
    return Components(values * signs, vectors * signs, float(np.sqrt(rest) / norm))


def _values(tensor: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """T(v, v, v) of each column."""
    return np.asarray(np.einsum("ijr,jr,ir->r", tensor @ vectors, vectors, vectors))
