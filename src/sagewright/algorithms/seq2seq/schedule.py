"""How the learning rate goes on. Source: the contract's lr_scheduler_type and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.deep.schedules import Plateau, Schedule


def build(values: Mapping[str, Any]) -> Schedule:
    """The factor of the first rate at each mini-batch: halved after fixed_rate_lr_half_life looks at validation, as 1 / t or
    1 / sqrt(t), or reduced when validation gets no better.
    """
    kind = values["lr_scheduler_type"]
    if kind == "plateau_reduce":
        return Plateau(values["plateau_reduce_lr_factor"], values["plateau_reduce_lr_threshold"])
    half = values["fixed_rate_lr_half_life"] * values["checkpoint_frequency_num_batches"]
    if kind == "fixed_rate_inv_t":
        return lambda step: 1 / (1 + step / half)
    return lambda step: (1 + 3 * step / half) ** -0.5
