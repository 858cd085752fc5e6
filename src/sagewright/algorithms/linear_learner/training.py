"""Linear learner training: scales, solves for the models or trains many side by side, keeps the best, calibrates, saves, tests."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import baseline, scores, threads
from sagewright.algorithms.firstparty.rows import source
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.linear_learner import losses, path, scaling, selection, solving
from sagewright.algorithms.linear_learner.declaration import DECLARATION
from sagewright.algorithms.linear_learner.epochs import Data, Trained, evaluate, evaluate_constants, train_models
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.model import LinearModel
from sagewright.algorithms.linear_learner.scaling import Scaler
from sagewright.algorithms.linear_learner.selection import Judged

TRAIN_SAMPLE = 50_000
"""Rows of the train channel that models are chosen and calibrated on when there is no validation channel."""
ROUNDING = 1e-6
"""Tolerance by which a model's loss may exceed a constant's."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "Linear Learner", job, values) as run, threads.one():
        train_rows = _source(run, "train", None if values["feature_dim"] == "auto" else values["feature_dim"])
        assert train_rows is not None
        validation = _source(run, "validation", train_rows.columns)
        model = fit(run, train_rows, validation)
        run.save(model.encode())
        _report(run, model, "train", [train_rows.table])
        if validation is not None:
            _report(run, model, "validation", [validation.table])
        tested = run.rows("test", _wanted(values, train_rows.columns))
        if tested is not None:
            _report(run, model, "test", tested.blocks())


def fit(run: Session, train_rows: Source, validation: Source | None) -> LinearModel:
    """Returns the best model that the hyperparameters lead to; all hosts get the same."""
    values, random = run.values, np.random.default_rng(run.seed)
    sample = train_rows.sample(values["num_point_for_scaler"], random)
    scaler = scaling.fit(sample, train_rows.table, values, run.group)
    judged = validation.table if validation is not None else train_rows.sample(TRAIN_SAMPLE, random)
    data = Data(train_rows, scaler, sample, judged, validation is not None, _counts(run, train_rows.table))
    if path.solves(run, train_rows, losses.make(values)) and solving.fits(run, data):
        trained = solving.solve_models(run, data)
    else:
        run.solver("gradients")
        trained = train_models(run, data)
    model: LinearModel
    model, ratio = run.group.from_first(_choose(run, trained, data) if run.group.rank == 0 else None)
    baseline.report(run.lines, ratio)
    return model


def _counts(run: Session, table: Table) -> np.ndarray | None:
    """Returns the number of rows of all hosts in each class."""
    classes = _wanted(run.values, None).classes
    if classes is None:
        return None
    own = np.bincount(np.asarray(table.labels).astype(np.int64), minlength=classes)
    return np.asarray(run.group.total(own), np.float64)


def _source(run: Session, channel: str, columns: int | None) -> Source | None:
    return run.source(channel, _wanted(run.values, columns))


def _wanted(values: Mapping[str, Any], columns: int | None) -> ExpectedColumns:
    classes = {"regressor": None, "binary_classifier": 2, "multiclass_classifier": values["num_classes"]}
    return ExpectedColumns(columns, labels=True, sparse=True, classes=classes[values["predictor_type"]])


def _choose(run: Session, trained: Trained, data: Data) -> tuple[LinearModel, float]:
    """Returns the best of the models, for unscaled rows, or a constant if none is better. Also returns its loss as a multiple of a
    constant's, on held-out rows if there are any.
    """
    values, loss, scaler = run.values, trained.loss, data.scaler
    constants = data.constants(run, loss, trained.examples, trained.mix.models)
    table = data.judged if data.validated else data.train.table
    known = trained.by_loss and not data.validated and trained.examples.comparable and run.group.size == 1
    own = (
        trained.criterion
        if known
        else evaluate(loss, trained.weights, source.prepared(table, scaler.prepare), trained.examples)
    )
    own = np.nan_to_num(own, nan=np.inf)
    nothing = Weights(np.zeros_like(trained.weights.features), constants.ravel())
    labels = scaler.labels(np.asarray(table.labels))
    least = evaluate_constants(loss, constants, labels, trained.examples)
    sound = np.flatnonzero(own <= least * (1 + ROUNDING))
    if trained.ratio is not None and trained.ratio <= 1 and len(own) == 1 and np.isfinite(own[0]):
        sound = np.array([0])  # rows that are held out have said so, whatever a few far rows add to the loss on train
    if not len(sound):
        logging.warning("No model is better than one without features, which is the result of this job.")
        trained, sound = replace(trained, weights=nothing, ratio=1.0), np.array([0])
        own = least
    trained = trained.only(sound)
    number, raw_threshold = int(trained.criterion.argmin()), 0.0
    if values["predictor_type"] == "binary_classifier":
        number, raw_threshold = _choose_binary(run, trained, _calibrating(run, data.judged), scaler)
    setting = {name: float(getattr(trained.mix, name)[number]) for name in ("learning_rate", "l1", "wd")}
    logging.info("Selected model %d: %s", sound[number], setting)
    chosen = trained.weights.take(number, loss.classes)
    weights, bias = scaler.raw(chosen.features, chosen.bias)
    model = LinearModel(values["predictor_type"], weights, bias, raw_threshold, margins=loss.name == "hinge_loss")
    of_nothing = float(least[min(sound[number], len(least) - 1)])
    measured = baseline.ratio(float(own[sound[number]]), of_nothing)
    return model, measured if trained.ratio is None else trained.ratio


def _calibrating(run: Session, judged: Table) -> Table:
    most = run.values["num_calibration_samples"]
    if most == "auto" or judged.rows <= most:
        return judged
    return judged.take(np.sort(np.random.default_rng([run.seed, 3]).choice(judged.rows, most, replace=False)))


def _choose_binary(run: Session, trained: Trained, judged: Table, scaler: Scaler) -> tuple[int, float]:
    """Returns the best model's number and its raw threshold."""
    y = np.asarray(judged.labels)
    raw = scaler.scores(judged.features, trained.weights.features, trained.weights.bias)
    each = trained.loss(raw.astype(np.float32), y.astype(np.float32))[0]
    weights = trained.examples.weights(y, np.arange(trained.mix.models)) if trained.examples.comparable else None
    penalty = (trained.mix.l1 + trained.mix.wd) * (not trained.by_loss)
    found = Judged(raw, y, each if weights is None else each * weights, trained.criterion, penalty)
    number = selection.best_binary(found, run.values)
    return number, selection.threshold(raw[:, number], y, run.values)


def _report(run: Session, model: LinearModel, part: str, tables: Iterable[Table]) -> None:
    """Logs the final lines of one part of the data."""
    values = run.values
    said = [(model.raw(table.features), np.asarray(table.labels)) for table in tables]
    raw, labels = (np.concatenate(each) for each in zip(*said, strict=True))
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
    """Logs the loss in the units of the unscaled labels."""
    loss = losses.make(run.values)
    each, _ = loss(raw.astype(np.float32), labels.astype(np.float32))
    run.lines.quality(part, {loss.objective: float(each.mean(dtype=np.float64))}, "loss")
