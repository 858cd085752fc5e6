"""The penalties that are tried where each model is solved for, and the choice of a job's solver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.linear_learner import mix
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix

MOST_WEIGHTS = 1 << 22
"""Maximum number of weights of one model: more would need too much memory for L-BFGS's steps. An l1 doubles the weights."""
ENOUGH_STEPS = 1000
"""Minimum number of mini-batches for stochastic gradients, where a setting asks for them, to come near enough to the optimum."""
DECADES = (0, 1, 2, -1, 3, -2)
"""Penalties that are tried, in decades from that of a unit normal prior, the most likely first."""
HELD_OUT_DECADES, WEAKER, MANY = (0.0, 0.5, 1.0, 2.0, 3.0), (-1.0, -2.0, -3.0), 1.0
"""Penalties that are tried where held-out rows choose; the weaker ones for classes, and for numbers from MANY rows per feature
on. With fewer, a regressor of some of the rows may do well without a penalty while that of all rows does badly.
"""
FEW_ROWS_DECADE = 1.0
"""The penalty where there are too few rows to hold any out."""
NOTHING_BUT_BIAS = 5
"""A penalty under which little but the bias is learnt."""
FEW = 20
"""Rows per feature below which the penalty decides whether a model is any good."""
ENOUGH = 1000
"""Rows per feature above which a penalty gains nothing: a model without one loses half the ratio of features to rows."""


def solves(run: Session, rows: Source, loss: Loss) -> bool:
    """Returns True if the models are solved for exactly; otherwise they are trained by stochastic gradients. Raises
    UserError if `_solver` asks for an impossible choice."""
    solver, values = run.values["_solver"], run.values
    small = rows.columns * loss.classes * (2 if has_l1(values) else 1) <= MOST_WEIGHTS
    possible = int(run.group.total(np.array([int(rows.in_memory and small)]))[0]) == run.group.size
    if solver == "second_order" and not possible:
        raise UserError(
            "_solver second_order needs rows that fit in a quarter of the memory, and a model of "
            f"{MOST_WEIGHTS:,} weights at most (with an l1 of half as many)."
        )
    return solver == "second_order" or (solver == "auto" and possible and not _asks_for_gradients(run, rows))


def has_l1(values: Mapping[str, Any]) -> bool:
    return values["l1"] not in ("auto", 0)


def _asks_for_gradients(run: Session, rows: Source) -> bool:
    """True if a hyperparameter is set that only stochastic gradients use, and there are enough rows for these to converge. A
    mini-batch of all rows does not count: AWS's SDK sets it by itself where there are few.
    """
    names = run.asks_for("gradients")
    total = int(run.group.total(np.array([rows.table.rows]))[0])
    if names == {"mini_batch_size"} and run.values["mini_batch_size"] >= total // run.group.size:
        return False
    return bool(names) and run.values["epochs"] * total >= ENOUGH_STEPS * run.values["mini_batch_size"]


def make(values: Mapping[str, Any], columns: int, rows: int, balanced: float, validated: bool) -> Mix:
    """Returns the models to solve for. A penalty is chosen among several where there are unseen rows to compare them on, and where
    there are few rows; otherwise it is that of a normal prior of variance 1 on each scaled feature's weight.
    """
    weights = mix.positive_weights(values, balanced)
    most = values["num_models"]
    if most == "auto":
        several = validated and rows < ENOUGH * columns
        most = len(weights) * (len(DECADES) if several else 1)
        most = 1 if values.get("_tuning_objective_metric") else most
    each = -(-most // len(weights))
    decades = DECADES[:each] if each <= len(DECADES) else np.linspace(min(DECADES), max(DECADES), each)
    wds = (float(values["wd"]),) if values["wd"] != "auto" else tuple(prior(values, decade, rows) for decade in decades)
    chosen = [(wd, weight) for wd in wds for weight in weights][:most]
    decay, positive = (np.array(column, np.float32) for column in zip(*chosen, strict=True))
    nothing = np.zeros(len(chosen), np.float32)
    l1 = np.full(len(chosen), float(values["l1"]) if has_l1(values) else 0.0, np.float32)
    return Mix(nothing, l1, decay, positive, nothing > 0)


def prior(values: Mapping[str, Any], decade: float, rows: int) -> float:
    """Returns the penalty `decade` decades from that of a unit normal prior, where noise has a variance of 1; the squared loss is
    twice that noise's log likelihood.
    """
    squared = values["predictor_type"] == "regressor" and values["loss"] in ("auto", "squared_loss")
    return float((2 if squared else 1) * 10.0**decade / rows)


def held_out(values: Mapping[str, Any], columns: int, rows: int, first: Mix, few: float = FEW) -> Mix:
    """Returns the models to choose a penalty from on held-out rows, or just the `first` one. A penalty is chosen if there are fewer
    than `few` rows per feature.
    """
    one = first.take(np.array([0]))
    weaker = values["predictor_type"] != "regressor" or rows >= MANY * columns
    decades = HELD_OUT_DECADES + WEAKER * weaker if chooses(values, columns, rows, few) else ()
    wds = [prior(values, decade, rows) for decade in decades] or [float(one.wd[0])]
    several = one.take(np.zeros(len(wds), np.int64))
    return Mix(
        several.learning_rate, several.l1, np.array(wds, np.float32), several.positive_weight, several.decorrelated
    )


def chooses(values: Mapping[str, Any], columns: int, rows: int, few: float = FEW) -> bool:
    """True if held-out rows choose the penalty: nothing else can, and the choice matters. The number of models has no part in it:
    of several, train would always prefer the one with the weakest penalty.
    """
    return values["wd"] == "auto" and rows < few * columns and not values.get("_tuning_objective_metric")
