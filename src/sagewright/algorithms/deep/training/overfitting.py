"""Detects that a training only learns its examples by heart. Standard library only.

Source: L. Prechelt, "Early Stopping - But When?", in: Neural Networks: Tricks of the Trade, Springer 1998.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FALLEN = 0.5
"""The training loss has fallen to this share of its value at the best epoch: the same examples are known much better."""


@dataclass
class Overfitting:
    """A training overfits if `held`, the name of a loss of examples that it does not learn from, was lowest at least `patience`
    epochs ago, and `learnt`, the name of its own examples' loss, has since fallen to FALLEN of what it was.

    A network that has learnt nothing yet is not stopped: its training loss hardly falls.
    """

    held: str
    learnt: str
    patience: int
    lowest: float = math.inf
    at_lowest: float = math.inf
    since: int = 0
    found: bool = False

    def add(self, measures: Mapping[str, float]) -> None:
        """Records an epoch's measures. Without `held` or `learnt` among them, does nothing."""
        if self.held not in measures or self.learnt not in measures:
            return
        held, learnt = measures[self.held], measures[self.learnt]
        if held < self.lowest:
            self.lowest, self.at_lowest, self.since = held, learnt, 0
        else:
            self.since += 1
        self.found = self.since >= self.patience and learnt < FALLEN * self.at_lowest

    def document(self) -> dict[str, Any]:
        """The state, for a checkpoint."""
        known = {"lowest": self.lowest, "at_lowest": self.at_lowest}
        return {**{name: None if math.isinf(value) else value for name, value in known.items()}, "since": self.since}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restores the result of `document`. Raises LookupError, TypeError or ValueError for anything else."""
        lowest, at_lowest = (
            math.inf if document[name] is None else float(document[name]) for name in ("lowest", "at_lowest")
        )
        self.lowest, self.at_lowest, self.since = lowest, at_lowest, int(document["since"])
