"""LightGBM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.tabular.columns import Columns
from sagewright_jumpstart.tabular.data import Table

FILE = "model.txt"
_WHOLE = ("num_leaves", "bagging_freq", "max_depth", "min_data_in_leaf", "max_bin")
_NUMBERS = ("learning_rate", "feature_fraction", "bagging_fraction", "lambda_l1", "lambda_l2", "min_gain_to_split")


class LightGBMEngine:
    def __init__(self, columns: Columns, classes: int) -> None:
        self._columns, self._classes = columns, classes
        self._booster: Any = None

    def train(self, data: Table, held: Table, given: Hyperparameters) -> None:
        parameters: dict[str, Any] = {name: given.whole(name) for name in _WHOLE}
        parameters |= {name: given.number(name) for name in _NUMBERS}
        parameters |= {"boosting": given.text("boosting"), "seed": given.whole("seed"), "verbosity": -1}
        parameters |= self._objective()
        if given.text("metric") != "auto":
            parameters["metric"] = given.text("metric")
        rows = self._dataset(data)
        watched = [rows] + ([self._dataset(held, rows)] if len(held) else [])
        callbacks = [lightgbm.log_evaluation(10)]
        if len(held) and given.text("boosting") != "dart":  # whose trees change later: it can't stop early
            callbacks.append(lightgbm.early_stopping(given.whole("early_stopping_rounds"), verbose=False))
        self._booster = lightgbm.train(
            parameters,
            rows,
            given.whole("num_boost_round"),
            valid_sets=watched,
            valid_names=["train", "validation"][: len(watched)],
            callbacks=callbacks,
        )

    def predict(self, features: Any) -> Any:
        found = self._booster.predict(features)
        return np.column_stack([1 - found, found]) if self._classes == 2 else found

    def save(self, folder: Path) -> None:
        self._booster.save_model(folder / FILE, num_iteration=self._booster.best_iteration or None)

    def load(self, folder: Path) -> None:
        self._booster = lightgbm.Booster(model_file=folder / FILE)

    def _dataset(self, table: Table, like: Any = None) -> Any:
        return lightgbm.Dataset(
            table.features,
            table.target,
            reference=like,
            categorical_feature=sorted(self._columns.categories),
            params={"verbosity": -1},
        )

    def _objective(self) -> dict[str, Any]:
        if not self._classes:
            return {"objective": "regression"}
        if self._classes == 2:
            return {"objective": "binary"}
        return {"objective": "multiclass", "num_class": self._classes}
