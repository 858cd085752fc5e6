"""Object2Vec training."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from sagewright.algorithms import sequences
from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training import optimizers, schedules
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.epochs import Course, run_epochs, say_kept
from sagewright.algorithms.deep.training.overfitting import Overfitting
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.run import Run, begin
from sagewright.algorithms.deep.training.schedules import Schedule
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.job import Job
from sagewright.algorithms.object2vec import batches, held_out, measures, pairs, rows, spectrum, vectors
from sagewright.algorithms.object2vec.batches import MadeUp
from sagewright.algorithms.object2vec.declaration import DECLARATION
from sagewright.algorithms.object2vec.encoders import SEQUENCE_SPREAD, SPREAD
from sagewright.algorithms.object2vec.linear import MOST_NUMBERS, Linear
from sagewright.algorithms.object2vec.model import DESCRIPTION, WEIGHTS
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Limits, Pairs
from sagewright.algorithms.object2vec.settings import Object2VecSettings

COPIES, OF_LINEAR = 24, 8
"""Bytes per learnt number: the number, its slope, the optimiser's two, the best epoch's copy, and the one being written. And those
of the linear model: the network before training, and the one that expresses it.
"""
FEW, MANY = 10_000, 200_000
"""Number of pairs up to which a linear model is fitted beside the network; and up to which it is, if factors can be."""
OF_STEPS = (
    "bucket_width", "dropout", "early_stopping_patience", "early_stopping_tolerance", "epochs", "learning_rate", "mini_batch_size",
    "optimizer", "token_embedding_storage_type", "weight_decay",
)  # fmt: skip
"""Hyperparameters of the network's training, which a linear model has nothing of."""
HELD, HELD_OUT = "choosing held-out loss", "held-out loss"
"""The measures by which the epoch is chosen, and a training that overfits is ended, where there is no validation channel."""
ENOUGH_HELD = 50
"""Minimum number of held-out pairs for their loss to choose; the loss of fewer is largely chance."""
JUDGED = 512
"""Pairs that are evaluated at once."""
UNIT_RATE = 1.0
"""Learning rate of adadelta if no learning_rate is set."""
SEQUENCE_RATE, WARM_STEPS = 0.002, 100
"""Learning rate of adam and rmsprop if no learning_rate is set and an encoder reads sequences, and the steps of its warm-up. At the
rate for means of vectors, training would end before such an encoder has learnt anything.
"""
LEAST_STEPS = 400
"""Steps before which the training of such an encoder does not stop early: its loss hardly falls at first."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the network. Raises JobError."""
    if len(job.hosts) > 1:
        raise UserError("Object2Vec trains on one instance: InstanceCount must be 1.")
    with begin(DECLARATION, "AWS/Object2Vec", job, values) as run:
        settings = Object2VecSettings.of(values)
        copies = COPIES + OF_LINEAR if settings.numbers <= MOST_NUMBERS else COPIES
        memory.require(copies * settings.numbers, "the network", "Smaller vocab_size, enc_dim or mlp_dim take less.")
        limits = limits_of(settings)
        found = {
            name: pairs.read(job, name, limits) for name in ("train", "validation", "test") if name in job.channels
        }
        network = fit(run, found["train"], found.get("validation"))
        if "test" in found:
            measures.tell(run.lines, "test", judge(network, found["test"], run.device))
        weights.write(job.model_directory / WEIGHTS, network.state_dict())
        weights.write_json(job.model_directory / DESCRIPTION, network.settings.document())


def limits_of(settings: Object2VecSettings) -> Limits:
    """Returns the limits of the network's pairs."""
    first, second = settings.sides
    return Limits(
        (first.vocabulary, second.vocabulary),
        (first.longest, second.longest),
        settings.outputs if settings.output == "softmax" else None,
    )


def fit(run: Run, known: Pairs, validation: Pairs | None) -> Object2VecNetwork:
    """Learns from pairs. With `validation` the epoch that does best there is kept."""
    values = run.values
    settings = Object2VecSettings.of(values)
    by_rows = values["token_embedding_storage_type"] != "dense"  # noqa: S105 - tokens of text
    network = Object2VecNetwork(settings, by_rows=by_rows, spread=_spread(settings, known))
    without_file = vectors.fill(network, run.job, values)
    divided = held_out.divide(known, run.seed) if validation is None and values["epochs"] > 1 else None
    parts = Parts(known, validation, *((known, None) if divided is None else divided))
    if parts.judged is not None and len(known) <= MANY:
        beside = Linear.beside(network, without_file, run.device, run.seed)
        parts.linear = beside if beside is not None and (len(known) <= FEW or beside.is_of_tokens(known)) else None
    spectrum.fill(network, parts.learnt, without_file, np.random.default_rng([run.seed, 2]))
    network.to(run.device.place)
    said = optimizers.Settings(_rate(run), values["weight_decay"])
    optimizer = optimizers.build(values["optimizer"], network.named_parameters(), said)
    rows.attach(optimizer, values["optimizer"], list(network.tokens), said)
    schedule = schedules.constant()
    if "learning_rate" not in run.chosen and _reads_sequences(run):
        schedule = schedules.warm_up(schedule, WARM_STEPS)
    watched = f"{'train' if validation is None else 'validation'} {measures.loss_name(settings.output)}"
    choice = HELD if validation is None else None
    held = HELD_OUT if validation is None else watched
    overfitting = Overfitting(held, f"train {measures.loss_name(settings.output)}", values["early_stopping_patience"])
    patience = Patience(watched, "Minimize", _stopping(run, known), choice=choice, overfitting=overfitting)
    course = run.course(values["epochs"], patience)
    trainer = Object2VecTrainer(run, course, State(network, optimizer, {"steps": 0}), parts, schedule)
    run_epochs(course, trainer)
    trainer.limit()
    return network


def _spread(settings: Object2VecSettings, known: Pairs) -> float:
    """The standard deviation of token vectors at the start; the same on both sides, whose encodings are compared."""
    takes_means = "pooled_embedding" in {side.network for side in settings.sides}
    return SPREAD if takes_means or len(known) > FEW else SEQUENCE_SPREAD


def _rate(run: Run) -> float:
    if "learning_rate" not in run.chosen:
        if run.values["optimizer"] == "adadelta":
            return UNIT_RATE
        if _reads_sequences(run):
            return SEQUENCE_RATE
    return float(run.values["learning_rate"])


def _stopping(run: Run, known: Pairs) -> Stopping:
    values, least = run.values, 1
    if _reads_sequences(run):
        pairs_of_epoch = len(known) + int(known.labels.sum()) * values["negative_sampling_rate"]
        least = math.ceil(LEAST_STEPS * values["mini_batch_size"] / pairs_of_epoch)
    return Stopping(least, values["early_stopping_patience"], values["early_stopping_tolerance"], relative=False)


def _reads_sequences(run: Run) -> bool:
    """True if an encoder is a network over time, and the optimiser's step size is proportional to the rate."""
    networks = {run.values["enc0_network"], run.values["enc1_network"]}
    return run.values["optimizer"] in ("adam", "rmsprop") and bool(networks - {"pooled_embedding", "enc0"})


def judge(network: Object2VecNetwork, known: Pairs, device: Device) -> dict[str, float]:
    """Returns measures of all pairs by name."""
    tally = measures.Tally(network.settings.output)
    network.eval()
    with torch.inference_mode():
        longest = np.maximum(*(texts.lengths[known.members[:, number]] for number, texts in enumerate(known.texts)))
        for numbers in sequences.parts(longest, JUDGED):
            batch = batches.batch(known, numbers, device)
            scores = network(batch)
            tally.add(scores, batch.labels, network.loss(scores, batch.labels))
    return tally.means()


@dataclass
class Parts:
    """The pairs of the channels train and validation; those of the first that epochs before the last one learn from, and those that
    are held out; the linear model, if there is one.
    """

    known: Pairs
    validation: Pairs | None
    learnt: Pairs
    held: Pairs | None
    linear: Linear | None = None

    @property
    def judged(self) -> Pairs | None:
        """The pairs on which models are compared."""
        return self.held if self.validation is None else self.validation


@dataclass
class Object2VecTrainer:
    """The epochs of a run, and what is kept in the end."""

    run: Run
    course: Course
    state: State
    parts: Parts
    schedule: Schedule

    @cached_property
    def _made_up(self) -> tuple[MadeUp, MadeUp] | None:
        """The negative samples for all pairs, and for those that epochs before the last one learn from."""
        rate = self.run.values["negative_sampling_rate"]
        if not rate:
            return None
        for_all = MadeUp(self.parts.known, rate)
        return for_all, for_all if self.parts.held is None else MadeUp(self.parts.learnt, rate, self.parts.known)

    def _pairs(self, number: int, random: np.random.Generator) -> Pairs:
        """The pairs of an epoch."""
        is_last = number + 1 == self.course.epochs
        if self._made_up is not None:
            return self._made_up[0 if is_last else 1].added(random)
        return self.parts.known if is_last else self.parts.learnt

    @property
    def _network(self) -> Object2VecNetwork:
        assert isinstance(self.state.module, Object2VecNetwork)
        return self.state.module

    def train_epoch(self, number: int) -> dict[str, float]:
        began, values, network = time.monotonic(), self.run.values, self._network
        random = np.random.default_rng([self.run.seed, 1, number])
        known = self._pairs(number, random)
        order = batches.order(known, values["mini_batch_size"], values["bucket_width"], random)
        tally = measures.Tally(network.settings.output)
        network.train()
        for numbers in self.course.watched(order, len(order)):
            batch = batches.batch(known, numbers, self.course.device)
            scores = network(batch)
            loss = network.loss(scores, batch.labels)
            self.course.step(self.state.optimizer, loss, self.schedule(self.state.counters["steps"]))
            self.state.counters["steps"] += 1
            tally.add(scores, batch.labels, loss)
        found = tally.means()
        measures.tell(self.run.lines, "train", found, number)
        self.run.lines.throughput(len(known), time.monotonic() - began)
        self.run.lines.metrics({"epochs": 1, "num.records": len(known)}, epoch=number)
        self.run.lines.progress(number + 1, self.course.epochs)
        return {f"train {name}": value for name, value in found.items()}

    def limit(self) -> None:
        """Takes the linear model instead of the network, unless that is better. Reports how what is kept compares with a constant,
        and moves it there as far as that is better. Without enough pairs to hold some out, does nothing.
        """
        counters, judged = self.state.counters, self.parts.judged
        if judged is None:
            return
        labels = self._pairs(self.course.epochs - 1, np.random.default_rng(self.run.seed)).labels
        nothing = held_out.constant(self._network, labels)
        best = self.course.patience.best_epoch if self.course.patience is not None else None
        if "baseline_ratio" not in counters or best != self.course.epochs - 1:
            self._compare(nothing, judged)
        baseline.report(self.run.lines, counters["baseline_ratio"])
        if counters["linear"]:
            self._say_linear()
            self._network.load_state_dict(self._linear(self.course.epochs - 1).state_dict())
        held_out.shrink(self._network, nothing, counters["share"])
        if (
            counters["linear"] or counters["share"] < 1
        ) and self.parts.validation is not None:  # a job's final metric is the stored model's
            found = judge(self._network, self.parts.validation, self.course.device)
            measures.tell(self.run.lines, "validation", found, self.course.epochs - 1)
        elif self.parts.validation is not None:
            say_kept(self.course, self)

    def _say_linear(self) -> None:
        given = [name for name in OF_STEPS if name in self.run.chosen]
        without = f" {', '.join(given)} had no part in it." if given else ""
        logging.info("The network is no better than a linear model of what is compared: that one is kept.%s", without)

    def _compare(self, nothing: np.ndarray, judged: Pairs) -> None:
        """Notes whether the linear model is kept, and how what is kept compares with the constant."""
        judged, network = self._with_made_up(judged) if judged is self.parts.held else judged, self._network
        counters, device = self.state.counters, self.course.device
        counters["linear"] = 0
        if self.parts.linear is not None and not self.run.termination.requested:
            simpler = self._linear(0)
            own, simplers = (held_out.losses(each, judged, device) for each in (network, simpler))
            classes = held_out.judged(judged).labels if network.settings.output == "softmax" else None
            if not held_out.is_better(own, simplers, classes):
                counters["linear"], network = 1, simpler
        counters["baseline_ratio"], counters["share"] = held_out.compare(network, nothing, judged, device)

    def _linear(self, epoch: int) -> Object2VecNetwork:
        """The linear model of the pairs that an epoch learns from."""
        assert self.parts.linear is not None
        return self.parts.linear.fit(self._pairs(epoch, np.random.default_rng([self.run.seed, 10])))

    def _with_made_up(self, held: Pairs) -> Pairs:
        """Held-out pairs with negative samples, if epochs have some; the same each time."""
        rate = self.run.values["negative_sampling_rate"]
        return MadeUp(held, rate, self.parts.known).added(np.random.default_rng([self.run.seed, 9])) if rate else held

    def _held_out_loss(self, number: int) -> float:
        """The loss of the pairs that are held out. The last epoch has learnt from them: it is the best if the one before was."""
        assert self.parts.held is not None
        counters = self.state.counters
        if number + 1 == self.course.epochs and "held" in counters:
            return float(np.nextafter(counters["held"], -np.inf))
        found = judge(self._network, self._with_made_up(self.parts.held), self.course.device)
        counters["held"] = found[measures.loss_name(self._network.settings.output)]
        return float(counters["held"])

    def validate(self, number: int) -> dict[str, float]:
        if self.parts.held is not None and number + 2 == self.course.epochs:
            nothing = held_out.constant(self._network, self._pairs(number, np.random.default_rng(self.run.seed)).labels)
            self._compare(nothing, self.parts.held)
        if self.parts.validation is None:
            if self.parts.held is None:
                return {}
            loss = self._held_out_loss(number)
            return {HELD_OUT: loss, **({HELD: loss} if len(self.parts.held) >= ENOUGH_HELD else {})}
        found = judge(self._network, self.parts.validation, self.course.device)
        measures.tell(self.run.lines, "validation", found, number)
        return {f"validation {name}": value for name, value in found.items()}
