"""Linear learner's training: scale, solve for the models or train many side by side, keep the best, calibrate, save, test."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import scores, source, threads
from sagewright.algorithms.firstparty.data import Wanted
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.firstparty.source import Source
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.linear_learner import losses, path, scaling, selection, solving
from sagewright.algorithms.linear_learner.declaration import DECLARATION
from sagewright.algorithms.linear_learner.epochs import Data, Trained, train_models
from sagewright.algorithms.linear_learner.model import LinearModel
from sagewright.algorithms.linear_learner.scaling import Scaler

TRAIN_SAMPLE = 50_000
"""Rows of the train channel that models are chosen and calibrated by when there is no validation channel."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Train and leave `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "Linear Learner", job, values) as run, threads.one():
        train_rows = _source(run, "train", None if values["feature_dim"] == "auto" else values["feature_dim"])
        assert train_rows is not None
        validation = _source(run, "validation", train_rows.columns)
        model = fit(run, train_rows, validation)
        run.save(model.encode())
        _report(run, model, {"train": train_rows.table, "validation": validation.table if validation else None})
        tested = run.rows("test", _wanted(values, train_rows.columns))
        if tested is not None:
            _report(run, model, {"test": tested.table()})


def fit(run: Session, train_rows: Source, validation: Source | None) -> LinearModel:
    """The best model that the hyperparameters lead to; all hosts get the same."""
    values, random = run.values, np.random.default_rng(run.seed)
    sample = train_rows.sample(values["num_point_for_scaler"], random)
    scaler = scaling.fit(sample, values, run.group)
    judged = validation.table if validation is not None else train_rows.sample(TRAIN_SAMPLE, random)
    data = Data(train_rows, scaler, sample, judged, validated=validation is not None)
    solved = path.solves(run, train_rows, losses.make(values))
    logging.info("Solver: %s", "second_order" if solved else "gradients")
    trained = solving.solve_models(run, data) if solved else train_models(run, data)
    model: LinearModel = run.group.from_first(_choose(run, trained, judged, scaler) if run.group.rank == 0 else None)
    return model


def _source(run: Session, channel: str, columns: int | None) -> Source | None:
    rows = run.rows(channel, _wanted(run.values, columns))
    return None if rows is None else Source(rows, source.memory_bytes())


def _wanted(values: Mapping[str, Any], columns: int | None) -> Wanted:
    classes = {"regressor": None, "binary_classifier": 2, "multiclass_classifier": values["num_classes"]}
    return Wanted(columns, labels=True, sparse=True, classes=classes[values["predictor_type"]])


def _choose(run: Session, trained: Trained, judged: Table, scaler: Scaler) -> LinearModel:
    """The best of the models, for rows as they come."""
    values, loss = run.values, trained.loss
    most = values["num_calibration_samples"]
    if most != "auto" and judged.rows > most:
        judged = judged.take(np.sort(np.random.default_rng([run.seed, 3]).choice(judged.rows, most, replace=False)))
    number, raw_threshold = int(trained.criterion.argmin()), 0.0
    binary = values["predictor_type"] == "binary_classifier"
    if binary:
        y = np.asarray(judged.labels)
        raw = scaler.scores(judged.features, trained.weights.features, trained.weights.bias)
        penalty = (trained.mix.l1 + trained.mix.wd) * (not trained.by_loss)
        number = selection.best_binary(raw, y, trained.criterion, penalty, values)
        raw_threshold = selection.threshold(raw[:, number], y, values)
    setting = {name: float(getattr(trained.mix, name)[number]) for name in ("learning_rate", "l1", "wd")}
    logging.info("Selected model %d: %s", number, setting)
    chosen = trained.weights.take(number, loss.classes)
    weights, bias = scaler.raw(chosen.features, chosen.bias)
    return LinearModel(values["predictor_type"], weights, bias, raw_threshold, margins=loss.name == "hinge_loss")


def _report(run: Session, model: LinearModel, parts: Mapping[str, Table | None]) -> None:
    """The final lines of each part that there is."""
    values = run.values
    for part, table in parts.items():
        if table is None:
            continue
        raw, labels = model.raw(table.features), np.asarray(table.labels)
        _report_loss(run, part, raw, labels)
        if model.predictor_type == "regressor":
            found = scores.regression(raw[:, 0], labels)
            if part != "validation":
                del found["rmse"]
            run.lines.quality(part, found, "loss")
        elif model.predictor_type == "binary_classifier":
            predicted = (raw[:, 0] >= model.threshold).astype(np.int64)
            found = scores.binary(raw[:, 0], predicted, labels, values["f_beta"])
            run.lines.quality(part, found, "score")
        else:
            found = scores.multiclass(raw, labels, values["accuracy_top_k"], values["f_beta"])
            run.lines.quality(part, found, "score")
        if part == "test":
            run.lines.test_score(found)


def _report_loss(run: Session, part: str, raw: np.ndarray, labels: np.ndarray) -> None:
    """In the units of the labels as they came."""
    loss = losses.make(run.values)
    each, _ = loss(raw.astype(np.float32), labels.astype(np.float32))
    run.lines.quality(part, {loss.objective: float(each.mean(dtype=np.float64))}, "loss")
