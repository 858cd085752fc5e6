"""The neural topic model beside LDA: 50 topics, 5,000 words. Perplexity and coherence, of words ranked in two ways, are contests of
their own.

Perplexity is of half of each test document's words, given what the other half says: to the encoder, or to LDA's inference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import heldout
import lda
import memory
import numpy as np
import packages
from contest import Contest, Entrant

from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.mixtures import inference
from sagewright.algorithms.ntm import training
from sagewright.algorithms.ntm.declaration import DECLARATION
from sagewright.algorithms.ntm.model import TopicModel
from sagewright.algorithms.ntm.network import NTMNetwork

PEERS = ("tomotopy",)
TOPICS = 50
RELEVANCE = 0.5


def contests() -> Iterator[Contest]:
    train, test, words = packages.words("20newsgroups")
    frequency = np.log(np.asarray(train.sum(axis=0)).ravel() + 1)
    shape = f"20 Newsgroups, {train.shape[0]:,} documents, {test.shape[0]:,} held out, K = {TOPICS}"
    hold = partial(_contest, train, words)
    yield hold(shape, "held-out perplexity", "less", partial(perplexity, test))
    for part, name in ((1.0, "by probability"), (RELEVANCE, "by relevance, λ = ½")):
        yield hold(f"{shape}, words {name}", "NPMI of 10 words", "more", partial(_coherence, train, frequency, part))


def _contest(
    train: Any,
    words: list[str],
    data: str,
    quality: str,
    better: Literal["more", "less"],
    judge: Callable[[Any], float],
) -> Contest:
    fits = {
        "Sagewright": partial(fit_ours, train),
        "Sagewright, adam": partial(fit_ours, train, optimizer="adam", learning_rate=0.003),
        "tomotopy's LDA, 500 iterations": partial(lda.gibbs, train, words, 500),
    }
    return Contest(data, quality, better, [Entrant(each, fit, judge) for each, fit in fits.items()], rounds=1)


def fit_ours(train: Any, seed: int, topics: int = TOPICS, **more: object) -> NTMNetwork:
    """Trained on all documents, as the others are, with no validation channel."""
    values = {"feature_dim": train.shape[1], "num_topics": topics, "_seed": seed}
    run = memory.session(DECLARATION, "AWS/NTM", **values, **more)
    return training.fit(run, memory.source(_sparse(train), sparse=True), None)


def _sparse(counts: Any) -> Sparse:
    indptr, indices = counts.indptr.astype(np.int64), counts.indices.astype(np.int64)
    return Sparse(indptr, indices, counts.data.astype(np.float32), counts.shape[1])


def _scores(network: NTMNetwork) -> np.ndarray:
    """(K, V): logarithms of the words' probabilities, up to a number for each topic."""
    scores: np.ndarray = (network.arrays["projection_weight"] + network.arrays["projection_bias"][:, None]).T
    return scores


def _coherence(train: Any, frequency: np.ndarray, part: float, found: Any) -> float:
    scores = _scores(found) if isinstance(found, NTMNetwork) else np.log(found.beta)
    return lda.npmi(train, scores - (1 - part) * frequency)


def perplexity(test: Any, found: Any) -> float:
    if not isinstance(found, NTMNetwork):
        return heldout.perplexity(test, found)
    seen, left = heldout.halves(test)
    model = TopicModel(found)
    shares = model.predict(_sparse(seen))["topic_weights"]
    if model.topics is not None:
        return float(np.exp(-inference.per_word_log_likelihood(left, shares, model.topics)))
    likelihood = 0.0
    for row, share in zip(left, shares, strict=True):
        scores = share @ found.arrays["projection_weight"].T + found.arrays["projection_bias"]
        total = scores.max() + np.log(np.exp(scores - scores.max()).sum())
        likelihood += float(row.data @ (scores[row.indices] - total))
    return float(np.exp(-likelihood / left.data.sum()))
