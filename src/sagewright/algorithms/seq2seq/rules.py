"""Dependencies between Seq2Seq's hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError


def epochs_in_order(values: Mapping[str, Any]) -> None:
    """`min_num_epochs` is at most `max_num_epochs`."""
    least, most = values.get("min_num_epochs", 0), values.get("max_num_epochs")
    if most is not None and least > most:
        raise UserError(f"min_num_epochs is {least}, and max_num_epochs is {most}: it must be at least as large")


def batches_are_some(values: Mapping[str, Any]) -> None:
    """`max_num_batches` is -1, for no limit, or positive."""
    if values.get("max_num_batches") == 0:
        raise UserError("max_num_batches is 0: it must be positive, or -1 for no limit")
