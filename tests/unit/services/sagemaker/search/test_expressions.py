"""Search expressions on documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagewright.model.errors import ValidationException
from sagewright.services.sagemaker.search.expressions import check, matches

DOCUMENT = {
    "TrainingJobName": "churn-1",
    "CreationTime": datetime(2026, 5, 1, tzinfo=UTC),
    "EnableNetworkIsolation": False,
    "HyperParameters": {"eta": "0.2", "a.b": "x"},
    "FinalMetricDataList": [{"MetricName": "validation:auc", "Value": 0.9}],
    "Tags": [{"Key": "team", "Value": "ml"}],
    "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv"}, {"ChannelName": "test"}],
}


def one(name: str, operator: str, value: str | None = None) -> dict[str, Any]:
    return {"Name": name, "Operator": operator} | ({} if value is None else {"Value": value})


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("TrainingJobName", "Equals", "churn-1", True),
        ("TrainingJobName", "Contains", "CHURN", True),
        ("TrainingJobName", "NotEquals", "churn-1", False),
        ("TrainingJobName", "In", "a,churn-1", True),
        ("CreationTime", "GreaterThan", "2026-04-30T00:00:00Z", True),
        ("CreationTime", "LessThanOrEqualTo", "2026-04-30", False),
        ("HyperParameters.eta", "LessThan", "0.25", True),
        ("HyperParameters.a.b", "Equals", "x", True),
        ("Metrics.validation:auc", "GreaterThanOrEqualTo", "0.9", True),
        ("Metrics.other", "GreaterThan", "0", False),
        ("Tags.team", "Equals", "ml", True),
        ("Tags.owner", "NotExists", None, True),
        ("FailureReason", "Exists", None, False),
        ("EnableNetworkIsolation", "Equals", "false", True),
        ("InputDataConfig.ChannelName", "Equals", "test", True),
    ],
)
def test_filters(name: str, operator: str, value: str | None, expected: bool) -> None:
    assert matches({"Filters": [one(name, operator, value)]}, DOCUMENT) is expected


def test_operators_and_sub_expressions() -> None:
    good, bad = one("Tags.team", "Equals", "ml"), one("Tags.team", "Equals", "ops")
    assert not matches({"Filters": [good, bad]}, DOCUMENT)
    assert matches({"Filters": [good, bad], "Operator": "Or"}, DOCUMENT)
    assert matches({"SubExpressions": [{"Filters": [good, bad], "Operator": "Or"}, {"Filters": [good]}]}, DOCUMENT)
    assert matches({}, DOCUMENT)


def test_nested_filters_hold_for_one_element() -> None:
    def nested(channel: str) -> dict[str, Any]:
        filters = [
            one("InputDataConfig.ChannelName", "Equals", channel),
            one("InputDataConfig.ContentType", "Equals", "text/csv"),
        ]
        return {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]}

    assert matches(nested("train"), DOCUMENT)
    assert not matches(nested("test"), DOCUMENT)


def test_values_that_cannot_be_compared_are_refused() -> None:
    for broken in (one("CreationTime", "LessThan", "yesterday"), one("TrainingJobName", "Equals")):
        with pytest.raises(ValidationException):
            check({"Filters": [broken]}, lambda name: name == "CreationTime")
