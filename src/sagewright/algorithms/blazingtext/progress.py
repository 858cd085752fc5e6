"""The lines of BlazingText's log that report its speed.

Source: the contract's _deep.md.
"""

from __future__ import annotations

import logging
import time


class Meter:
    """Logs the rate, the progress and the words per second; `words` is the number of words in the whole training."""

    def __init__(self, rate: float, words: float) -> None:
        self._rate, self._words, self._done, self._began = rate, words, 0.0, time.monotonic()

    def tell(self, words: float, share: float) -> None:
        """Reports that `words` more words were learnt; `share` is the completed share of the training."""
        self._done += words
        logging.info(
            "##### Alpha: %.4f  Progress: %.2f%%  Million Words/sec: %.2f #####",
            self._rate * (1 - share), 100 * share, self._speed(),
        )  # fmt: skip

    def end(self) -> None:
        logging.info("Training finished.")
        logging.info("Average throughput in Million words/sec: %.2f", self._speed())
        logging.info("Total training time in seconds: %.2f", time.monotonic() - self._began)

    def _speed(self) -> float:
        return self._done / 1e6 / max(time.monotonic() - self._began, 1e-9)
