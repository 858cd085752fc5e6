"""CatBoost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd

from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.tabular.columns import Columns
from sagewright_jumpstart.tabular.data import Table

FILE = "model.cbm"
_WHOLE = ("iterations", "depth", "min_data_in_leaf")
_NUMBERS = ("learning_rate", "l2_leaf_reg", "random_strength", "rsm")


class CatBoostEngine:
    def __init__(self, columns: Columns, classes: int) -> None:
        self._columns, self._classes = columns, classes
        self._model: Any = None

    def train(self, data: Table, held: Table, given: Hyperparameters) -> None:
        parameters: dict[str, Any] = {name: given.whole(name) for name in _WHOLE}
        parameters |= {name: given.number(name) for name in _NUMBERS}
        parameters |= {"random_seed": given.whole("random_seed"), "grow_policy": given.text("grow_policy")}
        parameters |= {"loss_function": self._loss(), "metric_period": 10, "allow_writing_files": False}
        if given.text("eval_metric") != "auto":
            parameters["eval_metric"] = given.text("eval_metric")
        self._model = catboost.CatBoost(parameters)
        watched = self._pool(held.features, held.target) if len(held) else None
        patience = given.whole("early_stopping_rounds") if len(held) else None
        self._model.fit(self._pool(data.features, data.target), eval_set=watched, early_stopping_rounds=patience)

    def predict(self, features: Any) -> Any:
        return self._model.predict(self._pool(features), "Probability" if self._classes else "RawFormulaVal")

    def save(self, folder: Path) -> None:
        self._model.save_model(str(folder / FILE))

    def load(self, folder: Path) -> None:
        self._model = catboost.CatBoost()
        self._model.load_model(str(folder / FILE))

    def _pool(self, features: Any, target: Any = None) -> Any:
        chosen = sorted(self._columns.categories)
        frame = pd.DataFrame(features)
        for index in chosen:  # -1: empty, or not seen in training
            frame[index] = np.nan_to_num(features[:, index], nan=-1).astype(np.int64).astype(str)
        return catboost.Pool(frame, target, cat_features=chosen)

    def _loss(self) -> str:
        if not self._classes:
            return "RMSE"
        return "Logloss" if self._classes == 2 else "MultiClass"
