"""Drawn rows for factorization machines, random cut forest and PCA, beside scikit-learn with its defaults."""

from __future__ import annotations

from functools import partial
from typing import Any

import generators
import memory
import numpy as np
from cases import Case, Fit, between, one_of, whole
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sagewright.algorithms.factorization_machines import training as machines
from sagewright.algorithms.factorization_machines.declaration import DECLARATION as MACHINES
from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.pca import training as pca
from sagewright.algorithms.pca.declaration import DECLARATION as COMPONENTS
from sagewright.algorithms.randomcutforest import scoring
from sagewright.algorithms.randomcutforest import training as forests
from sagewright.algorithms.randomcutforest.declaration import DECLARATION as FOREST

LATER = 2000
Parts = tuple[tuple[Any, np.ndarray], tuple[Any, np.ndarray]]


def interactions(random: np.random.Generator) -> Case:
    """Features whose products count, dense or one-hot, some with heavy tails or few rows; and tables, whose columns say nearly the
    same, some with far values; numbers or classes.
    """
    kind = one_of(
        random, "dense", "heavy tails", "few rows", "one-hot", "only linear", "nothing to learn", "far units", "table",
        "linear table",
    )  # fmt: skip
    tabular = kind in ("table", "linear table")
    rows = whole(random, 10, 100) if kind == "few rows" else whole(random, 40 if tabular else 200, 6000)
    binary = bool(random.random() < 0.5)
    one_hot = kind == "one-hot" or (kind in ("few rows", "only linear") and random.random() < 0.5)
    made = _table(random, rows + LATER) if tabular else _dense(random, kind, rows + LATER)
    x = _categories(random, rows + LATER) if one_hot else made
    unit = x if one_hot else (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    score = np.asarray(unit @ random.normal(0, between(random, 0.1, 1), x.shape[1])).ravel()
    if kind not in ("only linear", "linear table"):
        v = random.normal(0, between(random, 0.1, 1), (x.shape[1], whole(random, 1, 4)))
        squares = unit.power(2) if one_hot else unit**2
        score += 0.5 * np.asarray(np.square(unit @ v) - squares @ v**2).sum(axis=1)
    if kind == "nothing to learn":
        score = np.zeros(rows + LATER)
    score -= np.median(score)
    score = np.clip(score, *np.quantile(score, [0.01, 0.99])) if kind in ("heavy tails", "table") else score
    noise = between(random, 0.2, 3)
    y = random.random(len(score)) < 1 / (1 + np.exp(-np.clip(score, -30, 30))) if binary else score + random.normal(0, noise, len(score))  # fmt: skip  # noqa: E501
    y = np.asarray(y, np.float32)
    if binary:
        y[:2] = 0, 1
    factors = whole(random, 1, 16)
    words = f"products, {kind}{', classes' if binary else ''}: {rows:,} x {x.shape[1]:,}, num_factors {factors}"
    return _machine(words, ((x[:rows], y[:rows]), (x[rows:], y[rows:])), binary, factors)


def _dense(random: np.random.Generator, kind: str, rows: int) -> np.ndarray:
    columns = whole(random, 2, 30)
    x = random.standard_t(2.2, (rows, columns)) if kind == "heavy tails" else random.normal(size=(rows, columns))
    if kind == "far units":
        x = x * np.exp(random.normal(0, 3, columns)) + random.normal(0, 10, columns) * (random.random() < 0.5)
    return np.asarray(x, np.float32)


def _table(random: np.random.Generator, rows: int) -> np.ndarray:
    """Columns of few causes: numbers, amounts (logarithmic normal) and marks of 0 and 1."""
    columns = whole(random, 3, 60)
    causes = random.normal(size=(rows, max(1, columns // 4)))
    x = causes @ random.normal(size=(causes.shape[1], columns)) + between(random, 0.01, 1) * random.normal(size=(rows, columns))  # fmt: skip  # noqa: E501
    kinds = random.integers(0, 3, columns)
    x[:, kinds == 1] = np.exp(x[:, kinds == 1] / x[:, kinds == 1].std(axis=0))
    x[:, kinds == 2] = x[:, kinds == 2] > 0
    return np.asarray(x, np.float32)


def _categories(random: np.random.Generator, rows: int) -> Any:
    parts = []
    for _ in range(int(random.integers(2, 5))):
        levels = whole(random, 3, 300)
        share = np.arange(1, levels + 1) ** -random.uniform(0, 1.3)
        which = random.choice(levels, rows, p=share / share.sum())
        parts.append(csr_matrix((np.ones(rows, np.float32), (np.arange(rows), which)), shape=(rows, levels)))
    return hstack(parts).tocsr()


def _machine(words: str, parts: Parts, binary: bool, factors: int) -> Case:
    (x, y), (later, truth) = parts
    kind = "binary_classifier" if binary else "regressor"

    def ours(seed: int) -> Any:
        values = {"predictor_type": kind, "feature_dim": x.shape[1], "num_factors": factors, "_seed": seed}
        run = memory.session(MACHINES, "factorization-machines", **values)
        return machines.fit(run, memory.source(_rows(x), y, sparse=True))

    def judge(model: Any) -> float:
        if hasattr(model, "raw"):
            said = np.asarray(model.raw(csr_matrix(later)), np.float64)
            said = 1 / (1 + np.exp(-np.clip(said, -500, 500))) if binary else said
        else:
            said = model.predict_proba(later)[:, -1] if binary else model.predict(later)
        if binary:
            return float(log_loss(truth, np.clip(said, 1e-12, 1 - 1e-12), labels=[0, 1]))
        return float(np.mean((said - truth) ** 2))

    return Case("factorization-machines", words, ours, _linear(x, y, binary), judge)


def _rows(x: Any) -> Sparse:
    x = csr_matrix(x)
    return Sparse(x.indptr.astype(np.int64), x.indices.astype(np.int64), x.data, x.shape[1])


def _linear(x: Any, y: np.ndarray, binary: bool) -> dict[str, Fit]:
    name = "LogisticRegression" if binary else "Ridge"

    def model() -> Any:
        return LogisticRegression(max_iter=300) if binary else Ridge()

    constant = DummyClassifier(strategy="prior") if binary else DummyRegressor()
    others: dict[str, Fit] = {
        "constant": lambda _: constant.fit(x, y),
        name: lambda _: model().fit(x, y),
    }
    if isinstance(x, np.ndarray):
        products = PolynomialFeatures(2, interaction_only=True, include_bias=False)
        others[f"{name}, scaled"] = lambda _: make_pipeline(StandardScaler(), model()).fit(x, y)
        others[f"{name}, products"] = lambda _: make_pipeline(StandardScaler(), products, model()).fit(x, y)
    return others


def anomalies(random: np.random.Generator) -> Case:
    """Rows of which few are strange; the forest learns from them and scores all."""
    kind = one_of(random, "far", "between clusters", "units differ", "trend", "windows", "heavy tails", "few rows", "noise columns", "constant columns", "duplicates")  # fmt: skip  # noqa: E501
    rows = whole(random, 60, 250) if kind == "few rows" else whole(random, 500, 8000)
    if kind in ("trend", "windows"):
        x, strange = generators.series(rows, whole(random, 4, 48), int(random.integers(1 << 31)))
        if kind == "trend":
            x = x + np.linspace(0, random.uniform(10, 100), len(x), dtype=np.float32)[:, None]
    else:
        x, strange = _strange(random, kind, rows)
    words = f"anomalies, {kind}: {len(x):,} x {x.shape[1]}, {int(strange.sum())} strange"
    return _forest(words, np.asarray(x, np.float32), strange)


def _strange(random: np.random.Generator, kind: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    columns, k = whole(random, 2, 25), whole(random, 1, 8)
    centres = random.normal(0, 6, (max(2, k) if kind == "between clusters" else k, columns))
    x = centres[random.integers(0, len(centres), rows)] + random.normal(size=(rows, columns))
    if kind == "heavy tails":
        x += random.standard_t(3, x.shape)
    if kind == "duplicates":
        x = x[random.integers(0, max(2, rows // 20), rows)]
    strange = np.zeros(rows)
    which = random.choice(rows, max(3, int(rows * between(random, 0.002, 0.05))), replace=False)
    strange[which] = 1
    if kind == "between clusters":
        x[which] = random.uniform(centres.min(0), centres.max(0), (len(which), columns))
    else:
        some = random.random((len(which), columns)) < max(0.2, 1.5 / columns)
        x[which] += some * random.choice([-1, 1], (len(which), columns)) * random.uniform(4, 12)
    if kind == "noise columns":
        x = np.column_stack([x, random.normal(0, 3, (rows, 3 * columns))])
    if kind == "constant columns":
        x = np.column_stack([x, np.zeros((rows, columns)), np.full((rows, 2), 1e4)])
    if kind == "units differ":
        x = x * np.exp(random.normal(0, 3, columns)) + random.normal(0, 100, columns)
    return x, strange


def _forest(words: str, x: np.ndarray, strange: np.ndarray) -> Case:
    def ours(seed: int) -> np.ndarray:
        run = memory.session(FOREST, "RandomCutForest", feature_dim=x.shape[1], _seed=seed)
        return np.asarray(scoring.score(forests.fit(run, memory.Held(x)), x))

    others: dict[str, Fit] = {
        "constant": lambda _: np.zeros(len(x)),
        "IsolationForest": lambda seed: -IsolationForest(random_state=seed).fit(x).score_samples(x),
    }
    return Case(
        "randomcutforest", words, ours, others, lambda scores: 1 - float(roc_auc_score(strange, scores)), unsure=0.01
    )


def components(random: np.random.Generator) -> Case:
    """Rows of low rank and noise, far from the origin, in unlike units, wide, or with tails; the loss is what rebuilding leaves."""
    kind = one_of(random, "usual", "wide", "far", "units differ", "near-constant columns", "heavy tails", "few rows", "nothing to learn")  # fmt: skip  # noqa: E501
    rows, columns = whole(random, 300, 20_000), whole(random, 3, 100)
    if kind == "wide":
        rows, columns = whole(random, 10, 200), whole(random, 200, 2000)
    if kind == "few rows":
        rows = whole(random, 3, 30)
    rank = whole(random, 1, min(30, columns))
    total = rows + LATER
    x = random.normal(0, between(random, 0.05, 2), (total, columns))
    if kind != "nothing to learn":
        spread = np.arange(1, rank + 1) ** -random.uniform(0, 1.5)
        x += (random.normal(size=(total, rank)) * spread) @ random.normal(size=(rank, columns))
    if kind == "heavy tails":
        x *= np.sqrt(2.5 / random.chisquare(2.5, total))[:, None]
    if kind == "near-constant columns":
        x[:, : columns // 2] *= 1e-5
    if kind == "units differ":
        x *= np.exp(random.normal(0, 3, columns))
    if kind in ("far", "near-constant columns"):
        x += random.normal(0, between(random, 10, 1e4), columns)
    mode = one_of(random, "regular", "randomized")
    count = min(whole(random, 1, 20), columns, rows - 1 if kind in ("few rows", "wide") else columns)
    words = f"components, {mode}, {kind}: {rows:,} x {columns:,}, {count} asked"
    return _components(words, x.astype(np.float32), rows, mode, count)


def _components(words: str, x: np.ndarray, rows: int, mode: str, count: int) -> Case:
    train, later = x[:rows], x[rows:].astype(np.float64)

    def ours(seed: int) -> Any:
        values = {"feature_dim": x.shape[1], "num_components": count, "mini_batch_size": 500, "_seed": seed}
        found = pca.fit(memory.session(COMPONENTS, "AWS/PCA", algorithm_mode=mode, **values), memory.Held(train))
        return found.mean, found.components.T

    def theirs(seed: int) -> Any:
        found = PCA(count, random_state=seed).fit(train)
        return found.mean_, found.components_

    def judge(found: Any) -> float:
        mean, rows_ = (np.asarray(each, np.float64) for each in found)
        moved = later - mean
        left = moved - (moved @ rows_.T) @ rows_
        return float(np.square(left).sum() / np.square(later - later.mean(axis=0)).sum())

    others: dict[str, Fit] = {
        "constant": lambda _: (train.mean(axis=0), np.zeros((1, x.shape[1]))),
        "PCA": theirs,
    }
    return Case("pca", words, ours, others, partial(judge))
