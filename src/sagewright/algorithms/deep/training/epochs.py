"""Epochs of training: their order, early stopping, checkpoints, and the end at SIGTERM.

A resumed run gives exactly the weights of an uninterrupted run: the randomness of an epoch depends only on the seed and the epoch's
number.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

import torch

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training.checkpoints import Checkpoint, Checkpoints
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.patience import Patience
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.deep.training.together import Together
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.termination import Termination

Item = TypeVar("Item")
ESTIMATED_AFTER = 10
WORTH_TELLING_S = 60.0


class Trainer(Protocol):
    """The interface that an algorithm implements for `run_epochs`."""

    @property
    def state(self) -> State: ...

    def train_epoch(self, number: int) -> Mapping[str, float]:
        """Learns from all examples once; returns measures by name. Batches go through `Course.watched`, steps through
        `Course.step`."""
        ...

    def validate(self, number: int) -> Mapping[str, float]:
        """Measures of the channel validation by name, which are also logged; empty if there is no such channel."""
        ...


class Stopped(Exception):
    """A host received SIGTERM."""


@dataclass
class Course:
    """The settings and services of one run's epochs. `patience` selects the epoch whose weights are kept; without it, the last is
    kept."""

    epochs: int
    seed: int
    device: Device
    together: Together = field(default_factory=Together)
    patience: Patience | None = None
    checkpoints: Checkpoints | None = None
    termination: Termination | None = None
    estimates: bool = True
    measured: int | None = field(default=None, init=False)
    """The epoch that was measured last."""

    @cached_property
    def _scaler(self) -> torch.amp.GradScaler:
        """Keeps float16's small gradients from vanishing."""
        return torch.amp.GradScaler(self.device.place.type, enabled=self.device.reduced == torch.float16)

    def watched(self, batches: Iterable[Item], count: int) -> Iterator[Item]:
        """The batches, `count` in an epoch. After ten batches of the first epoch, the log states how long an epoch takes, if that
        is long."""
        began = time.monotonic()
        for number, batch in enumerate(batches):
            if number == ESTIMATED_AFTER and self.estimates:
                self.estimates = False
                length_s = (time.monotonic() - began) / ESTIMATED_AFTER * count
                if length_s > WORTH_TELLING_S:
                    where = "" if self.device.is_gpu else f" on {self.device.threads} CPUs: this host has no GPU"
                    logging.info("An epoch takes about %.0f s%s.", length_s, where)
            yield batch

    def step(self, optimizer: TorchOptimizer, loss: torch.Tensor, factor: float, clip: float | None = None) -> None:
        """Makes one step down the gradient of `loss`, with the optimiser's first rate times `factor` and gradients clipped to the
        norm `clip`.

        Raises Stopped if a host is asked to stop.
        """
        optimizer.zero_grad()
        self._scaler.scale(loss).backward()
        learnt = [each for group in optimizer.param_groups for each in group["params"]]
        stops = self.together.average(learnt, self.termination is not None and self.termination.requested)
        if stops:
            raise Stopped
        self._scaler.unscale_(optimizer)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(learnt, clip)
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("first_lr", group["lr"]) * factor
        self._scaler.step(optimizer)
        self._scaler.update()


def run_epochs(course: Course, trainer: Trainer) -> int:
    """Trains and returns the number of epochs that were started. Afterwards `trainer.state.module` has the weights to
    keep. Raises UserError."""
    first = _resume(course, trainer.state)
    if course.termination is not None:
        course.termination.graceful = True
    for epoch in range(first, course.epochs):
        devices.seed(course.seed, epoch, course.together.rank)
        try:
            measures = dict(trainer.train_epoch(epoch))
        except Stopped:
            logging.info("Training ends in epoch %d: SIGTERM.", epoch)
            trainer.state.take_best()
            return epoch + 1
        _check(measures, epoch)
        measures.update(trainer.validate(epoch))
        course.measured = epoch
        if _ends(course, trainer.state, epoch, course.together.from_first(measures)):
            break
    else:
        epoch = course.epochs - 1
    if course.patience is not None:
        trainer.state.take_best()
    return epoch + 1


def say_kept(course: Course, trainer: Trainer) -> None:
    """Measures the kept weights again after `run_epochs` if another epoch's were measured last: a job's final metric is the last
    value in its log, and tuning jobs choose by it."""
    best = None if course.patience is None else course.patience.best_epoch
    if best is not None and best != course.measured:
        logging.info("The model of epoch %d is kept. Its measures again:", best)
        trainer.validate(best)
        course.measured = best


def _ends(course: Course, state: State, epoch: int, measures: Mapping[str, float]) -> bool:
    """Records and saves the epoch; returns True if it was the last."""
    patience, is_best = course.patience, True
    if patience is not None and patience.metric in measures:
        is_best = patience.is_best(epoch, measures)
    if is_best and patience is not None:
        state.keep_best()
    ends = patience is not None and patience.is_over(epoch)
    if course.checkpoints is not None:
        document = {
            "counters": state.counters,
            "patience": None if patience is None else patience.document(),
            "ends": ends,
        }
        course.checkpoints.save(epoch + 1, state.tensors(is_best=is_best), document)
    if ends:
        logging.info("Training stops early after epoch %d.", epoch)
    return ends


def _resume(course: Course, state: State) -> int:
    """The first epoch to run."""
    found = None if course.checkpoints is None else course.checkpoints.newest(state.most_bytes())
    if course.together.size > 1:
        firsts = course.together.from_first(0 if found is None else found.epochs)
        if firsts != (0 if found is None else found.epochs):
            raise UserError("the hosts have different checkpoints")
    if found is None:
        return 0
    try:
        return _restored(course, state, found)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"Checkpoint {found.name} does not belong to this algorithm: {error}") from error


def _restored(course: Course, state: State, found: Checkpoint) -> int:
    state.restore(found.tensors, f"Checkpoint {found.name}")
    state.counters.clear()
    state.counters.update(found.document["counters"])
    if course.patience is not None and found.document["patience"] is not None:
        course.patience.restore(found.document["patience"])
    logging.info("Training continues from checkpoint %s, after %d epochs.", found.name, found.epochs)
    return course.epochs if found.document["ends"] else min(found.epochs, course.epochs)


def _check(measures: Mapping[str, float], epoch: int) -> None:
    for name, value in measures.items():
        if not math.isfinite(value):
            raise UserError(
                f"{name} is {value} in epoch {epoch}: the training diverges. A smaller learning_rate may help."
            )
