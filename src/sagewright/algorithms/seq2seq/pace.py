"""How a training steps: its learning rate, mini-batches, and evaluations. AWS's defaults are for millions of pairs and layers of
1,024 numbers.

Source of the rate: G. Yang et al., "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer", NeurIPS
2021 (Adam's best rate falls with the width of a layer).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.seq2seq.sentences import Sentences
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings

FOREVER = 1 << 40
"""Mini-batches of a training that only validation ends."""
WIDTH, HIGHEST = 1024, 0.003
"""The width of layers that the default rate is for, and the highest rate of narrower ones."""
IN_EPOCH, FEWEST = 25, 16
"""Fewest mini-batches of an epoch, and of pairs in them, where `batch_size` isn't set."""
BETWEEN = 100
"""Fewest mini-batches between two evaluations where `checkpoint_frequency_num_batches` isn't set."""


@dataclass(frozen=True)
class Pace:
    """`batch`: pairs in a mini-batch. Numbers of mini-batches: `epoch` in an epoch, `between` two evaluations, `all` at most;
    `least` evaluations before an early end.
    """

    rate: float
    batch: int
    epoch: int
    between: int
    all: int
    least: int

    @classmethod
    def of(
        cls, values: Mapping[str, Any], chosen: Collection[str], settings: Seq2SeqSettings, known: Sentences
    ) -> Pace:
        """Returns the pace of a training on `known`; `chosen` are the hyperparameters that the job set, which stay as they are."""
        rate, batch = _rate(values, chosen, settings), values["batch_size"]
        if "batch_size" not in chosen:
            batch = min(batch, max(FEWEST, len(known) // IN_EPOCH))
        epoch = len(known.batches(batch, width(values), np.random.default_rng(0)))
        between, most = _between(values, chosen, epoch), FOREVER
        if values["max_num_batches"] > 0:
            most = values["max_num_batches"]
        if "max_num_epochs" in values:
            most = min(most, values["max_num_epochs"] * epoch)
        if (rate, batch, between) != tuple(values[name] for name in _NAMES):
            logging.info("learning_rate %g, batch_size %d, checkpoint_frequency_num_batches %d", rate, batch, between)
        return cls(rate, batch, epoch, between, most, math.ceil(values["min_num_epochs"] * epoch / between))

    @property
    def looks(self) -> int:
        return math.ceil(self.all / self.between)


_NAMES = ("learning_rate", "batch_size", "checkpoint_frequency_num_batches")


def width(values: Mapping[str, Any]) -> int:
    """Returns the width of buckets of lengths, 0 without buckets."""
    return values["bucket_width"] if values["bucketing_enabled"] else 0


def _rate(values: Mapping[str, Any], chosen: Collection[str], settings: Seq2SeqSettings) -> float:
    """Returns the default rate in inverse proportion to the layers' width, if Adam is used."""
    rate = float(values["learning_rate"])
    if "learning_rate" in chosen or values["optimizer_type"] != "adam":
        return rate
    widest = max(settings.size("encoder_type"), settings.size("decoder_type"))
    return max(rate, min(HIGHEST, rate * WIDTH / widest))


def _between(values: Mapping[str, Any], chosen: Collection[str], epoch: int) -> int:
    """Returns the length of an epoch, or of several short ones, if that is less than the default. Half-lives of the rate are
    counted in evaluations, whose distance stays the default then."""
    asked = int(values["checkpoint_frequency_num_batches"])
    if "checkpoint_frequency_num_batches" in chosen or values["lr_scheduler_type"] != "plateau_reduce":
        return asked
    return min(asked, epoch * math.ceil(BETWEEN / epoch))
