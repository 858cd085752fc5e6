"""Trains object detection epoch by epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping

import numpy as np
import torch

from sagewright.algorithms.deep.images import decoding
from sagewright.algorithms.deep.training import schedules
from sagewright.algorithms.deep.training.epochs import Course
from sagewright.algorithms.deep.training.order import Order
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.schedules import Schedule
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.object_detection import augmentation, matching, predicting
from sagewright.algorithms.object_detection.anchors import anchors
from sagewright.algorithms.object_detection.data import Scenes
from sagewright.algorithms.object_detection.scores import Precision

CHOICE, TIE = "choice", "train loss"
"""The measure by which the best epoch is chosen: the mean average precision, or the negated loss while that is 0. And the one by
which it is chosen among epochs with the same precision: few images have few values of it.
"""
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
LONGEST = 10.0
"""Limit on the length of a step's gradient: a batch whose boxes are far off would otherwise ruin new weights."""
TOGETHER = 32
"""Images that are processed at once in validation."""


class DetectionTrainer:
    """Learns from the first of `parts`, `batch` at a time, and is evaluated on the second."""

    def __init__(self, own: Run, course: Course, state: State, parts: tuple[Scenes, Scenes], batch: int) -> None:
        self.own, self.course, self.state = own, course, state
        self.train, self.validation = parts
        values, hosts = own.values, course.together
        self._side, self._anchors = values["image_shape"], anchors(values["image_shape"])
        self._batch = batch
        self._order = Order(own, hosts, len(self.train), self._batch)
        self._schedule = self._schedule_of(self._order.examples)
        self._loss = 0.0

    def train_epoch(self, number: int) -> Mapping[str, float]:
        module, began = self.state.module.train(), time.monotonic()
        total = torch.zeros(2)
        order = self._order.rows(number)
        for rows in self.course.watched(order, self._order.steps):
            pictures, classes, offsets = self._examples(rows, number)
            with self.own.device.reducing():
                said = module(pictures)
            parts = torch.stack(matching.losses(said, (classes, offsets)))
            self.course.step(self.state.optimizer, parts.sum(), self._schedule(self.state.counters["steps"]), LONGEST)
            self.state.counters["steps"] += 1
            total += parts.detach().cpu()
        entropy, smooth = (total / self._order.steps).tolist()
        self._loss = entropy + smooth
        where = f"#quality_metric: host={self.own.job.current_host}, epoch={number}, batch={self._order.steps} train"
        logging.info("%s cross_entropy <loss>=(%r)", where, entropy)
        logging.info("%s smooth_l1 <loss>=(%r)", where, smooth)
        self.own.lines.throughput(order.size, time.monotonic() - began)
        self.own.lines.progress(number + 1, self.course.epochs)
        return {"train:cross_entropy": entropy, "train:smooth_l1": smooth}

    def validate(self, number: int) -> Mapping[str, float]:
        self.course.together.mean(list(self.state.module.buffers()))
        module, values = self.state.module.eval(), self.own.values
        precision = Precision(values["overlap_threshold"])
        count, most = len(self.validation), min(TOGETHER, self._batch)
        for first in range(0, count, most):
            rows = range(first, min(count, first + most))
            pictures = np.stack([self.validation.pictures[row] for row in rows])
            found = predicting.detect(module, self.own.device, pictures, values["nms_threshold"])
            for row, each in zip(rows, found, strict=True):
                precision.add(each, self.validation.things[row])
        score = precision.mean()
        logging.info(
            "#quality_metric: host=%s, epoch=%d, validation mAP <score>=(%r)", self.own.job.current_host, number, score
        )
        return {"validation:mAP": score, CHOICE: score or -self._loss, TIE: self._loss}

    def _examples(self, rows: np.ndarray, number: int) -> Batch:
        """Returns pictures (n, 3, side, side) and targets: classes (n, anchors) and offsets (n, anchors, 4), on the device."""
        rank, step = self.course.together.rank, self.state.counters["steps"]
        places = [(int(row), [self.own.seed, 1, number, rank, step, place]) for place, row in enumerate(rows)]
        made = list(decoding.side_by_side(self._example, places))
        pictures = augmentation.recoloured(
            self.own.device.put(torch.from_numpy(np.stack([each[0] for each in made])).permute(0, 3, 1, 2))
        )
        classes, offsets = (torch.stack([each[which] for each in made]) for which in (1, 2))
        return pictures, self.own.device.put(classes), self.own.device.put(offsets)

    def _example(self, which: tuple[int, list[int]]) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        row, seed = which
        random = np.random.default_rng(seed)
        picture, things = augmentation.augment(self.train.pictures[row], self.train.things[row], self._side, random)
        right = torch.from_numpy(np.ascontiguousarray(things))
        return picture, *matching.targets(right[:, 0].long(), right[:, 1:5], self._anchors)

    def _schedule_of(self, count: float) -> Schedule:
        values = self.own.values
        if count != values["num_training_samples"]:
            logging.warning("num_training_samples is %d, and there are %d.", values["num_training_samples"], int(count))
        if not values["lr_scheduler_step"]:
            return schedules.constant()
        steps = math.ceil(values["num_training_samples"] / (self._batch * self.course.together.size))
        return schedules.at_epochs(values["lr_scheduler_factor"], values["lr_scheduler_step"], steps)
