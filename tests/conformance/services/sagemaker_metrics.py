"""Metrics of trial components."""

from __future__ import annotations

from typing import Any

from services.check import check
from services.target import Target, fresh


def component(target: Target) -> tuple[str, str]:
    """The name and the ARN of a new trial component."""
    name = fresh()
    arn = target.boto("sagemaker").create_trial_component(TrialComponentName=name)["TrialComponentArn"]
    return name, arn


def point(name: str, value: float, step: int) -> dict[str, Any]:
    return {"MetricName": name, "Timestamp": 1_700_000_000 + step, "Step": step, "Value": value}


@check
def points_are_told_by_their_steps(target: Target) -> None:
    """API BatchGetMetrics: MetricStat, Period IterationNumber, XAxisType IterationNumber: XAxisValues, MetricValues"""
    name, arn = component(target)
    client = target.boto("sagemaker-metrics")
    assert (
        client.batch_put_metrics(
            TrialComponentName=name, MetricData=[point("loss", 3.0 - step, step) for step in range(3)]
        ).get("Errors", [])
        == []
    )
    query = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": "Last", "Period": "IterationNumber",
             "XAxisType": "IterationNumber"}  # fmt: skip
    (described,) = client.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
    assert (described["Status"], described["XAxisValues"], described["MetricValues"]) == (
        "Complete",
        [0, 1, 2],
        [3.0, 2.0, 1.0],
    )


@check
def what_a_component_has_is_told_with_it(target: Target) -> None:
    """API DescribeTrialComponent: Metrics: MetricName, Max, Min, Last, Count, Avg"""
    name, _ = component(target)
    points = [point("auc", value, step) for step, value in enumerate((0.5, 0.9, 0.7))]
    target.boto("sagemaker-metrics").batch_put_metrics(TrialComponentName=name, MetricData=points)
    (described,) = target.boto("sagemaker").describe_trial_component(TrialComponentName=name)["Metrics"]
    assert (described["MetricName"], described["Count"], described["Max"], described["Min"], described["Last"]) == (
        "auc",
        3,
        0.9,
        0.5,
        0.7,
    )
    assert abs(described["Avg"] - 0.7) < 1e-9
