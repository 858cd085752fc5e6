"""Random cut forest beside rrcf and scikit-learn's IsolationForest: 100 trees of 256 points; growing and scoring all rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import memory
import numpy as np
import packages
import rrcf
from contest import Contest, Entrant
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.randomcutforest import scoring, training
from sagewright.algorithms.randomcutforest.declaration import DECLARATION

PEERS = ("rrcf", "scikit-learn")
TREES, SAMPLES = 100, 256
ISOLATION = "cuts every side alike: better where the units of the readings don't compare"
SLOW = 1000
"""Rows that rrcf scores, of long data: the same ones that all are judged by."""


def contests() -> Iterator[Contest]:
    yield _contest("shuttle, 49,097 x 9", *packages.shuttle())
    yield _contest("Yahoo series, windows of 8", *packages.labelled_series("yahoo", 8))
    yield _contest("MIT-BIH heartbeats, windows of 32", *packages.labelled_series("mitdb", 32))
    yield _contest("synthetic taxi rides, 10,273 windows of 48", *_taxi())


def _taxi() -> tuple[np.ndarray, np.ndarray]:
    """Half-hourly rides of 215 days with five strange spells."""
    random = np.random.default_rng(0)
    time = np.arange(10320)
    rides = (
        15000
        + 6000 * np.sin(time * 2 * np.pi / 48)
        + 3000 * np.sin(time * 2 * np.pi / 336)
        + random.normal(0, 800, 10320)
    )
    strange = np.zeros(10320)
    for start in (1000, 3000, 5500, 8000, 9500):
        rides[start : start + 20] *= random.choice([0.3, 1.7])
        strange[start : start + 20] = 1
    return np.lib.stride_tricks.sliding_window_view(rides, 48).astype(np.float32), strange[47:]


def _contest(name: str, rows: np.ndarray, labels: np.ndarray) -> Contest:
    few = _few(labels)
    judge, judge_few = partial(_area, labels), partial(_area, labels[few])
    entrants = [
        Entrant("Sagewright", partial(_ours, rows), judge, "with 1 s to compile"),
        Entrant("scikit-learn, IsolationForest", partial(_isolation, rows), judge, ISOLATION),
        Entrant(
            f"rrcf, {len(few):,} rows",
            partial(_rrcf, rows, few),
            judge_few,
            f"scores {len(few):,} of {len(rows):,} rows",
        ),
    ]
    return Contest(name, "AUC", "more", entrants, rounds=1 if len(rows) > SLOW else 3)


def _few(labels: np.ndarray) -> np.ndarray:
    """The rows that the slow one scores: anomalies and others in their proportion."""
    return np.sort(np.random.default_rng(1).permutation(len(labels))[:SLOW])


def _ours(rows: np.ndarray, seed: int) -> Any:
    run = memory.session(
        DECLARATION,
        "RandomCutForest",
        feature_dim=rows.shape[1],
        num_trees=TREES,
        num_samples_per_tree=SAMPLES,
        _seed=seed,
    )
    return scoring.score(training.fit(run, memory.Held(rows)), rows)


def _isolation(rows: np.ndarray, seed: int) -> Any:
    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(rows)), random_state=seed).fit(rows)
    return -forest.score_samples(rows)


def _rrcf(rows: np.ndarray, few: np.ndarray, seed: int) -> Any:
    random = np.random.default_rng(seed)
    np.random.seed(seed)
    trees = [
        rrcf.RCTree(
            rows[random.permutation(len(rows))[:SAMPLES]].astype(float), index_labels=range(SAMPLES), precision=9
        )
        for _ in range(TREES)
    ]
    total = np.zeros(len(few))
    for place, row in enumerate(rows[few].astype(float)):
        for tree in trees:
            tree.insert_point(row, index="new", tolerance=1e-9)
            total[place] += tree.codisp("new")
            tree.forget_point("new")
    return total / TREES


def _area(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(roc_auc_score(labels, scores))
