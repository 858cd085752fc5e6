"""Models and rows that are explained: real tables that chose nothing here, and planted ones of 14 and 30 features."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from sagewright.algorithms.firstparty import artefact as files
from sagewright.algorithms.linear_learner.model import LinearModel
from sagewright.algorithms.xgboost.library import xgb
from sagewright.clarify.artefacts import ModelArtefact, open_artefact

Predict = Callable[[np.ndarray], np.ndarray]
BACKGROUNDS = 12
"""Rows of the baseline, as many as Clarify computes at most."""


@dataclass(frozen=True)
class Case:
    """`predict` takes an array of rows; `model` is what a peer's explainer of trees or linear models takes."""

    name: str
    predict: Predict
    rows: np.ndarray
    baseline: np.ndarray
    artefact: ModelArtefact | None = None
    model: Any = None

    def table(self, cells: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(cells, columns=[f"f{place}" for place in range(cells.shape[1])])


def planted(features: int, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Products and waves of normal features, and noise."""
    random = np.random.default_rng(features)
    cells = random.normal(size=(rows, features))
    labels = cells[:, 0] * cells[:, 1] + np.sin(2 * cells[:, 2]) + cells[:, 3:9].sum(axis=1)
    return cells.astype(np.float32), labels + cells[:, 9] * cells[:, 10] * cells[:, 11] + random.normal(size=rows) / 10


def _split(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(1).permutation(len(cells))
    return cells[order[BACKGROUNDS:]].astype(np.float32), cells[order[:BACKGROUNDS]].astype(np.float32)


def _booster(
    name: str, cells: np.ndarray, labels: np.ndarray, objective: str = "reg:squarederror", depth: int = 6
) -> Case:
    parameters = {"objective": objective, "max_depth": depth, "nthread": 1, "seed": 0}
    booster = xgb.train(parameters, xgb.DMatrix(cells, labels), 100)
    folder = Path(tempfile.mkdtemp())
    (folder / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    rows, baseline = _split(cells)
    if objective.startswith("binary"):
        baseline = baseline[:1]  # log-odds are exact against one row
    return Case(
        f"{name}, {cells.shape[1]} features",
        lambda some: booster.inplace_predict(some.astype(np.float32), predict_type="margin").astype(np.float64),
        rows,
        baseline,
        open_artefact("sagemaker-xgboost:1.7-1", folder),
        booster,
    )


def trees() -> list[Case]:
    return [
        _booster("diabetes", *load_diabetes(return_X_y=True)),
        _booster("breast cancer, log-odds", *load_breast_cancer(return_X_y=True), "binary:logistic"),
        _booster("planted", *planted(30)),
        _booster("digits, as numbers", *load_digits(return_X_y=True)),
        _booster("diabetes, depth 10", *load_diabetes(return_X_y=True), depth=10),
        _booster("planted, depth 10", *planted(30), depth=10),
    ]


def linear() -> list[Case]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    cells, labels = load_diabetes(return_X_y=True)
    ridge = Ridge(0.1).fit(cells, labels)
    cancer, malign = load_breast_cancer(return_X_y=True)
    cancer = StandardScaler().fit_transform(cancer)
    logistic = LogisticRegression().fit(cancer, malign)
    return [
        _linear("diabetes", "regressor", cells, ridge.coef_, float(ridge.intercept_)),
        _linear(
            "breast cancer, probabilities",
            "binary_classifier",
            cancer,
            logistic.coef_[0],
            float(logistic.intercept_[0]),
        ),
    ]


def _linear(name: str, predictor: str, cells: np.ndarray, weights: np.ndarray, bias: float) -> Case:
    folder = Path(tempfile.mkdtemp())
    model = LinearModel(predictor, weights[:, None], np.array([bias]))
    files.write(folder, model.encode())
    rows, baseline = _split(cells)
    return Case(
        f"{name}, {cells.shape[1]} features",
        lambda some: np.asarray(model.predict(some.astype(np.float32))["score"], np.float64),
        rows,
        baseline,
        open_artefact("linear-learner:1", folder),
        (weights, bias) if predictor == "regressor" else None,
    )


def black_boxes() -> list[Case]:
    """Models whose true values are known: by TreeExplainer, or by all coalitions of 14 features."""
    from sklearn.neural_network import MLPRegressor

    cells, labels = planted(14)
    net = MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=200, random_state=0).fit(cells, labels)
    rows, baseline = _split(cells)
    return [*trees()[1:4], Case("planted, a net, 14 features", net.predict, rows, baseline)]
