"""The engines by name, and what each has to do."""

from __future__ import annotations

from abc import abstractmethod
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.tabular.columns import Columns
from sagewright_jumpstart.tabular.data import Table

_CLASSES = {
    "xgboost": "xgboost_engine:XGBoostEngine",
    "lightgbm": "lightgbm_engine:LightGBMEngine",
    "catboost": "catboost_engine:CatBoostEngine",
    "linear": "linear_engine:LinearEngine",
}


class TabularEngine(Protocol):
    """`classes`: 0 for regression."""

    def __init__(self, columns: Columns, classes: int) -> None: ...

    @abstractmethod
    def train(self, data: Table, held: Table, given: Hyperparameters) -> None:
        """Fits the model, and prints the validation's metrics while it improves."""

    @abstractmethod
    def predict(self, features: Any) -> Any:
        """Returns a row of probabilities for each row, or numbers."""

    @abstractmethod
    def save(self, folder: Path) -> None: ...

    @abstractmethod
    def load(self, folder: Path) -> None: ...


def make_engine(name: str, columns: Columns, classes: int) -> TabularEngine:
    module, _, kind = _CLASSES[name].partition(":")
    made: TabularEngine = getattr(import_module(f"sagewright_jumpstart.tabular.{module}"), kind)(columns, classes)
    return made
