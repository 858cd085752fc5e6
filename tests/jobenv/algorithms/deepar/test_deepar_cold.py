"""Series with no or few values are forecast by their categories, the calendar and features, where that is better."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from seriesofrows import HORIZON, NAME, VALUES, lines, record

from sagewright.algorithms.deepar.beside import cold
from sagewright.algorithms.deepar.beside.cold import Cold, Columns
from sagewright.algorithms.deepar.beside.linear import About
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.forecasts import LEVELS
from sagewright.algorithms.deepar.model import SYMBOL, Model

MONDAY, MIDDLE = datetime(2024, 1, 1), LEVELS.index(0.5)
LEVEL = np.array([10.0, 20.0, 30.0, 40.0])


def week(cat: int, days: np.ndarray) -> np.ndarray:
    return np.asarray(LEVEL[cat] + (1 + cat) * np.sin(2 * np.pi * (days + 2 * cat) / 7))


def drawn(count: int = 32, length: int = 84) -> list[dict[str, Any]]:
    """Series of four categories with weeks of their own, and a promotion."""
    random, records = np.random.default_rng(0), []
    for number in range(count):
        promotion = (random.random(length) < 0.2).astype(float)
        values = week(number % 4, np.arange(length)) + 10 * promotion + random.normal(0, 1, length)
        records.append(record(values, cat=[number % 4], dynamic_feat=[promotion.tolist()]))
    return records


def asked(layout: Layout, known: int) -> tuple[Panel, np.ndarray]:
    """A series of each category with `known` values and a promotion every third day, and the values that come (4, horizon)."""
    random, days = np.random.default_rng(1), np.arange(known + HORIZON)
    promotion = (days % 3 == 0).astype(np.float32)
    truth = np.stack([week(cat, days) + 10 * promotion for cat in range(4)])
    noisy = (truth + random.normal(0, 1, truth.shape)).astype(np.float32)
    rows = [Series(MONDAY, noisy[cat, :known], (cat,), promotion[None]) for cat in range(4)]
    return Panel(rows, layout), truth[:, known:]


def test_new_series_are_forecast_by_what_is_known_of_them(job: Any, run: Any) -> None:
    job.configure({**VALUES, "epochs": "6"}, {"train": "application/jsonlines"})
    job.put("train", "train.json", lines(drawn()))
    assert run(job, NAME) == 0, job.output
    until = json.loads((job.root / "model" / SYMBOL).read_text())["cold"]["until"]
    assert until in (7, 14)
    assert f"Series of fewer than {until} steps are forecast by a regression" in job.output
    model = Model.read(job.root / "model")
    assert model.cold is not None
    for known in (0, 1, 5):
        panel, truth = asked(model.layout, known)
        (part,) = model.forecaster.forecast(panel, np.arange(4), panel.lengths, 200, np.random.default_rng(0))
        low, middle, high = part.quantiles([0.1, 0.5, 0.9])
        assert np.abs(middle - truth).mean() < 0.6, known
        assert (np.abs(high - low - 2.6) < 1).mean() > 0.9, known
    panel, _ = asked(model.layout, 30)
    assert not model.cold.covers(panel, np.arange(4), panel.lengths).any()


LAYOUT = Layout(Frequency.parse("D"), 7, 7, (), (4,), 1)
ABOUT = About(Scaling("steps", 7, (0.0, 1.0)), Normal((3.0, 0.0, 0.0), (1.0, 1.0, 1.0)), 1.0)


def panel_of(records: list[dict[str, Any]], layout: Layout = LAYOUT) -> Panel:
    return Panel(
        [
            Series(
                MONDAY,
                np.array(each["target"], np.float32),
                tuple(each["cat"]),
                np.array(each["dynamic_feat"], np.float32),
            )
            for each in records
        ],
        layout,
    )


def test_few_values_move_a_forecast_as_far_as_series_differ() -> None:
    """The same values move it the more, the more series differ, in levels that no feature tells."""
    found = {}
    for apart in (0.0, 6.0):
        records, random = drawn(), np.random.default_rng(2)
        for each in records:
            each["target"] = (np.array(each["target"]) + apart * random.normal()).tolist()
        own = cold.fit(panel_of(records), ABOUT, list, [0])
        assert own is not None
        plain = panel_of([{**records[0], "target": [], "dynamic_feat": [[0.0] * HORIZON]}])
        above = panel_of([{**records[0], "target": (week(0, np.arange(3)) + 5).tolist(), "dynamic_feat": [[0.0] * 10]}])
        start, later = (own.quantiles(each, np.zeros(1, int), each.lengths, ABOUT)[0] for each in (plain, above))
        found[apart] = later[:, MIDDLE].mean() - LEVEL[0]
        narrower = np.ptp(later, axis=1).mean() / np.ptp(start, axis=1).mean()
        assert narrower < 0.5 if apart else narrower == pytest.approx(1, abs=0.1)
    assert found[0.0] < 1.5
    assert found[6.0] == pytest.approx(5, abs=1)


def test_a_gap_is_no_beginning() -> None:
    own = Cold(np.zeros(1), np.zeros(len(LEVELS)), 1.0, 7)
    values = np.array(
        [[1.0] * 30, [np.nan] * 27 + [1.0] * 3, [1.0] * 10 + [np.nan] * 17 + [1.0] * 3, [1.0] + [np.nan] * 29]
    )
    panel = Panel(
        [Series(MONDAY, row.astype(np.float32)) for row in values], replace(LAYOUT, cardinality=(), features=0)
    )
    assert own.covers(panel, np.arange(4), panel.lengths).tolist() == [False, True, False, True]
    assert replace(own, until=1).covers(panel, np.arange(4), panel.lengths).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("cardinality", "places", "crossed"),
    [((), (), True), ((4,), (0,), True), ((10**6, 3), (1,), True), ((400, 200), (1,), False), ((10**7,), (), False)],
)
def test_as_many_categories_as_there_is_room_for(
    cardinality: tuple[int, ...], places: tuple[int, ...], crossed: bool
) -> None:
    found = Columns.of(replace(LAYOUT, cardinality=cardinality))
    assert found.places == places
    assert not found.places or found.crossed == crossed
    assert found.width <= cold.MOST_INPUTS


def test_a_single_series_is_its_own_level() -> None:
    own = cold.fit(panel_of(drawn(1)), ABOUT, list, [0])
    assert own is not None
    panel = panel_of([{"target": [], "cat": [0], "dynamic_feat": [[0.0] * HORIZON]}])
    assert own.quantiles(panel, np.zeros(1, int), panel.lengths, ABOUT)[..., MIDDLE].mean() == pytest.approx(
        LEVEL[0], abs=1
    )


def test_requests_of_any_size_are_forecast_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    records = drawn(6)
    own, panel, rows = cold.fit(panel_of(records), ABOUT, list, [0]), panel_of(records), np.arange(6)
    assert own is not None
    whole = own.quantiles(panel, rows, panel.lengths - HORIZON, ABOUT)
    monkeypatch.setattr(cold, "TOGETHER", 5 * len(own.weights))
    assert own.quantiles(panel, rows, panel.lengths - HORIZON, ABOUT) == pytest.approx(whole)


def test_too_many_features_have_no_regression() -> None:
    layout = replace(LAYOUT, features=600)
    features = np.zeros((600, 20), np.float32)
    panel = Panel([Series(MONDAY, np.ones(20, np.float32), (0,), features)], layout)
    assert cold.fit(panel, ABOUT, list, [0]) is None


def test_a_day_of_the_week_is_the_one_of_the_date() -> None:
    own = cold.fit(panel_of(drawn()), ABOUT, list, [0])
    assert own is not None
    for days in range(3):
        start = MONDAY + timedelta(days=days)
        panel = Panel([Series(start, np.zeros(0, np.float32), (3,), np.zeros((1, 7), np.float32))], LAYOUT)
        said = own.quantiles(panel, np.zeros(1, int), panel.lengths, ABOUT)[0, :, MIDDLE]
        assert np.abs(said - week(3, days + np.arange(7))).max() < 1
