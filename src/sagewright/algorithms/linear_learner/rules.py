"""Dependencies between linear learner's hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

LOSSES = {
    "binary_classifier": ("logistic", "hinge_loss"),
    "multiclass_classifier": ("softmax_loss",),
    "regressor": (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
"""Losses by predictor_type; the first one is the meaning of `auto`."""


def loss_fits_predictor(values: Mapping[str, Any]) -> None:
    """`loss` is one of its predictor type: `logistic` or `hinge_loss` (binary_classifier), `softmax_loss`
    (multiclass_classifier), or one of the six of a regressor."""
    allowed = LOSSES[values["predictor_type"]]
    loss = values.get("loss", "auto")
    if loss not in ("auto", *allowed):
        raise UserError(
            f"loss {loss} can't be used with predictor_type {values['predictor_type']}: {', '.join(allowed)}"
        )


def multiclass_has_classes(values: Mapping[str, Any]) -> None:
    """A `multiclass_classifier` needs `num_classes` of 3 or more."""
    if values["predictor_type"] == "multiclass_classifier" and values.get("num_classes", 1) < 3:
        raise UserError("num_classes must be 3 or more with predictor_type multiclass_classifier")
