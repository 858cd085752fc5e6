"""PCA beside scikit-learn's: full, by the covariance's eigenvectors, incremental and randomized."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import data
import memory
import numpy as np
from contest import Contest, Entrant
from sklearn.decomposition import PCA, IncrementalPCA

from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.pca import model, training
from sagewright.algorithms.pca.declaration import DECLARATION

PEERS = ("scikit-learn",)
COMPONENTS = 20
MORE_THAN_MEMORY = 26 << 30


def contests() -> Iterator[Contest]:
    rows = data.low_rank(360_000, 200)
    yield _contest("synthetic, 300,000 x 200, 60,000 held out, k = 20", rows[:300_000], rows[300_000:])
    yield _piped(rows[:100_000], rows[300_000:])
    del rows
    yield _contest(
        "Fashion-MNIST, 60,000 x 784, 10,000 held out, k = 20", data.fashion("train")[0], data.fashion("t10k")[0]
    )


def _contest(name: str, train: np.ndarray, held_out: np.ndarray) -> Contest:
    judge = partial(explained, held_out)
    theirs = partial(Entrant, judge=judge)
    return Contest(
        name,
        "explained variance",
        "more",
        [
            Entrant("Sagewright, regular", partial(fit_ours, train, "regular"), judge),
            Entrant("Sagewright, randomized", partial(fit_ours, train, "randomized"), judge),
            theirs("scikit-learn, covariance_eigh", partial(fit_sklearn, train, svd_solver="covariance_eigh")),
            theirs("scikit-learn, full", partial(fit_sklearn, train, svd_solver="full")),
            theirs("scikit-learn, randomized", partial(fit_sklearn, train, svd_solver="randomized")),
            theirs("scikit-learn, incremental", partial(_incremental, train)),
        ],
    )


def _piped(rows: np.ndarray, held_out: np.ndarray) -> Contest:
    records, times = protobuf.dump(Table(rows)), -(-MORE_THAN_MEMORY // rows.nbytes)
    values = {"feature_dim": rows.shape[1], "num_components": COMPONENTS, "mini_batch_size": 500}
    size = f"{times * len(rows):,} x {rows.shape[1]}: {times * len(records) / 1e9:.0f} GB"
    entrant = Entrant(
        "Sagewright, the whole job",
        lambda _seed: model.Projection.decode(memory.by_pipe(DECLARATION, records, times, **values)).components,
        partial(explained, held_out),
        "one pass; more data than the 24 GiB of memory of the machine",
    )
    return Contest(
        f"synthetic, {size} of recordIO-protobuf by a pipe", "explained variance", "more", [entrant], rounds=1
    )


def fit_ours(rows: np.ndarray, mode: str, seed: int, count: int = COMPONENTS) -> np.ndarray:
    values = {"feature_dim": rows.shape[1], "num_components": count, "mini_batch_size": 500, "_seed": seed}
    run = memory.session(DECLARATION, "AWS/PCA", algorithm_mode=mode, **values)
    return training.fit(run, memory.Held(rows)).components


def fit_sklearn(rows: np.ndarray, seed: int, svd_solver: str, count: int = COMPONENTS) -> np.ndarray:
    return PCA(count, svd_solver=svd_solver, random_state=seed).fit(rows).components_.T


def _incremental(rows: np.ndarray, seed: int) -> Any:  # noqa: ARG001 - nothing is random
    return IncrementalPCA(COMPONENTS).fit(rows).components_.T


def explained(held_out: np.ndarray, components: np.ndarray) -> float:
    """The part of the held-out rows' variance that lies in the components' span."""
    wide = held_out.astype(np.float64)
    wide -= wide.mean(axis=0)
    basis = np.linalg.qr(components.astype(np.float64))[0]
    return float(np.square(wide @ basis).sum() / np.square(wide).sum())
