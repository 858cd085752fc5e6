"""Trains semantic segmentation epoch by epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.training import schedules
from sagewright.algorithms.deep.training.epochs import Course
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.schedules import Schedule
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.semantic_segmentation import predicting, rules
from sagewright.algorithms.semantic_segmentation.data import Crops, Scenes
from sagewright.algorithms.semantic_segmentation.records import HOLE
from sagewright.algorithms.semantic_segmentation.scores import Confusion

SECOND = 0.5
"""Weight of the second head's loss."""
POWER = 0.9


class SegmentationTrainer:
    """Learns from crops of the first of `parts`, `batch` at a time, and is evaluated on the second, uncropped."""

    def __init__(self, own: Run, course: Course, state: State, parts: tuple[Scenes, Scenes], batch: int) -> None:
        self.own, self.course, self.state = own, course, state
        self.train, self.validation = parts
        values = own.values
        self._batch = min(batch, max(2, len(self.train)))
        self._steps = math.ceil(len(self.train) / self._batch)
        self._crops = Crops(self.train, values["base_size"], rules.crop_side(values))
        self._schedule = self._schedule_of()

    def train_epoch(self, number: int) -> Mapping[str, float]:
        module, began, total = self.state.module.train(), time.monotonic(), 0.0
        random = np.random.default_rng([self.own.seed, 1, number])
        order = np.resize(random.permutation(len(self.train)), self._steps * self._batch)
        for rows in self.course.watched(order.reshape(self._steps, -1), self._steps):
            pictures, masks = self._crops.take(rows, random)
            batch = self.own.device.put(torch.from_numpy(pictures).permute(0, 3, 1, 2))
            loss = self._loss(module, batch, self.own.device.put(torch.from_numpy(masks).long()))
            self.course.step(self.state.optimizer, loss, self._schedule(self.state.counters["steps"]))
            self.state.counters["steps"] += 1
            total += float(loss.detach())
        logging.info("Epoch: %d, train loss: %.6f", number, total / self._steps)
        speed = len(order) / max(time.monotonic() - began, 1e-9)
        logging.info("Epoch: %d, train throughput: %.3f samples/sec", number, speed)
        return {"train:loss": total / self._steps}

    def validate(self, number: int) -> Mapping[str, float]:
        began, confusion = time.monotonic(), Confusion(self.own.values["num_classes"])
        for said, right in self.answers(self.state.module.eval()):
            confusion.add(said, right)
        measures = confusion.measures()
        self.say(number, measures)
        speed = len(self.validation) / max(time.monotonic() - began, 1e-9)
        logging.info("Epoch: %d, validation throughput: %.3f samples/sec", number, speed)
        return {f"validation:{name}": value for name, value in measures.items()}

    def say(self, number: int, measures: Mapping[str, float]) -> None:
        """Logs measures in validation."""
        logging.info("Epoch: %d, validation mIOU: %.6f", number, measures["mIOU"])
        logging.info("Epoch: %d, validation pixel_accuracy: %.6f", number, measures["pixel_accuracy"])

    def answers(self, module: torch.nn.Module) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields the predicted and the right classes of validation images, (n, h, w); the module is in evaluation mode."""
        with torch.inference_mode():
            for pictures, masks in self.groups():
                size = (masks.shape[1], masks.shape[2])
                said = predicting.scores(module, self.own.device, pictures, size).argmax(1)
                yield said, self.own.device.put(torch.from_numpy(masks))

    def _loss(self, module: torch.nn.Module, pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Returns the mean over the pixels that are not holes; 0 if all are."""
        try:
            with self.own.device.reducing():
                said, second = module(pictures)
        except ValueError as error:  # from batch normalisation
            if "more than 1 value per channel" not in str(error):
                raise
            raise UserError(
                f"mini_batch_size is {self._batch}: algorithm {self.own.values['algorithm']} needs at least 2"
            ) from error
        count = (masks != HOLE).sum().clamp(min=1)
        losses = [
            functional.cross_entropy(each.float(), masks, ignore_index=HOLE, reduction="sum") / count
            for each in (said, second)
        ]
        return losses[0] + SECOND * losses[1]

    def groups(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields validation images that are measured at once, (n, h, w, 3) uint8, and their masks in their own size."""
        for rows in self._groups():
            pictures = np.stack([self.validation.pictures[row] for row in rows])
            yield pictures, np.stack([self.validation.masks[row][:, :, 0] for row in rows])

    def _groups(self) -> Iterator[list[int]]:
        """Yields groups of successive images of equal sizes, at most `validation_mini_batch_size` each."""
        most = self.own.values["validation_mini_batch_size"]
        group: list[int] = []
        for row in range(len(self.validation)):
            if group and (len(group) == most or self._sizes(row) != self._sizes(group[0])):
                yield group
                group = []
            group.append(row)
        yield group

    def _sizes(self, row: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.validation.pictures.shapes[row], self.validation.masks.shapes[row]

    def _schedule_of(self) -> Schedule:
        values, count = self.own.values, len(self.train)
        if count != values["num_training_samples"]:
            logging.warning("num_training_samples is %d, and there are %d.", values["num_training_samples"], count)
        steps = math.ceil(values["num_training_samples"] / self._batch)
        if values["lr_scheduler"] == "step":
            return schedules.at_epochs(values["lr_scheduler_factor"], values["lr_scheduler_step"], steps)
        everything = steps * values["epochs"]
        return schedules.cosine(everything) if values["lr_scheduler"] == "cosine" else schedules.poly(everything, POWER)
