"""IP Insights' training."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import scores, threads
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.ipinsights import events, network
from sagewright.algorithms.ipinsights.batches import NOTHING, Batches
from sagewright.algorithms.ipinsights.declaration import DECLARATION
from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.learner import IPInsightsLearner
from sagewright.algorithms.ipinsights.model import InsightsModel
from sagewright.algorithms.ipinsights.network import IPInsightsNetwork
from sagewright.algorithms.ipinsights.pairs import Rates, labels, made_up
from sagewright.algorithms.job import Job

COPIES = 24
"""Bytes for each learnt number: itself, Adam's two moments, and its encoded copy."""
RATE = 0.05
"""The default learning rate, which falls to a twentieth."""
SHUFFLED = "shuffled_negative_sampling_rate"
FEW, SOME = 10_000, 50_000
FEW_SHUFFLED, SOME_SHUFFLED = 3, 6
"""Made-up pairs with another event's address for each of few events and for each of some, if neither the rates of negative samples
nor the epochs are given. Few events say little, and one such pair each says less."""
WIDE, MOST_LONGER = 64, 2.0
"""The dimension of vectors below which training takes longer, with the root of its share, and by how much at most: a step moves the
product of narrower vectors less."""
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
    """The pace of learning: set by the hyperparameters, otherwise by the number of events."""

    epochs: int
    batch: int
    rate: float
    falls: bool
    rates: Rates


def _pace(run: Session, count: int) -> Pace:
    """The pace for `count` events of this host."""
    values, everywhere = run.values, int(run.group.total(np.array([count]))[0])
    shuffled = _shuffled(run, everywhere)
    epochs = values["epochs"] if "epochs" in run.chosen else _epochs(everywhere, values["vector_dim"])
    batch = max(FEWEST, min(MOST, everywhere // STEPS)) // run.group.size
    batch = values["mini_batch_size"] if "mini_batch_size" in run.chosen else max(1, batch)
    falls = "learning_rate" not in run.chosen
    rates = Rates(values["random_negative_sampling_rate"], shuffled)
    pace = Pace(epochs, batch, RATE if falls else values["learning_rate"], falls, rates)
    logging.info(
        "%d epochs, mini-batches of %d events with %d shuffled pairs each, learning rate %g%s",
        epochs, batch, shuffled, pace.rate, ", falling" * falls,
    )  # fmt: skip
    return pace


def _shuffled(run: Session, count: int) -> int:
    """How many made-up pairs each of `count` events gets with another event's address."""
    if {SHUFFLED, "random_negative_sampling_rate", "epochs"} & run.chosen or count > SOME:
        return int(run.values[SHUFFLED])
    return FEW_SHUFFLED if count < FEW else SOME_SHUFFLED


def _epochs(count: int, width: int) -> int:
    """The default number of epochs for `count` events and vectors of `width`: fewer events need more until their vectors have moved
    far enough."""
    longer = min(max(1.0, math.sqrt(WIDE / width)), MOST_LONGER)
    return round(longer * max(1, min(8, 64_000 // count), min(3, 400_000 // count)))


def fit(run: Session, known: Events, validation: Events | None) -> IPInsightsNetwork:
    """Learns from this host's events, together with the other hosts."""
    values, pace = run.values, _pace(run, len(known))
    keys = np.unique(np.concatenate(run.group.gather(np.unique(network.keys(known.address)))))
    seen = np.unique(np.concatenate(run.group.gather(np.unique(known.entity))))
    memory.require(
        COPIES * len(keys) * values["vector_dim"], f"{len(keys)} blocks of addresses", "A smaller vector_dim helps."
    )
    found = IPInsightsNetwork.begin(
        values["num_entity_vectors"], values["vector_dim"], values["num_ip_encoder_layers"], run.seed, (seen, keys)
    )
    learner = IPInsightsLearner(found, pace.rate, values["weight_decay"])
    batches = Batches.of(known, found.blocks, pace.rates, pace.batch)
    for epoch in range(pace.epochs):
        _epoch(run, learner, batches, pace, epoch)
        if validation is not None:
            reached = area(found, validation, values)
            run.lines.quality("validation", {"discriminator_auc": reached}, "score", epoch=epoch)
        run.lines.progress(epoch + 1, pace.epochs)
    return found


def area(found: IPInsightsNetwork, known: Events, values: Mapping[str, Any]) -> float:
    """The area under the ROC curve for distinguishing events from made-up pairs, which are the same each time."""
    pairs, right = made_up(known, Rates.of(values), np.random.default_rng(1)).flat()
    return scores.area(found.scores(pairs.entity, pairs.address), right)


def _epoch(run: Session, learner: IPInsightsLearner, batches: Batches, pace: Pace, epoch: int) -> None:
    began, count = time.monotonic(), len(batches.known)
    random = np.random.default_rng([run.seed, 1, epoch, run.group.rank])
    said, right = [], []
    # Hosts with fewer mini-batches continue with empty ones until no host has any.
    for number, batch in enumerate(itertools.chain(batches.epoch(random), itertools.repeat(NOTHING))):
        if batch is NOTHING and run.group.size == 1:
            break
        if pace.falls:
            share = min(1.0, number * pace.batch / count)
            learner.slow_down(run.group.from_first((epoch + share) / pace.epochs))
        raw, seen = learner.step(batch, run.group)
        if not seen:
            break
        if batch is not NOTHING:
            said.append(raw.ravel())
            right.append(labels(batch.place).ravel())
            if number % run.values["batch_metrics_publish_interval"] == 0:
                _report(run, said[-1], right[-1], epoch=epoch, batch=number)
    _report(run, np.concatenate(said), np.concatenate(right), epoch=epoch)
    run.lines.throughput(count, time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": count}, epoch=epoch)


def _report(run: Session, raw: np.ndarray, labels: np.ndarray, **when: int) -> None:
    share = probability(raw)
    accuracy = float(np.mean((share >= 0.5) == (labels == 1)))
    likelihood = np.where(labels == 1, share, 1 - share)
    entropy = float(-np.mean(np.log(np.maximum(likelihood, 1e-15))))
    run.lines.quality("train", {"binary_classification_accuracy": accuracy}, "score", **when)
    run.lines.quality("train", {"binary_classification_cross_entropy": entropy}, "loss", **when)
