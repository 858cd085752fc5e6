"""PCA training: one pass sums products of columns, then their eigenvectors are computed. Few rows of many columns are decomposed
themselves."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.pca import components
from sagewright.algorithms.pca.declaration import DECLARATION
from sagewright.algorithms.pca.model import Projection
from sagewright.algorithms.pca.moments import Moments, Spread

LEAST_EXTRA = 10
SQUARES = 24
"""Bytes for each pair of features: sums, their increments, and the working memory of eigenvectors."""
WIDER = 2
"""Columns per row, at least, of rows that are decomposed themselves."""
NUMBERS = 32
"""Bytes for each number of them: in double precision, with both factors."""
MOST_EXACT = 1000
"""Columns up to which mode randomized is as the other if their deviations differ much."""
LOOKED_AT = 2000
"""Rows that show whether the data lies far from the origin, and where it varies."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "AWS/PCA", job, values) as run, threads.shared():
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
    blocks = threads.ahead(rows.blocks())
    few, begun = _few(run, blocks)
    if few is None:
        moments, seen = _read(run, itertools.chain(begun, blocks))
    else:
        seen = len(few)
    run.lines.progress(1, 1)
    run.lines.throughput(seen, time.monotonic() - began)
    run.lines.metrics({"epochs": 1, "num.records": seen}, epoch=0)
    began = time.monotonic()
    mean, squares, vectors = _of_rows(run, few) if few is not None else _of_moments(run, moments)
    run.lines.metrics({"finalize.time": 1000 * (time.monotonic() - began)})
    parts = (each.astype(np.float32) for each in (mean, vectors, np.sqrt(squares)))
    model: Projection = run.group.from_first(Projection(*parts))
    return model


Found = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The point (d,) that is subtracted, the eigenvalues (k,) and their vectors (d, k)."""


def _few(run: Session, blocks: Iterator[Table]) -> tuple[np.ndarray | None, list[Table]]:
    """Returns all rows (n, d) if they are so few that their covariance would be much larger, None otherwise; and the tables that
    were taken from `blocks`."""
    begun: list[Table] = []
    count, columns = 0, run.values["feature_dim"]
    if run.group.size > 1 or run.values["algorithm_mode"] != "regular":
        return None, begun
    for block in blocks:
        begun.append(block)
        count += block.rows
        if WIDER * count > columns:
            return None, begun
    return (np.concatenate([each.features for each in begun]) if count >= run.values["num_components"] else None), begun


def _of_rows(run: Session, rows: np.ndarray) -> Found:
    memory.require(NUMBERS * rows.size, f"{len(rows)} rows of feature_dim {rows.shape[1]}", "Fewer take less.")
    mean = rows.mean(axis=0, dtype=np.float64) if run.values["subtract_mean"] else np.zeros(rows.shape[1])
    return mean, *components.of_rows(rows - mean, run.values["num_components"])


def _of_moments(run: Session, moments: Moments) -> Found:
    count = run.values["num_components"]
    mean, products = moments.centred() if run.values["subtract_mean"] else (None, moments.plain())
    if moments.test is None:
        squares, vectors = components.exact(products, count)
    else:
        squares, vectors = components.sketched(products, moments.test, count)
    return np.zeros(run.values["feature_dim"]) if mean is None else mean, squares, vectors


def _read(run: Session, blocks: Iterator[Table]) -> tuple[Moments, int]:
    """Returns the moments of all hosts' rows, and the number of rows that this host has read. Raises UserError if they don't fit in
    memory."""
    if run.values["algorithm_mode"] == "regular":
        memory.require(
            SQUARES * run.values["feature_dim"] ** 2,
            f"The covariance of feature_dim {run.values['feature_dim']}",
            "algorithm_mode randomized takes less.",
        )
    first = next(blocks)
    sample = np.asarray(first.features)[:LOOKED_AT]
    spread = Spread.of(sample)
    moments = Moments(
        run.values["feature_dim"],
        *run.group.from_first((spread.shift, _test_matrix(run, sample, spread), spread.weights)),
    )
    for block in itertools.chain([first], blocks):
        moments.add(block.features)
    seen = moments.count
    moments.count = int(run.group.total(np.array([seen]))[0])
    moments.sums, moments.products = run.group.total(moments.sums), run.group.total(moments.products)
    return moments, seen


def _test_matrix(run: Session, sample: np.ndarray, spread: Spread) -> np.ndarray | None:
    """Returns the test matrix of mode randomized: None where it would not make the products smaller, and where columns are few,
    but they or rows differ so much that components of small ones could be missed.
    """
    if run.values["algorithm_mode"] == "regular":
        return None
    count, extra, columns = (run.values[name] for name in ("num_components", "extra_components", "feature_dim"))
    width = count + (max(LEAST_EXTRA, count) if extra == -1 else extra)
    logging.info("extra_components is %d", width - count)
    if width >= columns:
        return None
    if spread.graded and columns <= MOST_EXACT:
        logging.info("Columns or rows differ so much that all products of the %d columns are summed.", columns)
        return None
    wide = sample.astype(np.float64) if spread.graded else sample
    centred = wide - wide.mean(axis=0) if run.values["subtract_mean"] else wide
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
