"""The whole report."""

from __future__ import annotations

import numpy as np
import polars as pl

from sagewright.wrangler.insights import power, rows
from sagewright.wrangler.insights import target as targets
from sagewright.wrangler.insights.columns import correlated, findings_of
from sagewright.wrangler.insights.power import Problem
from sagewright.wrangler.insights.shapes import (
    CLASSIFICATION,
    FEATURE,
    HIGH,
    MEDIUM,
    PREFIX,
    REGRESSION,
    ColumnInsight,
    DataFinding,
    Fix,
    Insights,
    call,
)
from sagewright.wrangler.profiles import ColumnProfile, profile
from sagewright.wrangler.types import HIDDEN, is_missing

MOST_ROWS = 50_000
MANY_NUMBERS = 20
_ORDER = {HIGH: 0, MEDIUM: 1, FEATURE: 2}


def insights(frame: pl.DataFrame, target: str = "", problem_type: str = "") -> Insights:
    """Returns the report on the first rows of a frame. Raises ValueError."""
    data = frame.select(name for name in frame.columns if not name.startswith(HIDDEN)).head(MOST_ROWS)
    if target and target not in data.columns:
        raise ValueError(f"There is no column {target!r}; the columns are: {', '.join(data.columns[:20])}.")
    if not len(data):
        raise ValueError("The data have no rows.")
    profiles = profile(data)
    findings = [one for found in profiles for one in findings_of(data[found.name], found, found.name == target)]
    double = rows.duplicates(data, target)
    if double["rows"]:
        findings.append(_duplicated(double))
    numbers = {
        name: power.feature(data[name]) for name, dtype in data.schema.items() if dtype.is_numeric() and name != target
    }
    findings += correlated(numbers)
    powers: dict[str, float] = {}
    model, kind = None, ""
    if target:
        gone = data.select(is_missing(target, data.schema[target])).to_series()
        if gone.any():
            findings.append(targets.missing(target, int(gone.sum()), len(data)))
        labelled = data.filter(~gone)
        if not len(labelled):
            raise ValueError(f"The target {target!r} has no values.")
        kind = problem_type or _kind(labelled[target])
        goal = power.problem(labelled[target], kind)
        features = {name: power.feature(labelled[name]) for name in labelled.columns if name != target}
        powers = _powers(features, goal)
        findings += targets.of_classes(target, goal) if goal.classes else targets.of_numbers(target, goal)
        leaking = list(targets.leaks(powers, goal))
        findings += [*leaking, *targets.uninformative(powers, goal)]
        model = power.quick_model(_modelled(features, profiles), goal, [one.columns[0] for one in leaking])
    columns = tuple(_column(found, powers.get(found.name), numbers.get(found.name)) for found in profiles)
    ordered = tuple(sorted(findings, key=lambda one: _ORDER.get(one.severity, 3)))
    return Insights(
        _summary(data, profiles), ordered, columns, model, double, tuple(rows.unusual(data, numbers)), target, kind
    )


def _kind(target: pl.Series) -> str:
    """Returns the kind of problem: regression for many distinct numbers."""
    return REGRESSION if target.dtype.is_numeric() and target.n_unique() > MANY_NUMBERS else CLASSIFICATION


def _powers(features: dict[str, np.ndarray], goal: Problem) -> dict[str, float]:
    order = np.random.default_rng(0).permutation(len(goal.codes))[: power.MOST_ROWS]
    if len(order) < power.FOLDS * 2:
        return {}
    some = Problem(goal.codes[order], goal.classes)
    folds = np.arange(len(order)) % power.FOLDS
    return {name: power.power(values[order], some, folds) for name, values in features.items()}


def _modelled(features: dict[str, np.ndarray], profiles: list[ColumnProfile]) -> dict[str, np.ndarray]:
    """Returns the features without columns in which nearly every row has a different text."""
    unique = {
        one.name
        for one in profiles
        if one.type == "string" and (one.distinct or 0) > 0.9 * max(one.rows - one.missing, 1)
    }
    return {name: values for name, values in features.items() if name not in unique}


def _duplicated(double: dict[str, object]) -> DataFinding:
    number, share, conflicting = double["rows"], double["share"], double["conflicting"]
    also = f"; {conflicting:,} more differ in the target only" if conflicting else ""
    return DataFinding(
        f"{PREFIX}duplicate_rows",
        MEDIUM,
        f"{number:,} rows are there twice",
        f"{share:.2%} of the rows{also}.",
        (),
        (Fix("Drop duplicates", *call("manage_rows", "Drop duplicates", "drop_duplicates_parameters", {}), safe=True),),
    )


def _summary(data: pl.DataFrame, profiles: list[ColumnProfile]) -> dict[str, object]:
    cells = max(len(data) * len(profiles), 1)
    types: dict[str, int] = {}
    for one in profiles:
        types[one.type] = types.get(one.type, 0) + 1
    return {
        "rows": len(data),
        "columns": len(profiles),
        "missing": sum(one.missing for one in profiles) / cells,
        "types": types,
    }


def _column(found: ColumnProfile, strength: float | None, numbers: np.ndarray | None) -> ColumnInsight:
    outliers = None
    if numbers is not None and np.isfinite(numbers).any():
        finite = numbers[np.isfinite(numbers)]
        low, high = np.quantile(finite, [0.25, 0.75])
        reach = 1.5 * (high - low)
        outliers = float(((finite < low - reach) | (finite > high + reach)).mean())
    share = found.missing / found.rows if found.rows else 0.0
    return ColumnInsight(
        found.name, found.type, share, found.distinct, outliers, strength, found.edges, found.counts, found.top
    )
