"""Series: resampling, gaps, lags, windows, lengths and features, within each series of an id column."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sagewright.wrangler.operators.step import Check, OperatorStep, StepResult, numbers, one, operator
from sagewright.wrangler.operators.times.featurize_date_time import featurized, time_of
from sagewright.wrangler.types import DATETIME, as_type, present

MOST_MADE = 50_000_000
EVERY = {
    "Yearly": "y", "Quarterly": "q", "Monthly": "mo", "Weekly": "w", "Daily": "d", "Hourly": "h", "Minutely": "m", "Secondly": "s",
}  # fmt: skip
_TIME = "__sagewright_time"
_ORDER = "__sagewright_order"


@operator("time_series")
def time_series(step: OperatorStep) -> StepResult:
    return _TOOLS[step.title](step)


def _over(step: OperatorStep) -> list[str]:
    """Returns the id column as a list, empty without one."""
    name = step.values["id_column"]
    if not name:
        return []
    step.dtype(name)
    return [name]


def _ordered(step: OperatorStep) -> pl.LazyFrame:
    """Returns the rows with their time, in the order of each series."""
    time = time_of(step, step.values["timestamp_column"])
    return step.frame.with_columns(time.alias(_TIME)).sort([*_over(step), _TIME], maintain_order=True)


def _windowed(expression: pl.Expr, over: list[str]) -> pl.Expr:
    return expression.over(over) if over else expression


def _validated(step: OperatorStep) -> StepResult:
    name, policy = step.values["timestamp_column"], step.values["policy"]
    dtype = step.dtype(name)
    time = as_type(name, dtype, DATETIME)
    if policy == "drop":
        return one(step.frame.filter(time.is_not_null()))
    if policy == "indicate":
        return one(step.frame.with_columns(time.is_not_null().alias(f"{name}_is_valid")))
    step.checks.append(Check(name, time.is_null(), "{value} is not a time."))
    broken = pl.when(time.is_null()).then(pl.lit("not a time")).cast(pl.Datetime("us"))
    kept = pl.when(time.is_not_null() & broken.is_null()).then(pl.col(name))
    return one(step.frame.with_columns(kept.alias(name)))


def _gaps(step: OperatorStep) -> StepResult:
    """Fills missing values along a column's series, in the order of time."""
    given = step.values
    name = given["hmac_sequence_column"]
    dtype = step.dtype(name)
    over = [given["hmac_id_column"]] if given["hmac_id_column"] else []
    order = time_of(step, given["hmac_timestamp_column"]) if given["hmac_timestamp_column"] else pl.col(_ORDER)
    frame = step.frame.with_row_index(_ORDER).with_columns(order.alias(_TIME)).sort([*over, _TIME], maintain_order=True)
    value, strategy = present(name, dtype), given["hmac_strategy"]
    if strategy == "Drop":
        return one(frame.filter(value.is_not_null()).sort(_ORDER).drop(_ORDER, _TIME))
    if strategy == "Constant Value":
        fill = (
            pl.DataFrame({"value": [str(given["hmac_custom_value"])]})
            .select(as_type("value", pl.String(), "float"))
            .item()
        )
        filled = value.fill_null(fill if dtype.is_numeric() else str(given["hmac_custom_value"]))
    elif strategy == "Interpolate":
        step.dtype(name, "long", "float")
        filled = _windowed(value.cast(pl.Float64).interpolate(), over)
    else:
        filled = _windowed(value.forward_fill() if strategy == "Forward Fill" else value.backward_fill(), over)
    if given["hmac_leftovernans"] == "Fill with Forward/Backward feed":
        filled = _windowed(filled.forward_fill().backward_fill(), over) if strategy != "Constant Value" else filled
    frame = frame.with_columns(filled.alias(given["hmac_output_column"] or name))
    return one(frame.sort(_ORDER).drop(_ORDER, _TIME))


_DOWN: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "mean": lambda value: value.mean(),
    "median": lambda value: value.median(),
    "min": lambda value: value.min(),
    "max": lambda value: value.max(),
    "sum": lambda value: value.sum(),
    "first": lambda value: value.drop_nulls().first(),
    "last": lambda value: value.drop_nulls().last(),
    "most common": lambda value: value.drop_nulls().mode().sort().first(),
}


def _resampled(step: OperatorStep) -> StepResult:
    given, over = step.values, _over(step)
    every = f"{given['frequency.quantity']}{EVERY[given['frequency.offset_description']]}"
    time = given["timestamp_column"]
    aggregated = []
    for name, dtype in step.schema.items():
        if name not in (time, *over):
            numeric = dtype.is_numeric()
            how = _DOWN[given["downsample.numeric" if numeric else "downsample.non_numeric"]]
            aggregated.append(how(pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)))
    frame = step.frame.with_columns(time_of(step, time).alias(time)).drop_nulls(time).sort([*over, time])
    down = step.keep(frame.group_by_dynamic(time, every=every, group_by=over or None).agg(aggregated))
    bounds = down.group_by(over) if over else down.with_columns(pl.lit(0).alias(_ORDER)).group_by(_ORDER)
    grid = bounds.agg(pl.col(time).min().alias("__first"), pl.col(time).max().alias("__last"))
    number = int(
        step.fit(
            grid.select(((pl.col("__last") - pl.col("__first")).dt.total_seconds() / _seconds(every)).sum())
        ).item()
        or 0
    )
    if number > MOST_MADE:
        raise step.fault(f"At {every} the series have {number:,} rows, more than {MOST_MADE:,}.")
    grid = (
        grid.with_columns(pl.datetime_ranges("__first", "__last", every).alias(time))
        .explode(time)
        .select([*over, time])
    )
    joined = grid.join(down, on=[*over, time], how="left").sort([*over, time])
    filled = []
    for name, dtype in step.schema.items():
        if name in (time, *over):
            continue
        how = given["upsample.numeric" if dtype.is_numeric() else "upsample.non_numeric"]
        value = pl.col(name)
        value = (
            value.interpolate()
            if how == "linear"
            else value.forward_fill()
            if how == "ffill"
            else value.backward_fill()
        )
        filled.append(_windowed(value, over))
    return one(joined.with_columns(filled).select(list(step.schema)))


def _seconds(every: str) -> float:
    units = {
        "y": 365 * 86400,
        "q": 90 * 86400,
        "mo": 28 * 86400,
        "w": 7 * 86400,
        "d": 86400,
        "h": 3600,
        "m": 60,
        "s": 1,
    }
    digits = "".join(one for one in every if one.isdigit())
    return float(int(digits) * units[every[len(digits) :]])


MOST_LAGS = 500


def _lagged(step: OperatorStep) -> StepResult:
    given, over, name = step.values, _over(step), step.values["sequence_column"]
    step.dtype(name)
    entire = given["entire_window"] == "Yes"
    lags = range(1, given["lag"] + 1) if entire else [given["lag"]]
    flat = not entire or given["flatten"]
    parts = [_windowed(pl.col(name).shift(lag), over).alias(f"{name}_lag_{lag}") for lag in lags]
    frame = _ordered(step)
    if flat:
        frame = frame.with_columns(parts)
        names = [f"{name}_lag_{lag}" for lag in lags]
    else:
        names = [given["output_column"] or f"{name}_lags"]
        frame = frame.with_columns(pl.concat_list(parts).alias(names[0]))
    if given["drop_rows"]:
        full = _windowed(pl.int_range(pl.len()), over) >= max(lags)
        frame = frame.filter(full)
    return one(frame.drop(_TIME))


STATISTICS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "sum_values": lambda value: value.sum(),
    "median": lambda value: value.median(),
    "mean": lambda value: value.mean(),
    "length": lambda value: value.len().cast(pl.Float64),
    "standard_deviation": lambda value: value.std(ddof=0),
    "variance": lambda value: value.var(ddof=0),
    "root_mean_square": lambda value: (value**2).mean().sqrt(),
    "maximum": lambda value: value.max(),
    "absolute_maximum": lambda value: value.abs().max(),
    "minimum": lambda value: value.min(),
}
"""The minimal set of features, under the names that tsfresh gives them."""
EFFICIENT: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    **STATISTICS,
    "abs_energy": lambda value: (value**2).sum(),
    "mean_abs_change": lambda value: value.diff().abs().mean(),
    "mean_change": lambda value: value.diff().mean(),
    "absolute_sum_of_changes": lambda value: value.diff().abs().sum(),
    "skewness": lambda value: value.skew(bias=False),
    "kurtosis": lambda value: value.kurtosis(bias=False),
    "count_above_mean": lambda value: (value > value.mean()).sum().cast(pl.Float64),
    "count_below_mean": lambda value: (value < value.mean()).sum().cast(pl.Float64),
    "quantile_0.1": lambda value: value.quantile(0.1, "linear"),
    "quantile_0.9": lambda value: value.quantile(0.9, "linear"),
    "first_location_of_maximum": lambda value: value.arg_max() / value.len(),
    "first_location_of_minimum": lambda value: value.arg_min() / value.len(),
}


def _features(step: OperatorStep) -> StepResult:
    """Returns one row per series, with its features."""
    over, columns = _over(step), step.values["sequence_columns"]
    values = dict(zip(columns, numbers(step, columns), strict=True))
    chosen = STATISTICS if step.values["strategy"] == "Minimal subset" else EFFICIENT
    aggregated = [
        make(value.drop_nulls()).alias(f"{name}__{part}")
        for name, value in values.items()
        for part, make in chosen.items()
    ]
    frame = _ordered(step)
    return one(frame.group_by(over, maintain_order=True).agg(aggregated) if over else frame.select(aggregated))


def _rolled(step: OperatorStep) -> StepResult:
    given, over, name = step.values, _over(step), step.values["sequence_column"]
    (value,) = numbers(step, [name])
    size = given["window_size"]
    rolled = {
        "sum_values": value.rolling_sum(size),
        "median": value.rolling_median(size),
        "mean": value.rolling_mean(size),
        "standard_deviation": value.rolling_std(size, ddof=0),
        "variance": value.rolling_var(size, ddof=0),
        "root_mean_square": (value**2).rolling_mean(size).sqrt(),
        "maximum": value.rolling_max(size),
        "absolute_maximum": value.abs().rolling_max(size),
        "minimum": value.rolling_min(size),
    }
    parts = [_windowed(part, over).alias(f"{name}_{kind}") for kind, part in rolled.items()]
    frame = _ordered(step)
    if given["flatten"]:
        return one(frame.with_columns(parts).drop(_TIME))
    return one(frame.with_columns(pl.concat_arr(parts).alias(f"{name}_rolling")).drop(_TIME))


def _lengths(step: OperatorStep) -> StepResult:
    """Makes the arrays of a column equally long, by cutting or padding their ends."""
    given, name = step.values, step.values["sequence_column"]
    dtype = step.dtype(name)
    if not isinstance(dtype, (pl.List, pl.Array)):
        raise step.fault("The column contains no arrays.", name)
    listed = pl.col(name).arr.to_list() if isinstance(dtype, pl.Array) else pl.col(name)
    lengths = listed.list.len()
    cutoff = given["cutoff_percentile"] / 100
    size = int(step.fit(step.frame.select(lengths.quantile(cutoff, "higher"))).item() or 0)
    if size > MOST_LAGS * 100:
        raise step.fault(f"The arrays would have {size:,} values, more than {MOST_LAGS * 100:,}.", name)
    padded = pl.concat_list(listed.list.head(size), pl.lit(given["padding_value"]).repeat_by(size)).list.head(size)
    return one(step.frame.with_columns(padded.alias(given["output_column"] or name)))


def _grouped(step: OperatorStep) -> StepResult:
    """Puts the values of each series into arrays, in the order of time."""
    over = _over(step)
    if not over:
        raise step.fault("Missing required parameter id_column")
    frame = _ordered(step)
    kept = [name for name in step.schema if name not in over]
    return one(frame.group_by(over, maintain_order=True).agg(pl.col(kept)))


def _ranged(step: OperatorStep) -> StepResult:
    """Adds a column of times at a frequency, a row each."""
    given = step.values
    start = pl.DataFrame({"value": [given["start"]]}).select(as_type("value", pl.String(), DATETIME)).item()
    if start is None:
        raise step.fault(f"The parameter start, {given['start'][:100]!r}, is not a time.")
    every = f"{given['frequency.quantity']}{EVERY[given['frequency.offset_description']]}"
    number = pl.int_range(pl.len())
    unit = every.lstrip("0123456789")
    count = int(every[: -len(unit)])
    offset = (number * count).cast(pl.String) + unit
    return one(step.frame.with_columns(pl.lit(start).dt.offset_by(offset).alias(given["output_column"])))


_TOOLS: dict[str, Callable[[OperatorStep], StepResult]] = {
    "Validate timestamps": _validated,
    "Handle missing": _gaps,
    "Resample": _resampled,
    "Featurize datetime": featurized,
    "Lag features": _lagged,
    "Rolling window features": _rolled,
    "Extract features": _features,
    "Standardize length": _lengths,
    "Group by": _grouped,
    "Datetime range": _ranged,
}
