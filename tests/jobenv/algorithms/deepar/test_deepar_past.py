"""DeepAR on intermittent series: its forecasts are mixed with the distribution of past values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from seriesofrows import HORIZON, NAME, configured, seasonal

from sagewright.algorithms.deepar.beside import past
from sagewright.algorithms.deepar.beside.linear import About
from sagewright.algorithms.deepar.beside.past import Past
from sagewright.algorithms.deepar.calibration import Beside, Calibrated, Calibration, HeldOut, measure
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.forecasts import LEVELS, Forecast, Paths, Quantiles
from sagewright.algorithms.deepar.model import SYMBOL, Model

LAYOUT = Layout(Frequency.parse("D"), 7, 7, ())
SCALING = Scaling("steps", 7, floor=0.0)
BESIDE = Beside(None, About(SCALING, Normal((0.0, 0.0), (1.0, 1.0)), 1.0))
LEVELS_OF_LOSS = (0.1, 0.5, 0.9)


def panel(rows: np.ndarray) -> Panel:
    return Panel([Series(datetime(2024, 1, 1), row.astype(np.float32)) for row in rows], LAYOUT)


def intermittent(count: int, length: int, seed: int = 0) -> np.ndarray:
    """(count, length): orders of one to a dozen pieces, on a day in three to eight."""
    random = np.random.default_rng(seed)
    often = random.uniform(1 / 8, 1 / 3, (count, 1))
    return (random.random((count, length)) < often) * (1.0 + random.poisson(4, (count, length)))


def loss(said: np.ndarray, truth: np.ndarray) -> float:
    """The mean quantile loss of `said` (3, n, h)."""
    levels = np.array(LEVELS_OF_LOSS)[:, None, None]
    return float(np.maximum(levels * (truth - said), (levels - 1) * (truth - said)).mean())


def constant(rows: np.ndarray) -> np.ndarray:
    return np.quantile(rows, LEVELS_OF_LOSS, axis=1)[:, :, None].repeat(HORIZON, axis=2)


class Smooth:
    """Forecasts the mean of all values with normal deviations."""

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:  # fmt: skip
        drawn = 1 + 2 * random.normal(size=(len(rows), samples, panel.layout.horizon))
        for half in np.array_split(drawn, 2):
            yield Paths(np.maximum(half, 0))


def test_intermittent_series_are_forecast_as_well_as_by_their_quantiles() -> None:
    rows = intermittent(60, 107)
    own, future = panel(rows[:, :100]), rows[:, 100:]
    found = measure(Smooth(), HeldOut.of(own, 200, np.random.default_rng(0)), BESIDE, list)
    assert found is not None
    assert found[0].past > 0.8
    assert found[0].season < 0.3
    losses = []
    for calibration in (found[0], Calibration()):
        parts = Calibrated(Smooth(), calibration, BESIDE).forecast(
            own, np.arange(60), np.full(60, 100), 200, np.random.default_rng(0)
        )
        losses.append(loss(np.concatenate([part.quantiles(LEVELS_OF_LOSS) for part in parts], axis=1), future))
    best = loss(constant(rows[:, :100]), future)
    assert losses[0] < 1.03 * best
    assert losses[1] > 1.1 * best


def test_series_without_values_that_come_again_stay_as_they_are() -> None:
    random = np.random.default_rng(1)
    own = panel(intermittent(60, 100) + random.random((60, 100)))
    held = HeldOut.of(own, 200, np.random.default_rng(0))
    found = measure(Smooth(), held, BESIDE, list)
    assert found is not None
    assert (found[0].past, found[0].season) == (0, 0)
    part = Paths(np.ones((60, 5, 7)))
    assert Past(1.0, 0.0).mixed(part, own, np.arange(60), np.full(60, 100), SCALING) is part


@pytest.mark.parametrize("lowest", [1, -2])
def test_series_of_few_values_are_forecast_as_well_as_by_their_quantiles(lowest: int) -> None:
    random = np.random.default_rng(2)
    rows = np.clip(np.round(random.normal(2, 0.8, (60, 107))), 0, 4) + lowest
    own, future = panel(rows[:, :100]), rows[:, 100:]
    beside = BESIDE if lowest > 0 else Beside(None, About(Scaling("steps", 7), BESIDE.about.normal, 1.0))
    found = measure(Smooth(), HeldOut.of(own, 200, random), beside, list)
    assert found is not None
    assert found[0].past > 0.7
    parts = Calibrated(Smooth(), found[0], beside).forecast(own, np.arange(60), np.full(60, 100), 200, random)
    said = np.concatenate([part.quantiles(LEVELS_OF_LOSS) for part in parts], axis=1)
    assert loss(said, future) < 1.06 * loss(constant(rows[:, :100]), future)


def test_a_value_before_a_shift_does_not_come_again() -> None:
    rows = np.random.default_rng(3).normal(size=(2, 60))
    rows[0, :30], rows[1, ::3] = 4, 4
    part = Paths(np.full((2, 8, 7), 20.0))
    made = Past(1.0, 0.0).mixed(part, panel(rows), np.arange(2), np.full(2, 60), SCALING).mean()
    assert (made[:, 0] == 20).tolist() == [True, False]


def test_new_and_discontinued_series_are_not_intermittent() -> None:
    rows = np.zeros((5, 60))
    rows[0, 40:], rows[1, :20], rows[2, 50], rows[3, ::3], rows[4, 20:40] = 5, 5, 5, 5, 5
    part = Paths(np.full((5, 8, 7), 20.0))
    made = Past(1.0, 0.0).mixed(part, panel(rows), np.arange(5), np.full(5, 60), SCALING).mean()
    assert (made[:, 0] == 20).tolist() == [True, True, False, False, False]


def test_a_forecast_of_past_values_has_these_values_only() -> None:
    rows = intermittent(4, 5000)
    own, which = panel(rows), np.arange(4)
    made = Past(1.0, 0.0).mixed(Paths(np.zeros((4, 400, 7))), own, which, np.full(4, 5000), SCALING).samples()
    kept = past.LONG / (past.LONG + past.FEW)
    values = np.unique(np.round(made, 6))
    assert set(values) <= {*np.unique(rows), *np.round(kept * np.unique(rows), 6)}
    assert (made == 0).mean(axis=(1, 2)) == pytest.approx((rows[:, -past.LONG :] == 0).mean(axis=1), abs=0.005)
    correlation = np.corrcoef(made[0, :, 0], made[0, :, 1])[0, 1]
    assert abs(correlation) < 0.2  # equal samples are in no order


def test_paths_keep_their_order_and_quantiles_are_mixed_the_same_way() -> None:
    own, which, cuts = panel(intermittent(4, 100)), np.arange(4), np.full(4, 100)
    drawn = np.random.default_rng(0).normal(size=(4, 999, 1)).repeat(7, axis=2) + 9
    made = Past(0.5, 0.0).mixed(Paths(drawn), own, which, cuts, SCALING)
    ordered = np.take_along_axis(made.samples()[..., 3], np.argsort(drawn[..., 3], axis=1), axis=1)
    assert (np.diff(ordered, axis=1) >= 0).all()
    exact = Quantiles(np.moveaxis(Paths(drawn).quantiles(LEVELS), 0, 2), 9, np.random.default_rng(0))
    same = Past(0.5, 0.0).mixed(exact, own, which, cuts, SCALING)
    assert np.median(np.abs(same.quantiles([0.5, 0.9]) - made.quantiles([0.5, 0.9]))) < 0.05


def test_days_on_which_nothing_is_ordered_have_quantiles_of_zero() -> None:
    rows = intermittent(40, 100) + 3 * (np.arange(100) % 7 == 2)
    own, hosts = panel(rows), (list, lambda sums: [2 * each for each in sums])
    held = HeldOut.of(own, 200, np.random.default_rng(0))
    parts = list(Smooth().forecast(own, held.rows, held.cuts, 50, np.random.default_rng(0)))
    one, two = (past.measure(parts, own, held.rows, held.cuts, SCALING, total) for total in hosts)
    assert one.season > 0.6
    assert two.season == pytest.approx(one.season)
    assert min(one.weight, two.weight) > 0.7
    made = one.mixed(Paths(np.ones((40, 200, 7))), own, np.arange(40), np.full(40, 100), SCALING)
    medians = made.quantiles([0.5])[0].mean(axis=0)
    assert int(np.argmax(medians)) == 0  # day 100 is of phase 2
    assert medians[0] > medians[1:].max() + 1


@pytest.mark.parametrize("weight", [0.0, 0.8])
def test_medians_of_series_that_are_mostly_zero_are_zero(weight: float) -> None:
    rows = np.zeros((2, 100))
    rows[0, ::4] = 3  # 75 % zeros
    rows[1] = 3
    drawn = np.tile(np.linspace(0.5, 4, 99)[None, :, None], (2, 1, 7))
    made = Past(weight, 0.0).mixed(Paths(drawn), panel(rows), np.arange(2), np.full(2, 100), SCALING).samples()
    assert set(np.unique(made[0] > 0)) == {False, True}
    assert not ((made[0] > 0) & (made[0] < 3)).any()  # no value between 0 and 3 was ever observed
    assert (made[0, made[0, :, 0] == 0] == 0).all()
    negative = Past(weight, 0.0).mixed(
        Paths(drawn), panel(rows), np.arange(2), np.full(2, 100), replace(SCALING, floor=None)
    )
    assert ((negative.samples()[0] > 0) & (negative.samples()[0] < 3)).any()


def test_missing_and_few_values() -> None:
    rows = np.full((3, 30), np.nan)
    rows[0, 20], rows[1, 5:12] = 0, [0, 0, 0, 4, np.nan, 0, 4]
    part = Paths(np.full((3, 8, 7), 10.0))
    made = Past(1.0, 0.5).mixed(part, panel(rows), np.arange(3), np.full(3, 30), SCALING).mean()
    assert made[0] == pytest.approx(10 * past.FEW / (1 + past.FEW))
    assert (made[1] < made[0]).all()
    assert (made[2] == 10).all()


def test_a_host_without_windows_adds_up_with_the_others() -> None:
    own, none = panel(intermittent(4, 100)), np.zeros(0, np.int64)
    sent: list[int] = []

    def total(sums: list[float]) -> list[float]:
        sent.append(len(sums))
        return [each + 1 for each in sums]

    found = past.measure([], own, none, none, SCALING, total)
    assert found.weight == 0.5
    all_of_them = list(sent)
    held = HeldOut.of(own, 200, np.random.default_rng(0))
    parts = list(Smooth().forecast(own, held.rows, held.cuts, 50, np.random.default_rng(0)))
    sent.clear()
    past.measure(parts, own, held.rows, held.cuts, SCALING, total)
    assert sent == all_of_them


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "given",
    [{}, {"likelihood": "negative-binomial"}, {"_network": "residual", "epochs": "5"}, {"_experts": "theta"}],
    ids=str,
)
def test_a_job_of_intermittent_series(job: Any, run: Any, given: dict[str, str]) -> None:
    rows = intermittent(40, 84 + HORIZON)
    known, future = rows[:, :-HORIZON], rows[:, -HORIZON:]
    assert run(configured(job, known, **{"epochs": "6", **given}), NAME) == 0, job.output
    (weight,) = re.findall(r"the distribution of past values has a weight of (\S+)\.", job.output)
    model = Model.read(job.model)
    assert model.calibration.past == pytest.approx(float(weight), abs=0.01)
    own = Panel([Series(datetime(2024, 1, 1), row.astype(np.float32)) for row in known], model.layout)
    parts = model.forecaster.forecast(own, np.arange(40), own.lengths, 200, np.random.default_rng(0))
    said = np.concatenate([part.quantiles(LEVELS_OF_LOSS) for part in parts], axis=1)
    assert said.min() >= 0
    assert loss(said, future) < (1.3 if "_experts" in given else 1.05) * loss(constant(known), future)


def test_a_job_without_a_distribution_keeps_its_points(job: Any, run: Any) -> None:
    given = {"epochs": "5", "likelihood": "deterministic-L1"}
    assert run(configured(job, intermittent(40, 84), **given), NAME) == 0, job.output
    assert Model.read(job.model).calibration.past == 0


def test_a_model_from_before_past_values_were_mixed_in(job: Any, run: Any) -> None:
    assert run(configured(job, seasonal(12, 60), epochs="2"), NAME) == 0, job.output
    document = json.loads((job.model / SYMBOL).read_text())
    del document["calibration"]["past"], document["calibration"]["season"]
    (job.model / SYMBOL).write_text(json.dumps(document))
    assert Model.read(job.model).calibration.past == 0
