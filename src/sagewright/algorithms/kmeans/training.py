"""K-means training: mini-batches over K = k x extra_center_factor centres, then Lloyd's algorithm from K to k."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import directions, threads
from sagewright.algorithms.firstparty.directions import Directions
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.job import Job
from sagewright.algorithms.kmeans import distances, lloyd, swaps
from sagewright.algorithms.kmeans.coreset import Coreset, Points
from sagewright.algorithms.kmeans.declaration import DECLARATION
from sagewright.algorithms.kmeans.model import Centres

AUTO_FACTORS, AUTO_CENTRES, AUTO_TRIALS = (4, 10), 400, (10, 6)
"""The values of `auto`: a factor of 10, lowered to as little as 4 where it would make more centres than the limit; and 10 trials,
or 6 where all rows are kept for the final clustering.
"""
SAMPLE_ROWS, ROWS_A_CENTRE, SAMPLE_BYTES = 20_000, 200, 1 << 26
PART, LEAST_SHARE = 8, 0.85
"""Nearest centres are searched along an eighth of the directions if these hold at least this share of the rows' variance."""
FAR = 100.0
"""A column is far from 0 if its mean is more than so many deviations."""
LEAST_ROWS_A_CENTRE = 50
"""With fewer sample rows per centre, Lloyd's algorithm would fit these rows rather than the data."""


class MiniBatch:
    """Centres that move to the mean of the rows assigned to them.

    Sculley's rule: each centre has a count of rows, and a batch of n rows moves it by n / (count + n) of the way to their mean.
    With a half-life, the counts halve each time that many rows have been processed.
    """

    def __init__(self, centres: np.ndarray, half_life: int = 0) -> None:
        self.centres, self.half_life = centres.astype(np.float64), half_life
        self.counts = np.zeros(len(centres))

    def update(self, sums: np.ndarray, counts: np.ndarray) -> None:
        """Applies the `sums` (K, d) and `counts` (K,) of one batch's rows."""
        if self.half_life:
            self.counts *= 0.5 ** (counts.sum() / self.half_life)
        self.counts += counts
        used = counts > 0
        step = (counts[used] / self.counts[used])[:, None]
        self.centres[used] += step * (sums[used] / counts[used, None] - self.centres[used])


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    with session(DECLARATION, "AWS/KMeansWebscale", job, values) as run, threads.shared():
        expected = ExpectedColumns(columns=values["feature_dim"])
        rows = run.rows("train", expected)
        assert rows is not None
        model = fit(run, rows)
        run.save(model.encode())
        tested = run.rows("test", expected)
        if tested is not None:
            _evaluate(run, model, tested)


def fit(run: Session, rows: Rows) -> Centres:
    """Returns the model of all hosts' rows, the same at every host."""
    values = run.values
    size = _sample_size(values)
    state, few, shift = None, None, None
    for epoch in range(values["epochs"]):
        began, seen, cost = time.monotonic(), 0, 0.0
        kept = Coreset(size, np.random.default_rng([run.seed, 2, run.group.rank]), run.group.rank)
        batches = threads.ahead(rows.batches(values["mini_batch_size"]))
        while (batch := _next(run, batches)) is not None:
            if state is None:
                everything = _joined(run.group.gather(batch))
                shift = _shift(everything)
                everything = _moved(everything, shift)
                few = _directions(run, everything)
                first = _first_centres(run, everything, values["k"] * _factor(values))
                state = MiniBatch(first, values["half_life_time_size"])
            batch = _moved(batch, shift)
            sums, counts, squared = _assigned(batch, state.centres, few)
            kept.add(batch, squared)
            state.update(run.group.total(sums), run.group.total(counts))
            seen, cost = seen + len(batch), cost + float(squared.sum(dtype=np.float64))
        cost, everywhere = run.group.total(np.array([cost, seen]))
        run.lines.quality("train", {"msd": cost / everywhere}, "loss", epoch=epoch)
        run.lines.progress(epoch + 1, values["epochs"])
        run.lines.throughput(seen, time.monotonic() - began)
        run.lines.metrics({"epochs": 1, "num.records": seen}, epoch=epoch)
    assert state is not None
    points = kept.points(run.group)
    model: Centres = run.group.from_first(None if points is None else Centres(_finish(run, state, points, few)))
    return model if shift is None else Centres((model.points + shift.astype(np.float64)).astype(np.float32))


def _shift(first: np.ndarray) -> np.ndarray | None:
    """Returns the means (d,) float32 of columns that are far from 0, 0 for the others; None if there are no such columns. In single
    precision, sums of far numbers lose what tells rows apart.
    """
    means, deviations = first.mean(axis=0, dtype=np.float64), first.std(axis=0, dtype=np.float64)
    far = np.abs(means) > FAR * deviations
    return np.where(far, means, 0).astype(np.float32) if far.any() else None


def _moved(rows: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
    return rows if shift is None else rows - shift


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _factor(values: Mapping[str, Any]) -> int:
    factor = values["extra_center_factor"]
    if factor != "auto":
        return int(factor)
    least, most = AUTO_FACTORS
    found: int = max(least, min(most, AUTO_CENTRES // values["k"]))
    logging.info("'extra_center_factor' was set to 'auto', evaluated to %d.", found)
    return found


def _sample_size(values: Mapping[str, Any]) -> int:
    """Returns how many rows are kept for the final clustering."""
    expected = max(SAMPLE_ROWS, ROWS_A_CENTRE * values["k"])
    size: int = max(1, min(expected, SAMPLE_BYTES // (4 * values["feature_dim"])))
    return size


def _next(run: Session, batches: Any) -> np.ndarray | None:
    """Returns the next batch's rows: empty while only other hosts have batches left, and None once no host has."""
    table = next(batches, None)
    rows = np.empty((0, run.values["feature_dim"]), np.float32) if table is None else table.features
    return rows if run.group.total(np.array([len(rows)]))[0] else None


def _directions(run: Session, first: np.ndarray) -> Directions | None:
    """Returns the directions that hold most of the variance of the first batches of all hosts, or None if these are not few."""
    width = first.shape[1]
    found: Directions | None = run.group.from_first(directions.leading(first, width // PART, LEAST_SHARE))
    if found is not None:
        logging.info("Nearest centers are searched along %d directions.", width // PART)
    return found


def _first_centres(run: Session, everything: np.ndarray, count: int) -> np.ndarray:
    """Chooses the first centres from the first batches of all hosts."""
    if len(everything) < run.values["k"]:
        raise UserError(f"k is {run.values['k']}, and the first mini-batch has {len(everything)} rows")
    count = min(count, len(everything))
    weights = np.ones(len(everything), np.float32)
    random = np.random.default_rng(run.seed)
    return lloyd.initial(everything, count, run.values["init_method"], random, weights)


def _assigned(
    batch: np.ndarray, centres: np.ndarray, few: Directions | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen, squared = distances.nearest(batch, centres.astype(np.float32), few)
    counts = np.bincount(chosen, minlength=len(centres)).astype(np.float64)
    return distances.sums(batch, chosen, len(centres)), counts, squared


def _settings(values: Mapping[str, Any], whole: bool) -> lloyd.Settings:
    trials, auto = values["local_lloyd_num_trials"], AUTO_TRIALS[int(whole)]
    return lloyd.Settings(
        init_method=values["local_lloyd_init_method"],
        iterations=values["local_lloyd_max_iter"],
        trials=auto if trials == "auto" else trials,
        tolerance=values["local_lloyd_tol"],
    )


def _finish(run: Session, state: MiniBatch, points: Points, few: Directions | None) -> np.ndarray:
    """Returns the k centres, (k, d) float32, and logs their mean square distance from the kept rows: from all, if all were kept."""
    found = _clustered(run, state, points, few)
    logging.info("local kmeans on %d rows. Current mean square distance %f", len(points.rows), found.cost)
    run.lines.quality("train", {"msd": found.cost}, "loss")
    return found.centres.astype(np.float32)


def _clustered(run: Session, state: MiniBatch, points: Points, few: Directions | None) -> lloyd.Fit:
    """Runs Lloyd's algorithm on the kept rows; skips it if old rows are to be forgotten, or there are too few rows."""
    k, settings = run.values["k"], _settings(run.values, points.whole)
    used = state.counts > 0
    centres, counts = state.centres[used].astype(np.float32), state.counts[used].astype(np.float32)
    forgets = bool(run.values["half_life_time_size"])
    if not forgets:
        centres, counts = lloyd.oversampled(points.rows, points.weights, centres, k, run.seed)
    begun = _shrink(run, centres, counts, settings, few)
    if forgets or (not points.whole and len(points.rows) < LEAST_ROWS_A_CENTRE * k):
        _, squared = distances.nearest(points.rows, begun)
        return lloyd.Fit(begun, float(np.average(squared.astype(np.float64), weights=points.weights)))
    return lloyd.refine(points.rows, points.weights, begun, settings, few)


def _shrink(
    run: Session, points: np.ndarray, weights: np.ndarray, settings: lloyd.Settings, few: Directions | None
) -> np.ndarray:
    """Reduces the centres to k, (k, d) float32, by Lloyd's algorithm, weighting each by how many rows belong to it. With `auto`
    trials, swaps then improve the best of these.
    """
    k = run.values["k"]
    logging.info("shrinking %d centers into %d", len(points), k)
    fits = lloyd.fit(points, weights, k, settings, np.random.default_rng([run.seed, 1]), few)
    for number, fit in enumerate(fits):
        logging.info("local kmeans attempt #%d. Current mean square distance %f", number, fit.cost)
    best = min(fits, key=lambda each: each.cost)
    if run.values["local_lloyd_num_trials"] == "auto":
        swapped = swaps.improve(points, weights, best, settings, np.random.default_rng([run.seed, 4]))
        if swapped is not best:
            logging.info("swaps of centers. Current mean square distance %f", swapped.cost)
        best = swapped
    return best.centres.astype(np.float32)


def _evaluate(run: Session, model: Centres, rows: Rows) -> None:
    total, count = 0.0, 0
    for block in rows.blocks():
        _, squared = distances.nearest(block.features, model.points)
        total, count = total + float(squared.sum(dtype=np.float64)), count + block.rows
    known = {"msd": math.nan if not count else total / count, "ssd": total}
    chosen = {name: known[name] for name in run.values["eval_metrics"]}
    run.lines.quality("test", chosen, "loss")
    run.lines.test_score(chosen)
