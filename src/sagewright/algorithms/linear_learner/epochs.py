"""The epochs of linear learner's training, with early stopping; of each model the weights of its best epoch are kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.firstparty.source import Batch, Source
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner import losses, mix, scaling
from sagewright.algorithms.linear_learner.learner import Examples, Learner, Weights, columns_of
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix, Task
from sagewright.algorithms.linear_learner.scaling import Scaler

CHANCE, FEWEST = 80, 8
"""Mini-batches that every model learns from, and how many models are trained to the end."""


@dataclass
class Trained:
    """All models: their weights for scaled rows, and their losses (M,) on the rows they are compared by. `by_loss`: where chance
    may have made the difference the loss decides, else the penalty.
    """

    loss: Loss
    mix: Mix
    weights: Weights
    criterion: np.ndarray
    by_loss: bool = False

    def keep_better(self, weights: Weights, criterion: np.ndarray, alive: np.ndarray) -> None:
        """`weights` and `criterion` of the models `alive`."""
        better = np.flatnonzero(criterion < self.criterion[alive])
        source = columns_of(better, self.loss.classes)
        target = columns_of(alive[better], self.loss.classes)
        self.weights.features[:, target] = weights.features[:, source]
        self.weights.bias[target] = weights.bias[source]
        self.criterion[alive[better]] = criterion[better]


@dataclass(frozen=True)
class Data:
    """`sample`: rows of `train` that scales are taken from; `judged`: those that models are compared by, of validation where
    the job has it.
    """

    train: Source
    scaler: Scaler
    sample: Table
    judged: Table
    validated: bool


def train_models(run: Session, data: Data) -> Trained:
    """Train the mix that the hyperparameters ask for."""
    rows, scaler, sample = data.train, data.scaler, data.sample
    values, loss = run.values, losses.make(run.values)
    steps = values["epochs"] * int(run.group.total(np.array([rows.table.rows]))[0]) // values["mini_batch_size"]
    dense = rows.dense or scaler.shift is not None
    models = mix.make(values, Task(rows.columns, loss.classes, steps, balanced(run, sample), dense))
    turned = bool(models.decorrelated.any())
    rotation = scaling.decorrelation(scaler.features(sample.features), run.group) if turned else None
    learner = Learner(rows.columns, models, loss, _begun(run, dense), rotation, run.seed)
    examples = examples_of(run, models, sample)
    empty = Weights(np.zeros_like(learner.weights), np.zeros_like(learner.bias))
    trained = Trained(loss, models, empty, np.full(models.models, np.inf))
    random = np.random.default_rng([run.seed, 4, run.group.rank])
    epochs = rows.batches(scaler.prepare, values["mini_batch_size"], random)
    judged = list(source.prepared(data.judged, scaler.prepare))
    best, waited = np.inf, 0
    for epoch in range(values["epochs"]):
        _epoch(run, learner, next(epochs), examples, judged, epoch)
        weights = learner.averaged()
        criterion = run.group.from_first(np.nan_to_num(evaluate(loss, weights, judged), nan=np.inf))
        if data.validated:
            run.lines.quality("validation", {loss.objective: criterion.min()}, "loss", epoch=epoch)
        trained.keep_better(weights, criterion, learner.alive)
        reached = float(criterion.min())
        logging.info(
            "#early_stopping_criteria_metric: host=%s, epoch=%d, criteria=%s, value=%r",
            run.job.current_host, epoch, loss.objective, reached,
        )  # fmt: skip
        waited = 0 if reached < best * (1 - values["early_stopping_tolerance"]) else waited + 1
        best = min(best, reached)
        run.lines.progress(epoch + 1, values["epochs"])
        if waited >= values["early_stopping_patience"]:
            logging.info("Early stop condition met. Stopping training.")
            break
    return trained


def _begun(run: Session, dense: bool) -> Mapping[str, Any]:
    """The hyperparameters, whose default start is 0 for sparse rows: what a rare feature begins with it would keep."""
    if dense or any(name.startswith("init_") for name in run.job.hyperparameters):
        return run.values
    return {**run.values, "init_method": "normal", "init_sigma": 0.0}


def _drop(run: Session, learner: Learner, judged: list[Batch]) -> np.ndarray:
    """Now that all had their chance, go on with the best; their places among the models until now."""
    criterion = np.nan_to_num(evaluate(learner.loss, learner.averaged(), judged), nan=np.inf)
    best: np.ndarray = run.group.from_first(np.sort(np.argsort(criterion, kind="stable")[:FEWEST]))
    learner.keep(best)
    logging.info("Going on with %d models.", len(best))
    return best


def _epoch(
    run: Session, learner: Learner, batches: Iterator[Batch], examples: Examples, judged: list[Batch], epoch: int
) -> None:
    """Learn from every mini-batch of all hosts, and log the mean loss of each living model."""
    began = time.monotonic()
    total, seen, own = np.zeros(learner.mix.models), 0, 0
    nothing = np.zeros((0, len(learner.weights)), np.float32), np.zeros(0, np.float32)
    while True:
        batch = next(batches, None)
        if batch is None and run.group.size == 1:
            break
        x, y = nothing if batch is None else batch
        sums, rows = learner.step(x, y, examples, run.group)
        if not rows:
            break
        total, seen, own = total + sums, seen + rows, own + len(y)
        if learner.count == CHANCE and len(learner.alive) > FEWEST:
            total = total[_drop(run, learner, judged)]
    mean = total / max(seen, 1)
    name = learner.loss.objective
    for number, value in zip(learner.alive, mean, strict=True):
        run.lines.metrics({f"train_{name}": value}, epoch=epoch, model=int(number))
    run.lines.quality("train", {name: float(np.nanmin(mean))}, "loss", epoch=epoch)
    run.lines.throughput(own, time.monotonic() - began)


def evaluate(loss: Loss, weights: Weights, judged: list[Batch]) -> np.ndarray:
    """The mean loss of each model."""
    each = [loss(weights.scores(x), y)[0] for x, y in judged]
    rows = sum(len(losses_) for losses_ in each)
    return np.asarray(sum(losses_.sum(axis=0, dtype=np.float64) for losses_ in each) / rows)


def balanced(run: Session, sample: Table) -> float:
    """The weight of positive examples that makes both classes count the same."""
    labels = np.asarray(sample.labels)
    counts = run.group.total(np.array([np.sum(labels == 0), np.sum(labels == 1)]))
    return float(counts[0] / counts[1]) if counts[0] and counts[1] else 1.0


def examples_of(run: Session, models: Mix, sample: Table) -> Examples:
    if run.values["predictor_type"] == "multiclass_classifier" and run.values["balance_multiclass_weights"]:
        labels = np.asarray(sample.labels, np.int64)
        counts = run.group.total(np.bincount(labels, minlength=run.values["num_classes"]))
        return Examples(classes=(counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32))
    if run.values["predictor_type"] == "binary_classifier" and (models.positive_weight != 1).any():
        return Examples(positive=models.positive_weight)
    return Examples()
