"""The epochs of linear learner's training, with early stopping; each model keeps the weights of its best epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.rows import source
from sagewright.algorithms.firstparty.rows.source import Batch, Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner import constant, losses, mix, scaling
from sagewright.algorithms.linear_learner.learner import Examples, Learner, Weights, columns_of
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix, Task
from sagewright.algorithms.linear_learner.scaling import Scaler

BLOCK = 8192
CHANCE, FEWEST = 80, 8
"""Mini-batches that every model learns from, and the number of models that are then trained to the end."""


FEWEST_STEPS = 100
"""Minimum number of mini-batches per epoch."""


@dataclass
class Trained:
    """Trained models: their weights for scaled rows, and their losses (M,) on the rows they are compared on. With `by_loss` the
    loss decides; otherwise the penalty does, where the difference may be chance. `ratio`: the loss on held-out rows, as a multiple
    of a constant's.
    """

    loss: Loss
    mix: Mix
    weights: Weights
    criterion: np.ndarray
    examples: Examples
    by_loss: bool = False
    ratio: float | None = None

    def keep_better(self, weights: Weights, criterion: np.ndarray, alive: np.ndarray) -> None:
        """Keeps `weights` and `criterion` of the models `alive` where they are better."""
        better = np.flatnonzero(criterion < self.criterion[alive])
        source = columns_of(better, self.loss.classes)
        target = columns_of(alive[better], self.loss.classes)
        self.weights.features[:, target] = weights.features[:, source]
        self.weights.bias[target] = weights.bias[source]
        self.criterion[alive[better]] = criterion[better]

    def only(self, models: np.ndarray) -> Trained:
        """Returns only these models: those dropped on the way have no weights to compete with."""
        columns = columns_of(models, self.loss.classes)
        weights = Weights(self.weights.features[:, columns], self.weights.bias[columns])
        return replace(
            self, mix=self.mix.take(models), weights=weights, criterion=self.criterion[models],
            examples=self.examples.take(models),
        )  # fmt: skip


@dataclass(frozen=True)
class Data:
    """`sample`: rows of `train` that scales are computed from; `judged`: rows that models are compared on, of validation if the job
    has it; `counts`: rows of all hosts in each class, (C,), None for a regressor.
    """

    train: Source
    scaler: Scaler
    sample: Table
    judged: Table
    validated: bool
    counts: np.ndarray | None = None

    @property
    def balanced(self) -> float:
        """Returns the weight of positive examples that balances the two classes."""
        if self.counts is None or len(self.counts) != 2 or not self.counts.all():
            return 1.0
        return float(self.counts[0] / self.counts[1])

    def constants(self, run: Session, loss: Loss, examples: Examples, models: int) -> np.ndarray:
        """Returns the scores (M, C) that each model would have without features."""
        if not run.values["use_bias"]:
            return np.zeros((models, loss.classes), np.float32)
        if self.counts is not None:
            return constant.of_classes(loss, self.counts, examples, models)
        labels = self.scaler.labels(np.asarray(self.train.table.labels))
        return np.tile(constant.score(loss, labels, np.ones(len(labels))), (models, 1))


def train_models(run: Session, data: Data) -> Trained:
    """Trains the mix that the hyperparameters specify."""
    rows, scaler = data.train, data.scaler
    values, loss = run.values, losses.make(run.values)
    total = int(run.group.total(np.array([rows.rows]))[0])
    passes = _passes(values, total)
    steps = passes * values["epochs"] * total // values["mini_batch_size"]
    dense = rows.dense or scaler.shift is not None
    models = mix.make(values, Task(rows.columns, loss.classes, steps, data.balanced, dense, total))
    turned = bool(models.decorrelated.any())
    rotation = scaling.decorrelation(scaler.features(data.sample.features), run.group) if turned else None
    learner = Learner(rows.columns, models, loss, _begun(run), rotation, run.seed)
    examples = examples_of(run, models, data.counts)
    if "init_bias" not in run.chosen:
        learner.bias[:] = run.group.from_first(data.constants(run, loss, examples, models.models)).ravel()
    empty = Weights(np.zeros_like(learner.weights), np.zeros_like(learner.bias))
    trained = Trained(loss, models, empty, np.full(models.models, np.inf), examples)
    random = np.random.default_rng([run.seed, 4, run.group.rank])
    epochs = rows.batches(scaler.prepare, values["mini_batch_size"], random)
    judged = source.prepared(data.judged, scaler.prepare)
    best, waited = np.inf, 0
    for epoch in range(values["epochs"]):
        batches = chain.from_iterable(next(epochs) for _ in range(passes))
        _epoch(run, learner, batches, examples, judged, epoch)
        weights = learner.averaged()
        criterion = run.group.from_first(compared(loss, weights, judged, examples.take(learner.alive)))
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
    return trained.only(learner.alive)


def _passes(values: Mapping[str, Any], rows: int) -> int:
    """Returns the passes over the rows in an epoch: several where one has few mini-batches, or training would end before models
    have learnt.
    """
    passes = math.ceil(FEWEST_STEPS * int(values["mini_batch_size"]) / max(rows, 1))
    return max(1, min(passes, FEWEST_STEPS))


def _begun(run: Session) -> Mapping[str, Any]:
    """Returns the hyperparameters with a default start of 0, since a rare feature would keep its initial weight."""
    if any(name.startswith("init_") for name in run.asks_for("gradients")):
        return run.values
    return {**run.values, "init_method": "normal", "init_sigma": 0.0}


def _drop(run: Session, learner: Learner, examples: Examples, judged: Iterable[Batch]) -> np.ndarray:
    """Keeps the best models once all have had their chance; returns their previous positions among the models."""
    criterion = compared(learner.loss, learner.averaged(), judged, examples.take(learner.alive))
    best: np.ndarray = run.group.from_first(np.sort(np.argsort(criterion, kind="stable")[:FEWEST]))
    learner.keep(best)
    logging.info("Continuing with %d models.", len(best))
    return best


def _epoch(
    run: Session, learner: Learner, batches: Iterator[Batch], examples: Examples, judged: Iterable[Batch], epoch: int
) -> None:
    """Learns from every mini-batch of all hosts, and logs the mean loss of each living model."""
    began = time.monotonic()
    total, examples_seen, own = np.zeros(learner.mix.models), 0, 0
    nothing = np.zeros((0, len(learner.weights)), np.float32), np.zeros(0, np.float32)
    while True:
        batch = next(batches, None)
        if batch is None and run.group.size == 1:
            break
        x, y = nothing if batch is None else batch
        sums, rows = learner.step(x, y, examples, run.group)
        if not rows:
            break
        total, examples_seen, own = total + sums, examples_seen + rows, own + len(y)
        if learner.count == CHANCE and len(learner.alive) > FEWEST:
            total = total[_drop(run, learner, examples, judged)]
    mean = total / max(examples_seen, 1)
    name = learner.loss.objective
    for number, value in zip(learner.alive, mean, strict=True):
        run.lines.metrics({f"train_{name}": value}, epoch=epoch, model=int(number))
    run.lines.quality("train", {name: float(np.nanmin(mean))}, "loss", epoch=epoch)
    run.lines.throughput(own, time.monotonic() - began)


def compared(loss: Loss, weights: Weights, judged: Iterable[Batch], examples: Examples) -> np.ndarray:
    """Returns the mean loss of each model, never NaN; that of the weighted examples if all models weight them alike."""
    found = evaluate(loss, weights, judged, examples if examples.comparable else Examples())
    return np.nan_to_num(found, nan=np.inf)


def evaluate(loss: Loss, weights: Weights, judged: Iterable[Batch], examples: Examples) -> np.ndarray:
    """Returns the mean loss of each model, each with its own example weights."""
    return _mean(loss, ((weights.scores(x), y) for x, y in judged), examples)


def evaluate_constants(loss: Loss, constants: np.ndarray, labels: np.ndarray, examples: Examples) -> np.ndarray:
    """Returns the mean losses of models whose scores, (M, C), are the same for all rows."""
    flat = constants.reshape(1, -1)
    parts = (labels[start : start + BLOCK] for start in range(0, len(labels), BLOCK))
    return _mean(loss, ((np.repeat(flat, len(y), axis=0), y) for y in parts), examples)


def _mean(loss: Loss, said: Iterable[Batch], examples: Examples) -> np.ndarray:
    total, rows = np.zeros(1), 0
    for scores, y in said:
        losses_ = loss(scores, y)[0]
        own = examples.weights(y, np.arange(losses_.shape[1]))
        total = total + (losses_ if own is None else losses_ * own).sum(axis=0, dtype=np.float64)
        rows += len(y)
    return np.asarray(total / max(rows, 1))


def examples_of(run: Session, models: Mix, counts: np.ndarray | None) -> Examples:
    """Returns the weights of examples; `counts` are the rows of each class."""
    if counts is None:
        return Examples()
    if run.values["predictor_type"] == "multiclass_classifier" and run.values["balance_multiclass_weights"]:
        return Examples(classes=(counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32))
    if run.values["predictor_type"] == "binary_classifier" and (models.positive_weight != 1).any():
        return Examples(positive=models.positive_weight)
    return Examples()
