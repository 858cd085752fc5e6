"""Compares the booster with a constant: on the validation channel, or on rows of train that a much smaller booster doesn't learn
from. The booster itself, the library's, stays unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.xgboost import matrices
from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.parameters import Plan

FEWEST, MOST, SHARE, BINS = 1000, 4000, 50, 16
"""Rows that the smaller booster learns from: one in SHARE, but at least FEWEST and at most MOST; and into how many bins
their values are put, since bins cost more than rows where there are few.
"""
COST, POWER, FEWEST_ROUNDS = 0.04, 0.6, 25
"""Share of the booster's time that the smaller one takes, and the power of the number of rows by which the time of a round grows;
it has at least FEWEST_ROUNDS rounds, a few hundredths of a second.
"""
FEWEST_HELD = 300
FEWEST_OF_EACH = 10
"""Rows of each class, on average, that the smaller booster needs for its ratio to tell something."""
UNSEEN = 0.5
"""Rows that a class without rows counts as, so that the constant is not sure that it never comes."""
TINY = 1e-15
Loss = Callable[[np.ndarray, np.ndarray], float]
"""The loss of predictions and labels."""


def report(plan: Plan, booster: Any, train: Table, validation: Table | None) -> None:
    """Logs how the booster compares with the best constant; logs nothing if its objective has none, as with ranks."""
    loss = _loss(plan.objective)
    if loss is None or train.groups is not None:
        return
    found = _measured(plan, booster, train, validation, loss)
    if found is not None:
        logging.info("baseline_ratio: %.6g", found)
        if validation is not None:
            baseline.warn(found)
        elif found > 1 + baseline.ROUNDING:
            logging.warning(
                "A smaller booster, of a part of the rows, suggests that on rows that this one did not learn from its loss is "
                "about %.4g times that of one that looks at no feature. Where features say little, more rows may bring it below: "
                "a channel validation tells.",
                found,
            )


def _measured(plan: Plan, booster: Any, train: Table, validation: Table | None, loss: Loss) -> float | None:
    random = np.random.default_rng(abs(int(plan.booster.get("seed", 0))))
    if validation is not None:
        judged = baseline.some(validation.rows, random)
        return _ratio(plan, booster, (train, validation.take(judged)), loss)
    parts = baseline.split(train.rows, random, FEWEST_HELD)
    if parts is None:
        return None
    learnt, held = parts
    count = min(len(learnt), max(FEWEST, min(MOST, train.rows // SHARE)))
    if plan.num_class and len(np.unique(train.labels)) * FEWEST_OF_EACH > count:
        logging.info("baseline_ratio is not measured: classes have too few rows to leave some out.")
        return None
    some = random.choice(learnt, count, replace=False)
    rounds = int(COST * plan.rounds * (train.rows / count) ** POWER)
    coarse = {"max_bin": BINS, **plan.booster}
    plan = replace(plan, booster=coarse, rounds=min(plan.rounds, max(FEWEST_ROUNDS, rounds)))
    found = _with(plan, train, np.sort(some), held, loss)
    if found <= 1:
        return found
    return _extrapolated(found, _with(plan, train, np.sort(some[: count // 2]), held, loss), train.rows / count)


def _extrapolated(found: float, of_half: float, times: float) -> float:
    """Extrapolates the ratio to `times` as many rows: it falls with the root of their number, half as fast as measured from half of
    them."""
    falls = max(0.0, of_half - found) / (2**0.5 - 1) / 2
    return float(found - falls * (1 - times**-0.5))


def _with(plan: Plan, train: Table, learnt: np.ndarray, held: np.ndarray, loss: Loss) -> float:
    """Returns the ratio for a booster that learns from some of the rows."""
    known, others = train.take(learnt), train.take(held)
    booster = xgb.train(plan.booster, matrices.matrix(known, plan.objective), num_boost_round=plan.rounds)
    return _ratio(plan, booster, (known, others), loss)


def _ratio(plan: Plan, booster: Any, tables: tuple[Table, Table], loss: Loss) -> float:
    known, others = tables
    labels, truth = np.asarray(known.labels), np.asarray(others.labels)
    said = booster.predict(matrices.matrix(others, plan.objective))
    nothing = _constant(plan, labels)
    return baseline.ratio(loss(said, truth), loss(np.broadcast_to(nothing, said.shape), truth))


def _constant(plan: Plan, labels: np.ndarray) -> np.ndarray:
    """Returns the predictions of a model that uses no feature."""
    if plan.objective == "multi:softprob":
        counts = np.maximum(np.bincount(labels.astype(np.int64), minlength=int(plan.num_class or 0)), UNSEEN)
        return np.asarray(counts / counts.sum())
    if plan.objective in ("multi:softmax", "binary:hinge"):
        values, counts = np.unique(labels, return_counts=True)
        return np.asarray(values[counts.argmax()])
    return np.asarray(np.median(labels) if plan.objective == "reg:absoluteerror" else labels.mean(dtype=np.float64))


def _loss(objective: str) -> Loss | None:
    if objective in ("binary:logistic", "reg:logistic"):
        return lambda said, truth: float(
            -np.mean(truth * np.log(np.maximum(said, TINY)) + (1 - truth) * np.log(np.maximum(1 - said, TINY)))
        )
    if objective == "multi:softprob":
        return lambda said, truth: float(
            -np.log(np.maximum(said[np.arange(len(truth)), truth.astype(np.int64)], TINY)).mean()
        )
    if objective in ("multi:softmax", "binary:hinge"):
        return lambda said, truth: float(np.mean(said != truth))
    if objective == "reg:absoluteerror":
        return lambda said, truth: float(np.abs(said - truth).mean())
    if objective.startswith("reg:") or objective in ("count:poisson",):
        return lambda said, truth: float(np.square(said.astype(np.float64) - truth).mean())
    return None
