"""Comparison of an endpoint's variants, from their CloudWatch metrics.

Rates have Wilson's interval; a median has the interval between two order statistics, which is valid for any distribution. Sources:
E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927; W. J. Conover, "Practical Nonparametric
Statistics", 3.2.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

Z = 1.959964
"""Quantile of the normal distribution for a confidence of 95 %."""
NAMESPACE = "AWS/SageMaker"
HEADINGS = ("invocations", "errors", "4XX", "p50 ms", "p90 ms", "p99 ms", "overhead p50 ms")


def comparison(cloudwatch: Any, endpoint: str, variants: list[str], minutes: int) -> Table:
    """Returns one row per variant. Latencies are the model's own."""
    table = Table(Column("variant", overflow="fold"), *HEADINGS, box=None)
    for name in variants:
        table.add_row(escape(name), *_Measured(cloudwatch, endpoint, name, minutes).row())
    return table


def compared(cloudwatch: Any, endpoint: str, variants: list[str], minutes: int) -> list[dict[str, str]]:
    """Returns the same rows as documents by their headings."""
    rows = ((name, *_Measured(cloudwatch, endpoint, name, minutes).row()) for name in variants)
    return [dict(zip(("variant", *HEADINGS), row, strict=True)) for row in rows]


class _Measured:
    def __init__(self, cloudwatch: Any, endpoint: str, variant: str, minutes: int) -> None:
        self._cloudwatch = cloudwatch
        self._dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
        now = datetime.now(UTC)
        period = max(60, math.ceil(minutes) * 60)
        self._requested = {
            "Namespace": NAMESPACE,
            "Dimensions": self._dimensions,
            "StartTime": now - timedelta(minutes=minutes),
            "EndTime": now + timedelta(minutes=1),
            "Period": period + 60,  # one period: percentiles can't be combined
        }

    def row(self) -> list[str]:
        count = int(self._sum("Invocations"))
        if not count:
            return ["0", *[""] * (len(HEADINGS) - 1)]
        errors = self._sum("Invocation5XXErrors")
        lower, upper = median_ranks(count)
        requested = sorted({lower, 50.0, upper, 90.0, 99.0})
        latency = self._percentiles("ModelLatency", requested)
        overhead = self._percentiles("OverheadLatency", [50.0])
        middle = f"{_ms(latency.get(50.0))} ({_ms(latency.get(lower))} to {_ms(latency.get(upper))})"
        return [
            f"{count:,}",
            rate(errors, count),
            rate(self._sum("Invocation4XXErrors"), count),
            middle,
            _ms(latency.get(90.0)),
            _ms(latency.get(99.0)),
            _ms(overhead.get(50.0)),
        ]

    def _sum(self, name: str) -> float:
        points = self._cloudwatch.get_metric_statistics(MetricName=name, Statistics=["Sum"], **self._requested)
        return float(sum(point["Sum"] for point in points["Datapoints"]))

    def _percentiles(self, name: str, percents: list[float]) -> dict[float, float]:
        words = {f"p{percent:.2f}".rstrip("0").rstrip("."): percent for percent in percents}
        points = self._cloudwatch.get_metric_statistics(
            MetricName=name, ExtendedStatistics=list(words), **self._requested
        )
        if not points["Datapoints"]:
            return {}
        widest = points["Datapoints"][-1]["ExtendedStatistics"]
        return {words[word]: value for word, value in widest.items() if word in words}


def wilson(errors: float, count: int) -> tuple[float, float]:
    """Returns the 95 % interval of a rate."""
    rate_, square = errors / count, Z * Z / count
    centre = (rate_ + square / 2) / (1 + square)
    half = Z * math.sqrt(rate_ * (1 - rate_) / count + square / (4 * count)) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def rate(errors: float, count: int) -> str:
    lower, upper = wilson(errors, count)
    return f"{100 * errors / count:.2f} % ({100 * lower:.2f} to {100 * upper:.2f})"


def median_ranks(count: int) -> tuple[float, float]:
    """Returns the percentiles of a sample between which its distribution's median is, with a confidence of 95 %."""
    half = 50 * Z / math.sqrt(count)
    return round(max(0.01, 50 - half), 2), round(min(99.99, 50 + half), 2)


def _ms(microseconds: float | None) -> str:
    return "" if microseconds is None else f"{microseconds / 1000:.2f}"
