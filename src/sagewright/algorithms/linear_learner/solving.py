"""The models of a job solved for, instead of learnt in epochs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import numpy as np

from sagewright.algorithms.firstparty import source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.firstparty.source import Batch
from sagewright.algorithms.linear_learner import losses, newton, path, quasi_newton
from sagewright.algorithms.linear_learner.epochs import Data, Trained, balanced, evaluate, examples_of
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.linear_learner.newton import Rows

MOST_COLUMNS = 1024
"""Features up to which second derivatives are written out: they take their square for each row."""
PASSES_AN_EPOCH = 10
"""Of L-BFGS: what an epoch of mini-batches does, one of its passes doesn't."""
BLOCK_BYTES = 1 << 20


def solve_models(run: Session, data: Data) -> Trained:
    """The models that the hyperparameters ask for. One epoch is logged, that of the solution."""
    began = time.monotonic()
    loss, own = losses.make(run.values), data.train.table.rows
    total = int(run.group.total(np.array([own]))[0])
    models = path.make(run.values, data.train.columns, total, balanced(run, data.sample), data.validated)
    dense = data.train.dense or data.scaler.shift is not None
    if dense and data.train.columns <= MOST_COLUMNS and loss.name in ("squared_loss", "logistic"):
        weights, reached = _second_order(run, data, models, total, loss)
    else:
        weights, reached = _first_order(run, data, models, total, loss)
    criterion = reached
    if data.validated or np.ptp(models.positive_weight) > 0:  # losses that are weighted otherwise don't compare
        judged = source.prepared(data.judged, data.scaler.prepare)
        criterion = run.group.from_first(evaluate(loss, weights, list(judged)))
    criterion = np.nan_to_num(criterion, nan=np.inf)
    _log(run, loss, reached, criterion, data.validated)
    run.lines.throughput(own, time.monotonic() - began)
    return Trained(loss, models, weights, criterion, by_loss=True)


def _bias_decay(run: Session) -> float:
    asked = run.values["bias_wd_mult"]
    return 0.0 if asked == "auto" else float(asked)


def _second_order(run: Session, data: Data, models: Mix, total: int, loss: Loss) -> tuple[Weights, np.ndarray]:
    columns, table = data.train.columns, data.train.table
    size = max(256, BLOCK_BYTES // (4 * columns))

    def blocks() -> Iterator[Batch]:
        return source.prepared(table, data.scaler.prepare, size)

    rows = Rows(blocks, columns, total, bool(run.values["use_bias"]))
    if loss.name == "squared_loss":
        return newton.least_squares(rows, models, _bias_decay(run), run.group)
    share = -(-newton.sample_rows(columns) * table.rows // total)
    sample = data.train.sample(share, np.random.default_rng([run.seed, 5, run.group.rank]))
    problem = newton.Logistic(rows, examples_of(run, models, data.sample), models, _bias_decay(run), run.group)
    tolerance = run.values["early_stopping_tolerance"]
    return problem.solve(data.scaler.prepare(sample, False), run.values["epochs"], tolerance)


def _first_order(run: Session, data: Data, models: Mix, total: int, loss: Loss) -> tuple[Weights, np.ndarray]:
    x, y = data.scaler.prepare(data.train.table, False)
    weights = examples_of(run, models, data.sample).weights(y, np.arange(models.models))
    found, reached = [], []
    for number, wd in enumerate(models.wd):
        own = None if weights is None else weights[:, [min(number, weights.shape[1] - 1)]]
        use_bias = bool(run.values["use_bias"])
        objective = quasi_newton.Objective(x, y, own, loss, total, use_bias, float(wd), float(wd) * _bias_decay(run))
        most = PASSES_AN_EPOCH * run.values["epochs"]
        solution, mean = quasi_newton.minimise(objective, most, run.group)
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
