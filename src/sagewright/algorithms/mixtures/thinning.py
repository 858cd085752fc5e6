"""Shortens long documents for sampling: the words that remain suffice to determine a document's mixture."""

from __future__ import annotations

from typing import Any

import numpy as np

LONGEST = 10_000
"""Maximum number of words of a document."""


def thinned(counts: Any, random: np.random.Generator, longest: int = LONGEST) -> Any:
    """Returns a csr_matrix of whole counts in which no row has more words than about `longest`. Counts of longer rows are scaled,
    and rounded so that each is unbiased.
    """
    words = np.asarray(counts.sum(axis=1), np.float64).ravel()
    if not len(words) or words.max() <= longest:
        return counts
    share = np.minimum(1.0, longest / np.maximum(words, 1))
    each = np.repeat(share, np.diff(counts.indptr))
    found = counts.copy()
    scaled = counts.data * each
    found.data = np.where(each < 1, np.floor(scaled + random.random(len(scaled))), counts.data).astype(
        counts.data.dtype
    )
    found.eliminate_zeros()
    return found
