"""The models of a job solved for, instead of learnt in epochs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import numpy as np

from sagewright.algorithms.firstparty import source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.firstparty.source import Batch
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner import losses, newton, path, quasi_newton
from sagewright.algorithms.linear_learner.epochs import Data, Trained, compared, examples_of
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.linear_learner.newton import Rows

MOST_COLUMNS = 1024
"""Features up to which second derivatives are written out: they take their square for each row."""
SAMPLE, SAMPLE_A_FEATURE = 10_000, 20
"""Rows that second derivatives are taken from: so many, or so many a feature."""
CLOSER = 0.1
"""Of early_stopping_tolerance: what is still to be gained of the loss where Newton's method ends."""
PASSES_AN_EPOCH = 10
"""Of L-BFGS: what an epoch of mini-batches does, one of its passes doesn't."""
BLOCK_BYTES = 1 << 20


def solve_models(run: Session, data: Data) -> Trained:
    """The models that the hyperparameters ask for. One epoch is logged, that of the solution."""
    began = time.monotonic()
    loss, own = losses.make(run.values), data.train.table.rows
    total = int(run.group.total(np.array([own]))[0])
    models = path.make(run.values, data.train.columns, total, data.balanced, data.validated)
    examples = examples_of(run, models, data.counts)
    if _has_curvature(data, loss):
        weights, reached = _second_order(run, data, models, total, examples)
    else:
        weights, reached = _first_order(run, data, models, total, examples)
    criterion = reached
    if data.validated or not examples.comparable:
        judged = source.prepared(data.judged, data.scaler.prepare)
        criterion = run.group.from_first(compared(loss, weights, judged, examples))
    criterion = np.nan_to_num(criterion, nan=np.inf)
    _log(run, loss, reached, criterion, data.validated)
    run.lines.throughput(own, time.monotonic() - began)
    return Trained(loss, models, weights, criterion, examples, by_loss=True)


def fits(run: Session, data: Data) -> bool:
    """Whether every host has the memory: without second derivatives the scaled rows are held beside the rows."""
    lacking = not _has_curvature(data, losses.make(run.values)) and data.train.table.nbytes > run.memory.left
    return not run.group.total(np.array([int(lacking)]))[0]


def _has_curvature(data: Data, loss: Loss) -> bool:
    dense = data.train.dense or data.scaler.shift is not None
    return dense and data.train.columns <= MOST_COLUMNS and loss.name in ("squared_loss", "logistic")


def _bias_decay(run: Session) -> float:
    asked = run.values["bias_wd_mult"]
    return 0.0 if asked == "auto" else float(asked)


def _second_order(run: Session, data: Data, models: Mix, total: int, examples: Examples) -> tuple[Weights, np.ndarray]:
    columns, table = data.train.columns, data.train.table
    size = max(256, BLOCK_BYTES // (4 * columns))

    def blocks() -> Iterator[Batch]:
        return iter(source.prepared(table, data.scaler.prepare, size))

    rows = Rows(blocks, columns, total, bool(run.values["use_bias"]))
    if data.counts is None:
        run.solver("second_order", "normal-equations")
        return newton.least_squares(rows, models, _bias_decay(run), run.group)
    run.solver("second_order", "newton")
    problem = newton.Logistic(rows, examples, models, _bias_decay(run), run.group)
    sample, shares = _sample(run, data, max(SAMPLE, SAMPLE_A_FEATURE * columns))
    begun = data.constants(run, losses.make(run.values), examples, models.models)[:, 0]
    tolerance = run.values["early_stopping_tolerance"] * CLOSER
    return problem.solve(data.scaler.prepare(sample, False), shares, begun, run.values["epochs"], tolerance)


def _sample(run: Session, data: Data, size: int) -> tuple[Table, tuple[float, float]]:
    """This host's rows of a sample, and which shares it has of all negative and positive rows: as many of either, if there are."""
    assert data.counts is not None
    few = min(size / 2, data.counts.min())
    shares = np.minimum((np.where(data.counts == data.counts.min(), few, size - few)) / np.maximum(data.counts, 1), 1)
    random = np.random.default_rng([run.seed, 5, run.group.rank])
    labels = np.asarray(data.train.table.labels)
    parts = []
    for label, share in enumerate(shares):
        own = np.flatnonzero(labels == label)
        count = len(own) if share >= 1 else min(len(own), round(share * len(own)))
        parts.append(own if count == len(own) else random.choice(own, count, replace=False))
    taken = run.group.total(np.array([len(part) for part in parts]))
    found = np.maximum(taken, 1) / np.maximum(data.counts, 1)
    return data.train.table.take(np.sort(np.concatenate(parts))), (float(found[0]), float(found[1]))


def _first_order(run: Session, data: Data, models: Mix, total: int, examples: Examples) -> tuple[Weights, np.ndarray]:
    run.solver("second_order", "l-bfgs")
    loss = losses.make(run.values)
    x, y = data.scaler.prepare(data.train.table, False)
    weights = examples.weights(y, np.arange(models.models))
    begun = data.constants(run, loss, examples, models.models)
    found, reached = [], []
    for number, wd in enumerate(models.wd):
        own = None if weights is None else weights[:, [min(number, weights.shape[1] - 1)]]
        use_bias = bool(run.values["use_bias"])
        objective = quasi_newton.Objective(x, y, own, loss, total, use_bias, float(wd), float(wd) * _bias_decay(run))
        most = PASSES_AN_EPOCH * run.values["epochs"]
        solution, mean = quasi_newton.minimise(objective, begun[number], most, run.group)
        found.append(solution)
        reached.append(mean)
    features, bias = np.hstack([each.features for each in found]), np.concatenate([each.bias for each in found])
    return Weights(features, bias), np.array(reached)


def _log(run: Session, loss: Loss, reached: np.ndarray, criterion: np.ndarray, validated: bool) -> None:
    name = loss.objective
    for number, value in enumerate(reached):
        run.lines.metrics({f"train_{name}": value}, epoch=0, model=number)
    run.lines.quality("train", {name: float(np.nanmin(reached))}, "loss", epoch=0)
    if validated:
        run.lines.quality("validation", {name: float(criterion.min())}, "loss", epoch=0)
    logging.info(
        "#early_stopping_criteria_metric: host=%s, epoch=%d, criteria=%s, value=%r",
        run.job.current_host, 0, name, float(criterion.min()),
    )  # fmt: skip
    run.lines.progress(1, 1)
