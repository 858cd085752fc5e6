"""Real models on data that comes with scikit-learn, by cross-validation: a suite on which nothing was chosen (as bayesmark's)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from sagewright.tuning.space import Categorical, Continuous, Integer, Scaling, Space

LOG = Scaling.LOGARITHMIC


class Model:
    """A trial's value is a mean over folds that are drawn anew; a choice is judged on folds of their own."""

    def __init__(self, name: str, data: Any, space: Space, make: Callable[[Mapping[str, str]], Any]) -> None:
        self.name, self.space, self._make = name, space, make
        self._x, self._y = data(return_X_y=True)
        rng = np.random.default_rng(0)
        order = rng.permutation(len(self._y))[:400]
        self._x, self._y = self._x[order], self._y[order]
        self._seen: dict[tuple[str, ...], float] = {}

    def _cost(self, values: Mapping[str, str], seed: int) -> float:
        order = np.random.default_rng(seed).permutation(len(self._y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make_pipeline(StandardScaler(), self._make(values))
            try:
                return float(-cross_val_score(model, self._x[order], self._y[order], cv=3, error_score=-1.0).mean())
            except ValueError:  # no fold came to an end
                return 1.0

    def trial(self, values: Mapping[str, str], rng: np.random.Generator) -> float:
        return self._cost(values, int(rng.integers(1000, 10**6)))

    def better(self, values: Mapping[str, str]) -> float:
        key = tuple(values.values())
        if key not in self._seen:
            self._seen[key] = 1 + float(np.mean([self._cost(values, seed) for seed in (1, 2)]))
        return self._seen[key]


def _svm(kind: Any) -> Callable[[Mapping[str, str]], Any]:
    return lambda v: kind(C=float(v["C"]), gamma=float(v["gamma_"]), kernel=v["kernel"], max_iter=3000)


_SVM = Space(
    (
        Continuous("C", 1e-2, 1e3, LOG),
        Continuous("gamma_", 1e-5, 1.0, LOG),
        Categorical("kernel", ("rbf", "poly", "sigmoid")),
    )
)
_SGD = Space(
    (
        Continuous("alpha", 1e-7, 1.0, LOG),
        Continuous("eta0", 1e-4, 10.0, LOG),
        Categorical("loss", ("hinge", "log_loss", "modified_huber")),
        Categorical("penalty", ("l1", "l2", "elasticnet")),
    )
)
_NET = Space(
    (
        Integer("hidden", 4, 128, LOG),
        Continuous("learning_rate_init", 1e-5, 0.3, LOG),
        Continuous("alpha", 1e-7, 10.0, LOG),
        Integer("batch_size", 8, 256, LOG),
        Categorical("activation", ("relu", "tanh", "logistic")),
    )
)
_FOREST = Space(
    (
        Integer("max_depth", 1, 20),
        Continuous("max_features", 0.05, 1.0),
        Integer("min_samples_leaf", 1, 50, LOG),
        Categorical("criterion", ("squared_error", "friedman_mse")),
    )
)
_TREES = Space(
    (
        Continuous("learning_rate", 1e-3, 1.0, LOG),
        Integer("max_leaf_nodes", 2, 64, LOG),
        Integer("min_samples_leaf", 1, 100, LOG),
        Continuous("l2_regularization", 1e-6, 100.0, LOG),
    )
)


def _net(v: Mapping[str, str]) -> Any:
    return MLPClassifier(
        (int(v["hidden"]),),
        learning_rate_init=float(v["learning_rate_init"]),
        alpha=float(v["alpha"]),
        batch_size=int(v["batch_size"]),
        activation=v["activation"],
        max_iter=8,
        random_state=0,
    )


def _forest(v: Mapping[str, str]) -> Any:
    return RandomForestRegressor(
        15,
        max_depth=int(v["max_depth"]),
        max_features=float(v["max_features"]),
        min_samples_leaf=int(v["min_samples_leaf"]),
        criterion=v["criterion"],
        random_state=0,
    )


def _trees(v: Mapping[str, str]) -> Any:
    return HistGradientBoostingClassifier(
        learning_rate=float(v["learning_rate"]),
        max_leaf_nodes=int(v["max_leaf_nodes"]),
        min_samples_leaf=int(v["min_samples_leaf"]),
        l2_regularization=float(v["l2_regularization"]),
        max_iter=15,
    )


def _sgd(v: Mapping[str, str]) -> Any:
    return SGDClassifier(
        alpha=float(v["alpha"]),
        eta0=float(v["eta0"]),
        loss=v["loss"],
        penalty=v["penalty"],
        learning_rate="invscaling",
        max_iter=20,
        random_state=0,
    )


def every() -> list[Model]:
    return [
        Model("SVM, breast cancer", datasets.load_breast_cancer, _SVM, _svm(SVC)),
        Model("SVM, diabetes", datasets.load_diabetes, _SVM, _svm(SVR)),
        Model("SGD, digits", datasets.load_digits, _SGD, _sgd),
        Model("SGD, breast cancer", datasets.load_breast_cancer, _SGD, _sgd),
        Model("net, digits", datasets.load_digits, _NET, _net),
        Model("net, wine", datasets.load_wine, _NET, _net),
        Model("forest, diabetes", datasets.load_diabetes, _FOREST, _forest),
        Model("boosting, breast cancer", datasets.load_breast_cancer, _TREES, _trees),
    ]
