"""Metric filters, tags, policies and settings of log groups, driven by boto3."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"


@pytest.fixture(scope="module")
def logs(server: RunningServer) -> Any:
    return server.boto("logs")


@pytest.fixture(scope="module")
def cloudwatch(server: RunningServer) -> Any:
    return server.boto("cloudwatch")


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/metric-filters/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def count(logs: Any, group: str, pattern: str, **said: Any) -> str:
    """Put a filter of that pattern; the namespace of what it counts."""
    namespace = uuid.uuid4().hex
    transformation = {"metricName": "m", "metricNamespace": namespace, "metricValue": "1", **said}
    logs.put_metric_filter(
        logGroupName=group, filterName=namespace, filterPattern=pattern, metricTransformations=[transformation]
    )
    return namespace


def put(logs: Any, group: str, *messages: str) -> None:
    at = int(time.time() * 1000)
    events = [{"timestamp": at, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def summed(cloudwatch: Any, namespace: str, **dimensions: str) -> dict[str, float]:
    now = datetime.now(UTC)
    told = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="m", StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=2),
        Period=3600, Statistics=["Sum", "SampleCount", "Maximum"],
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
    )["Datapoints"]  # fmt: skip
    return {"Sum": sum(one["Sum"] for one in told), "SampleCount": sum(one["SampleCount"] for one in told)}


def test_lines_count_by_their_patterns(logs: Any, cloudwatch: Any, group: str) -> None:
    every, errors = count(logs, group, ""), count(logs, group, "ERROR")
    sizes = count(logs, group, "{ $.size > 10 }", metricValue="$.size")
    fields = count(logs, group, "[ip, status=5*, bytes]", metricValue="$bytes", dimensions={"status": "$status"})
    put(
        logs,
        group,
        "an ERROR",
        "fine",
        '{"size": 12}',
        '{"size": 3}',
        '{"size": 30.5}',
        "::1 503 100",
        "::1 500 7",
        "::1 200 9",
    )
    put(logs, group, "one more ERROR")
    assert summed(cloudwatch, every) == {"Sum": 9, "SampleCount": 9}
    assert summed(cloudwatch, errors) == {"Sum": 2, "SampleCount": 2}
    assert summed(cloudwatch, sizes) == {"Sum": 42.5, "SampleCount": 2}
    assert summed(cloudwatch, fields, status="503") == {"Sum": 100, "SampleCount": 1}
    assert summed(cloudwatch, fields, status="500") == {"Sum": 7, "SampleCount": 1}
    assert summed(cloudwatch, fields)["SampleCount"] == 0


def test_what_has_no_number_counts_nothing_and_a_quiet_minute_its_default(
    logs: Any, cloudwatch: Any, group: str
) -> None:
    sizes = count(logs, group, "{ $.size = * }", metricValue="$.size")
    quiet = count(logs, group, "ERROR", defaultValue=0)
    put(
        logs,
        group,
        '{"size": "big"}',
        '{"size": null}',
        '{"size": "NaN"}',
        '{"size": [1]}',
        '{"other": 1}',
        '{"size": "5"}',
    )
    assert summed(cloudwatch, sizes) == {"Sum": 5, "SampleCount": 1}
    assert summed(cloudwatch, quiet) == {"Sum": 0, "SampleCount": 1}


def test_a_filter_counts_from_when_it_is_put_to_when_it_is_deleted(logs: Any, cloudwatch: Any, group: str) -> None:
    put(logs, group, "before")
    namespace = count(logs, group, "")
    put(logs, group, "within")
    logs.delete_metric_filter(logGroupName=group, filterName=namespace)
    put(logs, group, "after")
    assert summed(cloudwatch, namespace)["Sum"] == 1
    assert fault(logs.delete_metric_filter, logGroupName=group, filterName=namespace) == "ResourceNotFoundException"


def test_filters_are_told(logs: Any, group: str) -> None:
    names = sorted(count(logs, group, "a") for _ in range(3))
    pages: list[str] = []
    asked: dict[str, Any] = {"logGroupName": group, "limit": 2}
    while True:
        told = logs.describe_metric_filters(**asked)
        pages += [one["filterName"] for one in told["metricFilters"]]
        if "nextToken" not in told:
            break
        asked["nextToken"] = told["nextToken"]
    assert pages == names
    (one,) = logs.describe_metric_filters(metricName="m", metricNamespace=names[1])["metricFilters"]
    assert (one["logGroupName"], one["filterPattern"]) == (group, "a")
    (told,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert told["metricFilterCount"] == 3
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"] == []


def test_what_is_no_filter(logs: Any, group: str) -> None:
    for said in (
        {"metricValue": "many"},
        {"metricValue": "nan"},
        {"dimensions": {"a": "b"}},
        {"dimensions": {"a": "$.a"}, "defaultValue": 0},
        {"dimensions": dict.fromkeys("abcd", "$.a")},
    ):
        with pytest.raises(ClientError, match="InvalidParameterException"):
            count(logs, group, "{ $.a = 1 }", **said)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        count(logs, group, "{ $.a = ")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        count(logs, "nobody", "a")


def test_a_pattern_is_tried(logs: Any) -> None:
    messages = ['{"a": {"b": 1}, "c": "x"}', '{"a": {"b": 2}, "c": "y"}', "text"]
    told = logs.test_metric_filter(filterPattern="{ $.a.b = 1 || $.c = y }", logEventMessages=messages)["matches"]
    assert [one["eventNumber"] for one in told] == [1, 2]
    assert told[0]["extractedValues"] == {"$.a.b": "1", "$.c": "x"}
    told = logs.test_metric_filter(filterPattern="[ip, ..., last=4*]", logEventMessages=["::1 a b 404", "::1 200"])[
        "matches"
    ]
    assert [one["extractedValues"] for one in told] == [{"$ip": "::1", "$last": "404"}]


def test_lines_of_jobs_count_too(server: RunningServer, logs: Any, cloudwatch: Any) -> None:
    """A report of an agent is one transaction with what its lines count."""
    group = "/aws/sagemaker/TrainingJobs"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    marker = uuid.uuid4().hex
    namespace = count(logs, group, f'"{marker}"')
    sagemaker, name = server.boto("sagemaker"), f"counted-{marker[:8]}"
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    sagemaker.create_training_job(
        TrainingJobName=name, RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        AlgorithmSpecification={
            "TrainingImage": image, "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", f"for i in 1 2 3; do echo {marker} $i; done"],
        },
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert summed(cloudwatch, namespace)["Sum"] == 3


def test_tags_by_both_kinds_of_operations(logs: Any, group: str) -> None:
    logs.tag_log_group(logGroupName=group, tags={"a": "1", "b": "2"})
    assert logs.list_tags_for_resource(resourceArn=ARN + group)["tags"] == {"a": "1", "b": "2"}
    logs.tag_resource(resourceArn=ARN + group, tags={"c": "3"})
    logs.untag_log_group(logGroupName=group, tags=["a"])
    logs.untag_resource(resourceArn=ARN + group, tagKeys=["b"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"c": "3"}
    assert fault(logs.list_tags_for_resource, resourceArn=ARN + "nobody") == "ResourceNotFoundException"
    many = {str(number): "" for number in range(50)}
    assert fault(logs.tag_resource, resourceArn=ARN + group, tags=many) == "TooManyTagsException"


def test_resource_policies(logs: Any) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": []})
    names = [uuid.uuid4().hex for _ in range(10)]
    for name in names:
        told = logs.put_resource_policy(policyName=name, policyDocument=text)["resourcePolicy"]
        assert (told["policyName"], told["policyScope"]) == (name, "ACCOUNT")
    assert fault(logs.put_resource_policy, policyName="one-more", policyDocument=text) == "LimitExceededException"
    logs.put_resource_policy(policyName=names[0], policyDocument="{}")
    found = {one["policyName"]: one["policyDocument"] for one in logs.describe_resource_policies()["resourcePolicies"]}
    assert (json.loads(found[names[0]]), json.loads(found[names[1]])) == ({"Version": "2008-10-17"}, json.loads(text))
    assert fault(logs.put_resource_policy, policyName=names[0], policyDocument="[") == "InvalidParameterException"
    for name in names:
        logs.delete_resource_policy(policyName=name)
    assert fault(logs.delete_resource_policy, policyName=names[0]) == "ResourceNotFoundException"


def test_settings_of_a_group(logs: Any, group: str) -> None:
    key = f"arn:aws:kms:us-east-1:000000000000:key/{uuid.uuid4()}"

    def told() -> dict[str, Any]:
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return dict(found)

    assert told()["deletionProtectionEnabled"] is False
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    assert told()["kmsKeyId"] == key
    assert told()["metricFilterCount"] == len(logs.describe_metric_filters(logGroupName=group)["metricFilters"]) == 0
    logs.disassociate_kms_key(resourceIdentifier=f"{ARN}{group}")
    assert "kmsKeyId" not in told()
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=True)
    assert told()["deletionProtectionEnabled"] is True
    assert fault(logs.delete_log_group, logGroupName=group) == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group, kmsKeyId=key)
    assert told()["kmsKeyId"] == key
    name = group.rpartition("/")[2][:20]
    for pattern, found in ((name, [group]), (f"^{name}", []), (f"nobody|{name}", [group])):
        listed = logs.list_log_groups(logGroupNamePattern=pattern)["logGroups"]
        assert [one["logGroupName"] for one in listed] == found
