"""The data that a training learns from: the channel's series, and the scaling of their values for a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.together import Together
from sagewright.algorithms.deepar import logarithms
from sagewright.algorithms.deepar.beside.linear import About
from sagewright.algorithms.deepar.data import dataset, inputs, reading
from sagewright.algorithms.deepar.data.dataset import Fields
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout, Panel, Windows
from sagewright.algorithms.deepar.data.scaling import Kind, Levels, Scaling
from sagewright.algorithms.deepar.data.series import Series, observations
from sagewright.algorithms.deepar.logarithms import Candidate
from sagewright.algorithms.errors import UserError

SURVEYED, SURVEYED_NUMBERS = 4096, 4_000_000
"""Number of windows that are surveyed for typical values, and the maximum of numbers in them."""
WILDEST, NEAREST = 0.99, 0.5
"""The share of the values that followed in training to be within `reach`, and the minimum of `reach`."""
SPELT = {"student-t": "student-T"}
DENSITIES = ("gaussian", "student-T")


@dataclass(frozen=True)
class Learnable:
    """`widening`: the amount by which a loss is greater in the target's units; `filler`: the input for a missing value; `reach`:
    see `Forecaster`.
    """

    panel: Panel
    fields: Fields
    likelihood: str
    scaling: Scaling
    normal: Normal
    widening: float
    reach: float

    @property
    def about(self) -> About:
        return About(self.scaling, self.normal, self.reach)

    @property
    def filler(self) -> float:
        """A value that every likelihood allows."""
        return 0.5 if self.likelihood == "beta" else 0.0


def is_residual(values: Mapping[str, Any]) -> bool:
    """True if the residual network is requested instead of DeepAR's own."""
    return bool(values["_network"] == "residual")


def gather(run: Run) -> Learnable:
    """Reads the channel train. Raises UserError if a network can't learn from it."""
    values = run.values
    likelihood = "student-T" if is_residual(values) else SPELT.get(values["likelihood"], values["likelihood"])
    series = reading.read(run.job, "train")
    dataset.describe(series, "train")
    fields = dataset.fields(series, values["cardinality"], values["num_dynamic_feat"], run.together.most)
    dataset.check(series, fields, "train")
    _check_values(series, likelihood)
    kept = dataset.usable(series, values["prediction_length"])
    dataset.enough(run.together.total([observations(kept)])[0])
    longest = run.together.most(max(map(len, kept)))
    frequency = Frequency.parse(values["time_freq"])
    layout = Layout(
        frequency, values["context_length"], values["prediction_length"],
        () if is_residual(values) else frequency.lags(longest - 1),
        fields.cardinality, fields.features, direct=not is_residual(values), levelled=_is_levelled(values, likelihood),
        unseen=frequency.unseen(_span(kept, frequency, run.together)),
    )  # fmt: skip
    scaling = _scaling(kept, likelihood, frequency, run.together)
    held = _survey(run, Learnable(Panel(kept, layout), fields, likelihood, scaling, Normal((), ()), 0.0, 0.0))
    if likelihood != "student-T" or run.together.most(int(any(float(np.nanmin(each.target)) <= 0 for each in kept))):
        return held
    panel, scaling = Panel(kept, replace(layout, logged=True)), replace(scaling, logged=True, floor=None)
    logged = _survey(run, replace(held, panel=panel, scaling=scaling))
    candidates = Candidate(held.panel, held.about), Candidate(logged.panel, logged.about)
    return logged if logarithms.are_better(*candidates, run.together.total, [run.seed, 6, run.together.rank]) else held


def _span(series: Sequence[Series], frequency: Frequency, together: Together) -> int:
    """The minutes, or months, from the first step of any series of all hosts to the last one."""
    first = [frequency.tick(each.start) for each in series]
    last = [int(frequency.ticks(np.array(tick), np.array(len(each)))) for tick, each in zip(first, series, strict=True)]
    return int(together.most(max(last)) + together.most(-min(first)))


def _is_levelled(values: Mapping[str, Any], likelihood: str) -> bool:
    """True if shifts of levels are looked for: among numbers that may be added to."""
    return not is_residual(values) and likelihood not in ("beta", "negative-binomial")


def _check_values(series: Sequence[Series], likelihood: str) -> None:
    """Raises UserError if the likelihood doesn't allow these values."""
    low, high, which = {
        "beta": (0.0, 1.0, "values from 0 to 1"),
        "negative-binomial": (0.0, math.inf, "counts, which are not negative"),
    }.get(likelihood, (-math.inf, math.inf, ""))
    for number, each in enumerate(series, 1):
        wrong = each.target[(each.target < low) | (each.target > high)]
        if len(wrong):
            raise UserError(
                f"Likelihood {likelihood} is for {which}; time series {number} of channel train has {wrong[0]:g}"
            )


def _scaling(series: Sequence[Series], likelihood: str, frequency: Frequency, together: Together) -> Scaling:
    """The scaling; its forecasts are not negative if no value is."""
    negative = together.most(int(any(float(np.nanmin(each.target)) < 0 for each in series)))
    kinds: dict[str, Kind] = {"beta": "shares", "negative-binomial": "counts"}
    return Scaling(kinds.get(likelihood, "steps"), frequency.season, floor=None if negative else 0.0, limited=True)


def _survey(run: Run, held: Learnable) -> Learnable:
    """Finds typical values in windows drawn from the series; the same at every host."""
    panel, random = held.panel, np.random.default_rng([run.seed, 3, run.together.rank])
    width = panel.layout.steps * (2 + len(panel.layout.lags) + panel.layout.features)
    count = max(1, min(SURVEYED, SURVEYED_NUMBERS // width))
    rows = random.permutation(np.resize(np.arange(len(panel)), max(count, min(len(panel), SURVEYED))))[:count]
    windows = panel.windows(rows, dataset.cuts(panel, rows, random))
    known = ~np.isnan(windows.history).all(axis=1)
    levels = held.scaling.levels(windows.history)
    plain = inputs.plain(windows, levels)[known].reshape(-1, 2 + panel.layout.features).astype(np.float64)
    observed = ~np.isnan(windows.values) & known[:, None]
    wider = np.repeat(np.log(levels.factor)[:, None], observed.shape[1], axis=1)[observed]
    if panel.layout.logged:
        wider = wider + windows.values[observed]
    sums = [
        *plain.sum(axis=0), *(plain**2).sum(axis=0), float(len(plain)), wider.sum(), float(observed.sum()),
        levels.shift[known].sum(), np.log(levels.factor[known]).sum(), float(known.sum()),
    ]  # fmt: skip
    totals: list[Any] = run.together.total([float(each) for each in sums])
    features = plain.shape[1]
    *rest, wide, values, shift, factor, usable = totals
    if not values:
        raise UserError("No time series of channel train has a value after another.")
    scaling = replace(held.scaling, usual=(shift / usable, math.exp(factor / usable)))
    some = Levels(levels.shift[known], levels.factor[known], levels.unrest[known])
    scaling = scaling.with_categories(some, windows.cat[known], panel.layout.cardinality, run.together.total)
    reach = run.together.most(math.ceil(100 * _reach(held, windows, levels, observed))) / 100
    return replace(
        held,
        scaling=scaling,
        normal=Normal.of(rest[:features], rest[features:-1], rest[-1]),
        widening=wide / values,
        reach=reach,
    )


def _reach(held: Learnable, windows: Windows, levels: Levels, observed: np.ndarray) -> float:
    """The distance of nearly all values from the range of the values that preceded them, in multiples of that range."""
    scaled = held.scaling.relative(windows.values, levels)
    low, high = inputs.ends(windows.history, held.scaling, levels)
    beyond = np.maximum(np.maximum(low[:, None] - scaled, scaled - high[:, None]), 0) / inputs.spans(low, high)[:, None]
    later = observed.copy()
    later[:, : held.panel.layout.context] = False
    return max(NEAREST, float(np.quantile(beyond[later], WILDEST))) if later.any() else NEAREST
