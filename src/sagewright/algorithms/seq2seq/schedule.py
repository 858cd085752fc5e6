"""The learning rate's schedule. Source: the contract's lr_scheduler_type and related hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.deep.training.schedules import Plateau, Schedule


def build(values: Mapping[str, Any]) -> Schedule:
    """Returns the factor of the initial rate at each mini-batch: halved after fixed_rate_lr_half_life validations, as 1 / t or 1 /
    sqrt(t), or reduced when validation stops improving.
    """
    kind = values["lr_scheduler_type"]
    if kind == "plateau_reduce":
        return Plateau(values["plateau_reduce_lr_factor"], values["plateau_reduce_lr_threshold"])
    half = values["fixed_rate_lr_half_life"] * values["checkpoint_frequency_num_batches"]
    if kind == "fixed_rate_inv_t":
        return lambda step: 1 / (1 + step / half)
    return lambda step: (1 + 3 * step / half) ** -0.5
