"""The penalties that are tried where each model is solved for, and the solver that a job gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.firstparty.source import Source
from sagewright.algorithms.linear_learner import mix
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix

SMOOTH = ("logistic", "softmax_loss", "squared_loss", "huber_loss", "eps_insensitive_squared_loss")
"""Losses that have a slope everywhere."""
MOST_WEIGHTS = 1 << 22
"""Of one model; more would take L-BFGS's memory of steps beyond what a model is worth."""
DECADES = (0, 1, 2, -1, 3, -2)
"""Penalties that are tried, by their distance in decades from that of a unit normal prior, the likeliest first."""
ENOUGH = 1000
"""Rows a feature from which on no penalty can gain: what a model without one loses is half a feature's share of the rows."""


def solves(run: Session, rows: Source, loss: Loss) -> bool:
    """Whether the models are solved for; else they learn by stochastic gradients. Raises UserError where `_solver` asks for
    what can't be had.
    """
    asked, values = run.values["_solver"], run.values
    small = rows.columns * loss.classes <= MOST_WEIGHTS
    everywhere = int(run.group.total(np.array([int(rows.in_memory and small)]))[0]) == run.group.size
    possible = loss.name in SMOOTH and values["l1"] in ("auto", 0) and everywhere
    if asked == "second_order" and not possible:
        raise UserError(
            "_solver second_order needs rows that fit in a quarter of the memory, no l1, and one of the losses "
            f"{', '.join(SMOOTH)}."
        )
    return asked == "second_order" or (asked == "auto" and possible and not _asks_for_gradients(run, rows))


def _asks_for_gradients(run: Session, rows: Source) -> bool:
    """Whether a hyperparameter is set that only stochastic gradients have a use for. A mini-batch of all rows, which AWS's SDK asks
    for by itself where there are few, is none.
    """
    names = run.asks_for("gradients")
    if names == {"mini_batch_size"}:
        most = int(run.group.total(np.array([rows.table.rows]))[0]) // run.group.size
        return bool(run.values["mini_batch_size"] < most)
    return bool(names)


def make(values: Mapping[str, Any], columns: int, rows: int, balanced: float, validated: bool) -> Mix:
    """The models to solve for. A penalty is chosen among several where rows that were not learnt from can tell, and where
    there are few rows; else it is that of a normal prior of variance 1 on each scaled feature's weight.
    """
    weights = mix.positive_weights(values["positive_example_weight_mult"], balanced)
    most = values["num_models"]
    if most == "auto":
        several = validated and rows < ENOUGH * columns
        most = len(weights) * (len(DECADES) if several else 1)
        most = 1 if values.get("_tuning_objective_metric") else most
    each = -(-most // len(weights))
    decades = DECADES[:each] if each <= len(DECADES) else np.linspace(min(DECADES), max(DECADES), each)
    wds = (float(values["wd"]),) if values["wd"] != "auto" else tuple(10.0**decade / rows for decade in decades)
    chosen = [(wd, weight) for wd in wds for weight in weights][:most]
    decay, positive = (np.array(column, np.float32) for column in zip(*chosen, strict=True))
    nothing = np.zeros(len(chosen), np.float32)
    return Mix(nothing, nothing, decay, positive, nothing > 0)
