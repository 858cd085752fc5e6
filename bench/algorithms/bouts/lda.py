"""LDA beside tomotopy and scikit-learn: the perplexity of half of the words of held-out documents, given the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import heldout
import lda
from arena import Bout
from contest import Contest, Entrant
from corpora import Corpus, corpus_bouts

PEERS = ("tomotopy", "scikit-learn")


def bouts() -> Iterator[Bout]:
    return corpus_bouts(_contest)


def _contest(corpus: Corpus) -> Contest:
    judge = partial(heldout.perplexity, corpus.test)
    fits: dict[str, Callable[[int], Any]] = {
        "Sagewright": partial(lda.fit_ours, corpus.train, topics=corpus.topics),
        "tomotopy, 500 iterations": partial(lda.gibbs, corpus.train, corpus.words, 500, topics=corpus.topics),
        "scikit-learn, variational": partial(lda.fit_sklearn, corpus.train, topics=corpus.topics),
    }
    return Contest("", "held-out perplexity", "less", [Entrant(name, fit, judge) for name, fit in fits.items()])
