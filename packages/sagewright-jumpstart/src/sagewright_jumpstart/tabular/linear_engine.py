"""Linear models by scikit-learn: logistic regression, or a regression with an elastic net. The model's file holds plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss, mean_squared_error

from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.tabular.columns import Columns
from sagewright_jumpstart.tabular.data import Table

FILE = "model.npz"


class LinearEngine:
    """Numbers are standardized, an empty one is the mean; each category is a column of its own."""

    def __init__(self, columns: Columns, classes: int) -> None:
        self._columns, self._classes = columns, classes
        self._arrays: dict[str, Any] = {}

    def train(self, data: Table, held: Table, given: Hyperparameters) -> None:
        self._measure(data)
        options = {
            "alpha": given.number("alpha"),
            "penalty": given.text("penalty"),
            "l1_ratio": given.number("l1_ratio"),
            "max_iter": given.whole("max_iter"),
            "tol": given.number("tol"),
            "random_state": given.whole("seed"),
            "average": True,
        }
        rows = self._wide(data.features)
        model = SGDClassifier(loss="log_loss", **options) if self._classes else SGDRegressor(**options)
        target = data.target if self._classes else (data.target - self._arrays["centre"]) / self._arrays["spread"]
        model.fit(rows, target)
        self._arrays |= {"weights": np.atleast_2d(model.coef_), "bias": np.atleast_1d(model.intercept_)}
        self._print("train", data)
        if len(held):
            self._print("validation", held)

    def predict(self, features: Any) -> Any:
        scores = self._wide(features) @ self._arrays["weights"].T + self._arrays["bias"]
        if not self._classes:
            return scores[:, 0] * self._arrays["spread"] + self._arrays["centre"]
        likely = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
        if self._classes == 2:
            return np.column_stack([1 - likely[:, 0], likely[:, 0]])
        return likely / likely.sum(1, keepdims=True)

    def save(self, folder: Path) -> None:
        np.savez(folder / FILE, **self._arrays)

    def load(self, folder: Path) -> None:
        with np.load(folder / FILE, allow_pickle=False) as found:
            self._arrays = dict(found)

    def _measure(self, data: Table) -> None:
        with np.errstate(invalid="ignore"):
            counts = np.maximum((~np.isnan(data.features)).sum(0), 1)
            means = np.nansum(data.features, 0) / counts
            deviations = np.sqrt(np.nansum((data.features - means) ** 2, 0) / counts)
        self._arrays = {"means": means, "deviations": np.where(deviations > 0, deviations, 1)}
        self._arrays |= {"centre": data.target.mean(), "spread": data.target.std() or 1.0}

    def _wide(self, features: Any) -> Any:
        scaled = np.nan_to_num((features - self._arrays["means"]) / self._arrays["deviations"])
        numbers = [index for index in range(self._columns.count) if index not in self._columns.categories]
        parts = [scaled[:, numbers]]
        for index, values in sorted(self._columns.categories.items()):
            parts.append(features[:, index, None] == np.arange(len(values)))
        return np.concatenate(parts, 1, dtype=np.float64)

    def _print(self, name: str, table: Table) -> None:
        found = self.predict(table.features)
        if self._classes:
            loss = log_loss(table.target, found, labels=list(range(self._classes)))
            print(
                f"{name}-logloss:{loss:.5f} {name}-accuracy:{(found.argmax(1) == table.target).mean():.5f}", flush=True
            )
        else:
            print(f"{name}-rmse:{mean_squared_error(table.target, found) ** 0.5:.5f}", flush=True)
