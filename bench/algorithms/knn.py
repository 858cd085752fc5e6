"""k-NN beside Faiss and scikit-learn: an index is made and then asked, as one training with its test channel does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import data
import faiss
import memory
import numpy as np
from contest import Contest, Entrant
from sklearn.neighbors import KNeighborsClassifier

from sagewright.algorithms.knn import training
from sagewright.algorithms.knn.declaration import DECLARATION

PEERS = ("faiss-cpu", "scikit-learn")


class Task(NamedTuple):
    rows: np.ndarray
    labels: np.ndarray
    asked: np.ndarray
    truth: np.ndarray
    k: int


def contests() -> Iterator[Contest]:
    rows, labels = data.fashion("train")
    yield _contest("Fashion-MNIST, 60,000 x 784, 10,000 asked, k = 5", Task(rows, labels, *data.fashion("t10k"), 5))
    clouds, which = data.labelled_clouds(201_000, 64, 20)
    task = Task(clouds[:200_000], which[:200_000], clouds[200_000:], which[200_000:], 10)
    yield _contest("synthetic, 200,000 x 64, 1,000 asked, k = 10", task)


def _contest(name: str, task: Task) -> Contest:
    judge = partial(accuracy, task.truth)
    lists = round(len(task.rows) ** 0.5)
    entrants = [
        Entrant("Sagewright, faiss.Flat", partial(fit_ours, task, "faiss.Flat"), judge, "exact; matrix products, see exact.py"),
        Entrant("Faiss, IndexFlatL2", partial(fit_faiss, task, None), judge, "exact"),
        Entrant("scikit-learn, brute", partial(fit_sklearn, task), judge, "exact"),
        Entrant("Sagewright, faiss.IVFFlat", partial(fit_ours, task, "faiss.IVFFlat"), judge, f"{lists} lists, 8 looked into"),
        Entrant("Faiss, IndexIVFFlat", partial(fit_faiss, task, lists), judge, f"{lists} lists, 8 looked into"),
    ]  # fmt: skip
    return Contest(name, "accuracy", "more", entrants)


def fit_ours(task: Task, kind: str, seed: int) -> np.ndarray:
    values = {"feature_dim": task.rows.shape[1], "k": task.k, "predictor_type": "classifier", "_seed": seed}
    run = memory.session(DECLARATION, "AWS/KNN", sample_size=len(task.rows), index_type=kind, **values)
    model = training.fit(run, memory.Held(task.rows, task.labels))
    assert model is not None
    return model.labelled(model.neighbours(task.asked)[1])


def fit_faiss(task: Task, lists: int | None, seed: int) -> np.ndarray:
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(task.rows.shape[1])
    if lists is not None:
        index = faiss.IndexIVFFlat(index, task.rows.shape[1], lists)
        index.cp.seed, index.nprobe = seed, 8
        index.train(task.rows)
    index.add(task.rows)
    neighbours = task.labels[index.search(task.asked, task.k)[1]].astype(int)
    return np.array([np.bincount(row).argmax() for row in neighbours])


def fit_sklearn(task: Task, seed: int) -> np.ndarray:  # noqa: ARG001 - nothing is random
    return KNeighborsClassifier(task.k, algorithm="brute").fit(task.rows, task.labels).predict(task.asked)


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float((predicted == truth).mean())
