"""Forecasts of each series from its own past only, for many series at once: the dynamic optimised theta model, complex exponential
smoothing, and exponential smoothing with a damped trend, all on deseasonalised values.

Source: J. A. Fiorucci et al., "Models for optimising the theta method and their relationship to state space models", International
Journal of Forecasting 32, 2016; I. Svetunkov et al., "Complex exponential smoothing", Naval Research Logistics 69, 2022; E. S.
Gardner and E. McKenzie, "Forecasting trends in time series", Management Science 31, 1985. Parameters are the best of a grid by the
sum of squared one-step errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sagewright.algorithms.deepar.data.panel import Layout

LONGEST = 600
"""Number of last values that are used."""
THETA_RATES = np.linspace(0.05, 0.95, 19)
THETAS = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
CES_REAL = np.linspace(1.02, 2.1, 19)
CES_IMAGINARY = 1 + np.array((-0.01, -0.005, -0.002, 0, 0.002, 0.005, 0.01))
"""Near 1, where there is no trend: larger distances fit noise."""
LEVEL_RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
TREND_RATES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""As shares of the level's rate."""
DAMPING = (0.8, 0.85, 0.9, 0.94, 0.98)
FIRST_STEPS = 8
"""Number of first steps whose mean is the initial trend."""
MOST_PARAMETERS = max(len(CES_REAL) * len(CES_IMAGINARY), len(LEVEL_RATES) * len(TREND_RATES) * len(DAMPING))
TOGETHER = 400_000
"""Maximum number of values in a step of the filters, over all series and parameters."""
SIGNIFICANT = 1.645
BURN = 12
"""Number of first values whose errors don't count, because the initial states are guesses."""
Filter = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def of_panel(names: Sequence[str], rows: Sequence[np.ndarray], layout: Layout) -> np.ndarray:
    """As `forecast`, of a panel's values (t,). Instead of logarithms the values themselves are forecast, which are at least half as
    large as a series' smallest one."""
    season, horizon = layout.frequency.season, layout.horizon
    if not layout.logged:
        return forecast(names, rows, season, horizon)
    own = [np.exp(np.asarray(row, np.float64)) for row in rows]
    least = np.array([np.nanmin(row) / 2 for row in own])
    found: np.ndarray = np.log(np.maximum(forecast(names, own, season, horizon), least[:, None]))
    return found


def forecast(names: Sequence[str], rows: Sequence[np.ndarray], season: int, horizon: int) -> np.ndarray:
    """(experts, n, horizon) float64 of series (each (t,), NaN where missing) that have at least one value each."""
    known = [_begun(row[-LONGEST:]) for row in rows]
    table, lengths = _aligned([_filled(row) for row in known])
    missing = np.isnan(_aligned(known)[0])
    plain, seasonal, multiplies = _deseasonalised(table, missing, lengths, season)
    plain = np.where(missing, np.nan, plain)
    found = []
    for name in names:
        ahead = _in_parts(EXPERTS[name], plain, lengths, horizon)
        later = seasonal[:, np.arange(horizon) % season]
        found.append(np.where(multiplies[:, None], ahead * later, ahead + later))
    return np.stack(found)


def _begun(row: np.ndarray) -> np.ndarray:
    """The row from its first value on."""
    return row[np.argmax(~np.isnan(row)) :].astype(np.float64)


def _filled(row: np.ndarray) -> np.ndarray:
    """The row with missing values interpolated linearly."""
    places = np.flatnonzero(~np.isnan(row))
    return row if len(places) == len(row) else np.interp(np.arange(len(row)), places, row[places])


def _aligned(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(n, T) aligned at the end, with zeros before a series begins, and the lengths (n,)."""
    lengths = np.array([len(row) for row in rows])
    table = np.zeros((len(rows), lengths.max()))
    for number, row in enumerate(rows):
        table[number, -len(row) :] = row
    return table, lengths


def _deseasonalised(
    table: np.ndarray, missing: np.ndarray, lengths: np.ndarray, season: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deseasonalised values, the season (n, season) from the first value to forecast on, and whether it is multiplicative. Values
    of the `table` (n, T) that are `missing` (n, T) are interpolated, and not used for the season.

    Series are seasonal if the autocorrelation at the season's lag is significant at 10 %, and if they are at least two seasons
    long.
    """
    steps = table.shape[1]
    inside = np.arange(steps) >= (steps - lengths)[:, None]
    multiplies = np.where(inside, table, 1).min(axis=1) > 0
    ratio = np.where(multiplies, 1.0, 0.0)
    seasonal = np.repeat(ratio[:, None], season, axis=1)
    if season < 2 or steps < 2 * season:
        return table, seasonal, multiplies
    phase = (np.arange(steps) - steps) % season
    for number in np.flatnonzero(lengths >= max(2 * season + 1, season + 3)):
        row, own = table[number, -lengths[number] :], phase[-lengths[number] :]
        gone = missing[number, -lengths[number] :]
        if not _is_seasonal(np.where(gone, np.nan, row), season):
            continue
        kernel = np.full(season, 1.0) if season % 2 else np.concatenate([[0.5], np.ones(season - 1), [0.5]])
        smooth = np.convolve(row, kernel / season, "valid")
        edge = (len(row) - len(smooth)) // 2
        middle = slice(edge, edge + len(smooth))
        raw = row[middle] / smooth if multiplies[number] else row[middle] - smooth
        used = ~gone[middle]
        if len(np.unique(own[middle][used])) < season:
            continue
        index = np.array([raw[used & (own[middle] == each)].mean() for each in range(season)])
        index = index / index.mean() if multiplies[number] else index - index.mean()
        if multiplies[number] and index.min() <= 0.01:
            continue
        seasonal[number] = index
    effects = seasonal[:, phase]
    each = multiplies[:, None]
    return (
        np.where(inside, np.where(each, table / np.where(each, effects, 1), table - effects), 0),
        seasonal,
        multiplies,
    )


def _is_seasonal(row: np.ndarray, season: int) -> bool:
    """True if the autocorrelation of the row, NaN where missing, is significant at the season's lag."""
    seen = ~np.isnan(row)
    centred, count = np.where(seen, row - np.nanmean(row), 0.0), np.count_nonzero(seen)
    power = float(centred @ centred) / count
    if power <= 0:
        return False
    lags = np.arange(1, season + 1)
    pairs = np.array([np.count_nonzero(seen[lag:] & seen[:-lag]) for lag in lags])
    pairs = np.maximum(pairs, 1) * len(row) / (len(row) - lags)  # as if there were as many at every lag
    found = np.array([float(centred[lag:] @ centred[:-lag]) for lag in lags]) / power / pairs
    limit = SIGNIFICANT * np.sqrt((1 + 2 * float((found[:-1] ** 2).sum())) / count)
    return bool(abs(found[-1]) > limit)


def _in_parts(expert: Filter, plain: np.ndarray, lengths: np.ndarray, horizon: int) -> np.ndarray:
    """Runs the expert on a few series at a time, grouped by similar length."""
    step = max(1, TOGETHER // MOST_PARAMETERS)
    order = np.argsort(lengths, kind="stable")
    found = np.empty((len(plain), horizon))
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        longest = int(lengths[rows].max())
        found[rows] = expert(plain[rows, -longest:], lengths[rows], horizon)
    return found


class _Theta:
    """The states of dynamic theta models for n series (rows) with several parameters each (columns)."""

    def __init__(self, rate: np.ndarray, line: np.ndarray, count: int) -> None:
        self.rate, self.line = rate, line
        self.level = np.zeros((count, rate.shape[1]))
        self.mean, self.slope, self.intercept = (np.zeros((count, 1)) for _ in range(3))

    def ahead(self, number: np.ndarray) -> np.ndarray:
        """The prediction for the value of that number (n, 1), counted from 1."""
        decay = (1 - self.rate) ** np.maximum(number - 1, 0)
        trend = decay * self.intercept + (1 - decay * (1 - self.rate)) / self.rate * self.slope
        found: np.ndarray = self.level + (1 - 1 / self.line) * trend
        return found

    def take(self, value: np.ndarray, number: np.ndarray) -> None:
        """Updates with the value of that number; the number is less than 1 for series that haven't begun. A missing value, NaN, is
        taken to be the one that was predicted."""
        count, there = np.maximum(number, 1), ~np.isnan(value)
        if not there.all():
            ahead, value = self.ahead(number), np.where(there, value, self.intercept + self.slope * count)
            follows = self.rate * np.where(there, value, ahead) + (1 - self.rate) * self.level
        else:
            follows = self.rate * value + (1 - self.rate) * self.level
        self.level = np.where(number > 1, follows, np.where(number == 1, value, self.level))
        slope = ((count - 2) * self.slope + 6 / count * (value - self.mean)) / (count + 1)
        self.slope = np.where(number > 1, slope, self.slope)
        self.mean = np.where(number >= 1, self.mean + (value - self.mean) / count, self.mean)
        self.intercept = np.where(number >= 1, self.mean - (count + 1) / 2 * self.slope, self.intercept)

    def choose(self, best: np.ndarray) -> None:
        """Selects one column (n, 1) for each series."""
        self.rate, self.line = self.rate[0, best], self.line[0, best]
        self.level = np.take_along_axis(self.level, best, axis=1)


def theta(plain: np.ndarray, lengths: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts (n, horizon) of the dynamic optimised theta model."""
    rate, line = (grid.ravel()[None] for grid in np.meshgrid(THETA_RATES, np.array(THETAS)))
    count, steps = plain.shape
    states, errors = _Theta(rate, line, count), np.zeros((count, rate.shape[1]))
    first = 1 - (steps - lengths)[:, None]
    for step in range(steps):
        number, value = first + step, plain[:, step : step + 1]
        errors += np.where((number > BURN) & ~np.isnan(value), value - states.ahead(number), 0) ** 2
        states.take(value, number)
    states.choose(errors.argmin(axis=1)[:, None])
    found = []
    for number in (first + step for step in range(steps, steps + horizon)):
        found.append(states.ahead(number))
        states.take(found[-1], number)
    return np.concatenate(found, axis=1)


def ces(plain: np.ndarray, lengths: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts (n, horizon) of complex exponential smoothing. The initial state assumes a constant series at its first value."""
    real, imaginary = (grid.ravel()[None] for grid in np.meshgrid(CES_REAL, CES_IMAGINARY))
    stable = (
        ((real - 2.5) ** 2 + imaginary**2 > 1.25)
        & ((real - 0.5) ** 2 + (imaginary - 1) ** 2 > 0.25)
        & ((real - 1.5) ** 2 + (imaginary - 0.5) ** 2 < 1.5)
    )[0]
    real, imaginary = real[:, stable], imaginary[:, stable]
    steps = plain.shape[1]
    offset = (steps - lengths)[:, None]
    first = np.take_along_axis(plain, offset, axis=1)
    level = np.repeat(first, real.shape[1], axis=1)
    other = level / real
    errors = np.zeros_like(level)
    for step in range(steps):
        value = plain[:, step : step + 1]
        began = step >= offset
        error = np.where(began & ~np.isnan(value), value - level, 0)
        level, other = (
            np.where(began, level - (1 - imaginary) * other + (real - imaginary) * error, level),
            np.where(began, level + (1 - real) * other + (real + imaginary) * error, other),
        )
        errors += np.where(step >= offset + BURN, error, 0) ** 2
    best = errors.argmin(axis=1)[:, None]
    real, imaginary = real[0, best], imaginary[0, best]
    level, other = np.take_along_axis(level, best, axis=1), np.take_along_axis(other, best, axis=1)
    found = []
    for _ in range(horizon):
        found.append(level)
        level, other = level - (1 - imaginary) * other, level + (1 - real) * other
    return np.concatenate(found, axis=1)


def damped(plain: np.ndarray, lengths: np.ndarray, horizon: int) -> np.ndarray:
    """Forecasts (n, horizon) of exponential smoothing with a damped trend."""
    rate, pace, damping = (grid.ravel()[None] for grid in np.meshgrid(LEVEL_RATES, TREND_RATES, DAMPING))
    pace, steps = rate * pace, plain.shape[1]
    offset = (steps - lengths)[:, None]
    span = np.minimum(lengths - 1, FIRST_STEPS)[:, None]
    first, later = (np.take_along_axis(plain, place, axis=1) for place in (offset, offset + span))
    slope = np.nan_to_num((later - first) / np.maximum(span, 1))  # where the later value is missing, there is no trend
    level, trend = (np.repeat(each, rate.shape[1], axis=1) for each in (first - slope, slope))
    errors = np.zeros_like(level)
    for step in range(steps):
        value, began = plain[:, step : step + 1], step >= offset
        ahead = level + damping * trend
        error = np.where(began & ~np.isnan(value), value - ahead, 0)
        level = np.where(began, ahead + rate * error, level)
        trend = np.where(began, damping * trend + pace * error, trend)
        errors += np.where(step >= offset + BURN, error, 0) ** 2
    best = errors.argmin(axis=1)[:, None]
    level, trend = np.take_along_axis(level, best, axis=1), np.take_along_axis(trend, best, axis=1)
    steps_ahead = np.cumsum(damping[0, best] ** np.arange(1, horizon + 1), axis=1)
    found: np.ndarray = level + trend * steps_ahead
    return found


EXPERTS: dict[str, Filter] = {"theta": theta, "ces": ces, "damped": damped}
