"""K-means beside scikit-learn's and Faiss's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import data
import faiss
import memory
import numpy as np
from contest import Contest, Entrant
from sklearn.cluster import KMeans, MiniBatchKMeans

from sagewright.algorithms.kmeans import distances, training
from sagewright.algorithms.kmeans.declaration import DECLARATION

PEERS = ("scikit-learn", "faiss-cpu")
CENTRES = 100
QUALITY = "inertia a row"
ALL = 10**9


def contests() -> Iterator[Contest]:
    rows = data.blobs(440_000, 32, 200)
    yield _contest("synthetic, 400,000 x 32 in 200 clouds, 40,000 held out, k = 100", rows[:400_000], rows[400_000:])
    train, held_out = data.fashion("train")[0], data.fashion("t10k")[0]
    yield _contest("Fashion-MNIST, 60,000 x 784, 10,000 held out, k = 100", train, held_out)
    rows = data.blobs(10_100_000, 32, 200)
    train, held_out = rows[:10_000_000], rows[10_000_000:]
    name = "synthetic, 10,000,000 x 32 in 200 clouds, 100,000 held out, k = 100"
    yield Contest(
        name, QUALITY, "less", _every(train, held_out), rounds=1
    )  # MiniBatchKMeans takes minutes, one pass too


def _contest(name: str, train: np.ndarray, held_out: np.ndarray) -> Contest:
    judge = partial(inertia, held_out)
    peers = [
        Entrant("scikit-learn, MiniBatchKMeans", partial(fit_sklearn, train, MiniBatchKMeans), judge, "defaults"),
        Entrant("scikit-learn, KMeans (Lloyd)", partial(fit_sklearn, train, KMeans), judge, "one start"),
        Entrant("Faiss, Kmeans on all rows", partial(fit_faiss, train, ALL), judge, "25 iterations"),
    ]
    return Contest(name, QUALITY, "less", [*_every(train, held_out), *peers])


def _every(train: np.ndarray, held_out: np.ndarray) -> list[Entrant]:
    judge = partial(inertia, held_out)
    return [
        Entrant("Sagewright", partial(fit_ours, train, "random"), judge, "defaults: one pass"),
        Entrant("Sagewright, init_method kmeans++", partial(fit_ours, train, "kmeans++"), judge, "one pass"),
        Entrant("Faiss, Kmeans", partial(fit_faiss, train, 256), judge, "defaults: on 25,600 rows; reads no others"),
    ]


def fit_ours(rows: np.ndarray, init: str, seed: int, k: int = CENTRES) -> np.ndarray:
    run = memory.session(
        DECLARATION, "AWS/KMeansWebscale", feature_dim=rows.shape[1], k=k, init_method=init, _seed=seed
    )
    return training.fit(run, memory.Held(rows)).points


def fit_sklearn(
    rows: np.ndarray, kind: Callable[..., KMeans | MiniBatchKMeans], seed: int, k: int = CENTRES
) -> np.ndarray:
    return kind(k, random_state=seed).fit(rows).cluster_centers_


def fit_faiss(rows: np.ndarray, most: int, seed: int, k: int = CENTRES) -> np.ndarray:
    faiss.omp_set_num_threads(1)
    kmeans = faiss.Kmeans(rows.shape[1], k, seed=seed + 1, max_points_per_centroid=most)
    kmeans.train(rows)
    return kmeans.centroids


def inertia(rows: np.ndarray, centres: np.ndarray) -> float:
    return float(distances.nearest(rows, centres.astype(np.float32))[1].mean(dtype=np.float64))
