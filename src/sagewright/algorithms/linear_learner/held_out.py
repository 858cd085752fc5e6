"""Evaluates models on rows that they did not learn from: this chooses the penalty where there are few rows per feature, and
compares a job's model with a constant one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.rows import copies, source
from sagewright.algorithms.firstparty.rows.source import Part
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner.epochs import BLOCK, Data, examples_of
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.ridge.scores import limits

Solve = Callable[[Data, Mix, int, Examples, Callable[[Weights], bool] | None], tuple[Weights, np.ndarray]]
"""Solves for the models of a mix on the rows of the data; the number is that of all hosts' rows. The last argument may say of a
model that weaker penalties than its own need not be solved for.
"""
FEWEST = 10
"""Minimum number of rows for some to be held out."""
TINY, TINY_PARTS = 200, 10
SMALL, SMALL_PARTS, PARTS, CHECKED_PARTS = 1000, 5, 10, 20
"""Up to these numbers of rows each row is held out once, in tenths or fifths. Of more rows, a tenth is held out to choose by, a
twentieth to check a model.
"""
ENOUGH_HELD = 500
"""Held-out rows needed to choose a penalty: more tenths are held out until there are as many."""
MOST_HELD = 20_000
CLEAR = 0.8
"""A model that is only checked, and loses less than this share of a constant's loss on the first rows, is checked on no others."""
PAST = 0.02
"""Weaker penalties are not solved for if a model's loss is larger than that of the best by more than this share."""
BEHIND = 2.0
"""Standard errors by which a penalty is worse than the best one after which it is not tried on the next rows."""


@dataclass(frozen=True)
class Verdict:
    """Mean losses on held-out rows: of each model (M,) and of the constant model, and the standard errors (M,) of the models'
    differences from the first.
    """

    losses: np.ndarray
    constant: float
    errors: np.ndarray
    tried: np.ndarray | None = None
    """Ascending numbers of the models that were tried on all rows; the others have an infinite loss. None if all were."""

    def best(self, sure: float) -> int:
        """Returns the number of the model with the lowest loss; the first, unless another is better by at least `sure` standard
        errors.
        """
        number = int(self.losses.argmin())
        return number if self.losses[number] <= self.losses[0] - sure * self.errors[number] else 0

    def ratio(self, number: int) -> float:
        """Returns a model's loss as a multiple of the constant's."""
        return baseline.ratio(float(self.losses[number]), self.constant)

    def hopeful(self) -> np.ndarray:
        """Returns the numbers of the first model and of those that are not clearly worse than the best."""
        best = int(self.losses.argmin())
        margin = BEHIND * (self.errors + self.errors[best])
        hopeful = self.losses <= self.losses[best] + margin
        hopeful[0] = True
        return np.flatnonzero(hopeful)


def compare(run: Session, data: Data, loss: Loss, models: Mix, solve: Solve, choosing: bool) -> Verdict | None:
    """Evaluates the models of a mix on rows they have not learnt from; `choosing` if the result is used to choose one of them.
    Models that are clearly worse on the first rows are not tried on the others. Returns None if there are too few rows.
    """
    total = int(run.group.total(np.array([data.train.table.rows]))[0])
    if total < FEWEST:
        return None
    found = np.zeros((3, models.models))
    constant = rows = 0.0
    alive = tried = np.arange(models.models)
    for learnt, held in _folds(run, data.train.table, total, choosing):
        own, tried, some = part_of(run, data, learnt), alive, models.take(alive)
        count = int(run.group.total(np.array([learnt.rows]))[0])
        examples = examples_of(run, some, own.counts)
        start = own.constants(run, loss, examples, some.models)
        losing = _losing(run, loss, data, held) if choosing else None
        weights, _ = solve(own, some, count, examples, losing)
        sums, nothing = measured(loss, weights, start, data, held)
        found[:, alive] += run.group.total(sums)
        counted = run.group.total(np.array([nothing, held.rows]))
        constant, rows = constant + counted[0], rows + counted[1]
        if not choosing and run.group.from_first(bool(found[0].max() < CLEAR * constant)):
            break
        if choosing:
            alive = alive[run.group.from_first(verdict(found[:, alive], constant, rows).hopeful())]
    whole = verdict(found, constant, rows)
    losses = np.full(models.models, np.inf)
    losses[tried] = whole.losses[tried]
    return replace(whole, losses=losses, tried=tried)


def _losing(run: Session, loss: Loss, data: Data, held: Table) -> Callable[[Weights], bool]:
    """Returns what says of one model after another that its loss on this host's `held` rows is clearly above that of the best."""
    best = math.inf

    def losing(weights: Weights) -> bool:
        nonlocal best
        sums, _ = measured(loss, weights, np.zeros((1, loss.classes)), data, held)
        own = float(run.group.total(sums)[0, 0])
        best = min(best, own)
        return bool(run.group.from_first(own > best * (1 + PAST)))

    return losing


def verdict(sums: np.ndarray, constant: float, rows: float) -> Verdict:
    """Computes the verdict from the sums of `measured` over all rows."""
    losses, apart, squares = np.nan_to_num(sums / max(rows, 1), nan=np.inf)
    errors = np.sqrt(np.maximum(squares - apart**2, 0) / max(rows, 1))
    return Verdict(losses, constant / max(rows, 1), errors)


def part_of(run: Session, data: Data, table: Table) -> Data:
    """Returns the data with these rows of this host as train."""
    counts = data.counts
    if counts is not None:
        own = np.bincount(np.asarray(table.labels).astype(np.int64), minlength=len(counts))
        counts = np.asarray(run.group.total(own), np.float64)
    return replace(data, train=Part(table), counts=counts)


def measured(loss: Loss, weights: Weights, constants: np.ndarray, data: Data, held: Table) -> tuple[np.ndarray, float]:
    """Returns, over this host's `held` rows, sums (3, M) of the models' losses, each row's within its limit, of their differences
    from the first model's, and of the squares of these; and the sum of the first constant's losses.
    """
    labels = data.scaler.labels(np.asarray(held.labels))
    nothing = loss(np.repeat(constants[:1].astype(np.float32), held.rows, axis=0), labels)[0][:, 0].astype(np.float64)
    limit = limits(nothing, loss.regresses)
    sums, seen = np.zeros((3, len(weights.bias) // loss.classes)), 0
    for x, y in source.prepared(held, data.scaler.prepare, BLOCK):
        each = np.minimum(loss(weights.scores(x), y)[0], limit[seen : seen + len(y), None])
        seen += len(y)
        apart = each - each[:, :1]
        sums += np.stack([each.sum(axis=0), apart.sum(axis=0), np.square(apart).sum(axis=0)])
    return sums, float(nothing.sum())


def _part_of_rows(table: Table, parts: int, classes: bool, random: np.random.Generator) -> np.ndarray:
    """Returns the part (n,) of each row. Copies of a row are in the same part, and each part has its share of each class."""
    labels = np.asarray(table.labels)
    found = copies.find(table.features, labels)
    which, first = (np.arange(table.rows),) * 2 if found is None else (found.which, found.first)
    order = random.permutation(len(first))
    if classes:
        order = order[np.argsort(labels[first[order]], kind="stable")]
    part = np.empty(len(first), np.int64)
    part[order] = (np.arange(len(first)) + random.integers(parts)) % parts
    return part[which]


def _folds(run: Session, table: Table, total: int, choosing: bool) -> Iterator[tuple[Table, Table]]:
    """Yields for each fold the rows of this host that are used for training, and those that are held out."""
    parts = SMALL_PARTS if total < SMALL else PARTS if choosing else CHECKED_PARTS
    parts = TINY_PARTS if total < TINY else parts
    folds = parts if total < SMALL else math.ceil(ENOUGH_HELD * parts / total) if choosing else 1
    random = np.random.default_rng([run.seed, 6, run.group.rank])
    part = _part_of_rows(table, parts, run.values["predictor_type"] != "regressor", random)
    for number in range(min(folds, parts)):
        held = np.flatnonzero(part == number)
        kept = np.ones(table.rows, bool)
        kept[held] = False
        yield table.take(np.flatnonzero(kept)), table.take(held[:MOST_HELD])
