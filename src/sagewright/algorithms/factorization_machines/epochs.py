"""Training by Adam in epochs. Settings that the job leaves open are first chosen on held-out rows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.factorization_machines import held_out, rates, reported
from sagewright.algorithms.factorization_machines.descent import FactorizationLearner
from sagewright.algorithms.factorization_machines.model import Machine, matrix
from sagewright.algorithms.factorization_machines.rates import Plan
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.rows.source import Batch, Part, Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table

EVERY = 500
"""Mini-batches between two lines of the log."""
LAST = 10
"""One in LAST of an epoch's predictions, the last ones, made before their rows were learnt from, are compared with a constant."""


def prepare(table: Table, own: bool) -> Batch:  # noqa: ARG001 - rows are taken as they are
    return matrix(table.features), np.asarray(table.labels)


def descend(run: Session, rows: Source) -> Machine:
    """The machine after the last epoch, moved towards a constant if it was worse than that. Of several epochs, only the last one
    learns from the held-out rows.
    """
    plan = rates.plan(run, rows)
    learner = FactorizationLearner(plan.values, run.seed, plan.bias)
    most, batch = plan.values["epochs"], plan.values["mini_batch_size"]
    parts = _parts(run, rows) if most > 1 else None
    known, held = (rows, None) if parts is None else (Part(rows.table.take(parts[0])), rows.table.take(parts[1]))
    epochs = known.batches(prepare, batch, _random(run))
    found: tuple[float, float] | None = None
    for epoch in range(most):
        if epoch + 1 == most and held is not None:
            found = _compared(
                run, plan.machine(learner.machine()).raw(matrix(held.features)), np.asarray(held.labels), rows
            )
            epochs = rows.batches(prepare, batch, _random(run))
        raw, labels = _epoch(run, (learner, plan), next(epochs), epoch)
        reported.quality(run, "train", raw, labels, epoch=epoch)
        run.lines.progress(epoch + 1, most)
        if held is None and epoch == 0:
            last = len(labels) // LAST
            found = _compared(run, raw[len(raw) - last :], labels[len(labels) - last :], rows)
        if epoch + 1 == most:
            reported.quality(run, "train", raw, labels)
    ratio, share = found or (1.0, 1.0)
    baseline.report(run.lines, ratio)
    return held_out.shrunk(plan.machine(learner.machine()), _constant(run, rows), share)


def _random(run: Session) -> np.random.Generator:
    return np.random.default_rng([run.seed, 2, run.group.rank])


def _parts(run: Session, rows: Source) -> tuple[np.ndarray, np.ndarray] | None:
    """The rows to learn from and the held-out ones; None if any host has too few, or not all in memory."""
    parts = baseline.split(rows.table.rows, np.random.default_rng([run.seed, 8, run.group.rank]))
    lacking = parts is None or not rows.in_memory
    return None if run.group.total(np.array([int(lacking)]))[0] else parts


def _constant(run: Session, rows: Source) -> float:
    return held_out.constant(
        np.asarray(rows.table.labels), run.values["predictor_type"] == "binary_classifier", run.group
    )


def _compared(run: Session, said: np.ndarray, labels: np.ndarray, rows: Source) -> tuple[float, float]:
    """The ratio, and the share of the machine's deviation from the constant to keep."""
    binary = run.values["predictor_type"] == "binary_classifier"
    return held_out.compare(said, _constant(run, rows), labels.astype(np.float64), binary, run.group)


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
