"""The common parts of the declarations of deep algorithms. Standard library only."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.domains import Choice, Either, Integer
from sagewright.algorithms.schema.hyperparameters import Hyperparameter

GPUS = Hyperparameter(
    "_num_gpus",
    Either(("auto",), Integer("[0, +inf)")),
    default="auto",
    note="0: the CPUs, even with a GPU; otherwise one GPU on each host that has one",
)

PRECISION = Hyperparameter(
    "_precision_dtype",
    Choice(("float32", "float16")),
    default="float32",
    note="float16: products are computed in it, on CPUs in bfloat16; not AWS's",
)
"""For algorithms whose `precision_dtype` AWS does not offer."""

COMMON = tuple(GPUS if each.name == GPUS.name else each for each in declaring.COMMON)
"""Accepted by every deep algorithm; `_seed` seeds the weights, the order of examples and all random draws."""
