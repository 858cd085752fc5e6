"""Random cut forest beside rrcf and scikit-learn's IsolationForest: 100 trees of 256 points; growing and scoring all rows.

How long the scoring of a row takes by itself is a contest of its own; there the seconds are of growing, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
from sagewright.algorithms.randomcutforest.forest import Forest

PEERS = ("rrcf", "scikit-learn")
TREES, SAMPLES = 100, 256
ISOLATION = "cuts every side alike, which random cuts by length don't"
SLOW, PACED = 1000, 200
"""Rows that rrcf scores, of long data: the same ones that all are judged by."""


def contests() -> Iterator[Contest]:
    yield _contest("shuttle, 49,097 x 9", *packages.shuttle())
    yield _contest("Yahoo series, windows of 8", *packages.labelled_series("yahoo", 8))
    yield _contest("MIT-BIH heartbeats, windows of 32", *packages.labelled_series("mitdb", 32))
    yield _contest("synthetic taxi rides, 10,273 windows of 48", *_taxi())
    rows, _ = packages.shuttle()
    yield _pace("shuttle, scoring alone", rows, PACED)
    yield _pace("synthetic taxi rides, windows of 48, scoring alone", _taxi()[0], PACED)


def _pace(name: str, rows: np.ndarray, few: int) -> Contest:
    entrants = [
        Entrant("Sagewright", partial(_ours_pace, rows), float, "all rows"),
        Entrant("scikit-learn, IsolationForest", partial(_isolation_pace, rows), float, "all rows"),
        Entrant("rrcf", partial(_rrcf_pace, rows, few), float, f"{few} rows: inserted, scored, taken out"),
    ]
    return Contest(name, "µs a row", "less", entrants, rounds=1)


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
    judge, judge_few = partial(area, labels), partial(area, labels[few])
    entrants = [
        Entrant("Sagewright", partial(fit_ours, rows), judge),
        Entrant("scikit-learn, IsolationForest", partial(fit_isolation, rows), judge, ISOLATION),
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


def fit_ours(rows: np.ndarray, seed: int) -> Any:
    return scoring.score(_grown(rows, seed), rows)


def _grown(rows: np.ndarray, seed: int) -> Forest:
    run = memory.session(
        DECLARATION,
        "RandomCutForest",
        feature_dim=rows.shape[1],
        num_trees=TREES,
        num_samples_per_tree=SAMPLES,
        _seed=seed,
    )
    return training.fit(run, memory.Held(rows))


def _ours_pace(rows: np.ndarray, seed: int) -> float:
    forest = _grown(rows, seed)
    scoring.score(forest, rows[:1])
    return _microseconds(lambda: scoring.score(forest, rows), len(rows))


def _microseconds(score: Callable[[], object], rows: int) -> float:
    began = time.process_time()
    score()
    return (time.process_time() - began) / rows * 1e6


def fit_isolation(rows: np.ndarray, seed: int) -> Any:
    return -_isolated(rows, seed).score_samples(rows)


def _isolated(rows: np.ndarray, seed: int) -> IsolationForest:
    return IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(rows)), random_state=seed).fit(rows)


def _isolation_pace(rows: np.ndarray, seed: int) -> float:
    forest = _isolated(rows, seed)
    return _microseconds(lambda: forest.score_samples(rows), len(rows))


def _rrcf(rows: np.ndarray, few: np.ndarray, seed: int) -> Any:
    return _displaced(_robust(rows, seed), rows[few])


def _rrcf_pace(rows: np.ndarray, few: int, seed: int) -> float:
    trees = _robust(rows, seed)
    return _microseconds(lambda: _displaced(trees, rows[:few]), few)


def _robust(rows: np.ndarray, seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    np.random.seed(seed)
    return [
        rrcf.RCTree(
            rows[random.permutation(len(rows))[:SAMPLES]].astype(float), index_labels=range(SAMPLES), precision=9
        )
        for _ in range(TREES)
    ]


def _displaced(trees: list[Any], rows: np.ndarray) -> np.ndarray:
    total = np.zeros(len(rows))
    for place, row in enumerate(rows.astype(float)):
        for tree in trees:
            tree.insert_point(row, index="new", tolerance=1e-9)
            total[place] += tree.codisp("new")
            tree.forget_point("new")
    return total / TREES


def area(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(roc_auc_score(labels, scores))
