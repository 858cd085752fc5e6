"""Shared memory of the workers and their parent."""

from __future__ import annotations

import mmap

_AWAY = 0xFFFF
"""The load of a worker that can't answer: it is dead, or is loading its model."""
_STATE, _LOAD, _SIZE = 0, 2, 4


class Board:
    """`workers` slots, each written by one process at a time."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _SIZE)
        self._workers = range(workers)
        for number in self._workers:
            self.set_away(number)

    def set_loaded(self, number: int) -> None:
        """Marks the model as loaded by this worker or a predecessor."""
        self._memory[number * _SIZE + _STATE] = 1
        self.set_load(number, 0)

    def has_loaded(self, number: int) -> bool:
        return self._memory[number * _SIZE + _STATE] == 1

    @property
    def all_have_loaded(self) -> bool:
        return all(map(self.has_loaded, self._workers))

    def set_load(self, number: int, load: int) -> None:
        """Sets the load of a worker."""
        place = number * _SIZE + _LOAD
        self._memory[place : place + 2] = min(load, _AWAY).to_bytes(2, "little")

    def set_away(self, number: int) -> None:
        self.set_load(number, _AWAY)

    def has_least(self, number: int) -> bool:
        """Returns True if no worker has a lower load."""
        return self._load(number) <= min(map(self._load, self._workers))

    def _load(self, number: int) -> int:
        place = number * _SIZE + _LOAD
        return int.from_bytes(self._memory[place : place + 2], "little")
