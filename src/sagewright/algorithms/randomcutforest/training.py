"""Random cut forest training: samples all rows once, grows the trees, tests."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.rows.reservoir import Reservoir
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.job import Job
from sagewright.algorithms.randomcutforest import forest, sampling, units
from sagewright.algorithms.randomcutforest.declaration import DECLARATION
from sagewright.algorithms.randomcutforest.forest import Forest
from sagewright.algorithms.randomcutforest.model import ForestModel
from sagewright.algorithms.randomcutforest.scoring import Scoring

DISTRIBUTIONS = {"train": "ShardedByS3Key", "test": "FullyReplicated"}
COPIES = 8
"""Maximum number of copies of the sample: the rows, those of the trees and in their order, and both ends of the boxes of twice as
many nodes.
"""
SIGMAS = 3.0
"""A test row counts as an anomaly if it is this many standard deviations above the mean score."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    for name, channel in job.channels.items():
        if channel.distribution != DISTRIBUTIONS[name]:
            text = f"Channel {name} must have S3DataDistributionType {DISTRIBUTIONS[name]}, not {channel.distribution}."
            raise UserError(text)
    with session(DECLARATION, "RandomCutForest", job, values) as run, threads.shared():
        sample = 4 * values["num_trees"] * values["num_samples_per_tree"] * values["feature_dim"]
        memory.require(
            COPIES * sample, "A forest of num_trees x num_samples_per_tree x feature_dim", "Smaller ones take less."
        )
        rows = run.rows("train", ExpectedColumns(values["feature_dim"]))
        assert rows is not None
        grown = fit(run, rows)
        run.save(ForestModel(grown).encode())
        _evaluate(run, grown)


def fit(run: Session, rows: Rows) -> Forest:
    """Returns a forest from one pass over all hosts' rows, the same at every host."""
    values, random = run.values, np.random.default_rng([run.seed, 1])
    sample = _sample(run, rows)
    dealt = sampling.deal(len(sample), values["num_trees"], values["num_samples_per_tree"], random)
    unit = units.find(sample)
    if unit is None:
        return forest.grow(sample, dealt, random)
    logging.info("Columns are divided by their units, from %g to %g.", unit.min(), unit.max())
    return replace(forest.grow(sample / unit, dealt, random), units=unit)


def _sample(run: Session, rows: Rows) -> np.ndarray:
    """Returns the same uniform sample of all hosts' rows at every host."""
    values, began = run.values, time.monotonic()
    size = values["num_trees"] * values["num_samples_per_tree"]
    random = np.random.default_rng([run.seed, 0, run.group.rank])
    own = Reservoir(size, random)
    for batch in threads.ahead(rows.blocks()):
        own.add(np.asarray(batch.features))
    run.lines.throughput(own.seen, time.monotonic() - began)
    return np.concatenate([part for (part,) in run.group.gather(own.sample(run.group))])


def _evaluate(run: Session, grown: Forest) -> None:
    rows = run.rows("test", ExpectedColumns(run.values["feature_dim"], labels=True, classes=2))
    if rows is None:
        return
    scores, labels = [], []
    scoring = Scoring(grown)
    for block in threads.ahead(rows.blocks()):
        scores.append(scoring(np.asarray(block.features)))
        labels.append(np.asarray(block.labels))
    found = _measures(np.concatenate(scores), np.concatenate(labels))
    chosen = run.values["eval_metrics"]
    names = ["accuracy"] if "accuracy" in chosen else []
    names += ["precision", "recall", "f1"] if "precision_recall_fscore" in chosen else []
    run.lines.quality("test", {name: found[name] for name in names}, "score")
    run.lines.test_score({name: found[name] for name in names})


def _measures(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    cutoff = scores.mean() + SIGMAS * scores.std()
    said = scores > cutoff
    logging.info("Test rows with a score above %g are reported as anomalies: %d of %d.", cutoff, said.sum(), len(said))
    hits = float(np.sum(said & (labels == 1)))
    precision, recall = hits / max(said.sum(), 1), hits / max(np.sum(labels == 1), 1)
    return {
        "accuracy": float(np.mean(said == (labels == 1))),
        "precision": float(precision),
        "recall": float(recall),
        "f1": 2 * precision * recall / (precision + recall) if hits else 0.0,
    }
