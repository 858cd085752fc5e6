"""The chain's burn-in on all rows except a held-out part, on which the machine is compared with a constant. After that, the chain
learns from all rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
LEFT = 4
"""Sweeps of the burn-in that remain for the chain of all rows."""


@dataclass(frozen=True)
class Checked:
    """The chain, its loss with the best of `baseline.SHARES` as a multiple of the constant's, and that share."""

    chain: gibbs.Sampler
    ratio: float
    share: float

    @property
    def left(self) -> int:
        return LEFT

    def shrunk(self, machine: Machine) -> Machine:
        """The machine, moved towards the constant if it was worse."""
        chain = self.chain
        return shrunk(machine, gibbs.PROBIT * chain.bias if chain.task.binary else chain.shift, self.share)


def shrunk(machine: Machine, centre: float, share: float) -> Machine:
    """The machine, with this share of its deviation from the raw score `centre`."""
    if share == 1:
        return machine
    bias, part = centre + share * (machine.bias - centre), np.float32(share)
    return Machine(bias, machine.linear * part, machine.factors * np.sqrt(part))


def compare(said: np.ndarray, nothing: float, truth: np.ndarray, binary: bool, group: Group) -> tuple[float, float]:
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
    """Returns None if there are too few rows to hold some out."""
    parts = baseline.split(len(task.y), np.random.default_rng([seed, 8, group.rank]), LEAST_HELD)
    if group.total(np.array([int(parts is None)]))[0]:
        return None
    assert parts is not None
    learnt, held = parts
    chain = gibbs.Sampler(replace(task, x=task.x[learnt], y=task.y[learnt]), seed, group)
    said, truth = np.zeros(len(held)), task.y[held].astype(np.float64)
    judged = min(JUDGED, max(1, length.burn_in // 2))
    for number in range(length.burn_in):
        chain.sweep()
        if number >= length.burn_in - judged:
            said += chain.machine().raw(task.x[held]) / judged
    nothing = constant(task.y[learnt], task.binary, group)
    return Checked(chain, *compare(said, nothing, truth, task.binary, group))


def constant(labels: np.ndarray, binary: bool, group: Group) -> float:
    """The best raw score that uses no feature, for all hosts' labels."""
    total, rows = group.total(np.array([labels.sum(dtype=np.float64), float(len(labels))]))
    if not binary:
        return float(total / rows)
    share = np.clip(total / rows, 1e-9, 1 - 1e-9)
    return float(np.log(share / (1 - share)))


def _losses(binary: bool, raw: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(reported.cross_entropies(raw, truth) if binary else np.square(raw - truth), np.float64)
