"""Training by Adam in epochs. Settings that the job leaves open are first chosen on held-out rows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.factorization_machines import rates, reported
from sagewright.algorithms.factorization_machines.descent import FactorizationLearner
from sagewright.algorithms.factorization_machines.model import Machine, matrix
from sagewright.algorithms.factorization_machines.rates import Plan
from sagewright.algorithms.firstparty.rows.source import Batch, Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table

EVERY = 500
"""Mini-batches between two lines of the log."""


def prepare(table: Table, own: bool) -> Batch:  # noqa: ARG001 - rows are taken as they are
    return matrix(table.features), np.asarray(table.labels)


def descend(run: Session, rows: Source) -> Machine:
    """The machine after the last epoch."""
    plan = rates.plan(run, rows)
    learner = FactorizationLearner(plan.values, run.seed, plan.bias)
    random = np.random.default_rng([run.seed, 2, run.group.rank])
    epochs = rows.batches(prepare, plan.values["mini_batch_size"], random)
    most = plan.values["epochs"]
    for epoch in range(most):
        raw, labels = _epoch(run, (learner, plan), next(epochs), epoch)
        reported.quality(run, "train", raw, labels, epoch=epoch)
        run.lines.progress(epoch + 1, most)
        if epoch + 1 == most:
            reported.quality(run, "train", raw, labels)
    return plan.machine(learner.machine())


def _epoch(
    run: Session, learning: tuple[FactorizationLearner, Plan], batches: Iterator[Batch], epoch: int
) -> tuple[np.ndarray, np.ndarray]:
    """The predictions for this host's rows just before learning from each, and their labels."""
    (learner, plan), began = learning, time.monotonic()
    nothing: Batch = (csr_matrix((0, run.values["feature_dim"]), dtype=np.float32), np.zeros(0, np.float32))
    predicted, labels, number = [], [], 0
    while True:
        batch = next(batches, None)
        if batch is None and run.group.size == 1:
            break
        x, y = nothing if batch is None else batch
        said, rows = learner.step(x, plan.labels(y), run.group)
        raw = plan.raw(said)
        if not rows:
            break
        if number % EVERY == 0 and len(y):
            reported.quality(run, "train", raw, y, epoch=epoch, batch=number)
        predicted.append(raw)
        labels.append(y)
        number += 1
    found = np.concatenate(predicted), np.concatenate(labels)
    run.lines.throughput(len(found[1]), time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": len(found[1])}, epoch=epoch)
    return found
