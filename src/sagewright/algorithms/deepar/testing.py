"""The channel test: each series' last values are withheld, forecast and compared."""

from __future__ import annotations

import logging

import numpy as np

from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deepar.data import dataset, reading
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.model import Model
from sagewright.algorithms.deepar.scores import Scores
from sagewright.algorithms.errors import UserError

OBJECTIVES = ("RMSE", "mean_wQuantileLoss")


def test(run: Run, model: Model) -> None:
    """Logs the measures of all hosts' series. Raises UserError for a channel that can't be used."""
    series = reading.read(run.job, "test")
    dataset.describe(series, "test")
    dataset.check(series, model.fields, "test")
    horizon = model.layout.horizon
    long = [each for each in series if len(each) > horizon]
    if not long:
        raise UserError(f"Channel test has no time series of more than prediction_length values, which is {horizon}.")
    if len(long) < len(series):
        logging.info(
            "%d time series of channel test have no value before those to forecast: they are left out.",
            len(series) - len(long),
        )
    scores = judge(model, long, run.values["num_eval_samples"], run.values["test_quantiles"], run.seed)
    values = scores.values(run.together.total(scores.sums()))
    for name, value in values.items():
        logging.info("#test_score (%s, %s): %r", run.job.current_host, name, value)
    for name in OBJECTIVES:
        run.lines.quality("test", {name: values[name]}, "loss")


def judge(model: Model, series: list[Series], samples: int, quantiles: list[float], seed: int) -> Scores:
    """Scores of the series that are longer than the forecast."""
    panel = Panel(series, model.layout)
    rows, starts = np.arange(len(panel)), panel.lengths - model.layout.horizon
    truth = np.stack([each.target[-model.layout.horizon :] for each in series])
    scores, done = Scores(quantiles), 0
    random = np.random.default_rng([seed, 2])
    for part in model.forecaster.forecast(panel, rows, starts, samples, random):
        scores.add(truth[done : done + len(part)], part)
        done += len(part)
    return scores
