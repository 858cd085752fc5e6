"""Whether topics predict documents that sampling leaves out at first, and how their words are best smoothed.

With few words to learn from, a topic is mostly its prior. If topics share common words, the corpus's frequencies are the better
prior; if they have words of their own, an even prior is; often their mean is better than both. The documents left out decide, and
take part in sampling afterwards.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.baseline import ROUNDING
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.mixtures import inference
from sagewright.algorithms.mixtures.topics import Topics

SHARE, FEWEST, MOST = 10, 30, 300
"""One document in SHARE is left out, but at least FEWEST, or a third if that is fewer, and at most MOST."""
LEAST = 5
"""Minimum number of documents left out that have words in both halves."""
PRIORS = (0.0, 0.5, 1.0)
"""Shares of the corpus's frequencies in the words' prior. The rest is even."""
SHRUNK = (0.75, 0.5, 0.25)
"""Shares of the topics' deviation from the corpus's words: less than 1 only if they would otherwise predict worse than these."""
TOLERANCE = 1e-3


@dataclass
class Samples:
    """The mean over samples of topics without their prior, `words` (K, V), and of the prior's weight in them, `rest` (K,)."""

    words: np.ndarray
    rest: np.ndarray
    count: int = 0

    def add(self, of_words: np.ndarray, prior: float) -> None:
        """Adds a sample's counts (K, V) under a prior of so many words in each topic."""
        totals = of_words.sum(axis=1, dtype=np.float64) + prior
        self.count += 1
        self.words += (of_words / totals[:, None] - self.words) / self.count
        self.rest += (prior / totals - self.rest) / self.count


@dataclass(frozen=True)
class Smoothing:
    """`by_corpus`: share of the words' frequencies in the corpus in their prior, of which the rest is even. `share` of the topics'
    deviation from these frequencies that remains. `ratio`: the perplexity of the documents left out, as a multiple of that under
    these frequencies.
    """

    by_corpus: float = 0.0
    share: float = 1.0
    ratio: float | None = None

    def beta(self, samples: Samples, frequencies: np.ndarray) -> np.ndarray:
        """Returns (K, V) float64; `frequencies` (V,) are the words' in the corpus."""
        prior = self.by_corpus * frequencies + (1 - self.by_corpus) / len(frequencies)
        found = samples.words + samples.rest[:, None] * prior
        return np.asarray(self.share * found + (1 - self.share) * frequencies)


@dataclass(frozen=True)
class LeftOut:
    """Documents that are left out: their `rows`, and half of the words of each, `seen`, by which the other half is predicted."""

    rows: np.ndarray
    seen: Any = field(repr=False)
    other: Any = field(repr=False)

    @classmethod
    def draw(cls, counts: Any, random: np.random.Generator) -> LeftOut | None:
        """Draws documents of a csr_matrix of whole counts; None if too few have two words."""
        documents = counts.shape[0]
        rows = np.sort(random.permutation(documents)[: min(max(documents // SHARE, FEWEST), documents // 3, MOST)])
        whole = counts[rows]
        seen, other = whole.astype(np.float64), whole.astype(np.float64)
        seen.data = random.binomial(whole.data.astype(np.int64), 0.5).astype(np.float64)
        other.data = whole.data - seen.data
        both = (np.asarray(seen.sum(axis=1))[:, 0] > 0) & (np.asarray(other.sum(axis=1))[:, 0] > 0)
        return cls(rows, seen[both], other[both]) if both.sum() >= LEAST else None

    def smoothing(self, samples: Samples, frequencies: np.ndarray, known: np.ndarray, alpha: np.ndarray) -> Smoothing:
        """Returns the best smoothing. `known` (V,): whether the other documents have the word; only those count."""
        seen, other = (each.multiply(known[None, :]).tocsr() for each in (self.seen, self.other))
        for each in (seen, other):
            each.eliminate_zeros()
        if not other.nnz:
            return Smoothing()
        constant = Topics(np.ones(1), frequencies[None])
        nothing = inference.per_word_log_likelihood(other, np.ones((other.shape[0], 1)), constant)

        def judged(by_corpus: float, share: float = 1.0) -> tuple[float, float, float]:
            topics = Topics(alpha, Smoothing(by_corpus, share).beta(samples, frequencies))
            mixtures = inference.mixtures(seen, topics, tolerance=TOLERANCE)
            reached = inference.per_word_log_likelihood(other, mixtures, topics)
            return float(np.exp(nothing - reached)), by_corpus, share

        best = min(judged(by_corpus) for by_corpus in PRIORS)
        if best[0] > 1:
            best = min(best, *(judged(best[1], share) for share in SHRUNK))
        ratio, by_corpus, share = best
        return Smoothing(by_corpus, share, ratio)


def report(lines: Lines, topics: Topics) -> None:
    """Logs the metric `train:baseline_ratio` of topics that were judged, and a warning if they predict worse than no topics."""
    if topics.ratio is None:
        return
    lines.quality("train", {"baseline_ratio": topics.ratio}, "loss")
    if topics.ratio > 1 + ROUNDING:
        logging.warning(
            "The perplexity of documents that were left out is %.4g times that under the frequencies of words in the corpus: "
            "its documents are too short or too few for %d topics, or have none.",
            topics.ratio, len(topics.alpha),
        )  # fmt: skip
