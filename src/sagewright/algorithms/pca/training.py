"""PCA training: one pass sums products of columns, then their eigenvectors are computed."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.job import Job
from sagewright.algorithms.pca import components
from sagewright.algorithms.pca.declaration import DECLARATION
from sagewright.algorithms.pca.model import Projection
from sagewright.algorithms.pca.moments import Moments, shift_for

LEAST_EXTRA = 10
SQUARES = 24
"""Bytes for each pair of features: sums, their increments, and the working memory of eigenvectors."""
LOOKED_AT = 2000
"""Rows that show whether the data lies far from the origin, and where it varies."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "AWS/PCA", job, values) as run, threads.shared():
        if values["algorithm_mode"] == "regular":
            memory.require(
                SQUARES * values["feature_dim"] ** 2,
                f"The covariance of feature_dim {values['feature_dim']}",
                "algorithm_mode randomized takes less.",
            )
        expected = ExpectedColumns(columns=values["feature_dim"])
        rows = run.rows("train", expected)
        assert rows is not None
        model = fit(run, rows)
        run.save(model.encode())
        tested = run.rows("test", expected)
        if tested is not None:
            _evaluate(run, model, tested)


def fit(run: Session, rows: Rows) -> Projection:
    """Returns the model of all hosts' rows, the same at every host."""
    began = time.monotonic()
    moments, seen = _read(run, rows)
    run.lines.progress(1, 1)
    run.lines.throughput(seen, time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": seen}, epoch=0)
    began = time.monotonic()
    count = run.values["num_components"]
    mean, products = moments.centred() if run.values["subtract_mean"] else (None, moments.plain())
    if moments.test is None:
        squares, vectors = components.exact(products, count)
    else:
        squares, vectors = components.sketched(products, moments.test, count)
    run.lines.metrics({"finalize.time": 1000 * (time.monotonic() - began)})
    centre = np.zeros(run.values["feature_dim"]) if mean is None else mean
    parts = (each.astype(np.float32) for each in (centre, vectors, np.sqrt(squares)))
    model: Projection = run.group.from_first(Projection(*parts))
    return model


def _read(run: Session, rows: Rows) -> tuple[Moments, int]:
    """Returns the moments of all hosts' rows, and the number of rows that this host has read."""
    blocks = threads.ahead(rows.blocks())
    first = next(blocks)
    sample = np.asarray(first.features)[:LOOKED_AT]
    shift, test = run.group.from_first((shift_for(sample), _test_matrix(run, sample)))
    moments = Moments(run.values["feature_dim"], shift, test)
    for block in itertools.chain([first], blocks):
        moments.add(block.features)
    seen = moments.count
    moments.count = int(run.group.total(np.array([seen]))[0])
    moments.sums, moments.products = run.group.total(moments.sums), run.group.total(moments.products)
    return moments, seen


def _test_matrix(run: Session, sample: np.ndarray) -> np.ndarray | None:
    """Returns the test matrix of mode randomized: None where it would not make the products smaller."""
    if run.values["algorithm_mode"] == "regular":
        return None
    count, extra, columns = (run.values[name] for name in ("num_components", "extra_components", "feature_dim"))
    width = count + (max(LEAST_EXTRA, count) if extra == -1 else extra)
    logging.info("extra_components is %d", width - count)
    if width >= columns:
        return None
    centred = sample - sample.mean(axis=0) if run.values["subtract_mean"] else sample
    return components.directions(centred, width, np.random.default_rng(run.seed))


def _evaluate(run: Session, model: Projection, rows: Rows) -> None:
    """Logs the mean squared error of rows that are rebuilt from their projections."""
    total, count = 0.0, 0
    for block in rows.blocks():
        moved = block.features - model.mean
        left = np.einsum("ij,ij->", moved, moved, dtype=np.float64)
        kept = np.square(model.project(block.features), dtype=np.float64).sum()
        total, count = total + max(0.0, float(left - kept)), count + block.rows
    run.lines.test_score({"reconstruction_error": total / count})
