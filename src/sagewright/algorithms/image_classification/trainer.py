"""Training and validation of image classification by epochs."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.lines import EpochLines
from sagewright.algorithms.deep.training import averages, schedules
from sagewright.algorithms.deep.training.epochs import Course
from sagewright.algorithms.deep.training.order import Order
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.schedules import Schedule
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import artefact, augmentation
from sagewright.algorithms.image_classification.data import Images
from sagewright.algorithms.image_classification.scores import Scores

RAREST = 100.0
"""Maximum weight of a class: the factor by which an image of a rare class can count more than one without it."""
SETTLED = 512
"""Maximum number of training images from which normalisation statistics are computed after each epoch."""
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class ImageTrainer:
    """Learns from the first of `parts` and is evaluated on the second."""

    def __init__(self, own: Run, course: Course, state: State, parts: tuple[Images, Images]) -> None:
        self.own, self.course, self.state = own, course, state
        self.train, self.validation = parts
        values, hosts = own.values, course.together
        self._lines, self._top = EpochLines(), values.get("top_k") if values["multi_label"] == "0" else None
        self._multi, self._augmentation = values["multi_label"] == "1", values.get("augmentation_type")
        self._batch = values["mini_batch_size"]
        self._best: tuple[int, Mapping[str, float]] | None = None
        self._last = -1
        self._order = Order(own, hosts, len(self.train), self._batch)
        self._loss, self._schedule = self._loss_of(), self._schedule_of(self._order.examples)

    def train_epoch(self, number: int) -> Mapping[str, float]:
        module, values = self.state.module.train(), self.own.values
        random = np.random.default_rng([self.own.seed, 1, number, self.course.together.rank])
        scores = Scores(self._multi, self._top)
        self._lines.begin()
        for step, rows in self.course.watched(enumerate(self._order.rows(number)), self._order.steps):
            images = self.train.batch(self.own.device, rows, random if self._augmentation else None)
            if self._augmentation:
                images = augmentation.augment(images, self._augmentation)
            labels = self._labels(self.train, rows)
            with self.own.device.reducing():
                raw = self._forward(module, images)
            loss = self._loss(raw.float(), labels)
            self.course.step(self.state.optimizer, loss, self._schedule(self.state.counters["steps"]))
            if self.state.average is not None:
                self.state.average.add(self.state.module, self.state.counters["steps"])
            self.state.counters["steps"] += 1
            scores.add(raw.detach(), labels, loss.detach())
            if self._lines.is_due(step):
                self._lines.batch(number, step, len(rows), scores.measures())
            else:
                self._lines.count(len(rows))
        measures = scores.measures()
        self._lines.end(number, measures)
        self._settle()
        self._keep(number + 1, values.get("checkpoint_frequency"))
        return {"loss": scores.loss(), **{f"train:{name}": value for name, value in measures.items()}}

    def validate(self, number: int) -> Mapping[str, float]:
        scores = Scores(self._multi, self._top)
        for raw, rows in self._answers(self.state.result):
            self._score(scores, raw, rows)
        measures, loss = scores.measures(), scores.loss()
        self._lines.validation(number, measures)
        self._last, patience = number, self.course.patience
        if patience is None or patience.would_be_best(measures["accuracy"], loss):
            self._best = number, measures
            logging.info("Storing the best model with validation accuracy: %.6f", measures["accuracy"])
        return {f"validation:{name}": value for name, value in {**measures, "loss": loss}.items()}

    def answers(self, module: torch.nn.Module) -> torch.Tensor:
        """The raw scores (n, classes) that the module gives the validation images."""
        return torch.cat([raw for raw, _ in self._answers(module)])

    def store(self, epoch: int, raw: torch.Tensor) -> None:
        """Logs the measures of raw scores (n, classes) of the validation images: from now on they are the stored model's."""
        scores = Scores(self._multi, self._top)
        self._score(scores, raw, np.arange(len(self.validation)))
        self._best = epoch, scores.measures()
        self._lines.validation(*self._best)

    def say_best(self, last: ImageTrainer | None = None) -> None:
        """Logs the stored model's measures again if they are not the last ones: a job's final metric is the last value. `last` is a
        later training, if there was one.
        """
        if self._best is not None and (last is not None or self._best[0] != self._last):
            self._lines.validation(*self._best)

    def _answers(self, module: torch.nn.Module) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
        """Raw scores of validation images, and the images' numbers."""
        module.eval()
        with torch.inference_mode(), self.own.device.reducing():
            for rows in self._batches(len(self.validation)):
                yield module(self.validation.batch(self.own.device, rows)).float(), rows

    def _score(self, scores: Scores, raw: torch.Tensor, rows: np.ndarray) -> None:
        labels = self._labels(self.validation, rows)
        scores.add(raw, labels, self._loss(raw, labels))

    def _labels(self, part: Images, rows: np.ndarray) -> torch.Tensor:
        return self.own.device.put(torch.from_numpy(part.labels[rows]))

    def _forward(self, module: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
        try:
            return module(images)
        except ValueError as error:  # from batch normalisation
            if "more than 1 value per channel" not in str(error):
                raise
            raise UserError(
                f"mini_batch_size is {self._batch}: with {self.own.values['image_shape']} of image_shape and "
                f"{self.own.values['num_layers']} layers it must be at least 2"
            ) from error

    def _settle(self) -> None:
        """Computes the normalisation statistics of the measured weights, which no single step produced."""
        random = np.random.default_rng([self.own.seed, 3])
        rows = random.permutation(len(self.train))[:SETTLED]
        rows = np.resize(rows, max(2, len(rows)))
        with self.own.device.reducing():
            averages.settle(
                self.state.result, (self.train.batch(self.own.device, rows[each]) for each in self._batches(len(rows)))
            )
        self.course.together.mean(list(self.state.result.buffers()))

    def _batches(self, count: int) -> list[np.ndarray]:
        """Splits the images into even parts of at least two, each about as large as the memory of training allows."""
        least = max(2, self._batch, 64 * 32 * 32 // (self.train.form.shape[1] * self.train.form.shape[2]))
        return np.array_split(np.arange(count), max(1, count // least))

    def _loss_of(self) -> Loss:
        if not self._multi:
            return functional.cross_entropy
        weights = None
        if self.own.values["use_weighted_loss"] == "1":
            counts = self.course.together.total([len(self.train), *self.train.labels.sum(axis=0).tolist()])
            positive = np.array(counts[1:])
            ratio = np.where(positive > 0, (counts[0] - positive) / np.maximum(positive, 1), 1)
            weights = self.own.device.put(torch.tensor(np.clip(ratio, 1 / RAREST, RAREST), dtype=torch.float32))
        return lambda raw, labels: functional.binary_cross_entropy_with_logits(raw, labels, pos_weight=weights)

    def _schedule_of(self, count: float) -> Schedule:
        values = self.own.values
        if count != values["num_training_samples"]:
            logging.warning("num_training_samples is %d, and there are %d.", values["num_training_samples"], int(count))
        if not values.get("lr_scheduler_step"):
            return schedules.constant()
        steps = math.ceil(values["num_training_samples"] / (self._batch * self.course.together.size))
        return schedules.at_epochs(values["lr_scheduler_factor"], values["lr_scheduler_step"], steps)

    def _keep(self, epoch: int, every: int | None) -> None:
        """Keeps the weights of epochs that are divisible by `every` in the archive."""
        if every is not None and epoch % every == 0 and self.own.writes:
            artefact.write_weights(self.own.job.model_directory, self.state.result, epoch)
            path = self.own.job.model_directory / artefact.weights_name(epoch)
            logging.info('Saved checkpoint to "%s"', path)
