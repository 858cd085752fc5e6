"""A study's trials as rows of numbers: results, running trials, failed trials, and the results of parents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sagewright.tuning.study import Study, Trial, TrialState
from sagewright.tuning.surrogates.lattice import Ints, Lattice, keys


@dataclass
class HistoryRows:
    """Points and their costs, if known."""

    levels: list[Ints] = field(default_factory=list)
    positions: list[Ints] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.positions)

    def add(self, levels: Ints, positions: Ints, cost: float = math.nan) -> None:
        self.levels.append(levels)
        self.positions.append(positions)
        self.costs.append(cost)

    def best(self) -> int:
        return int(np.argmin(self.costs))

    def thinned(self, most: int, rng: np.random.Generator) -> HistoryRows:
        """At most `most` rows: half of them the best, the others random."""
        if len(self) <= most:
            return self
        order = np.argsort(self.costs, kind="stable")
        others = rng.choice(order[most // 2 :], most - most // 2, replace=False)
        kept = sorted([*order[: most // 2].tolist(), *others.tolist()])
        return HistoryRows(
            [self.levels[i] for i in kept], [self.positions[i] for i in kept], [self.costs[i] for i in kept]
        )


@dataclass
class History:
    results: HistoryRows
    pending: HistoryRows
    failed: HistoryRows
    parents: dict[str, HistoryRows]
    """Rows of each parent with a different task."""
    seen: set[bytes]
    """Points that this study has tried and must not repeat."""
    inherited: int = 0
    """Number of results that come from parents."""


class TrialReader:
    """Reads trials of one study and caches their rows."""

    def __init__(self, study: Study, lattice: Lattice) -> None:
        self._study, self._lattice = study, lattice
        self._rows: dict[int, tuple[Ints, Ints, bytes] | None] = {}

    def read(self, trials: Sequence[Trial]) -> History:
        history = History(HistoryRows(), HistoryRows(), HistoryRows(), {}, set())
        for trial in sorted(trials, key=lambda trial: trial.number):
            if trial.number not in self._rows:
                found = self._lattice.row(trial.values)
                self._rows[trial.number] = None if found is None else (*found, keys(found[0][None, :])[0])
            row = self._rows[trial.number]
            if row is not None:
                self._put(history, trial, row)
        return history

    def _put(self, history: History, trial: Trial, row: tuple[Ints, Ints, bytes]) -> None:
        rows, cost = self._kind(history, trial)
        if rows is None:
            return
        rows.add(row[0], row[1], cost)
        history.inherited += rows is history.results and not trial.own
        if trial.own or self._study.same_task:
            history.seen.add(row[2])

    def _kind(self, history: History, trial: Trial) -> tuple[HistoryRows | None, float]:
        if trial.result is not None:
            cost = self._study.cost(trial.result)
            own = trial.own or self._study.same_task
            return (history.results if own else history.parents.setdefault(trial.source, HistoryRows())), cost
        if trial.running and trial.own:
            return history.pending, math.nan
        failed = trial.own or (self._study.same_task and trial.state is TrialState.FAILED)
        return (history.failed if failed else None), math.nan
