"""Statistics of a metric's data by period.

Source: CloudWatch's user guide, "Metrics concepts" (periods, units, statistics, percentiles).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sagewright.model.budgets import Budget, OverBudget
from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import Datum, MetricSeries

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
SHORT_PERIODS_S = frozenset({1, 5, 10, 20, 30})
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,10})?|100)")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


@dataclass(frozen=True)
class PeriodQuery:
    """Data of a series in [`start_ms`, `end_ms`), by periods of `period_s` seconds. `unit`: restricts the data to one unit, if
    given."""

    series: MetricSeries
    start_ms: int
    end_ms: int
    period_s: int
    unit: str | None = None


def check_period(period_s: int) -> None:
    """Raises InvalidParameterValue."""
    if period_s not in SHORT_PERIODS_S and (period_s < 60 or period_s % 60):
        raise invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")


MOST_DATA = 1_000_000
"""Maximum number of periods that one request can read, or of data points for percentiles, which need each of them."""


def data_budget() -> Budget:
    return Budget("The metric data that the request reads", MOST_DATA, "data points")


def by_period(
    context: Context, requested: PeriodQuery, budget: Budget, *, each: bool = False
) -> dict[int, list[Datum]]:
    """Returns the data of each non-empty period by its start: one datum per unit, or `each` datum, which percentiles need.

    Raises InvalidParameterCombination beyond the budget.
    """
    step = requested.period_s * 1000
    window = requested.start_ms // step * step, requested.end_ms
    most = budget.room + 1
    data: list[Datum]
    if each:
        data = metrics.read(context.store, requested.series, *window, most)
    else:
        read = metrics.periods(context.store, requested.series, window, step, most)
        data = [Datum(one.at_ms, one.samples, one.total, one.minimum, one.maximum, one.unit) for one in read]
    try:
        budget.spend(len(data))
    except OverBudget as error:
        raise AwsError("InvalidParameterCombination", f"{error}. Use longer periods or a shorter time.") from None
    found: dict[int, list[Datum]] = defaultdict(list)
    for datum in data:
        if requested.unit in {None, datum.unit}:
            found[datum.at_ms // step * step].append(datum)
    return found


def is_percentile(name: str) -> bool:
    return _PERCENTILE.fullmatch(name) is not None


def by_unit(data: Sequence[Datum]) -> dict[str, list[Datum]]:
    """Groups the data by unit: seconds and bytes can't be added."""
    found: dict[str, list[Datum]] = defaultdict(list)
    for datum in data:
        found[datum.unit].append(datum)
    return found


UNITS = (
    "Megabits", "Terabits", "Gigabits", "Count", "Bytes", "Gigabytes", "Gigabytes/Second", "Kilobytes",
    "Kilobits/Second", "Terabytes", "Terabits/Second", "Bytes/Second", "Percent", "Megabytes", "Megabits/Second",
    "Milliseconds", "Microseconds", "Kilobytes/Second", "Gigabits/Second", "Megabytes/Second", "Bits", "Bits/Second",
    "Count/Second", "Seconds", "Kilobits", "Terabytes/Second", "None",
)  # fmt: skip
"""Units in GetMetricData's order of preference."""


def in_one_unit(data: Mapping[int, list[Datum]]) -> tuple[Mapping[int, list[Datum]], list[str]]:
    """Returns the data in the unit that comes first in UNITS, and all units if there are several: they are never added up.

    Source: recorded on AWS, localstack test_cloudwatch::test_get_metric_data_different_units_no_unit_in_query.
    """
    found = {datum.unit for of_period in data.values() for datum in of_period}
    units = [unit for unit in UNITS if unit in found] + sorted(found.difference(UNITS))
    if len(units) < 2:
        return data, []
    kept = {at_ms: [datum for datum in of_period if datum.unit == units[0]] for at_ms, of_period in data.items()}
    return {at_ms: of_period for at_ms, of_period in kept.items() if of_period}, units


def statistic(name: str, data: Sequence[Datum]) -> float:
    """Raises InvalidParameterValue."""
    samples, total = sum(d.samples for d in data), sum(d.total for d in data)
    if percentile := _PERCENTILE.fullmatch(name):
        return _percentile(float(percentile[1]) / 100, data)
    values_of: dict[str, Callable[[], float]] = {
        "SampleCount": lambda: samples,
        "Sum": lambda: total,
        "Average": lambda: total / samples if samples else 0.0,
        "Minimum": lambda: min(d.minimum for d in data),
        "Maximum": lambda: max(d.maximum for d in data),
    }
    if name not in values_of:
        raise invalid(f"The statistic {name} is not one of {', '.join(STATISTICS)} or a percentile such as p90.")
    return float(values_of[name]())


def _percentile(share: float, data: Sequence[Datum]) -> float:
    """Returns a percentile: the smallest value that at least `share` of the samples do not exceed. A statistic set counts as
    samples equal to its mean."""
    counted = sorted((d.total / d.samples, d.samples) for d in data if d.samples)
    needed, seen = share * sum(samples for _, samples in counted), 0.0
    for value, samples in counted:
        seen += samples
        if seen >= needed:
            return value
    return counted[-1][0] if counted else 0.0
