"""Shifts of levels are found, not noise, trends or peaks; what precedes them is moved, and no value ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from seriesofrows import NAME, configured

from sagewright.algorithms.deepar.data import shifts
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.model import Model

DAYS = np.arange(120)
WEEK = 4 * np.sin(2 * np.pi * DAYS / 7)
LAYOUT = Layout(Frequency.parse("D"), 14, 7, (6, 7, 14), levelled=True)


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def shifted(place: int, size: float) -> np.ndarray:
    return np.asarray(WEEK + random().normal(0, 0.5, 120) + size * (place <= DAYS))


def panel(values: np.ndarray, layout: Layout = LAYOUT) -> Panel:
    return Panel([Series(datetime(2024, 1, 1), values.astype(np.float32))], layout)


@pytest.mark.parametrize("size", [20.0, -8.0])
@pytest.mark.parametrize("place", [40, 100, 116])
def test_a_level_that_shifts_is_found(place: int, size: float) -> None:
    found = shifts.find(shifted(place, size), 7)
    assert found is not None
    assert np.flatnonzero(np.diff(found)).tolist() == [place - 1]
    assert found[-1] == pytest.approx(size, abs=1.5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: WEEK + random().normal(0, 0.5, 120),
        lambda: 0.5 * DAYS + WEEK + random().normal(size=120),
        lambda: WEEK + 25 * (random().random(120) < 0.2),
        lambda: np.where(DAYS == 60, 500, WEEK + random().normal(size=120)),
        lambda: np.full(120, 3.0),
        lambda: np.full(120, np.nan),
        lambda: shifted(117, 20.0),
        lambda: shifted(5, 20.0)[:8],
    ],
    ids=["noise", "trend", "peaks", "outlier", "same", "missing", "too late", "short"],
)
def test_nothing_else_is_a_shift(make: Callable[[], np.ndarray]) -> None:
    assert shifts.find(make(), 7) is None


def test_missing_values_hide_no_shift() -> None:
    values = shifted(60, 20.0)
    values[[20, 21, 80]] = np.nan
    found = shifts.find(values, 7)
    assert found is not None
    assert found[-1] == pytest.approx(20, abs=1.5)


HOURS = np.arange(24 * 28)


def hourly(size: float) -> np.ndarray:
    """Four weeks, each of which begins with a step of this size and returns slowly."""
    day = 3 * np.sin(2 * np.pi * HOURS / 24)
    week = size * np.array([12, 9, 7, 5, 3, 1, 0]) / 12
    return np.asarray(10 + day + week[HOURS // 24 % 7] + random().normal(0, 0.3, len(HOURS)))


def test_what_comes_again_every_week_is_no_shift() -> None:
    frequency = Frequency.parse("H")
    assert frequency.longer_season == 168
    assert shifts.find(hourly(12.0), 24) is not None
    assert shifts.find(hourly(12.0), 24, 168) is None
    own = Panel([Series(datetime(2024, 1, 1), hourly(12.0).astype(np.float32))], replace(LAYOUT, frequency=frequency))
    assert own.flat() is own


@pytest.mark.parametrize("place", [200, 430, 660])
def test_a_shift_among_hours_and_weekdays_is_found(place: int) -> None:
    found = shifts.find(hourly(2.0) + 20 * (place <= HOURS), 24, 168)
    assert found is not None
    assert np.flatnonzero(np.diff(found)).tolist() == [place - 1]
    assert found[-1] == pytest.approx(20, abs=2)


@pytest.mark.parametrize("text", ["D", "M", "W"])
def test_a_year_is_not_asked_for(text: str) -> None:
    assert Frequency.parse(text).longer_season is None


def test_what_precedes_a_shift_is_moved_once_it_is_known() -> None:
    own, rows = panel(shifted(60, 20.0)), np.zeros(2, np.int64)
    cuts = np.array([60 + shifts.AFTER - 1, 60 + shifts.AFTER])
    before, after = own.before(rows, cuts)
    assert before == pytest.approx(own.values(rows, cuts[:1, None] + np.arange(-14, 0))[0])
    assert np.ptp(before) > 15
    assert np.ptp(after) < 11
    assert after[-1] == own.values(rows[:1], cuts[1:, None] - 1)[0, 0]


def test_values_ahead_are_as_they_are() -> None:
    own, rows, cuts = panel(shifted(60, 20.0)), np.zeros(1, np.int64), np.array([57])
    windows = own.windows(rows, cuts)
    assert windows.values[0] == pytest.approx(own.values(rows, np.arange(43, 64)[None])[0])
    assert own.future(rows, cuts)[0, 3] - own.future(rows, cuts)[0, 2] > 15


def test_a_flat_panel_has_no_shift() -> None:
    values = np.concatenate([shifted(60, 20.0)[:, None], shifted(90, -9.0)[:, None], WEEK[:, None]], axis=1).T
    own = Panel([Series(datetime(2024, 1, 1), row.astype(np.float32)) for row in values], LAYOUT)
    flat, rows = own.flat(), np.arange(3)
    said = flat.values(rows, np.tile(DAYS, (3, 1)))
    assert said[:, -1] == pytest.approx(values[:, -1].astype(np.float32))
    for each, size in zip(said, (20, -9, 0), strict=True):
        assert each[:60].mean() - each[90:].mean() == pytest.approx(0, abs=1.5), size
    assert flat.flat() is flat


def test_panels_move_nothing_unless_the_layout_asks() -> None:
    own = panel(shifted(60, 20.0), replace(LAYOUT, levelled=False))
    assert own.flat() is own
    assert np.ptp(own.before(np.zeros(1, np.int64), np.array([70]))) > 15


def test_a_job_forecasts_from_the_level_after_a_shift(job: Any, run: Any) -> None:
    rows = np.array([shifted(100 - number % 5, 40.0) + number for number in range(12)])
    assert run(configured(job, rows, epochs="5"), NAME) == 0, job.output
    model = Model.read(job.model)
    assert model.layout.levelled
    ahead = Panel([Series(datetime(2024, 1, 1), row.astype(np.float32)) for row in rows], model.layout)
    (part,) = model.forecaster.forecast(ahead, np.arange(12), ahead.lengths, 50, np.random.default_rng(0))
    level = part.quantiles([0.5])[0].mean(axis=1) - np.arange(12)
    assert np.abs(level - 40).max() < 6
