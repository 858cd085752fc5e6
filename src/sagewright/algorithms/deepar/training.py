"""DeepAR's training: windows drawn from all series, epochs with early stopping, then the forecasts of the channel test."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sagewright.algorithms.deep.lines import EpochLines
from sagewright.algorithms.deep.training import schedules
from sagewright.algorithms.deep.training.epochs import Course, run_epochs
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.run import Run, begin
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.deepar import calibration, residual
from sagewright.algorithms.deepar.beside import cold, linear
from sagewright.algorithms.deepar.beside.cold import Cold
from sagewright.algorithms.deepar.beside.linear import Linear
from sagewright.algorithms.deepar.beside.pooled import Experts, measured
from sagewright.algorithms.deepar.calibration import Beside, Calibration, HeldOut
from sagewright.algorithms.deepar.data import inputs
from sagewright.algorithms.deepar.data.dataset import Draws
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.declaration import DECLARATION
from sagewright.algorithms.deepar.learnable import Learnable, gather, is_residual
from sagewright.algorithms.deepar.model import Model
from sagewright.algorithms.deepar.network import Network, Shape
from sagewright.algorithms.deepar.residual import ResidualNetwork
from sagewright.algorithms.deepar.tasks import Recurrent, Residual, Task
from sagewright.algorithms.deepar.testing import test
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.job import Job

WARM_STEPS = 50
"""Steps after which the rate begins to fall, to 0 at the end, if no learning_rate is given."""
SHARED = 1 << 26
"""Minimum of weights times windows of a mini-batch for the CPUs to share the products; smaller products are slower that way."""
MEASURED = "measured"
"""The calibration's name in a checkpoint."""
EVERY = 5
"""Batches between two log lines of the loss."""
OF_TEST = {"num_eval_samples", "test_quantiles"}
"""Hyperparameters of the channel test."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the model's files. Raises JobError."""
    with begin(DECLARATION, "AWS/DeepAR", job, values) as run:
        logging.info("random_seed is %s", run.seed if "_seed" in run.chosen else None)
        _tell(run)
        held = gather(run)
        model = fit(run, held)
        if run.writes:
            model.write(job.model_directory)
        if "test" in job.channels:
            test(run, model)


def _tell(run: Run) -> None:
    """Logs the forecasters, if they are more than DeepAR's own network, and hyperparameters without effect."""
    names = run.values["_experts"]
    if "test" not in run.job.channels and (unused := sorted(OF_TEST & set(run.chosen))):
        logging.info("There is no channel test. Not used: %s.", ", ".join(unused))
    if is_residual(run.values):
        logging.info("Network: residual (_network), not DeepAR's: it predicts quantiles of all steps at once.")
    if names != ["none"]:
        logging.info(
            "Experts: %s (_experts); forecasts are the weighted mean of theirs and the network's.", ", ".join(names)
        )


def fit(run: Run, held: Learnable) -> Model:
    """A model whose network has learnt from the series, with the weights of its best epoch."""
    task = _task(run, held)
    if task.network.shape.numbers * run.values["mini_batch_size"] < SHARED:
        torch.set_num_threads(1)
    stopping = run.values["early_stopping_patience"]
    patience = Patience("loss", "Minimize", Stopping(1, stopping) if stopping else None)
    course = run.course(run.values["epochs"], patience)
    model = Model(held.panel.layout, held.fields, task.network, held.scaling, held.normal, held.reach)
    trainer = DeepARTrainer(run, course, task, model, held.panel)
    run_epochs(course, trainer)
    model = replace(model, calibration=trainer.calibration())
    if model.calibration.network < 1:
        model = replace(model, linear=trainer.line(held.panel))
    if model.scaling.kind == "steps":
        model = replace(model, cold=_cold(run, model, held.panel))
    torch.set_num_threads(run.device.threads)
    if patience.best is not None:
        run.lines.quality("train", {"final_loss": patience.best}, "loss")
        logging.info("Best epoch: %d, loss %r", patience.best_epoch or 0, patience.best)
    names = run.values["_experts"]
    return model if names == ["none"] else replace(model, experts=_experts(run, model, held.panel, tuple(names)))


def _cold(run: Run, model: Model, panel: Panel) -> Cold | None:
    """A regression for series of no or few values."""
    total, seed = run.together.total, [run.seed, 7, run.together.rank]
    found = cold.fit(panel, model.about, total, seed)
    if found is None:
        return None
    found = cold.measured(found, model.alone, panel, model.about, total, seed)
    which = "without values" if found.until == 1 else f"of fewer than {found.until} steps"
    logging.info("Series %s are forecast by a regression on calendar, features and categories.", which)
    return found


def _experts(run: Run, model: Model, panel: Panel, names: tuple[str, ...]) -> Experts:
    """The first host's experts, the same at every host."""
    found = measured(names, panel, model.alone, model.scaling)
    errors, weights = run.together.from_first([found.errors.tolist(), found.weights.tolist()])
    said = zip(("network", *names), weights, strict=True)
    logging.info("Weights: %s", ", ".join(f"{name} {weight:.3f}" for name, weight in said))
    return Experts(names, np.array(errors), np.array(weights))


def _task(run: Run, held: Learnable) -> Task:
    values, layout = run.values, held.panel.layout
    if is_residual(values):
        outer = residual.shape(layout, values["dropout_rate"], values["embedding_dimension"])
        _require(run, outer.numbers, residual.MEMBERS * residual.BLOCKS * 4 * (outer.width + residual.WIDTH))
        return Residual(held, ResidualNetwork(outer).to(run.device.place))
    shape = Shape(
        inputs.width(layout), 1 + len(layout.lags), values["num_layers"], values["num_cells"], values["dropout_rate"],
        held.likelihood, layout.cardinality, values["embedding_dimension"], inputs.direct(layout),
    )  # fmt: skip
    _require(run, shape.numbers, layout.steps * (6 * shape.width + 16 * shape.cells * shape.layers))
    return Recurrent(held, Network(shape).to(run.device.place))


def _require(run: Run, weights: int, on_the_way: int) -> None:
    """Raises UserError if the network, or a mini-batch's activations, don't fit in the job's memory."""
    memory.require(20 * weights, "The network", "Fewer cells, layers or categories take less.")
    size = 4 * run.values["mini_batch_size"] * on_the_way
    memory.require(size, "A mini-batch", "A smaller mini_batch_size, context_length or prediction_length helps.")


class DeepARTrainer:
    """The trainer for `run_epochs`. The loss is that of the drawn windows, in the target's units."""

    def __init__(self, run: Run, course: Course, task: Task, model: Model, panel: Panel) -> None:
        self._run, self._course, self._task, self._model = run, course, task, model
        self._batch = max(1, run.values["mini_batch_size"] // run.together.size)
        self._draws = Draws.of(len(panel), self._batch)
        falls = "learning_rate" not in run.chosen
        optimizer = task.optimizer(task.rate if falls else run.values["learning_rate"])
        self._state = State(task.network, optimizer, {"step": 0})
        steps = run.values["epochs"] * self._draws.steps(len(panel), self._batch)
        schedule = schedules.warm_up(schedules.cosine(run.together.most(steps)), WARM_STEPS)
        self._schedule = schedule if falls else schedules.constant()
        self._lines = EpochLines(EVERY)
        self._held = self._held_out(panel, run.together.most(steps))
        self._settling = calibration.settling(run.values["epochs"])
        self._learnt = self._held.known.flat(), self._held.panel.flat()
        self._panel = self._learnt[0]

    def _held_out(self, panel: Panel, steps: int) -> HeldOut:
        layout, random = panel.layout, np.random.default_rng([self._run.seed, 4, self._run.together.rank])
        most = calibration.windows(steps * self._batch * layout.steps, layout.horizon)
        return HeldOut.of(panel, max(1, most // self._run.together.size), random)

    def calibration(self) -> Calibration:
        """The calibration, which is measured now if training ended before it was due; reports `train:baseline_ratio`."""
        if MEASURED not in self._state.counters:
            self._calibrate(self._held)
        below, above, share, network, ratio, *past = self._state.counters[MEASURED]
        if ratio is None:
            return Calibration()
        found = Calibration(below, above, share, network, *past)
        logging.info("Gaps below and above the median are stretched by %.3f and %.3f.", below, above)
        if network < 1:
            logging.info(
                "The network has a share of %.2f in the medians, a linear model of %.2f and exponential smoothing of %.2f.",
                *found.shares,
            )
        if found.smoothing:
            logging.info(
                "Shares in smoothing: theta model %.2f, complex smoothing %.2f, damped trend %.2f.", *found.smoothers
            )
        self._run.lines.quality("train", {"baseline_ratio": ratio}, "loss")
        if found.past:
            logging.info("In intermittent series, the distribution of past values has a weight of %.2f.", found.past)
        return found

    def line(self, panel: Panel) -> Linear | None:
        """A linear model that stands beside the network; None where the values are counts."""
        if self._model.scaling.kind == "counts" or is_residual(self._run.values):
            return None
        return linear.fit(
            panel.flat(), self._model.about, self._run.together.total, [self._run.seed, 5, self._run.together.rank]
        )

    def _calibrate(self, held: HeldOut) -> None:
        beside = Beside(self.line(held.known), self._model.about)
        found = calibration.measure(self._model.plain, held, beside, self._run.together.total)
        known, ratio = (Calibration(), None) if found is None else found
        values = self._run.values
        if values["likelihood"] == "deterministic-L1" and not is_residual(values):  # a forecast without a distribution
            known = replace(known, past=0.0, season=0.0)
        self._state.counters[MEASURED] = [
            known.below, known.above, known.share, known.network, ratio, known.past, known.season, known.smoothing,
            known.ces, known.damped,
        ]  # fmt: skip

    @property
    def state(self) -> State:
        return self._state

    def validate(self, number: int) -> Mapping[str, float]:
        """Calibrates before the first epoch that learns from the held-out windows; DeepAR has no channel validation."""
        if number + 1 == self._settling:
            self._calibrate(self._held)
        return {}

    def train_epoch(self, number: int) -> Mapping[str, float]:
        run, began, count, losses = self._run, time.monotonic(), 0, [0.0, 0.0]
        self._task.network.train()
        self._panel = self._learnt[int(number >= self._settling)]
        self._lines.begin()
        batches = self._batches(number)
        for place, (rows, cuts) in enumerate(self._course.watched(batches, len(batches))):
            loss, observed = self._learn(rows, cuts)
            losses = [losses[0] + loss * observed, losses[1] + observed]
            count += len(rows)
            if place % EVERY == 0:
                self._say(number, place, len(rows), losses)
        total, observed = run.together.total(losses)
        mean = total / max(observed, 1.0) + self._task.widening
        logging.info("processed a total of %d examples", count)
        run.lines.metrics({"epochs": 1, "num.records": count}, epoch=number)
        run.lines.throughput(count, time.monotonic() - began)
        run.lines.progress(number + 1, run.values["epochs"])
        run.lines.quality("train", {"loss": mean}, "loss", epoch=number)
        return {"loss": mean}

    def _batches(self, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The epoch's batches, the same number at every host."""
        random = np.random.default_rng([self._run.seed, 1, epoch, self._run.together.rank])
        own = list(self._draws.batches(self._panel, self._batch, random))
        return list(itertools.islice(itertools.cycle(own), self._run.together.most(len(own))))

    def _learn(self, rows: np.ndarray, cuts: np.ndarray) -> tuple[float, float]:
        """The mean loss of a mini-batch just before learning from it, and the number of values in it."""
        loss, observed = self._task.loss(self._panel.windows(rows, cuts), self._run.device)
        step = self._state.counters["step"]
        self._course.step(self._state.optimizer, loss, self._schedule(step), self._task.longest)
        self._state.counters["step"] = step + 1
        return float(loss.detach()), observed

    def _say(self, epoch: int, place: int, examples: int, losses: list[float]) -> None:
        mean = losses[0] / max(losses[1], 1.0) + self._task.widening
        logging.info("Epoch[%d] Batch[%d] avg_epoch_loss=%f", epoch, place, mean)
        self._run.lines.quality("train", {"loss": mean}, "loss", epoch=epoch, batch=place)
        self._lines.batch(epoch, place, examples, {"loss": mean})
