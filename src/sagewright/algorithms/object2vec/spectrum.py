"""Initial token vectors by latent semantic indexing: tokens that occur in the same documents begin close together.

A document is a pair whose label says that its sequences belong together. Its counts are weighted by inverse document frequency and
scaled to unit length. The largest right singular vectors of these rows, times the frequency weights, are the tokens' vectors: up to
its length, the mean over a sequence is then the sequence's LSI vector. If each side has a separate table, both get the same axes,
as in cross-language indexing.

Source: S. Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990; T. Landauer and M. Littman, "Fully Automatic
Cross-Language Document Retrieval Using Latent Semantic Indexing", 1990; N. Halko, P.-G. Martinsson and J. Tropp, "Finding Structure
with Randomness", SIAM Review 2011, algorithm 4.4.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from scipy import linalg
from scipy.sparse import csr_array, diags_array, vstack

from sagewright.algorithms.object2vec.encoders import SPREAD, Pooled
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs

MOST_DOCUMENTS, MOST_TOKENS = 1 << 16, 1 << 22
"""Limits on the documents and tokens of the training channel that are used, drawn at random if it has more."""
SPARE, ITERATIONS = 10, 3
"""Directions that are computed beyond those requested, and passes over the documents there and back."""
TINY = 1e-12


def fill(network: Object2VecNetwork, known: Pairs, tables: Collection[int], random: np.random.Generator) -> None:
    """Initialises the token vectors of those `tables` whose sides have sequences of several tokens.

    Of two classes, or numbers, the pairs with the higher labels belong together; of more classes all do. Columns beyond the
    documents' singular vectors stay as they are. Where encoders take means, tokens that are in no document begin at zero. Others
    read an order, too: the vectors are added to random ones, so that tokens which always come together can be told apart.
    """
    starting = [number for number in tables if _is_text(network, known, number)]
    if not starting:
        return
    offsets = _offsets(network, starting)
    sides = [(side, offsets[_table(network, side)]) for side in (0, 1) if _table(network, side) in offsets]
    together = known.members[known.labels >= known.labels.mean()] if network.settings.outputs <= 2 else known.members
    documents = _documents(known, together, [side for side, _ in sides], random)
    topics = _set(network, _counts(known, documents, sides, _size(network, offsets)), offsets, random)
    if topics:
        logging.info(
            "%s: vectors of tokens begin with %d topics of %d pairs.",
            " and ".join(f"enc{side}" for side, _ in sides), topics, len(documents),
        )  # fmt: skip


def fill_unlabelled(
    network: Object2VecNetwork, known: Pairs, tables: Collection[int], random: np.random.Generator, *, apart: bool
) -> None:
    """As `fill`, from all pairs, whatever their labels are, and nothing but topics. Where they are taken `apart`, each
    sequence is a document, and a token of the same number is the same on both sides if these have as many.
    """
    starting = [number for number in tables if _is_text(network, known, number)]
    if not starting:
        return
    alike = apart and len({len(network.tokens[number].weight) for number in starting}) == 1
    offsets = dict.fromkeys(starting, 0) if alike else _offsets(network, starting)
    sides = [(side, offsets[_table(network, side)]) for side in (0, 1) if _table(network, side) in offsets]
    for number in starting:
        network.tokens[number].weight.detach().zero_()
    groups = [[each] for each in sides] if apart else [sides]
    parts = []
    for group in groups:
        documents = _documents(known, known.members, [side for side, _ in group], random)
        parts.append(_counts(known, documents, group, _size(network, offsets)))
    _set(network, vstack(parts).tocsr(), offsets, random)


def _offsets(network: Object2VecNetwork, tables: Sequence[int]) -> dict[int, int]:
    """The place of each table's first token among the tokens of all."""
    sizes = [len(network.tokens[number].weight) for number in tables]
    return dict(zip(tables, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))


def _size(network: Object2VecNetwork, offsets: Mapping[int, int]) -> int:
    return max(offset + len(network.tokens[number].weight) for number, offset in offsets.items())


def _set(network: Object2VecNetwork, counts: csr_array, offsets: Mapping[int, int], random: np.random.Generator) -> int:
    """Gives tables their vectors; returns the number of topics, 0 if nothing distinguishes the documents."""
    widest = max(network.tokens[number].weight.shape[1] for number in offsets)
    found = start(counts, widest, random)
    if not found.shape[1]:
        return 0
    for number, offset in offsets.items():
        weight = network.tokens[number].weight.detach()
        own = torch.from_numpy(found[offset : offset + len(weight), : weight.shape[1]])
        if all(isinstance(network.encoders[side], Pooled) for side in (0, 1) if _table(network, side) == number):
            weight[:, : own.shape[1]] = own
            weight[~own.any(1)] = 0
        else:
            weight[:, : own.shape[1]] += own
    return min(widest, found.shape[1])


def start(counts: csr_array, dim: int, random: np.random.Generator) -> np.ndarray:
    """Returns (tokens, at most dim) float32 from counts (documents, tokens), scaled so that means over documents have the deviation
    SPREAD. There are no columns if nothing distinguishes the documents.
    """
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    there = np.flatnonzero(frequency)
    weights = np.log(counts.shape[0] / frequency[there], dtype=np.float32)
    weighted = counts[:, there] @ diags_array(weights)
    norms = np.sqrt((weighted * weighted).sum(1))
    whole = (diags_array(1 / np.maximum(norms, TINY)) @ weighted).tocsr()
    found = _directions(whole, dim, random)
    means = (whole @ found) * (norms / counts.sum(1))[:, None]
    deviation = float(np.sqrt(np.mean(means**2))) if means.size else 0.0
    vectors = np.zeros((len(frequency), found.shape[1]), np.float32)
    vectors[there] = found * weights[:, None] * (SPREAD / max(deviation, TINY))
    return vectors


def _directions(rows: csr_array, dim: int, random: np.random.Generator) -> np.ndarray:
    """Returns (columns, at most dim), orthonormal: the right singular vectors of the largest non-zero singular values."""
    width = min(dim + SPARE, *rows.shape)
    found = random.standard_normal((rows.shape[1], width), np.float32)
    for _ in range(ITERATIONS):
        found = _orthonormal(rows.T @ _orthonormal(rows @ found))
    _, values, vectors = linalg.svd(rows @ found, full_matrices=False, check_finite=False)
    kept = int((values > values[:1] * np.finfo(np.float32).eps * max(rows.shape)).sum()) if values.any() else 0
    best: np.ndarray = found @ vectors[: min(dim, kept)].T
    return best


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """Returns a basis of the columns' span; unlike NumPy's, in their own precision."""
    basis: np.ndarray = linalg.qr(columns, mode="economic", overwrite_a=True, check_finite=False)[0]
    return basis


def _is_text(network: Object2VecNetwork, known: Pairs, table: int) -> bool:
    """True if a table's tokens come in sequences."""
    sides = [side for side in (0, 1) if _table(network, side) == table]
    return not all(known.texts[side].are_single for side in sides)


def _table(network: Object2VecNetwork, side: int) -> int:
    return min(side, len(network.tokens) - 1)


def _documents(known: Pairs, together: np.ndarray, sides: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """Returns (n, 2): the members of pairs that belong together, each pair once."""
    drawn = random.permutation(np.unique(together, axis=0))[:MOST_DOCUMENTS]
    lengths = sum(known.texts[side].lengths[drawn[:, side]] for side in sides)
    return drawn[: max(1, int(np.searchsorted(np.cumsum(lengths), MOST_TOKENS, "right")))]


def _counts(known: Pairs, documents: np.ndarray, sides: Sequence[tuple[int, int]], vocabulary: int) -> csr_array:
    """Returns (documents, vocabulary) float32; `sides`: their numbers, and the offsets of their tokens."""
    rows, columns = [], []
    for side, offset in sides:
        tokens, lengths = known.texts[side].take(documents[:, side])
        rows.append(np.repeat(np.arange(len(documents)), lengths))
        columns.append(tokens + offset)
    places = (np.concatenate(rows), np.concatenate(columns))
    ones = np.ones(len(places[0]), np.float32)
    return csr_array((ones, places), shape=(len(documents), vocabulary))  # equal places are added up
