"""How a training steps. AWS's defaults continue the training of pretrained weights; they would hardly move new ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sagewright.algorithms.deep.training.run import Run

CHOSEN = frozenset({"optimizer", "learning_rate", "momentum"})
"""Hyperparameters of which one is enough for all defaults to stay AWS's."""
OPTIMIZER, RATE = "adam", 0.001
STEPS, FEWEST = 120, 4
"""Fewest steps of a training from scratch, and of images in its mini-batches, where neither is set."""


@dataclass(frozen=True)
class Pace:
    """`batch`: images in a mini-batch."""

    optimizer: str
    rate: float
    batch: int

    @classmethod
    def of(cls, own: Run, images: int, *, from_scratch: bool, steps: int = STEPS) -> Pace:
        """`steps`: fewest steps of a training from scratch, as far as its mini-batches can shrink."""
        values = own.values
        asked = cls(values["optimizer"], values["learning_rate"], values["mini_batch_size"])
        if not from_scratch or CHOSEN & own.chosen:
            return asked
        batch = asked.batch
        if "mini_batch_size" not in own.chosen:
            batch = min(batch, max(FEWEST, images * values["epochs"] // steps))
        logging.info("From scratch: optimizer %s, learning_rate %g, mini_batch_size %d", OPTIMIZER, RATE, batch)
        return cls(OPTIMIZER, RATE, batch)
