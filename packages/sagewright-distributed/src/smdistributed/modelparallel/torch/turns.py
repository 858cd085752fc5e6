"""Microbatches take turns: one computes at a time, and the same part of each runs in the order of the microbatches.

So gradients are added in the same order in every run, and random numbers are drawn as if nothing were interleaved.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Turns:
    """Coordinates threads that each compute a microbatch, in segments between which they wait for others."""

    def __init__(self, count: int) -> None:
        self._done = [0] * count
        self._over = [False] * count
        self._busy = False
        self._changed = threading.Condition()
        seeds = torch.randint(2**62, (count,)).tolist()
        self._generators = [torch.Generator().manual_seed(seed).get_state() for seed in seeds]
        self._outer = torch.get_rng_state()

    def begin(self, number: int) -> None:
        """Waits until this microbatch's next segment can run."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and self._is_next(number))
            self._busy = True
        torch.set_rng_state(self._generators[number])

    def end(self, number: int) -> None:
        """Ends the segment: another can run."""
        self._generators[number] = torch.get_rng_state()
        with self._changed:
            self._done[number] += 1
            self._busy = False
            self._changed.notify_all()

    def finish(self, number: int) -> None:
        """Marks this microbatch as having no further segments."""
        with self._changed:
            self._over[number] = True
            self._changed.notify_all()

    def close(self) -> None:
        """Restores the random state from before, once all are finished."""
        torch.set_rng_state(self._outer)

    @contextmanager
    def waiting(self, number: int) -> Iterator[None]:
        """A context in which others compute."""
        self.end(number)
        try:
            yield
        finally:
            self.begin(number)

    def _is_next(self, number: int) -> bool:
        mine = self._done[number]
        return all(self._over[lower] or self._done[lower] > mine for lower in range(number))
