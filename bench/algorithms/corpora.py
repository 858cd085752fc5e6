"""Texts and generated documents that topic models are tried on, split into those to learn from and those to be judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import generators
import packages
import tables
from arena import Bout
from contest import Contest
from scipy.sparse import csr_matrix

PACKAGED = {"books": 10, "friends": 10, "grimm": 5, "tweets": 20, "reuters-r8": 20, "reuters-r52": 40}
"""Texts, and the number of topics."""
DOCUMENTS: dict[str, dict[str, Any]] = {
    "plain": {"rows": 1500, "words": 1000, "topics": 20, "length": 60},
    "rare": {"rows": 300, "words": 1000, "topics": 20, "length": 60},
    "sparse": {"rows": 3000, "words": 2000, "topics": 20, "length": 12},
    "huge": {"rows": 300, "words": 1000, "topics": 10, "length": 1500},
    "heavy-tailed": {"rows": 1500, "words": 1000, "topics": 20, "length": 60, "spread": 0.02},
}


@dataclass(frozen=True)
class Corpus:
    """Counts of words by document, csr_matrix, of which `topics` topics are looked for."""

    train: Any
    test: Any
    words: list[str]
    topics: int


Enter = Callable[[Corpus], Contest]


def corpus_bouts(enter: Enter) -> Iterator[Bout]:
    for name, topics in PACKAGED.items():
        yield Bout(name, "plain", partial(_packaged, enter, name, topics))
    for variant, values in DOCUMENTS.items():
        yield Bout("documents", variant, partial(_generated, enter, generators.documents, values))
    yield Bout("bursts", "plain", partial(_generated, enter, generators.bursts, DOCUMENTS["plain"]))
    yield Bout("themes", "plain", lambda seed: _counted(enter, generators.themes(1500, 1000, 20, 60, seed), 20, seed))


def _packaged(enter: Enter, name: str, topics: int, seed: int) -> Contest:
    return _split(enter, *tables.texts(name), topics, seed)


def _generated(enter: Enter, make: Callable[..., Any], values: dict[str, Any], seed: int) -> Contest:
    return _counted(enter, make(seed=seed, **values), values["topics"], seed)


def _counted(enter: Enter, rows: Any, topics: int, seed: int) -> Contest:
    return _split(enter, csr_matrix(rows), [f"w{number}" for number in range(rows.shape[1])], topics, seed)


def _split(enter: Enter, counts: Any, words: list[str], topics: int, seed: int) -> Contest:
    (train,), (test,) = packages.split(counts, held_out=0.2, seed=seed)
    return enter(Corpus(train, test, words, topics))
