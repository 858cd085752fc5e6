"""Statistics of a metric's data by period.

Source: CloudWatch's user guide, "Metrics concepts" (periods, units, statistics, percentiles).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.store import metrics
from sagewright.store.metrics import Datum, Series

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
SHORT_PERIODS_S = frozenset({1, 5, 10, 20, 30})
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,10})?|100)")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


@dataclass(frozen=True)
class Asked:
    """Whose data, of [`start_ms`, `end_ms`), by periods of `period_s` seconds; `unit`: of no other, if any is given."""

    series: Series
    start_ms: int
    end_ms: int
    period_s: int
    unit: str | None = None


def check_period(period_s: int) -> None:
    """Raises InvalidParameterValue."""
    if period_s not in SHORT_PERIODS_S and (period_s < 60 or period_s % 60):
        raise invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")


def by_period(context: Context, asked: Asked) -> dict[int, list[Datum]]:
    """The data of each period that has some, by when it begins."""
    found: dict[int, list[Datum]] = defaultdict(list)
    step = asked.period_s * 1000
    for datum in metrics.read(context.store, asked.series, asked.start_ms // step * step, asked.end_ms):
        if asked.unit in {None, datum.unit}:
            found[datum.at_ms // step * step].append(datum)
    return found


def by_unit(data: Sequence[Datum]) -> dict[str, list[Datum]]:
    """Seconds and bytes make no sum."""
    found: dict[str, list[Datum]] = defaultdict(list)
    for datum in data:
        found[datum.unit].append(datum)
    return found


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
    """The least value that so much of the samples doesn't exceed. Of a set of statistics the mean stands for all."""
    counted = sorted((d.total / d.samples, d.samples) for d in data if d.samples)
    needed, seen = share * sum(samples for _, samples in counted), 0.0
    for value, samples in counted:
        seen += samples
        if seen >= needed:
            return value
    return counted[-1][0] if counted else 0.0
