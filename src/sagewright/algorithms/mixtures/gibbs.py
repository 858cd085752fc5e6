"""Refines topics by collapsed Gibbs sampling; the mean of the samples predicts new documents better than any one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma

from sagewright.algorithms.mixtures.judging import LeftOut, Samples, Smoothing
from sagewright.algorithms.mixtures.topics import Topics
from sagewright.algorithms.native.kernels import native

ETA = 0.08
"""The prior of each word in each topic, chosen on held-out documents of 20 Newsgroups' train part."""
ALPHA = 0.1
"""The initial prior of each topic in each document; it is refitted during sampling."""
EVERY = 5
"""Sweeps between the samples that count: successive ones are alike."""
FEWEST_JUDGED = 40
"""Minimum number of sweeps for some documents to be left out in the first quarter of them."""

FITTED = 20_000
"""Documents that the mixtures' prior is fitted to."""
Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Tokens of each topic in each document (documents, K), of each word (V, K), and in total (K,); K is a multiple of LANES."""
Room = tuple[np.ndarray, np.ndarray]
"""Working memory, (K,) each."""
TOKENS = 1 << 22
"""Words that are processed at once."""
LANES = 8
"""Topics that are processed at once: their number is padded to a multiple with topics that never get a word."""


@native(
    "int32[:, ::1], Tuple((float32[:, ::1], float32[:, ::1], float32[::1])), float32[::1], float32[::1], "
    "Tuple((float32[::1], float32[::1]))",
    fastmath=True,
)
def _sweep(tokens: np.ndarray, counts: Counts, alpha: np.ndarray, drawn: np.ndarray, room: Room) -> None:
    """Draws the topic of each token anew, from `drawn` (n,) in [0, 1). `tokens` (n, 3): document, word, topic; `alpha` (K,) is 0
    for padding topics.
    """
    (of_documents, of_words, of_topics), (share, inverse) = counts, room
    topics = len(alpha)
    prior = np.float32(ETA)
    whole = np.float32(ETA * len(of_words))
    for topic in range(topics):
        inverse[topic] = 1 / (of_topics[topic] + whole)
    for number in range(len(tokens)):
        document, word, old = (np.uintp(tokens[number, 0]), np.uintp(tokens[number, 1]), np.uintp(tokens[number, 2]))
        of_documents[document, old] -= 1
        of_words[word, old] -= 1
        of_topics[old] -= 1
        inverse[old] = 1 / (of_topics[old] + whole)
        total = np.float32(0)
        for topic in range(topics):
            chance = (of_documents[document, topic] + alpha[topic]) * (of_words[word, topic] + prior) * inverse[topic]
            share[topic] = chance
            total += chance
        left = drawn[number] * total
        new = 0
        while new < topics - LANES:
            part = np.float32(0)
            for lane in range(LANES):
                part += share[new + lane]
            if left < part:
                break
            left -= part
            new += LANES
        left -= share[new]
        end = new + LANES - 1
        while left > 0 and new < end:
            new += 1
            left -= share[new]
        while share[new] == 0 and new > 0:  # left over by rounding
            new -= 1
        tokens[number, 2] = new
        of_documents[document, new] += 1
        of_words[word, new] += 1
        of_topics[new] += 1
        inverse[new] = 1 / (of_topics[new] + whole)


def memory_bytes(words: float, documents: int, topics: int, vocabulary: int) -> float:
    """Returns the memory that a chain needs."""
    wide = -(-topics // LANES) * LANES
    return 24 * words + 4 * wide * (documents + vocabulary) + 16 * topics * vocabulary


class Chain:
    """The topic of every word of every document. `counts` is a csr_matrix (documents, V) of whole numbers."""

    def __init__(self, counts: Any, start: Topics, seed: int) -> None:
        self.random = np.random.default_rng([seed, 2])
        self.topics = len(start.alpha)
        wide = -(-self.topics // LANES) * LANES
        self._alpha = np.zeros(wide, np.float32)
        self._alpha[: self.topics] = ALPHA
        repeats = counts.data.astype(np.int64)
        self.tokens = np.empty((int(repeats.sum()), 3), np.int32)
        rows = np.repeat(np.arange(counts.shape[0], dtype=np.int32), np.diff(counts.indptr))
        self.tokens[:, 0], self.tokens[:, 1] = np.repeat(rows, repeats), np.repeat(counts.indices, repeats)
        self._start(start)
        self._of_documents = np.zeros((counts.shape[0], wide), np.float32)
        self._of_words = np.zeros((counts.shape[1], wide), np.float32)
        for part in _parts(len(self.tokens)):
            document, word, topic = self.tokens[part].T
            np.add.at(self._of_documents, (document, topic), 1)
            np.add.at(self._of_words, (word, topic), 1)
        self._of_topics = self._of_words.sum(axis=0)
        self._there = len(self.tokens)
        self.counts = counts
        self._room = np.empty(wide, np.float32), np.empty(wide, np.float32)

    @property
    def alpha(self) -> np.ndarray:
        return self._alpha[: self.topics]

    @property
    def of_documents(self) -> np.ndarray:
        return self._of_documents[:, : self.topics]

    @property
    def of_words(self) -> np.ndarray:
        return self._of_words[:, : self.topics]

    @property
    def of_topics(self) -> np.ndarray:
        return self._of_topics[: self.topics]

    def leave_out(self, rows: np.ndarray) -> None:
        """Leaves out the documents of these rows until `join`."""
        out = np.zeros(len(self._of_documents), bool)
        out[rows] = True
        there = ~out[self.tokens[:, 0]]
        self.tokens = np.concatenate([self.tokens[there], self.tokens[~there]])
        self._there = int(there.sum())
        self._count(self.tokens[self._there :], -1)

    def join(self) -> None:
        """Takes the documents that were left out back in, with topics drawn from those of the others."""
        tokens = self.tokens[self._there :]
        self._draw(tokens, self.beta())
        self._count(tokens, 1)
        self._there = len(self.tokens)

    def _count(self, tokens: np.ndarray, one: int) -> None:
        document, word, topic = tokens.T
        np.add.at(self._of_documents, (document, topic), one)
        np.add.at(self._of_words, (word, topic), one)
        self._of_topics = self._of_words.sum(axis=0)

    def frequencies(self) -> np.ndarray:
        """Returns (V,) float64: the words' shares of the corpus."""
        found = self.of_words.sum(axis=1, dtype=np.float64) + ETA
        return np.asarray(found / found.sum())

    def add_to(self, samples: Samples) -> None:
        samples.add(self.of_words.T, ETA * len(self._of_words))

    def samples(self) -> Samples:
        """Returns room for samples of the topics."""
        return Samples(np.zeros(self.of_words.T.shape), np.zeros(self.topics))

    def _start(self, start: Topics) -> None:
        """Draws a topic for each token from the topics' probabilities of its word alone, with each topic moved half way to their
        mean: a start that leaves room to move ends better.
        """
        self._draw(self.tokens, start.beta + start.beta.mean(axis=0))

    def _draw(self, tokens: np.ndarray, shares: np.ndarray) -> None:
        ends = np.cumsum(shares / shares.sum(axis=0), axis=0).astype(np.float32)
        for part in _parts(len(tokens)):
            word = tokens[part, 1]
            drawn = self.random.random(len(word), np.float32)
            place = np.zeros(len(word), np.int32)
            for row in ends[:-1]:
                place += row[word] < drawn
            tokens[part, 2] = place

    def sweep(self) -> None:
        for part in _parts(self._there):
            drawn = self.random.random(part.stop - part.start, np.float32)
            _sweep(
                self.tokens[part], (self._of_documents, self._of_words, self._of_topics), self._alpha, drawn, self._room
            )

    def fit_alpha(self) -> None:
        """Moves the mixtures' prior towards its maximum likelihood (Minka's fixed point)."""
        alpha, counts = self.alpha.astype(np.float64), self.of_documents
        if len(counts) > FITTED:
            counts = counts[self.random.choice(len(counts), FITTED, replace=False)]
        lengths = counts.sum(axis=1)
        for _ in range(3):
            total = alpha.sum()
            below = (digamma(lengths + total) - digamma(total)).sum()
            # Most counts are 0, and their difference is 0 too.
            document, topic = np.nonzero(counts)
            each = digamma(counts[document, topic] + alpha[topic]) - digamma(alpha[topic])
            alpha = alpha * np.maximum(np.bincount(topic, each, self.topics), 1e-10) / below
        self._alpha[: self.topics] = np.maximum(alpha, 1e-4)

    def beta(self) -> np.ndarray:
        """Returns (K, V) float64: the topics' distributions in this sample."""
        smoothed = self.of_words.T.astype(np.float64) + ETA
        return smoothed / smoothed.sum(axis=1, keepdims=True)


def _parts(count: int) -> list[slice]:
    return [slice(start, min(start + TOKENS, count)) for start in range(0, count, TOKENS)]


def refine(chain: Chain, sweeps: int) -> Topics:
    """Returns the mean of the samples of the last two thirds. Until a quarter of the sweeps, some documents are left out: they
    decide how the topics are smoothed."""
    out = LeftOut.draw(chain.counts, chain.random) if sweeps >= FEWEST_JUDGED else None
    smoothing, samples, early = Smoothing(), chain.samples(), chain.samples()
    if out is not None:
        chain.leave_out(out.rows)
    for number in range(sweeps):
        if out is not None and number == sweeps // 4:
            known = chain.of_words.any(axis=1)
            smoothing = out.smoothing(early, chain.frequencies(), known, chain.alpha.astype(np.float64))
            chain.join()
        chain.sweep()
        if number >= 10 and number % 10 == 0:
            chain.fit_alpha()
        if (sweeps - 1 - number) % EVERY == 0:
            if number >= sweeps // 3:
                chain.add_to(samples)
            elif out is not None and sweeps // 8 <= number < sweeps // 4:
                chain.add_to(early)
    beta = smoothing.beta(samples, chain.frequencies())
    return Topics(chain.alpha.astype(np.float64), beta, smoothing.ratio)


def rehearse(_values: Mapping[str, Any]) -> None:
    """Compiles for the types of a chain, with one token."""
    counts, row = np.ones((1, LANES), np.float32), np.ones(LANES, np.float32)
    _sweep(
        np.zeros((1, 3), np.int32),
        (counts, counts.copy(), row),
        row.copy(),
        np.zeros(1, np.float32),
        (row.copy(), row.copy()),
    )
