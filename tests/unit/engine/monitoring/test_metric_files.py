"""Lines of metric files: what PutMetricData would accept becomes a datum, anything else is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright.engine.monitoring.metric_files import read

GOOD = {"MetricName": "m", "Timestamp": "2026-03-10T11:00:00Z", "Value": 2, "Dimensions": [{"Name": "E", "Value": "e"}]}
STATISTICS = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}


def test_values_and_statistics_are_read() -> None:
    of_statistics = {name: value for name, value in GOOD.items() if name != "Value"}
    lines = [
        GOOD,
        of_statistics | {"StatisticValues": STATISTICS, "Unit": "Count", "Timestamp": "2026-03-10T12:00:00+01:00"},
    ]
    found, refused = read([json.dumps(one) for one in lines])
    assert not refused
    (name, dimensions, datum), (_name, _dimensions, other) = found
    assert (name, dimensions, datum.total, datum.samples) == ("m", "E=e", 2.0, 1.0)
    assert (other.samples, other.total, other.minimum, other.maximum, other.unit) == (4.0, 10.0, 1.0, 4.0, "Count")
    assert other.at_ms == datum.at_ms


WRONG: list[tuple[str, Any]] = [
    ("not JSON", "{"),
    ("not a JSON object", "[1]"),
    ("MetricName", GOOD | {"MetricName": ""}),
    ("MetricName", GOOD | {"MetricName": "x" * 256}),
    ("MetricName", GOOD | {"MetricName": "a\nb"}),
    ("Timestamp", GOOD | {"Timestamp": "yesterday"}),
    ("Timestamp", GOOD | {"Timestamp": 5}),
    ("between 1970 and 2100", GOOD | {"Timestamp": "9999-01-01T00:00:00Z"}),
    ("exactly one", GOOD | {"StatisticValues": STATISTICS}),
    ("exactly one", GOOD | {"Value": None}),
    ("not a number", GOOD | {"Value": "2"}),
    ("not a number", GOOD | {"Value": True}),
    ("between -2", GOOD | {"Value": 1e300}),
    ("Unit", GOOD | {"Unit": "Apples"}),
    ("Unit", GOOD | {"Unit": ["Count"]}),
    ("Dimensions", GOOD | {"Dimensions": "E"}),
    ("Dimensions", GOOD | {"Dimensions": [{"Name": str(number), "Value": "v"} for number in range(31)]}),
    ("given twice", GOOD | {"Dimensions": [{"Name": "E", "Value": "e"}] * 2}),
    ("a dimension", GOOD | {"Dimensions": ["E"]}),
    ("Value must be a text", GOOD | {"Dimensions": [{"Name": "E", "Value": 5}]}),
]


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_any_other_line_is_refused_by_name(text: str, line: Any) -> None:
    found, (reason,) = read([line if isinstance(line, str) else json.dumps(line)])
    assert not found
    assert text in reason
    assert len(reason) < 400
