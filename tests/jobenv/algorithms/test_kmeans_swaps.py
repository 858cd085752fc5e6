"""Swaps of centres after the trials of k-means: what they lead out of, and what they leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.kmeans import lloyd, swaps
from sagewright.algorithms.kmeans.swaps import Swaps, improve

SETTINGS = lloyd.Settings()


def clouds(count: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of tight clouds on a line, 10 apart, and the clouds' places (count, 2)."""
    random = np.random.default_rng(seed)
    places = np.column_stack([10 * np.arange(count), np.zeros(count)]).astype(np.float32)
    return places.repeat(rows, axis=0) + random.normal(0, 0.5, (count * rows, 2)).astype(np.float32), places


def stuck(points: np.ndarray, weights: np.ndarray, places: np.ndarray) -> lloyd.Fit:
    """Lloyd's algorithm from two centres in the first cloud and one between the last two, which it can't leave."""
    begun = np.concatenate([places[:-2], (places[-2:].mean(axis=0))[None], points[:1]])
    return lloyd.refine(points, weights, begun.astype(np.float32), SETTINGS)


@pytest.mark.parametrize("shift", [0, 3e3])
@pytest.mark.parametrize("weight", [1, 7.5])
def test_a_swap_leads_out_of_a_local_optimum(shift: float, weight: float) -> None:
    points, places = clouds(5, 40)
    points, places = points + np.float32(shift), places + np.float32(shift)
    weights = np.full(len(points), weight, np.float32)
    before = stuck(points, weights, places)
    found = improve(points, weights, before, SETTINGS, np.random.default_rng(0))
    assert before.cost > 5
    assert found.cost < 0.6
    assert_allclose(found.centres[found.centres[:, 0].argsort()], places, atol=0.4)


def test_a_single_row_gets_no_centre_at_the_cost_of_others() -> None:
    points, places = clouds(4, 60)
    points = np.concatenate([points, np.array([[15, 60]], np.float32)])
    weights = np.ones(len(points), np.float32)
    before = lloyd.refine(points, weights, places, SETTINGS)
    alone = lloyd.refine(points, weights, np.array([[0, 0], [15, 0], [30, 0], [15, 60]], np.float32), SETTINGS)
    pair = np.concatenate([points, points[-1:] + 1])
    found = [
        improve(rows, np.ones(len(rows), np.float32), before, SETTINGS, np.random.default_rng(0)) for rows in (points, pair)
    ]  # fmt: skip
    assert alone.cost < 0.9 * before.cost  # what a swap for the cost alone would do
    assert (found[0].centres == before.centres).all()
    assert found[1].centres[:, 1].max() == pytest.approx(60.5)


@pytest.mark.parametrize("count", [1, 6])
def test_one_centre_and_as_many_as_points_stay(count: int) -> None:
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    given = lloyd.Fit(points[:count], 1.0)
    assert improve(points, np.ones(6, np.float32), given, SETTINGS, np.random.default_rng(0)) is given


def test_many_centres_take_no_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    points, places = clouds(5, 40)
    weights = np.ones(len(points), np.float32)
    given = stuck(points, weights, places)
    monkeypatch.setattr(swaps, "MOST_CELLS", 5 * 200 - 1)
    assert improve(points, weights, given, SETTINGS, np.random.default_rng(0)) is given


def test_copies_of_few_points_stay() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    given = lloyd.Fit(np.eye(3, dtype=np.float32), 0.0)
    assert improve(points, np.ones(15, np.float32), given, SETTINGS, np.random.default_rng(0)) is given


def test_a_row_costs_its_distance_to_the_mean_of_the_others_or_to_the_next_centre() -> None:
    points = np.array([[0], [3], [10], [11], [40]], np.float32)
    costs = Swaps(points, np.ones(5, np.float32)).costs(np.array([[1.5], [10.5], [40]], np.float32))
    assert costs.chosen.tolist() == [0, 0, 1, 1, 2]
    assert_allclose(costs.each, [9, 9, 1, 1, 0], atol=1e-3)  # 3 - 0, 11 - 10; a row alone costs nothing
    assert_allclose(costs.second, [10.5**2, 7.5**2, 8.5**2, 9.5**2, 29.5**2], rtol=1e-4)
    near = Swaps(points, np.ones(5, np.float32)).costs(np.array([[1.5], [4.4], [40]], np.float32))
    assert near.each[1] == pytest.approx(1.5**2, abs=1e-3)  # left out of its centre, it costs 1.4 * 3 / 2, squared
    assert costs.total == pytest.approx(20, abs=0.01)


def test_only_auto_trials_swap(make_job: Any, run: Any) -> None:
    rows = np.random.default_rng(1).normal(size=(1200, 4)).astype(np.float32)
    said = {}
    for trials in ("auto", "6"):
        job = make_job(trials).configure(
            {"feature_dim": "4", "k": "30", "mini_batch_size": "500", "local_lloyd_num_trials": trials},
            {"train": "application/x-recordio-protobuf"},
        )
        job.put("train", "a", protobuf.dump(Table(rows)))
        assert run(job, "kmeans") == 0, job.output
        said[trials] = "swaps of centers" in job.output
    assert said == {"auto": True, "6": False}


def test_swaps_lower_the_inertia_of_single_starts_by_percents() -> None:
    """20 draws of 300 points in 12 clouds: no fit gets worse, and the sum falls."""
    before, after = [], []
    for seed in range(20):
        random = np.random.default_rng(seed)
        points = (random.normal(0, 4, (12, 3))[random.integers(12, size=300)] + random.normal(size=(300, 3))).astype(np.float32)  # fmt: skip  # noqa: E501
        weights = random.integers(1, 20, 300).astype(np.float32)
        (fit,) = lloyd.fit(points, weights, 12, lloyd.Settings("random", trials=1), random)
        before.append(fit.cost)
        after.append(improve(points, weights, fit, SETTINGS, random).cost)
    assert all(one <= other for one, other in zip(after, before, strict=True))
    assert sum(after) < 0.92 * sum(before)
