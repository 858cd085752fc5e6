"""DeepAR's calibration on held-out windows, and the comparison with the last season's values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from seriesofrows import NAME, configured, seasonal

from sagewright.algorithms.deepar import calibration, model
from sagewright.algorithms.deepar.beside.linear import About, Linear, fit
from sagewright.algorithms.deepar.calibration import Beside, Calibrated, Calibration, HeldOut, measure, settling
from sagewright.algorithms.deepar.calibration import seasonal as naive
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.forecasts import Forecast, Paths
from sagewright.algorithms.deepar.model import Model

START = datetime(2024, 1, 1)
LAYOUT = Layout(Frequency.parse("D"), 7, 7, ())
ABOUT = About(Scaling("steps", 7), Normal((0.0, 0.0), (1.0, 1.0)), 1.0)
ALONE = Beside(None, ABOUT)


def panel(rows: np.ndarray) -> Panel:
    return Panel([Series(START, row.astype(np.float32)) for row in rows], LAYOUT)


class Drawn:
    """Forecasts `level` with normal deviations of size `spread`."""

    def __init__(self, level: float, spread: float) -> None:
        self.level, self.spread = level, spread

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:  # fmt: skip
        yield Paths(self.level + self.spread * random.normal(size=(len(rows), samples, panel.layout.horizon)))


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_quantiles_are_stretched_to_what_they_say(spread: float) -> None:
    random = np.random.default_rng(0)
    rows = 100 + random.normal(size=(200, 60))
    held = HeldOut.of(panel(rows), 200, random)
    found = measure(Drawn(100, spread), held, ALONE, list)
    assert found is not None
    calibration, ratio = found
    stretch = 1 / spread if spread <= 1 else spread**-0.5  # narrowing is used by half
    assert [calibration.below, calibration.above] == pytest.approx([stretch, stretch], rel=0.1)
    assert calibration.share == 1
    assert 0.6 < ratio < 0.8  # the naive forecast has the noise of a value besides
    made = Calibrated(Drawn(100, spread), calibration, ALONE)
    (part,) = made.forecast(panel(rows), np.arange(200), np.full(200, 60), 400, random)
    assert part.quantiles([0.9])[0].mean() == pytest.approx(100 + 1.28 * spread * stretch, abs=0.15)


def test_a_forecaster_that_is_worse_than_the_last_season_is_drawn_towards_it(caplog: Any) -> None:
    rows = np.tile(np.arange(7.0), (30, 9)) + 50
    held = HeldOut.of(panel(rows), 200, np.random.default_rng(0))
    found = measure(Drawn(80, 1), held, ALONE, list)
    assert found is not None
    calibration, ratio = found
    assert calibration.share == 0
    assert ratio == 1
    assert "worse than one that looks at no feature" in caplog.text
    made = Calibrated(Drawn(80, 1), calibration, ALONE)
    (part,) = made.forecast(panel(rows), np.arange(30), np.full(30, 63), 100, np.random.default_rng(0))
    assert part.quantiles([0.5])[0] == pytest.approx(np.tile(np.arange(7.0) + 50, (30, 1)))


def cycles(count: int, length: int, noise: float) -> np.ndarray:
    """A level of each series' own and a week that all share."""
    random = np.random.default_rng(3)
    week = 5 * np.sin(2 * np.pi * np.arange(length) / 7)
    return random.uniform(20, 80, (count, 1)) + week + noise * random.normal(size=(count, length))


def line(own: Panel) -> Linear:
    found = fit(own, ABOUT, list, [0])
    assert found is not None
    return found


def test_counts_that_are_worse_than_the_last_season_stay_and_are_told(caplog: Any) -> None:
    rows = np.tile(np.arange(7.0), (30, 9)) + np.random.default_rng(0).integers(0, 3, (30, 63))
    counts = Beside(None, About(Scaling("counts", 7, floor=0.0), ABOUT.normal, 1.0))
    found = measure(Drawn(80, 1), HeldOut.of(panel(rows), 200, np.random.default_rng(0)), counts, list)
    assert found is not None
    assert found[0].share == 1
    assert found[1] > 10
    assert "that of one that looks at no feature" in caplog.text


def test_a_linear_model_knows_a_level_and_a_week() -> None:
    rows = cycles(12, 67, noise=1.0)
    own = panel(rows[:, :60])
    said = line(own).forecast(own, np.arange(12), np.full(12, 60), ABOUT)
    errors = [float(np.abs(rows[:, 60:] - each).mean()) for each in (said, naive(own, np.arange(12), np.full(12, 60)))]
    assert errors[0] < 0.95
    assert line(own).error * np.abs(np.diff(rows)).mean() == pytest.approx(1.1, abs=0.25)
    assert errors[0] < 0.93 * errors[1]


def test_a_linear_model_says_nothing_of_a_series_without_values() -> None:
    rows = cycles(12, 60, noise=1.0)
    rows[3] = np.nan
    own = panel(rows)
    model = line(own)
    assert np.isnan(model.forecast(own, np.arange(12), np.full(12, 60), ABOUT)).all(axis=1).tolist() == [
        number == 3 for number in range(12)
    ]
    assert (Beside(model, ABOUT).points(own, np.array([3]), np.array([60]), np.full((1, 7), 4.0)) == 4).all()


def test_a_linear_model_says_nothing_of_series_shorter_than_those_it_learnt_from() -> None:
    own = panel(cycles(12, 60, noise=1.0))
    said = line(own).forecast(own, np.arange(2), np.array([6, 7]), ABOUT)
    assert np.isnan(said).all(axis=1).tolist() == [True, False]


def test_hosts_fit_one_linear_model() -> None:
    rows = cycles(12, 60, noise=1.0)
    own, ends = panel(rows), (np.arange(12), np.full(12, 60))
    alone = line(own)
    twice = fit(own, ABOUT, lambda sums: [2 * each for each in sums], [0])
    assert twice is not None
    assert alone.forecast(own, *ends, ABOUT) == pytest.approx(twice.forecast(own, *ends, ABOUT), abs=0.3)


def test_medians_are_shared_with_linear_forecasts_that_err_less() -> None:
    rows = cycles(30, 70, noise=0.3)
    held = HeldOut.of(panel(rows), 200, np.random.default_rng(0))
    beside = Beside(line(held.known), ABOUT)
    found = measure(Drawn(50, 1), held, beside, list)
    assert found is not None
    calibration, ratio = found
    assert calibration.network < 0.05
    assert calibration.share == 1
    assert ratio < 1
    (part,) = Calibrated(Drawn(50, 1), calibration, beside).forecast(
        held.panel, held.rows, held.cuts, 100, np.random.default_rng(0)
    )
    truth = held.panel.future(held.rows, held.cuts)
    assert np.abs(part.quantiles([0.5])[0] - truth).mean() < 1.5


def test_gaps_are_those_of_both_by_their_shares() -> None:
    beside = Beside(Linear(np.zeros(3), 2.0), ABOUT)
    edges = np.array([[[-1.0]], [[1.0]]])
    assert beside.widening(edges, np.array([3.0]), 0.5) == pytest.approx(0.5 + 0.5 * 1.2816 * 2 * 3)
    assert beside.widening(edges, np.array([3.0]), 1.0) == 1
    assert ALONE.widening(edges, np.array([3.0]), 0.5) == 1
    assert beside.widening(np.zeros((2, 1, 7)), np.array([3.0]), 0.5) == pytest.approx(
        0.5 + 0.5 * 10
    )  # no samples at infinity


def test_a_network_that_errs_less_keeps_its_medians() -> None:
    rows = 50 + np.random.default_rng(1).normal(size=(60, 70))
    held = HeldOut.of(panel(rows), 200, np.random.default_rng(0))
    wild = Linear(np.random.default_rng(2).normal(0, 3, len(line(held.known).weights)), 1.0)
    found = measure(Drawn(50, 1), held, Beside(wild, ABOUT), list)
    assert found is not None
    assert found[0].network > 0.4
    assert found[0].shares[1] == pytest.approx(0, abs=0.01)  # the rest is smoothing's, which errs little more


def test_the_last_season_has_the_last_value_where_it_misses() -> None:
    rows = np.arange(20.0)[None].repeat(3, axis=0)
    rows[1, 15], rows[2] = np.nan, np.nan
    found = naive(panel(rows), np.arange(3), np.full(3, 20))
    assert found[0].tolist() == list(range(13, 20))
    assert found[1].tolist() == [13, 14, 19, 16, 17, 18, 19]
    assert np.isnan(found[2]).all()


def test_held_out_windows_are_not_known() -> None:
    own = panel(np.arange(300.0)[None])
    held = HeldOut.of(own, 200, np.random.default_rng(0))
    assert held.cuts.tolist() == [293, 286, 279, 272]  # a tenth of the series
    assert held.known.lengths.tolist() == [272]
    assert np.isnan(held.known.future(np.array([0]), np.array([272]))).all()
    assert not np.isnan(own.future(np.array([0]), np.array([272]))).any()
    short = panel(np.arange(20.0)[None])
    assert len(HeldOut.of(short, 200, np.random.default_rng(0)).rows) == 0
    assert measure(Drawn(0, 1), HeldOut.of(short, 200, np.random.default_rng(0)), ALONE, list) is None


def test_a_job_tells_and_keeps_its_calibration(job: Any, run: Any) -> None:
    assert run(configured(job, seasonal(20, 84), epochs="6"), NAME) == 0, job.output
    below, above = map(float, re.findall(r"stretched by (\S+) and (\S+)\.", job.output)[0])
    (ratio,) = re.findall(r"train baseline_ratio <loss>=(\S+)", job.output)
    assert 0 < float(ratio) <= 1
    kept = Model.read(job.model).calibration
    assert [kept.below, kept.above] == pytest.approx([below, above], abs=1e-3)
    assert kept != Calibration()


def test_a_job_of_few_series_keeps_its_linear_model(job: Any, run: Any) -> None:
    assert run(configured(job, seasonal(12, 60), epochs="5"), NAME) == 0, job.output
    (share,) = re.findall(r"The network has a share of (\S+) in the medians", job.output)
    model = Model.read(job.model)
    assert model.calibration.network == pytest.approx(float(share), abs=0.01)
    assert model.linear is not None


@pytest.mark.parametrize("epochs", ["1", "2"])
def test_a_job_of_few_epochs_is_no_worse_than_the_last_season(job: Any, run: Any, epochs: str) -> None:
    rows = seasonal(30, 84)
    assert run(configured(job, rows[:, :-7], epochs=epochs, prediction_length="7"), NAME) == 0, job.output
    (ratio,) = re.findall(r"train baseline_ratio <loss>=(\S+)", job.output)
    assert 0 < float(ratio) <= 1
    model = Model.read(job.model)
    own = Panel([Series(START, row[:-7].astype(np.float32)) for row in rows], model.layout)
    every = np.arange(30), own.lengths
    said = [part.quantiles([0.5])[0] for part in model.forecaster.forecast(own, *every, 50, np.random.default_rng(0))]
    errors = [np.abs(each - rows[:, -7:]).mean() for each in (np.concatenate(said), naive(own, *every))]
    assert errors[0] <= errors[1]


def test_few_epochs_never_learn_from_held_out_windows() -> None:
    assert [settling(epochs) for epochs in (1, 2, 4, 5, 30)] == [1, 2, 4, 3, 15]


def test_the_fewer_values_the_more_evidence_a_network_needs() -> None:
    tried = calibration._shares(smooths=True)
    same = np.full((len(tried), 6), 0.5)
    shares = [calibration._likely(same, tried, values, list) for values in (300.0, 3_000.0, 3_000_000.0)]
    assert [each[0] for each in shares] == sorted(each[0] for each in shares)
    assert shares[0][0] < 0.1
    assert shares[2] == pytest.approx(np.full(3, 1 / 3), abs=0.01)
    assert all(each.sum() == pytest.approx(1) for each in shares)


def test_a_window_in_which_nothing_can_be_foreseen_does_not_decide() -> None:
    """The network is better in nine windows; in the tenth both err a hundred times as much, and the linear model less."""
    network, linear = np.full(10, 0.8), np.full(10, 1.0)
    network[9], linear[9] = 104.0, 100.0
    tried = calibration._shares(smooths=False)
    assert (tried[:, 2] == 0).all()
    errors = np.stack([linear + share * (network - linear) for share in tried[:, 0]])
    assert network.sum() > linear.sum()
    assert calibration._likely(errors, tried, 1e9, list)[0] > 0.55


def trends(count: int, length: int) -> np.ndarray:
    """Each series has a slope of its own, which lasts, and noise."""
    random = np.random.default_rng(4)
    slopes = random.normal(0, 1, (count, 1))
    return 200 + slopes * np.arange(length) + random.normal(size=(count, length))


def test_smoothing_has_most_of_the_medians_where_it_errs_least() -> None:
    rows = trends(30, 77)
    held = HeldOut.of(panel(rows[:, :70]), 200, np.random.default_rng(0))
    wild = Beside(Linear(np.random.default_rng(2).normal(0, 1, len(line(held.known).weights)), 1.0), ABOUT)
    found = measure(Drawn(200, 1), held, wild, list)
    assert found is not None
    assert found[0].smoothing > 0.9
    own, every = panel(rows), (np.arange(30), np.full(30, 70))
    (part,) = Calibrated(Drawn(200, 1), found[0], wild).forecast(own, *every, 100, np.random.default_rng(0))
    errors = [np.abs(each - rows[:, 70:]).mean() for each in (part.quantiles([0.5])[0], naive(own, *every))]
    assert errors[0] < 0.4 * errors[1]


def test_smoothing_says_nothing_of_few_values_and_nothing_absurd() -> None:
    rows = trends(4, 70)
    rows[0, : 71 - calibration.SMOOTHED] = np.nan
    rows[1] = 1e6 * 1.5 ** np.arange(70)
    rows[2], rows[3] = 3.0, 0.0
    said = ALONE.smoothed(panel(rows), np.arange(4), np.full(4, 70))
    assert len(said) == len(calibration.SMOOTHERS)
    for each in said:
        assert np.isnan(each).all(axis=1).tolist() == [True, False, False, False]
        assert np.abs(each[1]).max() <= 2 * np.ptp(rows[1]) + rows[1].max()
        assert each[2:] == pytest.approx(np.array([[3.0], [0.0]]).repeat(7, axis=1))


@pytest.mark.parametrize("best", range(3))
def test_the_smoother_that_errs_least_has_most_of_the_place(best: int) -> None:
    random = np.random.default_rng(6)
    truth = random.normal(size=(40, 7))
    smoothed = np.stack([truth + random.normal(0, 0.5 if each == best else 3, (40, 7)) for each in range(3)])
    smoothed[:, 7] = np.nan  # a series of few values

    def errors_of(said: list[np.ndarray]) -> np.ndarray:
        return np.stack([np.nan_to_num(np.abs(truth - each)).mean(axis=1) for each in said])

    found = calibration._of_smoothers(smoothed, errors_of, list)
    assert found[best] > 0.8
    assert found.sum() == pytest.approx(1)


def test_without_anything_smoothed_there_are_no_smoothers_to_compare() -> None:
    found = calibration._of_smoothers(np.full((3, 5, 7), np.nan), lambda said: np.zeros((len(said), 5)), list)
    assert found.tolist() == [1, 0, 0]


def test_where_nothing_is_smoothed_the_others_share_its_place() -> None:
    members = np.array([[[10.0, 10.0]], [[20.0, 20.0]], [[np.nan, 40.0]]])
    assert calibration._mixed(members, np.array([0.3, 0.1, 0.6]))[0] == pytest.approx([12.5, 29.0])
    assert calibration._mixed(members, np.array([0.0, 0.0, 1.0]))[0] == pytest.approx([10.0, 40.0])


@pytest.mark.parametrize(
    ("frequency", "length", "expected"),
    [("D", 700, True), ("D", 800, False), ("H", 300, True), ("H", 400, False), ("M", 90, True), ("W", 300, True)],
)
def test_smoothing_knows_one_season(frequency: str, length: int, expected: bool) -> None:
    found = Frequency.parse(frequency)
    assert calibration._has_one_season(Layout(found, 7, 7, found.lags(length - 1))) == expected


def test_a_linear_model_knows_each_day_of_a_week() -> None:
    """The days have nothing of a sine, and one week of a series says little of them."""
    random = np.random.default_rng(5)
    week = np.array([0, 30, -30, 30, 0, -30, 0.0])
    rows = random.uniform(20, 80, (20, 1)) + week[np.arange(30) % 7] + random.normal(size=(20, 30))
    own, cuts = panel(rows), np.full(20, 7)
    said = line(own).forecast(own, np.arange(20), cuts, ABOUT)
    assert np.abs(said - own.future(np.arange(20), cuts)).mean() < 4


def test_features_that_say_nothing_do_not_cost_a_long_series_its_forecast() -> None:
    """One series, and four features at some twenty lags: with one penalty for all inputs the error is .61."""
    random, length = np.random.default_rng(7), 420
    layout = Layout(Frequency.parse("D"), 14, 14, Frequency.parse("D").lags(300), features=4, direct=True)
    features = random.normal(size=(4, length)).astype(np.float32)
    truth = 50 + np.array([0, 3, -3, 3, 0, -3, 0.0])[np.arange(length) % 7] + 2 * features[0]
    own = Panel([Series(START, (truth + random.normal(size=length)).astype(np.float32), None, features)], layout)
    about = About(ABOUT.scaling, Normal((0.0,) * 6, (1.0,) * 6), 1.0)
    found = fit(own.until(np.array([280])), about, list, [0])
    assert found is not None
    cuts = np.arange(280, 406, 14)
    said = found.forecast(own, np.zeros(9, int), cuts, about)
    assert np.abs(said - truth[280:406].reshape(9, 14)).mean() < 0.45


def test_a_linear_model_of_hours_knows_each_hour_of_a_week() -> None:
    random = np.random.default_rng(8)
    week = random.normal(0, 5, 168)
    hours = Frequency.parse("H")
    layout = Layout(hours, 24, 24, (2, 24))
    values = 50 + week[np.arange(168 * 8) % 168] + random.normal(size=168 * 8)
    own = Panel([Series(START, values.astype(np.float32))], layout)
    found = fit(own.until(np.array([168 * 7])), ABOUT, list, [0])
    assert found is not None
    cuts = np.arange(168 * 7, 168 * 8, 24)
    said = found.forecast(own, np.zeros(7, int), cuts, ABOUT)
    assert np.abs(said - own.future(np.zeros(7, int), cuts)).mean() < 1.5  # each hour of a day alone: 4


def test_a_stored_linear_model_that_knows_no_longer_season_is_read() -> None:
    weights = line(panel(cycles(12, 60, noise=1.0))).weights.tolist()
    found = model._linear({"weights": weights[:-1], "error": 1.0}, LAYOUT)
    assert found is not None
    assert found.weights.tolist() == [*weights[:-1], 0.0]
    with pytest.raises(ValueError, match="linear"):
        model._linear({"weights": weights[:-2], "error": 1.0}, LAYOUT)


def test_a_lag_that_few_rows_have_is_not_used() -> None:
    random = np.random.default_rng(6)
    layout = Layout(Frequency.parse("D"), 7, 7, (2, 7, 50))
    series = [Series(START, random.normal(size=length).astype(np.float32)) for length in (*[40] * 20, 70, 70)]
    found = fit(Panel(series, layout), ABOUT, list, [0])
    assert found is not None
    used = found.weights != 0
    assert used[:4].tolist() == [True, True, True, False]
    assert not used[7]
