"""All hosts' rows at the first host, and how many of them are different."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.rows import copies, source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.linear_learner.epochs import Data
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.ridge.families import Rows

SEARCHED = 2
"""As a multiple of what counts as few the number of rows among which copies are sought first."""
THINNED = 2000
"""Maximum number of rows of each class that are used where one class is rare."""


def different(run: Session, data: Data, loss: Loss, few: int) -> int:
    """Returns the number of different rows of all hosts, or of some of them if there are as many as `few` among these."""
    table = data.train.table
    size = SEARCHED * few // run.group.size
    if run.group.total(np.array([int(table.rows > 2 * size)]))[0] == run.group.size:
        some = table.take(np.arange(0, table.rows, table.rows // size))
        found = _counted(run, replace(data, train=source.Part(some)), loss)
        if found >= few:
            return found
    return _counted(run, data, loss)


def _counted(run: Session, data: Data, loss: Loss) -> int:
    if run.group.size == 1:
        table = data.train.table
        found = copies.find(table.features, np.asarray(table.labels))
        return table.rows if found is None else len(found.first)
    rows = joined(run, data, loss)
    return int(run.group.from_first(None if rows is None else len(rows.y)))


def joined(run: Session, data: Data, loss: Loss) -> Rows | None:
    """Returns all hosts' rows at the first host, copies of a row as one with more weight."""
    table = data.train.table
    x, y = data.scaler.prepare(table, False)
    x = x.toarray() if isinstance(x, csr_matrix) else x
    parts = run.group.to_first((x, y))
    if parts is None:
        return None
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    weights = np.ones(len(y))
    found = copies.find(x, y)
    y = np.eye(loss.classes)[y.astype(np.int64)] if loss.classes > 1 else y
    if found is not None:
        y = _means(y, found)
        x, weights = x[found.first], found.count / found.count.mean()
    positive = run.values["positive_example_weight_mult"]
    if loss.name == "logistic" and positive != 1:
        heavy = data.balanced if positive == "balanced" else float(positive)
        weights = weights * (1 + (heavy - 1) * y)
    elif loss.classes > 1 and run.values["balance_multiclass_weights"] and data.counts is not None:
        weights = weights * (y @ (data.counts.mean() / np.maximum(data.counts, 1)))
    return Rows(x, y.astype(np.float64), weights, np.ones(len(y)))


def some(data: Data, loss: Loss, count: int) -> Rows:
    """Returns about `count` of this host's rows, which are more, with the weight of all. Copies are rows of their own."""
    table = data.train.table
    x, y = data.scaler.prepare(table.take(np.arange(0, table.rows, table.rows // count)), False)
    x = x.toarray() if isinstance(x, csr_matrix) else x
    y = np.eye(loss.classes)[y.astype(np.int64)] if loss.classes > 1 else y.astype(np.float64)
    return Rows(x, y, np.full(len(y), table.rows / len(y)), np.ones(len(y)))


def _means(y: np.ndarray, found: copies.Copies) -> np.ndarray:
    """Returns the mean label of each different row."""
    order = np.argsort(found.which, kind="stable")
    sums = np.add.reduceat(y[order].astype(np.float64), np.append(0, np.cumsum(found.count)[:-1]), axis=0)
    return np.asarray((sums.T / found.count).T)


def thinned(run: Session, data: Data) -> Rows | None:
    """Returns at the first host some rows of either class, with the weight of all."""
    table, counts = data.train.table, data.counts
    assert counts is not None
    shares = np.minimum(THINNED / counts, 1)
    random = np.random.default_rng([run.seed, 9, run.group.rank])
    labels = np.asarray(table.labels).astype(np.int64)
    x, y = data.scaler.prepare(table.take(np.flatnonzero(random.random(len(labels)) < shares[labels])), False)
    parts = run.group.to_first((x, y))
    if parts is None:
        return None
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    taken = np.bincount(y.astype(np.int64), minlength=2)
    weights = (counts / np.maximum(taken, 1))[y.astype(np.int64)]
    return Rows(x, y.astype(np.float64), weights, 1 / weights)
