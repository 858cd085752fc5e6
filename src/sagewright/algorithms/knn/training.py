"""k-NN training: indexes a uniform, reduced sample of all hosts' rows. There are no iterations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import baseline, threads
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.rows.reservoir import Reservoir
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.job import Job
from sagewright.algorithms.knn import index, votes
from sagewright.algorithms.knn.declaration import DECLARATION, SUBVECTORS
from sagewright.algorithms.knn.model import Neighbours
from sagewright.algorithms.knn.reduction import Reduction, raised

CHECKED_ROWS, CHECKED_NUMBERS = 500, 1 << 26
"""Rows that a model is checked on, at most a twentieth of all, and the numbers that are read for them: a twentieth of a second."""
KIND = {"accuracy": "score", "macro_f_1.000": "score", "mse": "loss", "rmse": "loss", "absolute_loss": "loss"}


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the model's three files. Raises JobError."""
    with session(DECLARATION, "AWS/KNN", job, values) as run, threads.shared():
        expected = ExpectedColumns(columns=values["feature_dim"], labels=True)
        rows = run.rows("train", expected)
        assert rows is not None
        model = fit(run, rows)
        for name, content in (model.files() if model else {}).items():
            run.save(content, name)
        tested = run.rows("test", expected)
        if model and tested is not None:
            _evaluate(run, model, tested)


def fit(run: Session, rows: Rows) -> Neighbours | None:
    """Returns the model at the first host; None at the others."""
    began = time.monotonic()
    reservoir = Reservoir(run.values["sample_size"], np.random.default_rng([run.seed, run.group.rank]))
    for block in threads.ahead(rows.blocks()):
        reservoir.add(np.asarray(block.features), np.asarray(block.labels))
        _check(run, reservoir)
    run.lines.progress(1, 1)
    run.lines.throughput(reservoir.seen, time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": reservoir.seen}, epoch=0)
    plan = _plan(run.values, run.seed)
    features, labels = reservoir.sample(run.group)
    del reservoir
    gathered = run.group.to_first((plan.reduction(features, own=True), labels))
    del features
    if gathered is None:
        return None
    points, known = (np.concatenate(part) if len(part) > 1 else part[0] for part in zip(*gathered, strict=True))
    del gathered
    made = index.build(points, run.values, plan.subvectors, run.seed)
    run.lines.metrics({"model.serialize.rows": len(known)})
    model = Neighbours(made, known, plan.reduction, run.values["k"], run.values["predictor_type"])
    _check_against_constant(run, model, points)
    return model


def _check_against_constant(run: Session, model: Neighbours, points: np.ndarray) -> None:
    """Compares, on some rows, the prediction from their neighbours without themselves with the mean or most common label."""
    count = min(CHECKED_ROWS, len(points) // baseline.HELD, int(CHECKED_NUMBERS // max(points.size, 1)))
    if count < 1 or len(points) <= model.k:
        return
    picked = np.sort(np.random.default_rng([run.seed, 9]).choice(len(points), count, replace=False))
    labels = model.others(points[picked], picked)
    predicted, truth = model.labelled(labels), model.labels[picked]
    if model.predictor_type == "classifier":
        values, counts = np.unique(model.labels, return_counts=True)
        own, nothing = (predicted != truth).mean(), (values[counts.argmax()] != truth).mean()
    else:
        own, nothing = np.square(predicted - truth).mean(), np.square(model.labels.mean() - truth).mean()
    baseline.report(run.lines, baseline.ratio(float(own), float(nothing)))


def _check(run: Session, reservoir: Reservoir) -> None:
    """Raises UserError if the sample needs more than the memory available for rows."""
    most = memory.for_rows()
    if reservoir.nbytes > most:
        raise UserError(
            f"A sample of {run.values['sample_size']} rows does not fit in the job's memory: "
            f"it has {most / (1 << 20):.0f} MiB for rows."
        )


@dataclass(frozen=True)
class Plan:
    reduction: Reduction
    subvectors: int


def _plan(values: Mapping[str, Any], seed: int) -> Plan:
    """Plans how rows are reduced; for product quantisation to a multiple of the number of subvectors."""
    columns = values["feature_dim"]
    kind, target = values.get("dimension_reduction_type"), values.get("dimension_reduction_target", columns)
    subvectors = 1
    if values["index_type"] == "faiss.IVFPQ":
        fitting = [each for each in SUBVECTORS if 2 * each <= target] or [1]
        subvectors = int(values.get("faiss_index_pq_m", fitting[-1]))
        target = raised(target, subvectors)
    return Plan(Reduction(kind, seed, columns, target, values["index_metric"] == "COSINE"), subvectors)


def _evaluate(run: Session, model: Neighbours, rows: Rows) -> None:
    truth, predicted = [], []
    for block in rows.blocks():
        truth.append(block.labels)
        predicted.append(model.labelled(model.neighbours(np.asarray(block.features))[1]))
    found = votes.scores(model.predictor_type, np.concatenate(truth), np.concatenate(predicted))
    run.lines.test_score(found)
    for name, value in found.items():
        run.lines.quality("test", {name: value}, "score" if KIND[name] == "score" else "loss")
