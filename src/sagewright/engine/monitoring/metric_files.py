"""Metrics that a job has written to files: one JSON object per line, in the format of a datum of PutMetricData.

Source: AWS's developer guide, "CloudWatch metrics for bring your own containers".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from sagewright.model.clock import to_ms
from sagewright.store.logs.metrics import MOST_VALUE, Datum, dimension_text

LONGEST_NAME = 255
LONGEST_VALUE = 1024
MOST_DIMENSIONS = 30
LATEST_MS = 4_102_444_800_000  # 2100
UNITS = frozenset({
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits",
    "Megabits", "Gigabits", "Terabits", "Percent", "Count", "None", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second",
    "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
    "Terabits/Second", "Count/Second",
})  # fmt: skip
"""CloudWatch's units."""
Found = tuple[str, str, Datum]
"""A metric's name, its dimensions as canonical text, and the datum."""


class BadMetric(ValueError):
    """The line is not a metric; the message says why."""


def read(lines: Sequence[str]) -> tuple[list[Found], list[str]]:
    """Returns the metrics, and the reason for each line that is none."""
    found, refused = list[Found](), list[str]()
    for line in lines:
        try:
            found.append(_read(line))
        except BadMetric as error:
            refused.append(f"{error}: {line[:200]!r}")
    return found, refused


def _read(line: str) -> Found:
    try:
        entry = orjson.loads(line)
    except ValueError as error:
        raise BadMetric(f"it is not JSON: {error}") from None
    if not isinstance(entry, dict):
        raise BadMetric("it is not a JSON object")
    name = _text(entry.get("MetricName"), "MetricName", LONGEST_NAME)
    unit = entry.get("Unit", "None")
    if not isinstance(unit, str) or unit not in UNITS:
        raise BadMetric(f"Unit is {str(unit)[:40]!r}")
    return name, _dimensions(entry.get("Dimensions") or []), _datum(entry, _moment_ms(entry.get("Timestamp")), unit)


def _text(value: Any, what: str, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or any(char in value for char in "\0\n"):
        raise BadMetric(f"{what} must be a text of 1 to {longest} characters on one line")
    return value


def _moment_ms(value: Any) -> int:
    """Parses an ISO 8601 moment; without an offset it is in UTC."""
    try:
        moment = datetime.fromisoformat(value)
        at_ms = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        raise BadMetric(f"Timestamp is {str(value)[:40]!r}, not an ISO 8601 moment") from None
    if not 0 <= at_ms < LATEST_MS:
        raise BadMetric(f"Timestamp is {value[:40]!r}, not between 1970 and 2100")
    return at_ms


def _dimensions(entries: Any) -> str:
    if not isinstance(entries, list) or len(entries) > MOST_DIMENSIONS:
        raise BadMetric(f"Dimensions must be a list of at most {MOST_DIMENSIONS}")
    named: dict[str, str] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise BadMetric("a dimension has a Name and a Value")
        name = _text(entry.get("Name"), "a dimension's Name", LONGEST_NAME)
        if "=" in name or name in named:
            raise BadMetric(f"the dimension {name!r} is given twice, or has an =")
        named[name] = _text(entry.get("Value"), "a dimension's Value", LONGEST_VALUE)
    return dimension_text(named)


def _datum(entry: dict[str, Any], at_ms: int, unit: str) -> Datum:
    statistics = entry.get("StatisticValues")
    if (statistics is None) == (entry.get("Value") is None):
        raise BadMetric("exactly one of Value and StatisticValues must be given")
    if statistics is None:
        return Datum.of_value(at_ms, _number(entry["Value"], "Value"), unit)
    if not isinstance(statistics, dict):
        raise BadMetric("StatisticValues must be an object")
    samples, total, low, high = (
        _number(statistics.get(name), name) for name in ("SampleCount", "Sum", "Minimum", "Maximum")
    )
    return Datum(at_ms, samples, total, low, high, unit)


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadMetric(f"{what} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= MOST_VALUE:
        raise BadMetric(f"{what} is not between -2^360 and 2^360")
    return number
