"""IP Insights' training."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import scores, threads
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.ipinsights import beginning, descent, events
from sagewright.algorithms.ipinsights.batches import NOTHING, Batches, blurs
from sagewright.algorithms.ipinsights.declaration import DECLARATION
from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.habits import Habits
from sagewright.algorithms.ipinsights.learner import IPInsightsLearner
from sagewright.algorithms.ipinsights.model import InsightsModel
from sagewright.algorithms.ipinsights.network import IPInsightsNetwork
from sagewright.algorithms.ipinsights.pairs import Rates, made_up
from sagewright.algorithms.job import Job

PAIR_BYTES = 200
"""Memory that finding the habits of a pair of entity and address takes at its peak, if no two of their blocks are the same."""
COPIES = 20
"""Bytes for each learnt number: itself, its beginning, and its encoded copies."""
RATE = 0.05
"""The default learning rate of the first epoch; in epoch k, from 0, it is divided by 1 + k / 2. It falls to a twentieth of it."""
WHOLE = 0.3
"""The last share of each epoch, in which the network learns too. What it says of blocks that never occurred needs no more, and its
products take more time than all else."""
HARD, GAIN = 0.36, 0.02
"""Another epoch follows only if the loss is more than this share of that of guessing, with wide vectors, and fell by this share in
the last epoch."""
USUAL, TWICE = 5000, 2
"""From so many events on, the fewest epochs that end in this way: shared addresses need a second one."""
SHUFFLED = "shuffled_negative_sampling_rate"
FEW, SOME = 10_000, 50_000
FEW_SHUFFLED, SOME_SHUFFLED = 3, 6
"""Made-up pairs with another event's address for each of few events and for each of some, if neither the rates of negative samples
nor the epochs are given. Few events say little, and one such pair each says less."""
WIDE, MOST_LONGER = 64, 2.0
"""The dimension of vectors below which training takes longer, with the root of its share, and by how much at most: narrower vectors
begin less different from each other. The default rate grows with the share itself: a step moves their product less."""
STEPS, FEWEST, MOST = 50, 50, 2000
"""The number of steps in an epoch, if no mini_batch_size is given, and the limits of the events in a mini-batch."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    buckets = values["num_entity_vectors"]
    with session(DECLARATION, "IPInsights", job, values) as run, threads.one():
        memory.require(
            COPIES * buckets * values["vector_dim"], "num_entity_vectors x vector_dim", "Smaller ones take less."
        )
        known = events.read(job, "train", buckets)
        validation = events.read(job, "validation", buckets) if "validation" in job.channels else None
        run.save(InsightsModel(fit(run, known, validation)).encode())


@dataclass(frozen=True)
class Pace:
    """The pace of learning: set by the hyperparameters, otherwise by the number of events. `falls`: the rate does. An
    epoch with a loss of at most the share `hard` of that of guessing is the last one, after `least` epochs."""

    epochs: int
    batch: int
    rate: float
    falls: bool
    hard: float
    least: int
    rates: Rates

    def highest(self, epoch: int) -> float:
        return self.rate / (1 + epoch / 2)


def _pace(run: Session, everywhere: int) -> Pace:
    """The pace for so many events of all hosts."""
    values, given = run.values, "epochs" in run.chosen
    shuffled = _shuffled(run, everywhere)
    epochs = values["epochs"] if given else _epochs(everywhere, values["vector_dim"])
    batch = max(FEWEST, min(MOST, everywhere // STEPS)) // run.group.size
    batch = values["mini_batch_size"] if "mini_batch_size" in run.chosen else max(1, batch)
    falls = "learning_rate" not in run.chosen
    rates = Rates(values["random_negative_sampling_rate"], shuffled)
    rate = RATE * max(1.0, WIDE / values["vector_dim"]) if falls else values["learning_rate"]
    hard, least = 0.0 if given else HARD / _longer(values["vector_dim"]), TWICE if everywhere >= USUAL else 1
    pace = Pace(epochs, batch, rate, falls, hard, least, rates)
    logging.info(
        "%s%d epochs, mini-batches of %d events with %d shuffled pairs each, learning rate %g%s",
        "up to " * (not given), epochs, batch, shuffled, pace.rate, ", falling" * falls,
    )  # fmt: skip
    return pace


def _shuffled(run: Session, count: int) -> int:
    """How many made-up pairs each of `count` events gets with another event's address."""
    if {SHUFFLED, "random_negative_sampling_rate", "epochs"} & run.chosen or count > SOME:
        return int(run.values[SHUFFLED])
    return FEW_SHUFFLED if count < FEW else SOME_SHUFFLED


def _longer(width: int) -> float:
    return min(max(1.0, math.sqrt(WIDE / width)), MOST_LONGER)


def _epochs(count: int, width: int) -> int:
    """The most epochs by default for `count` events and vectors of `width`: fewer events need more until their vectors have moved
    far enough."""
    return round(_longer(width) * max(1, min(8, 64_000 // count), min(3, 400_000 // count)))


def fit(run: Session, known: Events, validation: Events | None) -> IPInsightsNetwork:
    """Learns from this host's events, together with the other hosts."""
    values, habits = run.values, Habits.of(known, run.group)
    pairs = f"{len(habits.pairs)} different pairs of an entity and an address"
    memory.require(PAIR_BYTES * len(habits.pairs), pairs, "Fewer events take less.")
    pace = _pace(run, habits.events)
    found = _begun(run, habits, pace.rates)
    learner = IPInsightsLearner(found, pace.rate, values["weight_decay"], _trust(found, habits))
    batches = Batches.of(known, found.blocks, pace.rates, pace.batch, blurs(habits.alone))
    before = math.inf
    for epoch in range(pace.epochs):
        share = _epoch(run, learner, batches, pace, epoch)
        told_apart = pace.hard > 0 and (share <= pace.hard or share > (1 - GAIN) * before)
        enough = told_apart and epoch + 1 >= pace.least
        before = share
        if validation is not None:
            reached = area(found, validation, values)
            run.lines.quality("validation", {"discriminator_auc": reached}, "score", epoch=epoch)
        run.lines.progress(epoch + 1, epoch + 1 if enough else pace.epochs)
        if enough:
            break
    return found


def _begun(run: Session, habits: Habits, rates: Rates) -> IPInsightsNetwork:
    values, keys = run.values, habits.keys
    memory.require(
        COPIES * len(keys) * values["vector_dim"], f"{len(keys)} blocks of addresses", "A smaller vector_dim helps."
    )
    logging.info("blocks of the first %s bits have vectors", ", ".join(map(str, habits.telling)) or "no")
    known = habits.entities[0], keys
    found = IPInsightsNetwork.begin(
        values["num_entity_vectors"], values["vector_dim"], values["num_ip_encoder_layers"], run.seed, known
    )
    if len(keys):
        beginning.align(found, habits, rates, run.seed)
    return found


def _trust(found: IPInsightsNetwork, habits: Habits) -> tuple[np.ndarray, np.ndarray]:
    totals = habits.totals
    of_blocks = descent.trust(len(found.blocks.vectors), np.arange(len(totals)), totals)
    return descent.trust(len(found.entities), *habits.entities), of_blocks


def area(found: IPInsightsNetwork, known: Events, values: Mapping[str, Any]) -> float:
    """The area under the ROC curve for distinguishing events from made-up pairs, which are the same each time."""
    pairs, right = made_up(known, Rates.of(values), np.random.default_rng(1)).flat()
    return scores.area(found.scores(pairs.entity, pairs.address), right)


def _epoch(run: Session, learner: IPInsightsLearner, batches: Batches, pace: Pace, epoch: int) -> float:
    """Returns the loss in the last part of the epoch, as a share of that of guessing."""
    began, count = time.monotonic(), len(batches.known)
    random = np.random.default_rng([run.seed, 1, epoch, run.group.rank])
    said: list[_Told] = []
    # Hosts with fewer mini-batches continue with empty ones until no host has any.
    for number, batch in enumerate(itertools.chain(batches.epoch(random), itertools.repeat(NOTHING))):
        if batch is NOTHING and run.group.size == 1:
            break
        begun, done = run.group.from_first([min(1.0, each * pace.batch / count) for each in (number, number + 1)])
        if pace.falls:
            learner.set_rate(pace.highest(epoch), begun, done)
        raw, seen = learner.step(batch, run.group, done > 1 - WHOLE or not len(batches.blocks.keys))
        if not seen:
            break
        if batch is not NOTHING:
            said.append(_Told.by(raw))
            if number % run.values["batch_metrics_publish_interval"] == 0:
                _report(run, said[-1], epoch=epoch, batch=number)
    _report(run, _Told.joined(said), epoch=epoch)
    run.lines.throughput(count, time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": count}, epoch=epoch)
    return _share(run, _Told.joined(said[int((1 - WHOLE) * len(said)) :]))


@dataclass(frozen=True)
class _Told:
    """Sums over the scores (n, 1 + m) of n events, each with m made-up pairs: how many are `right`, and their `loss`."""

    events: int
    made_up: int
    right: int
    loss: float

    @classmethod
    def by(cls, raw: np.ndarray) -> _Told:
        """From scores, of which each row's first is that of an event."""
        right = np.count_nonzero((raw >= 0) == (np.arange(raw.shape[1]) == 0))
        likelihood = probability(raw)
        np.subtract(1, likelihood[:, 1:], out=likelihood[:, 1:])
        return cls(len(raw), raw.shape[1] - 1, right, float(-np.log(np.maximum(likelihood, 1e-15)).sum()))

    @classmethod
    def joined(cls, parts: Sequence[_Told]) -> _Told:
        sums = (sum(one.events for one in parts), sum(one.right for one in parts), sum(one.loss for one in parts))
        return cls(sums[0], parts[0].made_up, *sums[1:])

    @property
    def pairs(self) -> int:
        return self.events * (1 + self.made_up)


def _report(run: Session, told: _Told, **when: int) -> None:
    accuracy = told.right / told.pairs
    run.lines.quality("train", {"binary_classification_accuracy": accuracy}, "score", **when)
    run.lines.quality("train", {"binary_classification_cross_entropy": told.loss / told.pairs}, "loss", **when)


def _share(run: Session, told: _Told) -> float:
    """The loss of all hosts' scores, as a share of the loss of one who only knows how many pairs are made up."""
    event = 1 / (1 + told.made_up)
    loss, rows = run.group.total(np.array([told.loss * event, told.events]))
    guessing = -event * math.log(event) - (1 - event) * math.log(1 - event)
    return float(loss / rows / guessing)
