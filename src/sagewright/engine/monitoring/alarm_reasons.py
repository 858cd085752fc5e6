"""The reason for an alarm's state: the sentence and the structured data, as CloudWatch reports them.

Source: AWS's answers as localstack/localstack recorded them (`test_cloudwatch.snapshot.json`); reasons that users quote in public
threads, such as aws/aws-sdk-java#1723; CloudWatch's user guide, "Alarm events and EventBridge", for the data.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagewright.engine.monitoring.alarm_documents import ALARM, UNKNOWN, MetricAlarm

BREACHING = "breaching"
MOST_TOLD = 5
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True)
class AlarmPeriod:
    """A period that begins at `at`, a UNIX time; its value and number of samples are None where there is no data."""

    at: float
    value: float | None
    samples: float | None = None

    def described(self) -> dict[str, Any]:
        known = {"sampleCount": self.samples, "value": self.value}
        return {"timestamp": moment(self.at), **{name: value for name, value in known.items() if value is not None}}


def breaches(alarm: MetricAlarm, point: AlarmPeriod) -> bool:
    """True if the point, which has a value, is on the wrong side of the threshold."""
    assert point.value is not None
    return COMPARISONS[alarm.comparison](point.value, alarm.threshold)


def reason(alarm: MetricAlarm, state: str, points: Sequence[AlarmPeriod], requested: int) -> str:
    """Returns the reason for the points of an alarm's evaluation, the latest first. `requested`: how many points had to breach."""
    if state == UNKNOWN:
        return f"Insufficient Data: {_counted(len(points), 'datapoint')} unknown."
    known = [point for point in points if point.value is not None]
    described = [point for point in known if breaches(alarm, point) == (state == ALARM)]
    if not described:  # missing data decided
        gaps, treated = len(points) - len(known), "Breaching" if state == ALARM else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_number(gaps, 'period')} and "
            f"{_counted(gaps, 'missing datapoint')} treated as [{treated}]."
        )
    listed = ", ".join(f"{float(point.value or 0.0)} ({_day(point.at)})" for point in described[:MOST_TOLD])
    side = "" if state == ALARM else "not "
    crossed = f"{side}{_WORDS[alarm.comparison]} the threshold ({alarm.threshold})"
    if alarm.datapoints:
        least = requested if state == ALARM else max(1, len(points) - requested + 1)
        transition = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
        return (
            f"Threshold Crossed: {len(described)} out of the last {len(points)} datapoints [{listed}] {_was(len(described))} "
            f"{crossed} (minimum {_number(least, 'datapoint')} for {transition} transition)."
        )
    return f"Threshold Crossed: {_number(len(described), 'datapoint')} [{listed}] {_was(len(described))} {crossed}."


def data(alarm: MetricAlarm, points: Sequence[AlarmPeriod], now: float) -> dict[str, Any]:
    """Returns the contents of StateReasonData; `now`: when the metric was queried."""
    known = [point for point in points if point.value is not None]
    metric = {
        "unit": alarm.unit,
        "statistic": alarm.statistic or alarm.percentile,
        "period": alarm.period_s,
    }
    return {
        "version": "1.0",
        "queryDate": moment(now),
        **({"startDate": moment(known[-1].at)} if known else {}),
        **{name: value for name, value in metric.items() if value is not None},
        "recentDatapoints": [point.value for point in reversed(known)],
        "threshold": alarm.threshold,
        "evaluatedDatapoints": [point.described() for point in points],
    }


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}"


def _was(count: int) -> str:
    return "were" if count > 1 else "was"


def _counted(count: int, noun: str) -> str:
    return f"{_number(count, noun)} {_was(count)}"
