"""DeepAR's training: windows drawn from all series, epochs with early stopping, then the forecasts of the channel test."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sagewright.algorithms.deep import schedules
from sagewright.algorithms.deep.epochs import Course, run_epochs
from sagewright.algorithms.deep.lines import EpochLines
from sagewright.algorithms.deep.patience import Patience, Stopping
from sagewright.algorithms.deep.run import Run, begin
from sagewright.algorithms.deep.state import State
from sagewright.algorithms.deepar import inputs
from sagewright.algorithms.deepar.dataset import Draws
from sagewright.algorithms.deepar.declaration import DECLARATION
from sagewright.algorithms.deepar.forecaster import Forecaster
from sagewright.algorithms.deepar.learnable import Learnable, gather
from sagewright.algorithms.deepar.model import Model
from sagewright.algorithms.deepar.network import Network, Shape
from sagewright.algorithms.deepar.testing import test
from sagewright.algorithms.firstparty import memory
from sagewright.algorithms.job import Job

QUICK, WARM_STEPS = 0.005, 50
"""Where no learning_rate is given: the rate after so many steps, from which it falls to 0."""
LONGEST_GRADIENT = 10.0
SHARED = 1 << 16
"""Cells times windows of a mini-batch from which on the CPUs share the products: smaller ones cost more that way."""
EVERY = 5
"""Batches between two lines about the loss."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Train and leave the model's files. Raises JobError."""
    with begin(DECLARATION, "AWS/DeepAR", job, values) as run:
        logging.info("random_seed is %s", run.seed if "_seed" in run.chosen else None)
        held = gather(run)
        model = fit(run, held)
        if run.writes:
            model.write(job.model_directory)
        if "test" in job.channels:
            test(run, model)


def fit(run: Run, held: Learnable) -> Model:
    """A model whose network has learnt from the series, as it was after its best epoch."""
    shape = _shape(run, held)
    _require(run, shape)
    network = Network(shape).to(run.device.place)
    if shape.cells * run.values["mini_batch_size"] < SHARED:
        torch.set_num_threads(1)
    stopping = run.values["early_stopping_patience"]
    patience = Patience("loss", "Minimize", Stopping(1, stopping) if stopping else None)
    course = run.course(run.values["epochs"], patience)
    run_epochs(course, Trainer(run, course, held, network))
    torch.set_num_threads(run.device.threads)
    if patience.best is not None:
        run.lines.quality("train", {"final_loss": patience.best}, "loss")
        logging.info("Best epoch: %d, loss %r", patience.best_epoch or 0, patience.best)
    return Model(held.panel.layout, held.fields, Forecaster(network, held.scaling, held.normal, held.reach))


def _shape(run: Run, held: Learnable) -> Shape:
    values, layout = run.values, held.panel.layout
    return Shape(
        inputs.width(layout), 1 + len(layout.lags), values["num_layers"], values["num_cells"], values["dropout_rate"],
        held.likelihood, layout.cardinality, values["embedding_dimension"],
    )  # fmt: skip


def _require(run: Run, shape: Shape) -> None:
    """Raises UserError where the network, or a mini-batch on its way through it, has no room in the job's memory."""
    values = run.values
    memory.require(20 * shape.numbers, "The network", "Fewer cells, layers or categories take less.")
    steps = values["mini_batch_size"] * (values["context_length"] + values["prediction_length"])
    numbers = 6 * shape.width + 16 * shape.cells * shape.layers
    memory.require(
        4 * steps * numbers, "A mini-batch", "A smaller mini_batch_size, context_length or prediction_length helps."
    )


@dataclass(frozen=True)
class _Batch:
    x: torch.Tensor
    cat: torch.Tensor
    told: torch.Tensor
    weight: torch.Tensor
    factor: torch.Tensor


class Trainer:
    """What `run_epochs` trains. The loss is that of the drawn windows; `held.widening` makes it one in the target's units."""

    def __init__(self, run: Run, course: Course, held: Learnable, network: Network) -> None:
        self._run, self._course, self._held, self._network = run, course, held, network
        self._batch = max(1, run.values["mini_batch_size"] // run.together.size)
        self._draws = Draws.of(len(held.panel), self._batch)
        falls = "learning_rate" not in run.chosen
        rate = QUICK if falls else run.values["learning_rate"]
        optimizer = torch.optim.Adam(network.parameters(), rate)
        self._state = State(network, optimizer, {"step": 0})
        steps = run.values["epochs"] * self._draws.steps(len(held.panel), self._batch)
        schedule = schedules.warm_up(schedules.cosine(run.together.most(steps)), WARM_STEPS)
        self._schedule = schedule if falls else schedules.constant()
        self._lines = EpochLines(EVERY)

    @property
    def state(self) -> State:
        return self._state

    def validate(self, number: int) -> Mapping[str, float]:  # noqa: ARG002 - DeepAR has no such channel
        return {}

    def train_epoch(self, number: int) -> Mapping[str, float]:
        run, began, count, losses = self._run, time.monotonic(), 0, [0.0, 0.0]
        self._network.train()
        self._lines.begin()
        batches = self._batches(number)
        for place, (rows, cuts) in enumerate(self._course.watched(batches, len(batches))):
            loss, seen = self._learn(rows, cuts)
            losses = [losses[0] + loss * seen, losses[1] + seen]
            count += len(rows)
            if place % EVERY == 0:
                self._say(number, place, len(rows), losses)
        total, seen = run.together.total(losses)
        mean = total / max(seen, 1.0) + self._held.widening
        logging.info("processed a total of %d examples", count)
        run.lines.metrics({"epochs": 1, "num.records": count}, epoch=number)
        run.lines.throughput(count, time.monotonic() - began)
        run.lines.progress(number + 1, run.values["epochs"])
        run.lines.quality("train", {"loss": mean}, "loss", epoch=number)
        return {"loss": mean}

    def _batches(self, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """As many at every host."""
        random = np.random.default_rng([self._run.seed, 1, epoch, self._run.together.rank])
        own = list(self._draws.batches(self._held.panel, self._batch, random))
        return list(itertools.islice(itertools.cycle(own), self._run.together.most(len(own))))

    def _learn(self, rows: np.ndarray, cuts: np.ndarray) -> tuple[float, float]:
        """The mean loss of a mini-batch, just before it is learnt from, and of how many values it is."""
        batch = self._put(rows, cuts)
        said, _ = self._network(batch.x, batch.cat)
        losses = self._network.likelihood.loss(said, batch.told, batch.factor) * batch.weight
        seen = batch.weight.sum()
        loss = losses.sum() / seen.clamp(min=1.0)
        step = self._state.counters["step"]
        self._course.step(self._state.optimizer, loss, self._schedule(step), LONGEST_GRADIENT)
        self._state.counters["step"] = step + 1
        return float(loss.detach()), float(seen)

    def _put(self, rows: np.ndarray, cuts: np.ndarray) -> _Batch:
        held, device = self._held, self._run.device
        windows = held.panel.windows(rows, cuts)
        told = inputs.told(windows, held.scaling, held.normal)
        values = held.scaling.relative(windows.values, told.levels)
        weight = ~np.isnan(values) & ~np.isnan(windows.history).all(axis=1)[:, None]
        factor = told.levels.factor[:, None].astype(np.float32)
        arrays = told.x, windows.cat, np.nan_to_num(values, nan=held.filler), weight.astype(np.float32), factor
        return _Batch(*(device.put(torch.from_numpy(array)) for array in arrays))

    def _say(self, epoch: int, place: int, examples: int, losses: list[float]) -> None:
        mean = losses[0] / max(losses[1], 1.0) + self._held.widening
        logging.info("Epoch[%d] Batch[%d] avg_epoch_loss=%f", epoch, place, mean)
        self._run.lines.quality("train", {"loss": mean}, "loss", epoch=epoch, batch=place)
        self._lines.batch(epoch, place, examples, {"loss": mean})
