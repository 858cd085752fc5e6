"""IP Insights' training."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import scores, threads
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.ipinsights import events
from sagewright.algorithms.ipinsights.declaration import DECLARATION
from sagewright.algorithms.ipinsights.events import Events
from sagewright.algorithms.ipinsights.learner import Learner, with_negatives
from sagewright.algorithms.ipinsights.model import InsightsModel
from sagewright.algorithms.ipinsights.network import Network
from sagewright.algorithms.job import Job

BLOCK = 65536


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Train and leave `model_algo-1`. Raises JobError."""
    buckets = values["num_entity_vectors"]
    with session(DECLARATION, "IPInsights", job, values) as run, threads.one():
        known = events.read(job, "train", buckets)
        validation = events.read(job, "validation", buckets) if "validation" in job.channels else None
        run.save(InsightsModel(fit(run, known, validation)).encode())


def fit(run: Session, known: Events, validation: Events | None) -> Network:
    """Learn from this host's events, together with the other hosts."""
    values = run.values
    network = Network.begin(
        values["num_entity_vectors"], values["vector_dim"], values["num_ip_encoder_layers"], run.seed
    )
    learner = Learner(network, values)
    for epoch in range(values["epochs"]):
        _epoch(run, learner, known, epoch)
        if validation is not None:
            reached = area(network, validation, values)
            run.lines.quality("validation", {"discriminator_auc": reached}, "score", epoch=epoch)
        run.lines.progress(epoch + 1, values["epochs"])
    return network


def area(network: Network, found: Events, values: Mapping[str, Any]) -> float:
    """The area under the ROC curve of telling events from pairs made up in the same way each time."""
    pairs, labels = with_negatives(found, values, np.random.default_rng(1))
    parts = (pairs.take(np.arange(start, min(start + BLOCK, len(pairs)))) for start in range(0, len(pairs), BLOCK))
    said = [
        np.einsum("ij,ij->i", network.entities[part.entity], network.encode(events.bits(part.address))[-1])
        for part in parts
    ]
    return scores.area(np.concatenate(said), labels)


def _batches(found: Events, size: int, random: np.random.Generator) -> Iterator[Events]:
    order = random.permutation(len(found))
    for start in range(0, len(order), size):
        yield found.take(order[start : start + size])


def _epoch(run: Session, learner: Learner, known: Events, epoch: int) -> None:
    began, number = time.monotonic(), 0
    random = np.random.default_rng([run.seed, 1, epoch, run.group.rank])
    batches = _batches(known, run.values["mini_batch_size"], random)
    nothing = Events(np.zeros(0, np.int64), np.zeros(0, np.uint32)), np.zeros(0, np.float32)
    said, right = [], []
    while True:
        batch = next(batches, None)
        if batch is None and run.group.size == 1:
            break
        pairs, labels = nothing if batch is None else with_negatives(batch, run.values, random)
        raw, rows = learner.step(pairs, labels, run.group)
        if not rows:
            break
        if len(labels):
            said.append(raw)
            right.append(labels)
            if number % run.values["batch_metrics_publish_interval"] == 0:
                _report(run, raw, labels, epoch=epoch, batch=number)
        number += 1
    _report(run, np.concatenate(said), np.concatenate(right), epoch=epoch)
    run.lines.throughput(len(known), time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": len(known)}, epoch=epoch)


def _report(run: Session, raw: np.ndarray, labels: np.ndarray, **when: int) -> None:
    share = probability(raw)
    accuracy = float(np.mean((share >= 0.5) == (labels == 1)))
    likelihood = np.where(labels == 1, share, 1 - share)
    entropy = float(-np.mean(np.log(np.maximum(likelihood, 1e-15))))
    run.lines.quality("train", {"binary_classification_accuracy": accuracy}, "score", **when)
    run.lines.quality("train", {"binary_classification_cross_entropy": entropy}, "loss", **when)
