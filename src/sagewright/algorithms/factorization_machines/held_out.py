"""The chain's burn-in on all rows except a held-out part, on which the machine is compared with a constant. After that, the chain
learns from all rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.factorization_machines import gibbs, reported
from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.factorization_machines.task import Length, Task
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.hosts import Group

JUDGED = 8
"""Number of last sweeps of the burn-in whose mean prediction is evaluated."""
LEAST_HELD = 50
"""Minimum number of held-out rows, or a third of all if that is fewer."""
FOLDS, FEWEST = 3, 9
"""Times that rows are held out, if a third of all is less than LEAST_HELD, and the minimum number of rows for that."""
LEFT = 4
"""Sweeps of the burn-in that remain for the chain of all rows."""


@dataclass(frozen=True)
class Checked:
    """The chain, its loss with the best of `baseline.SHARES` as a multiple of the constant's, that share, and the constant's raw
    score for all labels.
    """

    chain: gibbs.Sampler
    ratio: float
    share: float
    centre: float

    @property
    def left(self) -> int:
        return LEFT

    def shrunk(self, machine: Machine) -> Machine:
        """The machine, moved towards the constant if it was worse."""
        return shrunk(machine, self.centre, self.share)


def shrunk(machine: Machine, centre: float, share: float) -> Machine:
    """The machine, with this share of its deviation from the raw score `centre`."""
    if share == 1:
        return machine
    bias, part = centre + share * (machine.bias - centre), np.float32(share)
    return Machine(bias, machine.linear * part, machine.factors * np.sqrt(part))


def compare(
    said: np.ndarray, nothing: float | np.ndarray, truth: np.ndarray, binary: bool, group: Group
) -> tuple[float, float]:
    """Compares raw scores of all hosts' held-out rows with the constant `nothing`. Returns the loss with the best of
    `baseline.SHARES` as a multiple of the constant's, and that share: 1 unless the constant is better by a standard error, since
    on a few held-out rows either may be better by chance.
    """
    scores = [nothing + share * (said - nothing) for share in [*baseline.SHARES, 0.0]]
    each = np.stack([_losses(binary, raw, truth) for raw in scores])
    apart = each[0] - each[-1]
    *own, of_nothing, squares, rows = group.total(np.append(each.sum(axis=1), [apart @ apart, len(truth)]))
    best = baseline.share(own, of_nothing + np.sqrt(squares))
    return baseline.ratio(own[best] / max(rows, 1), of_nothing / max(rows, 1)), baseline.shrunk(best)


def check(task: Task, length: Length, seed: int, group: Group) -> Checked | None:
    """Returns None if there are too few rows to hold some out. Of few rows on one host, each is held out once."""
    folds = _folds(len(task.y), np.random.default_rng([seed, 8, group.rank]), group)
    if group.total(np.array([int(not folds)]))[0]:
        return None
    chains, said, nothing = [], [], []
    for learnt, held in folds:
        chain, raw = _judged(replace(task, x=task.x[learnt], y=task.y[learnt]), task.x[held], length, seed, group)
        chains.append(chain)
        said.append(raw)
        nothing.append(np.full(len(held), constant(task.y[learnt], task.binary, group)))
    truth = task.y[np.concatenate([held for _, held in folds])].astype(np.float64)
    centre = constant(task.y, task.binary, group)
    found = compare(np.concatenate(said), np.concatenate(nothing), truth, task.binary, group)
    return Checked(chains[0], *found, centre)


def _folds(rows: int, random: np.random.Generator, group: Group) -> list[tuple[np.ndarray, np.ndarray]]:
    """The numbers of the rows to learn from and of the held-out rows, for each time; of three times as many rows as have to be held
    out, or fewer, three times.
    """
    if group.size == 1 and FEWEST <= rows <= FOLDS * LEAST_HELD:
        parts = [np.sort(part) for part in np.array_split(random.permutation(rows), FOLDS)]
        return [(np.setdiff1d(np.arange(rows), part), part) for part in parts]
    split = baseline.split(rows, random, LEAST_HELD)
    return [] if split is None else [split]


def _judged(known: Task, held: Any, length: Length, seed: int, group: Group) -> tuple[gibbs.Sampler, np.ndarray]:
    """A chain after the burn-in, and the mean of its last raw scores of held-out rows."""
    chain = gibbs.Sampler(known, seed, group)
    said = np.zeros(held.shape[0])
    judged = min(JUDGED, max(1, length.burn_in // 2))
    for number in range(length.burn_in):
        chain.sweep()
        if number >= length.burn_in - judged:
            said += chain.machine().raw(held) / judged
    return chain, said


def constant(labels: np.ndarray, binary: bool, group: Group) -> float:
    """The best raw score that uses no feature, for all hosts' labels."""
    total, rows = group.total(np.array([labels.sum(dtype=np.float64), float(len(labels))]))
    if not binary:
        return float(total / rows)
    share = np.clip(total / rows, 1e-9, 1 - 1e-9)
    return float(np.log(share / (1 - share)))


def _losses(binary: bool, raw: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(reported.cross_entropies(raw, truth) if binary else np.square(raw - truth), np.float64)
