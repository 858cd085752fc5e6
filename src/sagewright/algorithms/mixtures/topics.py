"""Topics, independent of the method that found them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Topics:
    """`alpha` (K,): the Dirichlet prior of mixtures; `beta` (K, V): each topic's distribution of words. `ratio`, if measured: the
    perplexity of documents left out, as a multiple of that under the corpus's frequencies of words.
    """

    alpha: np.ndarray
    beta: np.ndarray
    ratio: float | None = None
