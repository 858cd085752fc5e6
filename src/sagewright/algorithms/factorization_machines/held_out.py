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
LEFT = 4
"""Sweeps of the burn-in that remain for the chain of all rows."""
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the machine's deviation from the constant: less than 1 only if the full machine would be worse than the constant."""


@dataclass(frozen=True)
class Checked:
    """The chain, its loss with the best of `SHARES` as a multiple of the constant's, and that share."""

    chain: gibbs.Sampler
    ratio: float
    share: float

    @property
    def left(self) -> int:
        return LEFT

    def shrunk(self, machine: Machine) -> Machine:
        """The machine, moved towards the constant if it was worse."""
        if self.share == 1:
            return machine
        share, chain = np.float32(self.share), self.chain
        centre = gibbs.PROBIT * chain.bias if chain.task.binary else chain.shift
        bias = centre + self.share * (machine.bias - centre)
        return Machine(bias, machine.linear * share, machine.factors * np.sqrt(share))


def check(task: Task, length: Length, seed: int, group: Group) -> Checked | None:
    """Returns None if there are too few rows to hold some out."""
    parts = baseline.split(len(task.y), np.random.default_rng([seed, 8, group.rank]))
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
    nothing = _constant(task, group, learnt)
    losses = [_loss(task, nothing + share * (said - nothing), truth) * len(held) for share in SHARES]
    *own, of_nothing, rows = group.total(
        np.array([*losses, _loss(task, said * 0 + nothing, truth) * len(held), len(held)])
    )
    best = 0 if own[0] <= of_nothing else int(np.argmin(own))
    return Checked(chain, baseline.ratio(own[best] / rows, of_nothing / rows), SHARES[best])


def _constant(task: Task, group: Group, learnt: np.ndarray) -> float:
    """The best raw score that uses no feature."""
    total, rows = group.total(np.array([task.y[learnt].sum(dtype=np.float64), float(len(learnt))]))
    if not task.binary:
        return float(total / rows)
    share = np.clip(total / rows, 1e-9, 1 - 1e-9)
    return float(np.log(share / (1 - share)))


def _loss(task: Task, raw: np.ndarray, truth: np.ndarray) -> float:
    return reported.cross_entropy(raw, truth) if task.binary else float(np.square(raw - truth).mean())
