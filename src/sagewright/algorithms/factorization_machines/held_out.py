"""The chain's burn-in on all rows except a held-out part, on which the machine is compared with one without factors and with a
constant. After that, the chain learns from all rows.

With few rows the factors are noise, whatever their prior, and a chain that has none predicts better. The two are averaged by their
likelihoods on the held-out rows, weakened because these depend on the split.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.factorization_machines import gibbs, linear, reported
from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.factorization_machines.task import Length, Task
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.hosts import Group

JUDGED = 8
"""Number of last sweeps of the burn-in whose mean prediction is evaluated."""
LEAST_HELD = 50
"""Minimum number of held-out rows, or a third of all if that is fewer."""
FOLDS, FEWEST, MOST = 6, 9, 150
"""Times that rows are held out, so that each is once, and the numbers of rows for which this is done."""
LEFT = 4
"""Sweeps of the burn-in that remain for the chain of all rows."""


MORE, ROUNDS, CHANCE = 2, 3, 0.5
"""Unless the burn-in shows that factors help: times as many sweeps again, shared by the folds; how often there are as many while
the weight of the chain with factors is no larger than CHANCE.
"""
WEAKENED, SLIGHT = 0.6, 0.02
"""Power of the likelihoods, and the weight below which a machine isn't trained."""


@dataclass(frozen=True)
class Checked:
    """The chain, its loss with the best of `baseline.SHARES` as a multiple of the constant's, that share, and the constant's raw
    score for all labels. `weight` is that of the chain in its average with a machine without factors: the chain `plain`, or the
    exact one if that is None.
    """

    chain: gibbs.Reached
    ratio: float
    share: float
    centre: float
    plain: gibbs.Reached | None
    weight: float

    @property
    def left(self) -> int:
        return LEFT

    def shrunk(self, machine: Machine) -> Machine:
        """The machine, moved towards the constant if it was worse."""
        return shrunk(machine, self.centre, self.share)


def averaged(machine: Machine, plain: Machine, weight: float) -> Machine:
    """The machine whose scores are the average of both, of which `machine` has this weight and `plain` has no factors."""
    own, other = np.float32(weight), np.float32(1 - weight)
    bias = weight * machine.bias + (1 - weight) * plain.bias
    return Machine(bias, own * machine.linear + other * plain.linear, np.sqrt(own) * machine.factors)


def without_factors(task: Task) -> Task:
    """The same rows for a machine without factors."""
    return replace(task, factors=0)


def weight(said: tuple[np.ndarray, np.ndarray], truth: np.ndarray, binary: bool, group: Group) -> float:
    """The weight of the first of two machines, given both raw scores of all hosts' held-out rows."""
    own, other, rows = group.total(np.array([*(_losses(binary, raw, truth).sum() for raw in said), len(truth)]))
    apart = own - other if binary else rows / 2 * np.log(max(own, 1e-30) / max(other, 1e-30))
    return float(1 / (1 + np.exp(np.clip(WEAKENED * apart, -50, 50))))


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


def compare_few(said: np.ndarray, nothing: np.ndarray, truth: np.ndarray, exact: bool = False) -> tuple[float, float]:
    """As `compare`, for few rows of classes. The share is the mean of all from 0 to 1, each weighted by its likelihood, since one
    is seldom much likelier than another; midway between this mean and 1 if the scores are in part those of the `exact` machine,
    which has done so already.
    """
    shares = np.linspace(0, 1, 11)
    losses = np.array([_losses(True, nothing + each * (said - nothing), truth).sum() for each in shares])
    likely = np.exp(losses.min() - losses)
    share = float(likely @ shares / likely.sum())
    share = (1 + share) / 2 if exact else share
    loss = float(_losses(True, nothing + share * (said - nothing), truth).sum())
    logging.info("There are few rows: of the deviation from a constant score, %.2g %% are kept.", 100 * share)
    return baseline.ratio(loss, float(losses[0])), share


def check(task: Task, length: Length, seed: int, group: Group) -> Checked | None:
    """Returns None if there are too few rows to hold some out. Of few rows on one host, each is held out once."""
    folds = _folds(len(task.y), np.random.default_rng([seed, 8, group.rank]), group)
    if group.total(np.array([int(not folds)]))[0]:
        return None
    tried = [_Fold(task, *fold, seed, group) for fold in folds]
    judged = min(JUDGED, max(1, length.burn_in // 2))
    for fold in tried:
        fold.own.sweep(length.burn_in, judged)
        fold.plain.sweep(length.burn_in, judged)
    truth = task.y[np.concatenate([held for _, held in folds])].astype(np.float64)
    part = _weight(tried, truth, task.binary, group)
    more = MORE * length.burn_in // len(tried)
    for number in range(ROUNDS if part < 1 else 0):  # a chain may take long to find factors
        for fold in tried:
            fold.own.sweep(more, more * 2 // 3)
            if not number:
                fold.plain.sweep(more, more * 2 // 3)
        part = _weight(tried, truth, task.binary, group)
        if part > CHANCE:
            break
    said = np.concatenate([part * fold.own.said + (1 - part) * fold.plain.said for fold in tried])
    nothing = np.concatenate([fold.nothing for fold in tried])
    if task.binary and len(tried) > 1:
        found = compare_few(said, nothing, truth, isinstance(tried[0].plain, _Exact))
    else:
        found = compare(said, nothing, truth, task.binary, group)
    plain = tried[0].plain
    reached = plain.chain.reached() if isinstance(plain, _Judged) else None
    return Checked(tried[0].own.chain.reached(), *found, constant(task.y, task.binary, group), reached, part)


def _weight(tried: list[_Fold], truth: np.ndarray, binary: bool, group: Group) -> float:
    """The weight of the chains with factors, rounded to 0 or 1 if it is near."""
    both = (np.concatenate([fold.own.said for fold in tried]), np.concatenate([fold.plain.said for fold in tried]))
    part = weight(both, truth, binary, group)
    return 0.0 if part < SLIGHT else 1.0 if part > 1 - SLIGHT else part


def _folds(rows: int, random: np.random.Generator, group: Group) -> list[tuple[np.ndarray, np.ndarray]]:
    """The numbers of the rows to learn from and of the held-out rows, for each time."""
    if group.size == 1 and FEWEST <= rows <= MOST:
        parts = [np.sort(part) for part in np.array_split(random.permutation(rows), FOLDS)]
        return [(np.setdiff1d(np.arange(rows), part), part) for part in parts]
    split = baseline.split(rows, random, LEAST_HELD)
    return [] if split is None else [split]


class _Judged:
    """A chain, and the mean of its last raw scores of held-out rows."""

    def __init__(self, chain: gibbs.Sampler, held: Any) -> None:
        self.chain, self._held = chain, held
        self.said = np.zeros(held.shape[0])

    def sweep(self, sweeps: int, judged: int) -> None:
        """Goes on for some sweeps, of which the last ones are judged."""
        said = np.zeros(len(self.said))
        for number in range(sweeps):
            self.chain.sweep()
            if number >= sweeps - judged:
                said += self.chain.machine().raw(self._held) / judged
        self.said = said


class _Exact:
    """The raw scores of held-out rows by the exact machine without factors of the `known` ones."""

    def __init__(self, known: Task, held: Any) -> None:
        self.said = linear.machine(known).raw(held)

    def sweep(self, sweeps: int, judged: int) -> None:
        """Changes nothing: there is no chain."""


class _Fold:
    """Machines with and without factors on the rows that are `learnt`, judged on those that are `held`."""

    def __init__(self, task: Task, learnt: np.ndarray, held: np.ndarray, seed: int, group: Group) -> None:
        known = replace(task, x=task.x[learnt], y=task.y[learnt])
        own, rows = gibbs.Sampler(known, seed, group), task.x[held]
        self.own = _Judged(own, rows)
        self.plain: _Judged | _Exact = (
            _Exact(known, rows)
            if linear.suits(known, group)
            else _Judged(gibbs.Sampler(without_factors(known), seed, group, like=own), rows)
        )
        self.nothing = np.full(len(held), constant(known.y, task.binary, group))


def constant(labels: np.ndarray, binary: bool, group: Group) -> float:
    """The best raw score that uses no feature, for all hosts' labels."""
    total, rows = group.total(np.array([labels.sum(dtype=np.float64), float(len(labels))]))
    if not binary:
        return float(total / rows)
    share = np.clip(total / rows, 1e-9, 1 - 1e-9)
    return float(np.log(share / (1 - share)))


def _losses(binary: bool, raw: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(reported.cross_entropies(raw, truth) if binary else np.square(raw - truth), np.float64)
