"""A sum over all hosts that only the first host requests, so that decisions based on it are made in one place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group


class Led:
    """The sum over the hosts of `part(argument)`. The first host calls it; the others `follow` until it calls `end`.

    If each host decided when to stop, rounding could make them disagree, and they would wait for each other forever.
    """

    def __init__(self, group: Group, part: Callable[[np.ndarray], np.ndarray]) -> None:
        self._group, self._part = group, part

    def __call__(self, argument: np.ndarray) -> np.ndarray:
        self._group.from_first(argument)
        return np.asarray(self._group.total(self._part(argument)))

    def follow(self) -> None:
        while (argument := self._group.from_first(None)) is not None:
            self._group.total(self._part(argument))

    def end(self) -> None:
        self._group.from_first(None)
