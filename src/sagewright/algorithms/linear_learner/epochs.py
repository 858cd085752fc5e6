"""The epochs of linear learner's training, with early stopping; of each model the weights of its best epoch are kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner import losses, mix, scaling
from sagewright.algorithms.linear_learner.batches import Batch, Source
from sagewright.algorithms.linear_learner.learner import Examples, Learner, Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.linear_learner.scaling import Scaler


@dataclass
class Trained:
    """All models: their weights for scaled rows, and their losses (M,) on validation data, or else on those of training."""

    loss: Loss
    mix: Mix
    weights: Weights
    criterion: np.ndarray

    def keep_better(self, weights: Weights, criterion: np.ndarray) -> None:
        better = criterion < self.criterion
        columns = np.repeat(better, self.loss.classes)
        self.weights.features[:, columns] = weights.features[:, columns]
        self.weights.bias[columns] = weights.bias[columns]
        self.criterion = np.where(better, criterion, self.criterion)


def train_models(run: Session, rows: Source, validation: Source | None, scaler: Scaler, sample: Table) -> Trained:
    """Train the mix that the hyperparameters ask for."""
    values, loss = run.values, losses.make(run.values)
    balanced = _balanced(run, sample)
    dense = rows.dense or scaler.shift is not None
    models = mix.make(values, rows.columns, loss.classes, balanced, dense=dense)
    turned = bool(models.decorrelated.any())
    rotation = scaling.decorrelation(scaler.features(sample.features), run.group) if turned else None
    learner = Learner(rows.columns, models, loss, values, rotation, run.seed)
    examples = _examples(run, models, sample)
    empty = Weights(np.zeros_like(learner.weights), np.zeros_like(learner.bias))
    trained = Trained(loss, models, empty, np.full(models.models, np.inf))
    random = np.random.default_rng([run.seed, 4, run.group.rank])
    epochs = rows.batches(scaler, values["mini_batch_size"], random)
    best, waited = np.inf, 0
    for epoch in range(values["epochs"]):
        own = _epoch(run, learner, next(epochs), examples, epoch)
        criterion, part = own, "train"
        weights = learner.averaged()
        if validation is not None:
            criterion, part = _evaluate(loss, weights, validation, scaler), "validation"
            run.lines.quality(part, {loss.objective: criterion.min()}, "loss", epoch=epoch)
        criterion = run.group.from_first(np.nan_to_num(criterion, nan=np.inf))
        trained.keep_better(weights, criterion)
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


def _epoch(run: Session, learner: Learner, batches: Iterator[Batch], examples: Examples, epoch: int) -> np.ndarray:
    """The mean loss of each model, (M,), over the epoch."""
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
    mean = total / max(seen, 1)
    name = learner.loss.objective
    for number, value in enumerate(mean):
        run.lines.metrics({f"train_{name}": value}, epoch=epoch, model=number)
    run.lines.quality("train", {name: float(np.nanmin(mean))}, "loss", epoch=epoch)
    run.lines.throughput(own, time.monotonic() - began)
    return mean


def _evaluate(loss: Loss, weights: Weights, rows: Source, scaler: Scaler) -> np.ndarray:
    """The mean loss of each model, (M,)."""
    total, seen = 0.0, 0
    for x, y in rows.scaled(scaler):
        each, _ = loss(weights.scores(x), y)
        total, seen = total + each.sum(axis=0, dtype=np.float64), seen + len(y)
    return np.asarray(total / seen)


def _balanced(run: Session, sample: Table) -> float:
    """The weight of positive examples that makes both classes count the same."""
    labels = np.asarray(sample.labels)
    counts = run.group.total(np.array([np.sum(labels == 0), np.sum(labels == 1)]))
    return float(counts[0] / counts[1]) if counts[0] and counts[1] else 1.0


def _examples(run: Session, models: Mix, sample: Table) -> Examples:
    if run.values["predictor_type"] == "multiclass_classifier" and run.values["balance_multiclass_weights"]:
        labels = np.asarray(sample.labels, np.int64)
        counts = run.group.total(np.bincount(labels, minlength=run.values["num_classes"]))
        return Examples(classes=(counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32))
    if run.values["predictor_type"] == "binary_classifier" and (models.positive_weight != 1).any():
        return Examples(positive=models.positive_weight)
    return Examples()
