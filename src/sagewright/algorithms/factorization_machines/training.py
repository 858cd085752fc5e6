"""Factorization machines' training: by Adam on mini-batches, or by Gibbs sampling."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.factorization_machines.declaration import DECLARATION, GRADIENT, PARTS
from sagewright.algorithms.factorization_machines.descent import Learner
from sagewright.algorithms.factorization_machines.model import Machine, MachineModel, matrix
from sagewright.algorithms.firstparty import scores, threads
from sagewright.algorithms.firstparty.data import Wanted
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.firstparty.source import Batch, Source
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.job import Job

EVERY = 500
"""Mini-batches from one line of the log to the next."""
SWEEPS = 100
MOST_UPDATES = 4_000_000_000
"""Of all sweeps together: up to this many Gibbs sampling is chosen by itself. It takes seconds."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Train and leave `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "factorization-machines", job, values) as run, threads.one():
        rows = run.source("train", _wanted(values))
        assert rows is not None
        machine = fit(run, rows)
        model = MachineModel(machine, values["predictor_type"])
        run.save(model.encode())
        tested = run.rows("test", _wanted(values))
        if tested is not None:
            said = [(machine.raw(matrix(block.features)), np.asarray(block.labels)) for block in tested.blocks()]
            _report(run, "test", *(np.concatenate(each) for each in zip(*said, strict=True)))


def fit(run: Session, rows: Source) -> Machine:
    """The machine that the hyperparameters lead to."""
    solver = _solver(run, rows)
    logging.info("Solver: %s", solver)
    return _sample(run, rows) if solver == "mcmc" else _descend(run, rows)


def _wanted(values: Mapping[str, Any]) -> Wanted:
    classes = 2 if values["predictor_type"] == "binary_classifier" else None
    return Wanted(values["feature_dim"], labels=True, sparse=True, classes=classes)


def _solver(run: Session, rows: Source) -> str:
    """What `_solver` `auto` means here, and whether the one asked for can be had."""
    asked = run.values["_solver"]
    possible = run.group.size == 1 and rows.in_memory
    if asked == "mcmc" and not possible:
        raise UserError("_solver mcmc needs one instance and rows that fit in its memory.")
    if asked != "auto":
        return str(asked)
    names = {*GRADIENT, *(f"{part}_{each}" for part in PARTS for each in ("lr", "wd", "init_method"))}
    names |= {f"{part}_init_{each}" for part in PARTS for each in ("scale", "sigma", "value")}
    free = not names & set(run.job.hyperparameters)
    features = rows.table.features
    entries = len(features.values) if isinstance(features, Sparse) else features.size
    updates = entries * run.values["num_factors"] * max(run.values["epochs"], SWEEPS)
    return "mcmc" if possible and free and updates <= MOST_UPDATES else "adam"


def _sample(run: Session, rows: Source) -> Machine:
    from sagewright.algorithms.factorization_machines import gibbs  # compiled where it is needed only

    x, y = _prepare(rows.table, False)
    x = csr_matrix(x)
    x.sort_indices()
    sampler = gibbs.Sampler(
        x, y, run.values["num_factors"], binary=run.values["predictor_type"] == "binary_classifier", seed=run.seed
    )
    sweeps = max(run.values["epochs"], SWEEPS)
    logging.info("Gibbs sampling: %d sweeps after %d that are not used.", sweeps, gibbs.BURN_IN)
    began = time.monotonic()

    def report(number: int, chain: gibbs.Sampler) -> None:
        done = number + 1
        if done % 20 == 0:
            _report(run, "train", chain.machine().raw(x), y, epoch=number)
            run.lines.progress(done, gibbs.BURN_IN + sweeps)

    machine = gibbs.fit(sampler, sweeps, report)
    run.lines.throughput(len(y) * (gibbs.BURN_IN + sweeps), time.monotonic() - began)
    _report(run, "train", machine.raw(x), y)
    return machine


def _descend(run: Session, rows: Source) -> Machine:
    learner = Learner(run.values, run.seed)
    random = np.random.default_rng([run.seed, 2, run.group.rank])
    epochs = rows.batches(_prepare, run.values["mini_batch_size"], random)
    for epoch in range(run.values["epochs"]):
        raw, labels = _epoch(run, learner, next(epochs), epoch)
        _report(run, "train", raw, labels, epoch=epoch)
        run.lines.progress(epoch + 1, run.values["epochs"])
        if epoch + 1 == run.values["epochs"]:
            _report(run, "train", raw, labels)
    return learner.machine()


def _epoch(run: Session, learner: Learner, batches: Iterator[Batch], epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """What was predicted of this host's rows just before each was learnt from, and their labels."""
    began = time.monotonic()
    nothing: Batch = (csr_matrix((0, run.values["feature_dim"]), dtype=np.float32), np.zeros(0, np.float32))
    predicted, labels, number = [], [], 0
    while True:
        batch = next(batches, None)
        if batch is None and run.group.size == 1:
            break
        x, y = nothing if batch is None else batch
        raw, rows = learner.step(x, y, run.group)
        if not rows:
            break
        if number % EVERY == 0 and len(y):
            _report(run, "train", raw, y, epoch=epoch, batch=number)
        predicted.append(raw)
        labels.append(y)
        number += 1
    found = np.concatenate(predicted), np.concatenate(labels)
    run.lines.throughput(len(found[1]), time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": len(found[1])}, epoch=epoch)
    return found


def _prepare(table: Table, own: bool) -> Batch:  # noqa: ARG001 - rows are taken as they are
    return matrix(table.features), np.asarray(table.labels)


def _report(run: Session, part: str, raw: np.ndarray, labels: np.ndarray, **when: int) -> None:
    if run.values["predictor_type"] == "regressor":
        losses, shares = scores.regression(raw, labels), {}
    else:
        score = probability(raw)
        likelihood = np.where(labels == 1, score, 1 - score)
        found = scores.binary(score, (score >= 0.5).astype(np.int64), labels, 1.0)
        losses = {"binary_classification_cross_entropy": float(-np.mean(np.log(np.maximum(likelihood, 1e-15))))}
        shares = {name: found[name] for name in ("binary_classification_accuracy", "binary_f_1.000")}
    run.lines.quality(part, losses, "loss", **when)
    run.lines.quality(part, shares, "score", **when)
    if part == "test":
        run.lines.test_score({**losses, **shares})
