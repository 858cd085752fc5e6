"""DeepAR's residual network and its experts: the filters against their equations, and whole trainings with both."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import product
from typing import Any

import numpy as np
import pytest
from seriesofrows import HORIZON, NAME, configured, metric, record, seasonal

from sagewright.algorithms.deepar.beside import experts
from sagewright.algorithms.deepar.beside.pooled import Experts, Pooled, measured
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.forecasts import LEVELS, Quantiles
from sagewright.algorithms.deepar.model import Model
from sagewright.algorithms.deepar.serving import serve

START = datetime(2024, 1, 1)
RANDOM = np.random.default_rng(0)


def theta_by_hand(row: np.ndarray, rate: float, line: float, horizon: int) -> tuple[float, list[float]]:
    """The squared errors, and what is said, by the equations of Fiorucci et al. one value after the other."""
    level = mean = slope = intercept = errors = 0.0
    said = []
    values = list(row)
    for number in range(1, len(row) + horizon + 1):
        decay = (1 - rate) ** (number - 1)
        ahead = level + (1 - 1 / line) * (decay * intercept + (1 - (1 - rate) ** number) / rate * slope)
        if number > len(row):
            said.append(ahead)
            values.append(ahead)
        value = values[number - 1]
        errors += (value - ahead) ** 2 if experts.BURN < number <= len(row) else 0
        level = value if number == 1 else rate * value + (1 - rate) * level
        if number > 1:
            slope = ((number - 2) * slope + 6 / number * (value - mean)) / (number + 1)
        mean += (value - mean) / number
        intercept = mean - (number + 1) / 2 * slope
    return errors, said


def test_theta_is_the_best_of_its_grid() -> None:
    row = 50 + np.cumsum(RANDOM.normal(0.3, 1, 40))
    found = [theta_by_hand(row, rate, line, 5) for rate in experts.THETA_RATES for line in experts.THETAS]
    expected = min(found, key=lambda each: each[0])[1]
    np.testing.assert_allclose(experts.theta(row[None], np.array([40]), 5)[0], expected, rtol=1e-8)


def ces_by_hand(row: np.ndarray, real: float, imaginary: float, horizon: int) -> tuple[float, list[float]]:
    """With the transition of Svetunkov et al. as a matrix."""
    move, gain = np.array([[1, imaginary - 1], [1, 1 - real]]), np.array([real - imaginary, real + imaginary])
    state, errors, said = np.array([row[0], row[0] / real]), 0.0, []
    for place, value in enumerate(row):
        error = value - state[0]
        errors += error**2 if place >= experts.BURN else 0
        state = move @ state + gain * error
    for _ in range(horizon):
        said.append(float(state[0]))
        state = move @ state
    return errors, said


def test_ces_is_the_best_of_its_grid() -> None:
    row = 50 + np.cumsum(RANDOM.normal(0.3, 1, 40))
    stable = [
        (real, imaginary) for real in experts.CES_REAL for imaginary in experts.CES_IMAGINARY
        if (real - 0.5) ** 2 + (imaginary - 1) ** 2 > 0.25 and (real - 1.5) ** 2 + (imaginary - 0.5) ** 2 < 1.5
        and (real - 2.5) ** 2 + imaginary**2 > 1.25
    ]  # fmt: skip
    expected = min((ces_by_hand(row, *each, 5) for each in stable), key=lambda each: each[0])[1]
    np.testing.assert_allclose(experts.ces(row[None], np.array([40]), 5)[0], expected, rtol=1e-8)


def damped_by_hand(
    row: np.ndarray, rate: float, pace: float, damping: float, horizon: int
) -> tuple[float, list[float]]:
    """By the error correction form of Gardner and McKenzie, one value after the other."""
    trend = (row[experts.FIRST_STEPS] - row[0]) / experts.FIRST_STEPS
    level, errors, said = row[0] - trend, 0.0, []
    for place, value in enumerate(row):
        error = value - level - damping * trend
        errors += error**2 if place >= experts.BURN else 0
        level, trend = level + damping * trend + rate * error, damping * trend + rate * pace * error
    for _ in range(horizon):
        level, trend = level + damping * trend, damping * trend
        said.append(level)
    return errors, said


def test_a_damped_trend_is_the_best_of_its_grid() -> None:
    row = 50 + np.cumsum(RANDOM.normal(0.3, 1, 40))
    grid = product(experts.LEVEL_RATES, experts.TREND_RATES, experts.DAMPING)
    expected = min((damped_by_hand(row, *each, 5) for each in grid), key=lambda each: each[0])[1]
    np.testing.assert_allclose(experts.damped(row[None], np.array([40]), 5)[0], expected, rtol=1e-8)


@pytest.mark.parametrize("name", experts.EXPERTS)
def test_a_series_does_not_notice_the_others(name: str) -> None:
    rows = [*seasonal(3, 70), seasonal(1, 33, 4)[0] - 90, np.array([5.0]), np.array([3.0, 4.0])]
    rows[1][[0, 5, 6, 69]] = np.nan
    together = experts.forecast([name], rows, 7, 9)[0]
    assert np.isfinite(together).all()
    for row, said in zip(rows, together, strict=True):
        np.testing.assert_allclose(experts.forecast([name], [row], 7, 9)[0][0], said, rtol=1e-9)


@pytest.mark.parametrize("name", experts.EXPERTS)
@pytest.mark.parametrize("shift", [0, -500], ids=["factors", "sums"])
def test_a_season_goes_on(name: str, shift: float) -> None:
    truth = seasonal(20, 77) + shift
    said = experts.forecast([name], list(truth[:, :-7]), 7, 7)[0]
    naive = np.abs(truth[:, -14:-7] - truth[:, -7:]).mean()
    assert np.abs(said - truth[:, -7:]).mean() < 1.1 * naive


@pytest.mark.parametrize("name", experts.EXPERTS)
def test_missing_values_are_not_taken_for_values(name: str) -> None:
    """Half of the values are missing, and all of the last ten: the season and the level are those of the values that are there."""
    random = np.random.default_rng(8)
    week = np.array([0, 9, -9, 9, 0, -9, 0.0])
    truth = 50 + week[np.arange(147) % 7] + random.normal(0, 0.5, (20, 147))
    known = truth[:, :-7].copy()
    known[random.random(known.shape) < 0.5] = np.nan
    known[:, -10:] = np.nan
    said = experts.forecast([name], list(known), 7, 7)[0]
    assert np.abs(said - truth[:, -7:]).mean() < 2


def test_quantiles_lie_between_those_that_are_known() -> None:
    values = np.linspace(-3, 3, len(LEVELS))[None, None].repeat(4, axis=1)
    said = Quantiles(values, 2000, np.random.default_rng(0))
    np.testing.assert_allclose(said.quantiles(LEVELS)[:, 0, 0], values[0, 0])
    between = said.quantiles([0.35])[0, 0, 0]
    assert values[0, 0, 4] < between < values[0, 0, 5]
    assert said.quantiles([0.001])[0, 0, 0] == -3
    drawn = said.samples()
    assert drawn.shape == (1, 2000, 4)
    assert abs(np.mean(drawn[0, :, 2] <= said.quantiles([0.3])[0, 0, 0]) - 0.3) < 0.04
    assert np.corrcoef(drawn[0, :, 0], drawn[0, :, 1])[0, 1] > 0.8
    assert abs(said.mean()[0, 0]) < 1e-9


class Silent:
    """A network that says 7 of everything."""

    def forecast(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: Any) -> Any:
        yield Quantiles(np.full((len(rows), panel.layout.horizon, len(LEVELS)), 7.0), samples, random)


def panel(rows: list[np.ndarray]) -> Panel:
    layout = Layout(Frequency.parse("D"), 7, 7, ())
    return Panel([Series(START, row.astype(np.float32)) for row in rows], layout)


def test_weights_go_by_errors_and_quantiles_by_what_was_missed() -> None:
    rows = list(seasonal(80, 63))
    made, scaling = panel(rows), Scaling("steps", 7)
    found = measured(("theta", "ces"), made, Silent(), scaling)
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[0] < 0.05
    ends = made.lengths - HORIZON
    said, known = found.say(made, np.arange(80), ends, scaling)
    assert known.all()
    factor, middle = scaling.levels(made.before(np.arange(80), ends)).factor[:, None], LEVELS.index(0.5)
    missed = (made.future(np.arange(80), ends) - said[0, :, :, middle]) / factor
    for place, level in ((2, 0.1), (middle, 0.5), (10, 0.9)):
        described = (said[0, :, :, place] - said[0, :, :, middle]) / factor
        below = (missed - np.median(missed, axis=0) <= described).mean()
        assert abs(below - level) < 0.03


def test_of_short_series_the_errors_are_not_known() -> None:
    found = measured(("theta",), panel([np.ones(9), np.ones(8)]), Silent(), Scaling("steps", 7))
    assert found.weights.tolist() == [0.5, 0.5]
    assert not found.errors.any()


def test_a_series_without_values_has_the_networks_forecast() -> None:
    made, zeros = panel([np.full(20, 3.0), np.full(20, np.nan)]), np.zeros((1, 7, len(LEVELS)))
    pooled = Pooled(Silent(), Experts(("theta",), zeros, np.array([0.25, 0.75])), Scaling("steps", 7))
    (said,) = pooled.forecast(made, np.arange(2), made.lengths, 5, np.random.default_rng(0))
    np.testing.assert_allclose(said.mean()[:, 0], [0.25 * 7 + 0.75 * 3, 7])


RESIDUAL = {"_network": "residual"}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("given", [RESIDUAL, {**RESIDUAL, "_experts": "theta,ces"}, {"_experts": "ces"}], ids=str)
def test_whole_trainings(job: Any, run: Any, given: dict[str, str]) -> None:
    rows = seasonal(60, 84)
    assert run(configured(job, rows, test=True, epochs="8", **given), NAME) == 0, job.output
    assert ("Network: residual (_network)" in job.output) == ("_network" in given)
    assert ("Experts: " in job.output) == ("_experts" in given)
    assert metric(job.output, "test:mean_wQuantileLoss")[0] < 0.03
    assert (Model.read(job.model).experts is not None) == ("_experts" in given)
    asked = {
        "instances": [record(row) for row in rows],
        "configuration": {"output_types": ["mean", "quantiles", "samples"]},
    }
    said = json.loads(serve(job.model).invoke(json.dumps(asked).encode(), "application/json", "").body)["predictions"]
    assert {np.shape(each["samples"]) for each in said} == {(100, HORIZON)}
    quantiles = np.array([list(each["quantiles"].values()) for each in said])
    assert (np.diff(quantiles, axis=1) >= 0).all()
    again = json.loads(serve(job.model).invoke(json.dumps(asked).encode(), "application/json", "").body)["predictions"]
    assert said == again


@pytest.mark.parametrize("text", ["theta,theta", "none,ces", "prophet"])
def test_experts_that_are_none(job: Any, run: Any, text: str) -> None:
    assert run(configured(job, seasonal(12, 42), _experts=text), NAME) == 2
    assert "_experts" in job.failure
