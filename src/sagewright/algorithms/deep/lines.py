"""The lines that MXNet's training logs about epochs, which clients and metric definitions read. `\\t` is shown as #011.

Source: the contract's algorithms/image-classification.md and _deep.md.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

EVERY = 20
"""Batches between two lines of speed."""


class EpochLines:
    """Writes the lines of successive epochs. `every`: batches between two lines of speed."""

    def __init__(self, every: int = EVERY) -> None:
        self.every = every
        self._began = self._mark = time.monotonic()
        self._examples = 0

    def begin(self) -> None:
        """Starts an epoch."""
        self._began = self._mark = time.monotonic()
        self._examples = 0

    def batch(self, epoch: int, number: int, examples: int, measures: Mapping[str, float]) -> None:
        """Reports a finished batch, counted from 0: `Epoch[0] Batch [20]#011Speed: 12.3 samples/sec#011accuracy=0.5`."""
        self.count(examples)
        if not self.is_due(number):
            return
        now = time.monotonic()
        speed = self._examples / max(now - self._mark, 1e-9)
        self._mark, self._examples = now, 0
        said = "".join(f"\t{name}={value:f}" for name, value in measures.items())
        logging.info("Epoch[%d] Batch [%d]\tSpeed: %.2f samples/sec%s", epoch, number, speed, said)

    def is_due(self, number: int) -> bool:
        """True if this batch gets a line, so that its measures are worth computing."""
        return number > 0 and number % self.every == 0

    def count(self, examples: int) -> None:
        """Counts a finished batch that gets no line."""
        self._examples += examples

    def end(self, epoch: int, measures: Mapping[str, float]) -> None:
        """Reports the end of an epoch's training part."""
        for name, value in measures.items():
            logging.info("Epoch[%d] Train-%s=%f", epoch, name, value)
        logging.info("Epoch[%d] Time cost=%.3f", epoch, time.monotonic() - self._began)

    def validation(self, epoch: int, measures: Mapping[str, float]) -> None:
        """Reports the measures of the channel validation."""
        for name, value in measures.items():
            logging.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
