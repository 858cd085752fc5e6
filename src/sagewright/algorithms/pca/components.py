"""Computes the largest eigenvalues of a sum of products, and their vectors, in ascending order."""

from __future__ import annotations

import numpy as np
from scipy import linalg

ITERATIONS = 2
LEAST_RANDOM = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-13}
"""Share of random directions in those of the sample, by precision."""
GRADED = 1e6
"""Ratio of the diagonal's numbers from which eigenvectors of the small ones need care."""


def exact(products: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns `count` eigenvalues (count,) and vectors (d, count) of the symmetric (d, d) matrix."""
    size, diagonal = len(products), products.diagonal()
    least = diagonal.min(where=diagonal > 0, initial=np.inf)
    if diagonal.max() <= GRADED * least:
        values, vectors = linalg.eigh(products, subset_by_index=[size - count, size - 1], check_finite=False)
    else:  # found accurately only by this driver, in this order
        order = np.argsort(-diagonal)
        values, moved = linalg.eigh(products[np.ix_(order, order)], driver="evd", check_finite=False)
        values, vectors = values[-count:], np.empty((size, count))
        vectors[order] = moved[:, -count:]
    return np.maximum(values, 0), _signed(vectors)


def of_rows(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Does the same for the products of the columns of rows (n, d), n at least `count`, without these products."""
    _, singular, right = linalg.svd(rows, full_matrices=False, overwrite_a=True, check_finite=False)
    return np.square(singular[:count][::-1]), _signed(right[:count][::-1].T)


def sketched(products: np.ndarray, test: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Does the same for a symmetric matrix A of which only A T is known: `products` (d, r), `test` T (d, r), in the precision
    of the sums.

    Uses Nyström's approximation A T (T'A T)^-1 (A T)', shifted so that the inverse is stable; the shift is then subtracted.
    """
    wide = test.astype(np.float64)
    shift = np.sqrt(len(wide)) * np.finfo(test.dtype).eps * float(np.linalg.norm(products))
    if not shift:
        return np.zeros(count), np.eye(len(wide))[:, -count:]
    moved = products + shift * wide
    inner = wide.T @ moved
    values, vectors = linalg.eigh((inner + inner.T) / 2, check_finite=False)
    kept = values > np.finfo(np.float64).eps * values[-1]
    half = moved @ (vectors[:, kept] / np.sqrt(values[kept]))
    left, singular, _ = linalg.svd(half, full_matrices=False, check_finite=False)
    found = np.zeros((len(wide), count))
    most = min(count, len(singular))
    found[:, count - most :] = left[:, :most][:, ::-1]
    squares = np.zeros(count)
    squares[count - most :] = np.maximum(singular[:most] ** 2 - shift, 0)[::-1]
    return squares, _signed(found)


def directions(sample: np.ndarray, width: int, random: np.random.Generator) -> np.ndarray:
    """Returns (d, width), orthonormal, in the sample's precision: the directions in which the (n, d) sample varies most, by
    subspace iteration from random directions.

    Directions in which the sample doesn't vary stay random.
    """
    kind = sample.dtype
    start = np.linalg.qr(random.standard_normal((sample.shape[1], width)))[0].astype(kind)
    found, least = start, LEAST_RANDOM[kind]
    for _ in range(ITERATIONS):
        products = sample.T @ (sample @ found)
        scale = float(np.linalg.norm(products.astype(np.float64)))
        found = np.linalg.qr(products + least * scale * start if scale else start)[0]
    return found.astype(kind)


def _signed(vectors: np.ndarray) -> np.ndarray:
    """Returns the columns with the sign that makes their largest entry positive; otherwise the sign would be arbitrary."""
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    return vectors * signs
