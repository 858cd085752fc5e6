"""Initial topics: those of the corpus's moments, or the words of document clusters, refined by Gibbs sampling.

Topics that begin alike stay alike, and most collapse before they are of any use ("component collapsing" in Srivastava and Sutton's
paper); these make them differ from the first step on. In corpora that are not large, sampling from moments ends at topics that
predict new documents better than when it begins from clusters, and are as coherent: chosen on joined documents of 20 Newsgroups,
Reuters R8 and generated documents.

Source: I. Dhillon and D. Modha, "Concept Decompositions for Large Sparse Text Data using Clustering", Machine Learning 42, 2001; D.
Arthur and S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.mixtures import spectral
from sagewright.algorithms.mixtures.thinning import thinned
from sagewright.algorithms.mixtures.topics import Topics
from sagewright.algorithms.ntm import decoders
from sagewright.algorithms.ntm.corpus import entry_rows

MOMENTS_ALPHA = 1.0
"""Sum of the prior of the mixtures under which moments become topics, as LDA's default `alpha0`."""
STARTS, ROUNDS = 3, 20
SMOOTHING = 0.05
"""Weight of the whole corpus's words in each topic, as a share of a cluster's."""
MOST_WORDS = 500_000
"""Corpora with more words start from clusters: on 20 Newsgroups, of 1.1 million words, topics from clusters are more coherent."""
MOST_TOPICS, MOST_CELLS = 100, 1_000_000
"""Limits on topics, and on words times topics, for a start from moments. Beyond them, sampling starts from clusters, which are
no worse with many rare words."""
SWEEPS, FEWEST = 150, 50
MOST_DRAWS = 10_000_000_000
"""Limit on words times topics times sweeps: a quarter of a minute. More words get fewer sweeps, and beyond that fewer documents."""


def can_sample(counts: Any) -> bool:
    """True if there are words, all with whole counts."""
    return bool(counts.nnz and (counts.data == np.floor(counts.data)).all())


def sampled(counts: Any, topics: int, bias: np.ndarray, random: np.random.Generator) -> Topics:
    """Returns the mean of Gibbs samples, and the mixtures' prior, fitted meanwhile. `bias` (V,): logarithms of the words'
    frequencies.
    """
    from sagewright.algorithms.mixtures import gibbs  # compiled only where it is needed

    counts = thinned(counts, random)
    words = float(counts.data.sum())
    sweeps = int(np.clip(MOST_DRAWS // (words * topics), FEWEST, SWEEPS))
    share = min(
        MOST_DRAWS / (words * topics * sweeps),
        memory.for_rows() / gibbs.memory_bytes(words, counts.shape[0], topics, counts.shape[1]),
    )
    if share < 1:
        filled = np.flatnonzero(np.diff(counts.indptr))
        rows = random.choice(filled, max(1, int(len(filled) * share)), replace=False)
        counts = counts[np.sort(rows)]
    logging.info("The topics come from %d sweeps of Gibbs sampling over %d documents.", sweeps, counts.shape[0])
    start = Topics(np.full(topics, gibbs.ALPHA), _first(counts, topics, bias, random))
    return gibbs.refine(gibbs.Chain(counts, start, int(random.integers(1 << 31))), sweeps)


def _first(counts: Any, topics: int, bias: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns the topics (K, V) that sampling begins from."""
    many = counts.data.sum(dtype=np.float64) > MOST_WORDS
    if many or topics > MOST_TOPICS or topics * counts.shape[1] > MOST_CELLS:
        weights = clusters(counts, topics, bias, random)
        return np.ascontiguousarray(decoders.distributions({"projection_weight": weights, "projection_bias": bias}).T)
    return spectral.start(counts, topics, MOMENTS_ALPHA, int(random.integers(1 << 31))).beta


def clusters(counts: Any, number: int, bias: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns weights (V, K) float32 for which softmax(weights + bias) gives the words of K clusters."""
    logging.info("The topics begin from %d clusters of documents.", number)
    counts = spectral.some(counts, number, random)
    weighted = _weighted(counts)
    members, _ = max((_clusters(weighted, number, random) for _ in range(STARTS)), key=lambda found: found[1])
    words = (members @ counts).toarray()
    added = SMOOTHING * words.sum() / number
    smooth = words + added * np.exp(bias - bias.max()) / np.exp(bias - bias.max()).sum()
    found: np.ndarray = (np.log(smooth / smooth.sum(axis=1, keepdims=True)) - bias).T.astype(np.float32)
    return found


def _weighted(counts: Any) -> Any:
    """Returns rows of length 1: logarithms of counts times the words' inverse document frequencies."""
    found = counts.copy()
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    rare = np.log((counts.shape[0] + 1) / np.maximum(documents, 1)).astype(np.float32)
    found.data = np.log1p(counts.data) * rare[counts.indices]
    squares = np.bincount(entry_rows(found), found.data.astype(np.float64) ** 2, found.shape[0])
    found.data /= np.repeat(np.sqrt(squares), np.diff(found.indptr)).astype(np.float32)
    return found


def _clusters(rows: Any, number: int, random: np.random.Generator) -> tuple[Any, float]:
    """Spherical k-means. Returns (K, n) with 1 where a row belongs to a cluster, and the sum of the rows' cosines with their
    centres.
    """
    centers = _first_centers(rows, number, random)
    for _ in range(ROUNDS):
        nearest = np.asarray(rows @ centers.T).argmax(axis=1)
        ones = np.ones(len(nearest), np.float32)
        members = csr_matrix((ones, (nearest, np.arange(len(nearest)))), shape=(number, len(nearest)))
        centers = (members @ rows).toarray()
        lengths = np.linalg.norm(centers, axis=1, keepdims=True)
        centers /= np.maximum(lengths, 1e-12)
    return members, float(lengths.sum())


def _first_centers(rows: Any, number: int, random: np.random.Generator) -> np.ndarray:
    """Returns rows, each drawn by its distance from those before."""
    chosen = [int(random.integers(rows.shape[0]))]
    near = np.zeros(rows.shape[0])
    for _ in range(number - 1):
        near = np.maximum(near, (rows @ rows[chosen[-1]].T).toarray()[:, 0])
        far = np.maximum(1 - near, 1e-6) ** 2
        chosen.append(int(random.choice(len(far), p=far / far.sum())))
    centers: np.ndarray = rows[chosen].toarray()
    return centers
