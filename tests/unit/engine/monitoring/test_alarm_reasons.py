"""Why an alarm has its state, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.engine.monitoring.alarm_documents import MetricAlarm
from sagewright.engine.monitoring.alarm_reasons import AlarmPeriod, data
from sagewright.engine.monitoring.alarms import judge

AT = 1_534_367_700.0  # 2018-08-15T21:15:00Z
ABOVE = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 21.0, "EvaluationPeriods": 1, "Period": 60}


alarm = MetricAlarm.read


def points(*values: float | None) -> list[AlarmPeriod]:
    """The latest first."""
    return [AlarmPeriod(AT - 60 * number, value, value and 2.0) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("changes", "values", "state", "reason"),
    [
        ({}, [21.5], "ALARM", "1 datapoint [21.5 (15/08/18 21:15:00)] was greater than the threshold (21.0)."),
        ({}, [20], "OK", "1 datapoint [20.0 (15/08/18 21:15:00)] was not greater than the threshold (21.0)."),
        (
            {"EvaluationPeriods": 2, "ComparisonOperator": "GreaterThanOrEqualToThreshold"},
            [21.0, 30.0],
            "ALARM",
            "2 datapoints [21.0 (15/08/18 21:15:00), 30.0 (15/08/18 21:14:00)] were greater than or equal to the threshold (21.0).",
        ),
        (
            {"DatapointsToAlarm": 1, "ComparisonOperator": "LessThanOrEqualToThreshold", "Threshold": 70.0},
            [6.5],
            "ALARM",
            "1 out of the last 1 datapoints [6.5 (15/08/18 21:15:00)] was less than or equal to the threshold (70.0) "
            "(minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            {"DatapointsToAlarm": 2, "EvaluationPeriods": 3},
            [1.0, 22.0, 2.0],
            "OK",
            "2 out of the last 3 datapoints [1.0 (15/08/18 21:15:00), 2.0 (15/08/18 21:13:00)] were not greater than the "
            "threshold (21.0) (minimum 2 datapoints for ALARM -> OK transition).",
        ),
        (
            {"EvaluationPeriods": 2, "TreatMissingData": "breaching"},
            [None, None],
            "ALARM",
            "no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
        ),
        pytest.param(
            {"EvaluationPeriods": 2, "DatapointsToAlarm": 1, "TreatMissingData": "breaching"},
            [None, 1.0],
            "ALARM",
            "no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching].",
            id="what is there did not breach",
        ),
        (
            {"TreatMissingData": "notBreaching"},
            [None],
            "OK",
            "no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
        ),
    ],
)
def test_reasons(changes: dict[str, Any], values: list[float | None], state: str, reason: str) -> None:
    verdict = judge(alarm(ABOVE | changes), points(*values))
    assert verdict is not None
    assert (verdict.state, verdict.reason) == (state, f"Threshold Crossed: {reason}")


def test_without_data_nothing_is_known() -> None:
    verdict = judge(alarm(ABOVE | {"EvaluationPeriods": 3}), points(None, None, None))
    assert verdict is not None
    assert (verdict.state, verdict.reason) == ("INSUFFICIENT_DATA", "Insufficient Data: 3 datapoints were unknown.")
    assert judge(alarm(ABOVE | {"TreatMissingData": "ignore"}), points(None)) is None


def test_five_datapoints_are_named_at_most() -> None:
    verdict = judge(alarm(ABOVE | {"EvaluationPeriods": 7}), points(*[30.0] * 7))
    assert verdict is not None
    assert verdict.reason.startswith("Threshold Crossed: 7 datapoints [")
    assert verdict.reason.count("30.0 (") == 5


def test_data() -> None:
    """AWS tells the recent values in their order, and the points that count with the latest first."""
    described = data(alarm(ABOVE | {"Statistic": "Average", "Unit": "Seconds"}), points(21.5, None, 20.0), AT + 61.5)
    assert described == {
        "version": "1.0",
        "queryDate": "2018-08-15T21:16:01.500+0000",
        "startDate": "2018-08-15T21:13:00.000+0000",
        "unit": "Seconds",
        "statistic": "Average",
        "period": 60,
        "recentDatapoints": [20.0, 21.5],
        "threshold": 21.0,
        "evaluatedDatapoints": [
            {"timestamp": "2018-08-15T21:15:00.000+0000", "sampleCount": 2.0, "value": 21.5},
            {"timestamp": "2018-08-15T21:14:00.000+0000"},
            {"timestamp": "2018-08-15T21:13:00.000+0000", "sampleCount": 2.0, "value": 20.0},
        ],
    }
