"""Held-out perplexity of topic models: half of a document's words, given what the other half says, inferred alike for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.mixtures import inference
from sagewright.algorithms.mixtures.topics import Topics


def halves(test: Any) -> tuple[Any, Any]:
    """Each document's words in two parts by chance, of documents that have words in both."""
    seen, left = test.astype(float), test.astype(float)
    seen.data = np.random.default_rng(0).binomial(test.data.astype(int), 0.5).astype(float)
    left.data = test.data - seen.data
    both = (np.asarray(seen.sum(axis=1)).ravel() > 0) & (np.asarray(left.sum(axis=1)).ravel() > 0)
    seen, left = seen[both], left[both]
    seen.eliminate_zeros()
    left.eliminate_zeros()
    return seen, left


def perplexity(test: Any, topics: Topics) -> float:
    """Of half of the words, given what the other half says."""
    seen, left = halves(test)
    mixtures = inference.mixtures(seen, topics)
    return float(np.exp(-inference.per_word_log_likelihood(left, mixtures, topics)))
