"""Logarithms are forecast where effects multiply, and only there; whatever values a later series has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from seriesofrows import HORIZON, NAME, VALUES, lines, metric, record

from sagewright.algorithms.deepar.beside import experts
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.panel import Layout, Panel, logs
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.forecasts import Forecast, Paths
from sagewright.algorithms.deepar.logarithms import Exponential
from sagewright.algorithms.deepar.model import SYMBOL, Model

LENGTH = 98
SAID = "Values are forecast as their logarithms"


def drawn(multiplies: bool, seed: int = 1, least: float = 0.0) -> list[dict[str, Any]]:
    """Sales at 24 levels, with promotions whose effects multiply or are added."""
    random, days, records = np.random.default_rng(seed), np.arange(LENGTH), []
    for level in np.exp(random.normal(4, 1, 24)):
        promotion = (random.random(LENGTH) < 0.15).astype(float)
        season, noise = np.sin(2 * np.pi * days / 7), random.normal(0, 0.1, LENGTH)
        if multiplies:
            values = level * np.exp(0.3 * season + 1.2 * promotion + noise)
        else:
            values = level * (3 + 0.3 * season + noise) + 60 * promotion
        values[10] = max(values[10], 1) if least == 0 else least
        records.append(record(values, dynamic_feat=[promotion.tolist()]))
    return records


def learnt(job: Any, run: Any, records: list[dict[str, Any]], **given: str) -> str:
    """The log of a job that withholds the last values."""
    known = [{**each, "target": each["target"][:-HORIZON]} for each in records]
    known = [{**each, "dynamic_feat": [each["dynamic_feat"][0][: LENGTH - HORIZON]]} for each in known]
    job.configure(
        {**VALUES, "epochs": "6", **given}, {"train": "application/jsonlines", "test": "application/jsonlines"}
    )
    job.put("train", "train.json", lines(known))
    job.put("test", "test.json", lines(records))
    assert run(job, NAME) == 0, job.output
    return str(job.output)


def test_effects_that_multiply_are_learnt_from_logarithms(job: Any, run: Any) -> None:
    """Noise of 10 % alone would lead to a loss of .08."""
    records = drawn(multiplies=True)
    said = learnt(job, run, records)
    assert SAID in said
    assert metric(said, "test:mean_wQuantileLoss")[0] < 0.11
    assert json.loads((job.root / "model" / SYMBOL).read_text())["logged"] is True
    check_strange_series(Model.read(job.root / "model"))


def check_strange_series(model: Model) -> None:
    """Series of values as no series of training has them are forecast at their own level."""
    feature = np.zeros((1, 30 + HORIZON), np.float32)
    values = {
        "small": np.full(30, 1e-6), "large": np.full(30, 1e12), "zeros": np.zeros(30), "negative": np.full(30, -4.0),
        "some zeros": np.where(np.arange(30) == 17, 0, 50.0),
    }  # fmt: skip
    start = datetime(2024, 1, 1)
    panel = Panel([Series(start, each.astype(np.float32), None, feature) for each in values.values()], model.layout)
    rows = np.arange(len(panel))
    (part,) = model.forecaster.forecast(panel, rows, panel.lengths, 100, np.random.default_rng(0))
    found = dict(zip(values, part.quantiles([0.5])[0].mean(axis=1), strict=True))
    assert np.isfinite(part.samples()).all()
    assert 3e-7 < found["small"] < 3e-6
    assert 3e11 < found["large"] < 3e12
    assert max(found["zeros"], found["negative"]) < 1e-6
    assert 20 < found["some zeros"] < 100


@pytest.mark.parametrize(
    ("records", "given"),
    [
        (drawn(multiplies=False), {}),
        (drawn(multiplies=True, least=0.0)[:-1] + drawn(multiplies=True, least=-1e-3)[-1:], {}),
        (drawn(multiplies=True), {"likelihood": "gaussian"}),
    ],
    ids=["added effects", "a negative value", "another likelihood"],
)
def test_others_are_forecast_as_they_are(
    job: Any, run: Any, records: list[dict[str, Any]], given: dict[str, str]
) -> None:
    assert SAID not in learnt(job, run, records, epochs="1", **given)
    assert json.loads((job.root / "model" / SYMBOL).read_text())["logged"] is False


def test_experts_forecast_the_values_themselves() -> None:
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(84) / 7)
    rows = [20 * season, 3000 * season + np.arange(84)]
    plain, logged = (Layout(Frequency.parse("D"), 7, 7, (), logged=each) for each in (False, True))
    said = experts.of_panel(("theta", "ces"), rows, plain)
    assert np.exp(experts.of_panel(("theta", "ces"), [np.log(row) for row in rows], logged)) == pytest.approx(said)


def test_values_without_a_logarithm_count_as_half_of_the_smallest() -> None:
    found = logs(np.array([4.0, 0.0, np.nan, -3.0, 0.5], np.float32))
    assert found == pytest.approx(np.log([4, 0.25, np.nan, 0.25, 0.5]), nan_ok=True)
    assert logs(np.zeros(3, np.float32)) == pytest.approx(np.log(1e-10))


class Far:
    """Forecasts logarithms beyond those of any number."""

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:  # fmt: skip
        yield Paths(np.full((len(rows), samples, HORIZON), 1e4))


def test_forecasts_are_finite() -> None:
    layout = Layout(Frequency.parse("D"), 7, HORIZON, (), logged=True)
    panel = Panel([Series(datetime(2024, 1, 1), np.ones(9, np.float32))], layout)
    (part,) = Exponential(Far()).forecast(panel, np.zeros(1, int), panel.lengths, 50, np.random.default_rng(0))
    assert np.isfinite(part.mean()).all()
