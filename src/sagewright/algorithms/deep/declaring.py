"""What the declarations of deep algorithms share. Standard library only."""

from __future__ import annotations

from sagewright.algorithms.domains import Either, Integer
from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.hyperparameters import Hyperparameter

GPUS = Hyperparameter(
    "_num_gpus",
    Either(("auto",), Integer("[0, +inf)")),
    default="auto",
    note="0: the CPUs, even where there is a GPU; else one GPU at each host, where it has one",
)

COMMON = tuple(GPUS if each.name == GPUS.name else each for each in declaring.COMMON)
"""Accepted by every deep algorithm; `_seed` is that of weights, of the order of examples and of what is drawn."""
