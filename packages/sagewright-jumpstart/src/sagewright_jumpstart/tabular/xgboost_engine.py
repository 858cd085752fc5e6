"""XGBoost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.tabular.columns import Columns
from sagewright_jumpstart.tabular.data import Table

FILE = "model.ubj"
_NAMES = (
    "learning_rate",
    "gamma",
    "max_depth",
    "min_child_weight",
    "subsample",
    "colsample_bytree",
    "reg_lambda",
    "reg_alpha",
)


class XGBoostEngine:
    def __init__(self, columns: Columns, classes: int) -> None:
        self._columns, self._classes = columns, classes
        self._booster: Any = None

    def train(self, data: Table, held: Table, given: Hyperparameters) -> None:
        parameters: dict[str, Any] = {name: given.number(name) for name in _NAMES} | {
            "max_depth": given.whole("max_depth")
        }
        parameters |= {"seed": given.whole("seed"), "tree_method": "hist", "objective": self._objective()}
        if self._classes > 2:
            parameters["num_class"] = self._classes
        if given.text("eval_metric") != "auto":
            parameters["eval_metric"] = given.text("eval_metric")
        rows = self._matrix(data.features, data.target)
        watched = [(rows, "train")] + ([(self._matrix(held.features, held.target), "validation")] if len(held) else [])
        self._booster = xgboost.train(
            parameters,
            rows,
            given.whole("num_boost_round"),
            evals=watched,
            early_stopping_rounds=given.whole("early_stopping_rounds") if len(held) else None,
            verbose_eval=10,
        )
        if len(held):
            self._booster = self._booster[: self._booster.best_iteration + 1]

    def predict(self, features: Any) -> Any:
        found = self._booster.predict(self._matrix(features))
        return np.column_stack([1 - found, found]) if self._classes == 2 else found

    def save(self, folder: Path) -> None:
        self._booster.save_model(folder / FILE)

    def load(self, folder: Path) -> None:
        self._booster = xgboost.Booster()
        self._booster.load_model(folder / FILE)

    def _matrix(self, features: Any, target: Any = None) -> Any:
        kinds = ["c" if index in self._columns.categories else "float" for index in range(self._columns.count)]
        return xgboost.DMatrix(features, target, feature_types=kinds, enable_categorical=True)

    def _objective(self) -> str:
        if not self._classes:
            return "reg:squarederror"
        return "binary:logistic" if self._classes == 2 else "multi:softprob"
