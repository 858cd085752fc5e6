"""Automatic scaling by boto3: bounds, a target that is exceeded, steps that an alarm asks for, schedules, and what cannot be."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import BUCKET, Hosting, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


def place(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/v",
        "ScalableDimension": DIMENSION,
    }


def until(hosting: Hosting, endpoint: str, count: int, timeout_s: float = 60) -> None:
    limit = time.monotonic() + timeout_s
    while True:
        described = hosting.sagemaker.describe_endpoint(EndpointName=endpoint)
        if (
            described["EndpointStatus"] == "InService"
            and described["ProductionVariants"][0]["CurrentInstanceCount"] == count
        ):
            return
        assert time.monotonic() < limit, described
        time.sleep(0.2)


def test_a_target_that_is_exceeded(hosting: Hosting) -> None:
    hosting.model("tracked")
    hosting.endpoint("tracked", hosting.variant("v", "tracked"))
    scaling = hosting.server.boto("application-autoscaling")
    arn = scaling.register_scalable_target(**place("tracked"), MinCapacity=1, MaxCapacity=2)["ScalableTargetARN"]
    (target,) = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[place("tracked")["ResourceId"]]
    )["ScalableTargets"]
    assert (target["ScalableTargetARN"], target["MinCapacity"], target["MaxCapacity"]) == (arn, 1, 2)
    config = {
        "TargetValue": 10.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    scaling.put_scaling_policy(
        **place("tracked"), PolicyName="follow", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=config,
    )  # fmt: skip
    for _ in range(40):
        hosting.ask("tracked")
    until(hosting, "tracked", 2)
    activity = scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=place("tracked")["ResourceId"]
    )
    first = activity["ScalingActivities"][0]
    assert first["StatusCode"] == "Successful"
    assert "above the target 10" in first["Cause"]
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["follow"])[
        "ScalingPolicies"
    ]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 10.0
    scaling.delete_scaling_policy(**place("tracked"), PolicyName="follow")
    scaling.deregister_scalable_target(**place("tracked"))
    with pytest.raises(ClientError) as caught:
        scaling.deregister_scalable_target(**place("tracked"))
    assert caught.value.response["Error"]["Code"] == "ObjectNotFoundException"


def test_steps_and_a_schedule(hosting: Hosting) -> None:
    hosting.model("stepped")
    hosting.endpoint("stepped", hosting.variant("v", "stepped"))
    scaling, cloudwatch = hosting.server.boto("application-autoscaling"), hosting.server.boto("cloudwatch")
    scaling.register_scalable_target(**place("stepped"), MinCapacity=1, MaxCapacity=2)
    config = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        "Cooldown": 1,
    }
    policy = scaling.put_scaling_policy(
        **place("stepped"), PolicyName="step", PolicyType="StepScaling", StepScalingPolicyConfiguration=config
    )
    cloudwatch.put_metric_alarm(
        AlarmName="busy", Namespace="tests", MetricName="busy", Statistic="Sum", Period=10, EvaluationPeriods=1,
        Threshold=5.0, ComparisonOperator="GreaterThanThreshold", AlarmActions=[policy["PolicyARN"]],
    )  # fmt: skip
    cloudwatch.put_metric_data(Namespace="tests", MetricData=[{"MetricName": "busy", "Value": 9.0}])
    until(hosting, "stepped", 2)
    soon = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0, tzinfo=None)
    scaling.put_scheduled_action(
        **place("stepped"), ScheduledActionName="night", Schedule=f"at({soon.isoformat()})",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 1},
    )  # fmt: skip
    until(hosting, "stepped", 1)
    assert "between 1 and 1" in scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=place("stepped")["ResourceId"]
    )["ScalingActivities"][0]["Cause"]  # fmt: skip


def test_an_asynchronous_endpoint_comes_from_zero_and_goes_back(hosting: Hosting) -> None:
    """As AWS's guide has it: a step policy for HasBacklogWithoutCapacity; here another one brings it back to none."""
    hosting.model("asleep")
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/asleep/"}}
    hosting.endpoint("asleep", hosting.variant("v", "asleep"), AsyncInferenceConfig=output)
    scaling, cloudwatch = hosting.server.boto("application-autoscaling"), hosting.server.boto("cloudwatch")
    scaling.register_scalable_target(**place("asleep"), MinCapacity=0, MaxCapacity=0)
    until(hosting, "asleep", 0)
    scaling.register_scalable_target(**place("asleep"), MinCapacity=0, MaxCapacity=1)
    for name, metric, comparison, by in (
        ("up", "HasBacklogWithoutCapacity", "GreaterThanOrEqualToThreshold", 1),
        ("down", "ApproximateBacklogSize", "LessThanThreshold", -1),
    ):
        bound = {"MetricIntervalLowerBound": 0.0} if by > 0 else {"MetricIntervalUpperBound": 0.0}
        config = {
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 1, "MetricAggregationType": "Average",
            "StepAdjustments": [{**bound, "ScalingAdjustment": by}],
        }  # fmt: skip
        policy = scaling.put_scaling_policy(
            **place("asleep"), PolicyName=name, PolicyType="StepScaling", StepScalingPolicyConfiguration=config
        )
        cloudwatch.put_metric_alarm(
            AlarmName=f"asleep-{name}", Namespace="AWS/SageMaker", MetricName=metric, Statistic="Average", Period=10,
            Dimensions=[{"Name": "EndpointName", "Value": "asleep"}], EvaluationPeriods=1, Threshold=1.0,
            ComparisonOperator=comparison, TreatMissingData="missing", AlarmActions=[policy["PolicyARN"]],
        )  # fmt: skip
    hosting.s3.put_object(Bucket=BUCKET, Key="asleep-in", Body=b"now")
    described = hosting.runtime.invoke_endpoint_async(
        EndpointName="asleep", InputLocation=f"s3://{BUCKET}/asleep-in", ContentType="text/plain"
    )
    assert kept(hosting, described["OutputLocation"], 90) == "asleep now"
    until(hosting, "asleep", 0, 90)
    causes = [one["Cause"] for one in scaling.describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=place("asleep")["ResourceId"]
    )["ScalingActivities"]]  # fmt: skip
    assert "asleep-down" in causes[0]
    assert "asleep-up" in causes[1]
    scaling.deregister_scalable_target(**place("asleep"))
    cloudwatch.delete_alarms(AlarmNames=["asleep-up", "asleep-down"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ResourceId": "endpoint/nobody/variant/v"}, "no such endpoint"),
        ({"ResourceId": "table/x"}, "endpoint/NAME/variant/NAME"),
        ({"MinCapacity": 3}, "MaxCapacity must be at least MinCapacity"),
        ({"MinCapacity": 0}, "bounds is not asynchronous"),
        ({"MinCapacity": -1}, "MinCapacity must be at least 0"),
        ({"ServiceNamespace": "dynamodb"}, "scales nothing of dynamodb"),
    ],
)
def test_targets_that_cannot_be(hosting: Hosting, changes: dict[str, Any], said: str) -> None:
    if "bounds" not in {one["EndpointName"] for one in hosting.sagemaker.list_endpoints()["Endpoints"]}:
        hosting.model("bounds")
        hosting.endpoint("bounds", hosting.variant("v", "bounds"))
    request = place("bounds") | {"MinCapacity": 1, "MaxCapacity": 2} | changes
    with pytest.raises(ClientError, match=said) as caught:
        hosting.server.boto("application-autoscaling").register_scalable_target(**request)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
