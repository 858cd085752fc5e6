"""K-fold cross-validation (`_kfold`, `_num_cv_round`): one booster per fold, and predictions for the rows that each left out.

Source: the contract's xgboost.md ("K-fold"). Train and validation rows are pooled; classes are spread over the folds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.formats.table import concatenate
from sagewright.algorithms.job import Job
from sagewright.algorithms.xgboost import callbacks, matrices, measures, models
from sagewright.algorithms.xgboost.trainer import BoosterTrainer, Data, Outputs

PREDICTIONS_NAME = "predictions.csv"


def cross_validate(job: Job, values: Mapping[str, Any], trainer: BoosterTrainer, data: Data) -> None:
    """Trains `_kfold` times `_num_cv_round` boosters, saves them all, and writes the pooled predictions."""
    count, repeats = values["_kfold"], values.get("_num_cv_round", 1)
    pooled = concatenate([part for part in (data.train, data.validation) if part is not None])
    logging.info("Run %d-round of %d-fold cross validation with %d rows", repeats, count, pooled.rows)
    objective = trainer.plan.objective
    classes = pooled.labels if objective.startswith(("binary:", "multi:")) else None
    rng = np.random.default_rng(abs(values.get("seed", 0)))
    predictions: list[list[np.ndarray]] = [[] for _ in range(repeats)]
    held: list[list[np.ndarray]] = [[] for _ in range(repeats)]
    results: list[Mapping[str, Mapping[str, list[float]]]] = []
    for number, (repeat, rows) in enumerate(_splits(pooled.rows, classes, (count, repeats), rng)):
        logging.info("Train cross validation fold %d", number % count + 1)
        others = np.setdiff1d(np.arange(pooled.rows), rows)
        checkpoints = job.checkpoint_directory
        outputs = Outputs(
            job.model_directory / f"{models.MODEL_NAME}-{number}",
            checkpoints / f"model-{number}" if checkpoints else None,
            models.is_pickled(job.image_version),
        )
        out = pooled.take(rows)
        booster = trainer.fit(Data(pooled.take(others), out), outputs)
        outputs.save(booster)
        predictions[repeat].append(booster.predict(matrices.matrix(out, objective)))
        held[repeat].append(rows)
        results.append(trainer.evaluations)
        if number % count == count - 1:
            logging.info("The metrics of round %d cross validation", repeat + 1)
            print(_mean_line(trainer.plan.rounds, results[-count:]), flush=True)
    if repeats > 1:
        logging.info("The overall metrics of %d-round cross validation", repeats)
        print(_mean_line(trainer.plan.rounds, results), flush=True)
    ordered = [
        np.concatenate(parts)[np.argsort(np.concatenate(rows))] for parts, rows in zip(predictions, held, strict=True)
    ]
    _write(
        job,
        pooled.labels,
        ordered,
        measures.Classes(objective, trainer.plan.num_class) if classes is not None else None,
    )


def _splits(
    rows: int, classes: np.ndarray | None, shape: tuple[int, int], rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (repeat, rows of the fold): each row is in one fold of each repeat; folds have similar shares of each class."""
    count, repeats = shape
    for repeat in range(repeats):
        order = rng.permutation(rows)
        if classes is not None:
            order = order[np.argsort(classes[order], kind="stable")]
        fold = np.empty(rows, np.int64)
        fold[order] = np.arange(rows) % count
        for number in range(count):
            yield repeat, np.flatnonzero(fold == number)


def _mean_line(rounds: int, results: list[Mapping[str, Mapping[str, list[float]]]]) -> str:
    means = {
        part: {name: [float(np.mean([result[part][name][-1] for result in results]))] for name in names}
        for part, names in results[0].items()
    }
    return callbacks.line(rounds, means)


def _write(job: Job, labels: np.ndarray, predictions: list[np.ndarray], classes: measures.Classes | None) -> None:
    """Writes predictions.csv: true label, then mean prediction; for classes the mean probability, then the most common class."""
    columns = [labels]
    if classes is None:
        columns.append(np.mean(predictions, axis=0))
    else:
        columns.append(np.mean([each.max(axis=1) if each.ndim > 1 else each for each in predictions], axis=0))
        votes = np.stack([classes.predicted(each) for each in predictions], axis=1)
        counts = np.stack([(votes == number).sum(axis=1) for number in range(classes.count)], axis=1)
        columns.append(counts.argmax(axis=1))
    path = job.output_data_directory / PREDICTIONS_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.info("Storing predictions on validation set(s) in %s", path)
    np.savetxt(path, np.column_stack(columns), delimiter=",", fmt="%f")
