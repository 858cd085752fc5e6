"""CloudWatch alarms by boto3: states by real data, actions, history, and the update of an endpoint that one of them takes back."""

from __future__ import annotations

import contextlib
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import ECHO, Hosting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

WATCHED = {
    "Namespace": "tests",
    "MetricName": "load",
    "Statistic": "Maximum",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


def state(cloudwatch: Any, name: str) -> str:
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["StateValue"])


def until(cloudwatch: Any, name: str, wanted: str, timeout_s: float = 30) -> None:
    limit = time.monotonic() + timeout_s
    while state(cloudwatch, name) != wanted:
        assert time.monotonic() < limit, cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        time.sleep(0.1)


def test_an_alarms_states_follow_its_data(server: RunningServer) -> None:
    cloudwatch, sns, sqs = server.boto("cloudwatch"), server.boto("sns"), server.boto("sqs")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloudwatch.put_metric_alarm(AlarmName="load", AlarmActions=[topic], **WATCHED)
    assert state(cloudwatch, "load") == "INSUFFICIENT_DATA"
    cloudwatch.put_metric_data(Namespace="tests", MetricData=[{"MetricName": "load", "Value": 9.0}])
    until(cloudwatch, "load", "ALARM")
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
    told = json.loads(json.loads(received["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"]) == ("load", "ALARM")
    (entry,) = cloudwatch.describe_alarm_history(AlarmName="load")["AlarmHistoryItems"]
    assert entry["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    new = json.loads(entry["HistoryData"])["newState"]
    assert re.fullmatch(
        r"Threshold Crossed: 1 datapoint \[9\.0 \(\d\d/\d\d/\d\d [\d:]{8}\)\] was greater than the threshold \(\d\.0\)\.",
        new["stateReason"],
    )
    (described,) = cloudwatch.describe_alarms(AlarmNames=["load"])["MetricAlarms"]
    assert described["StateReason"] == new["stateReason"] == told["NewStateReason"]
    assert json.loads(described["StateReasonData"]) == new["stateReasonData"]
    assert [point["sampleCount"] for point in new["stateReasonData"]["evaluatedDatapoints"]] == [1.0]
    cloudwatch.set_alarm_state(AlarmName="load", StateValue="OK", StateReason="seen to")
    assert "ALARM" in {
        entry["HistorySummary"].split()[-1] for entry in cloudwatch.describe_alarm_history()["AlarmHistoryItems"]
    }
    cloudwatch.delete_alarms(AlarmNames=["load"])
    assert cloudwatch.describe_alarms(AlarmNames=["load"])["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "InvalidParameterValue"),
        ({"Period": 7}, "InvalidParameterValue"),
        ({"DatapointsToAlarm": 3}, "InvalidParameterValue"),
        ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination"),
        ({"TreatMissingData": "guess"}, "InvalidParameterValue"),
    ],
)
def test_alarms_that_cannot_be(server: RunningServer, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        server.boto("cloudwatch").put_metric_alarm(AlarmName="bad", **(WATCHED | changes))
    assert caught.value.response["Error"]["Code"] == code


def test_an_alarm_takes_an_update_back(hosting: Hosting) -> None:
    hosting.model("good")
    hosting.model("worse", ECHO.replace("return f", "assert data != 'x', 'worse'\n        return f"))
    hosting.endpoint("guarded", hosting.variant("v", "good"))
    cloudwatch = hosting.server.boto("cloudwatch")
    dimensions = [{"Name": "EndpointName", "Value": "guarded"}, {"Name": "VariantName", "Value": "v"}]
    cloudwatch.put_metric_alarm(
        AlarmName="guard", Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors", Dimensions=dimensions,
        Statistic="Sum", Period=10, EvaluationPeriods=1, Threshold=1.0, TreatMissingData="notBreaching",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip
    hosting.config("guarded-2", hosting.variant("v", "worse"))
    routing = {
        "Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}, "WaitIntervalInSeconds": 60,
    }  # fmt: skip
    deployment = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "guard"}]},
    }
    for alarm, fault in (({"AlarmName": "nobody"}, "Could not find the alarm nobody"), ({}, "must have an AlarmName")):
        with pytest.raises(ClientError, match=fault):
            hosting.sagemaker.update_endpoint(
                EndpointName="guarded", EndpointConfigName="guarded-2",
                DeploymentConfig={"AutoRollbackConfiguration": {"Alarms": [alarm]}},
            )  # fmt: skip
    hosting.sagemaker.update_endpoint(
        EndpointName="guarded", EndpointConfigName="guarded-2", DeploymentConfig=deployment
    )
    limit = time.monotonic() + 60
    while hosting.sagemaker.describe_endpoint(EndpointName="guarded")["EndpointStatus"] == "Updating":
        assert time.monotonic() < limit
        with contextlib.suppress(ClientError):
            hosting.ask("guarded")
        time.sleep(0.1)
    told = hosting.settled("guarded")
    assert told["EndpointConfigName"] == "guarded-config"
    assert "guard" in told["FailureReason"]
    hosting.all_answered("guarded", "good x")


def test_an_alarms_tags(server: RunningServer) -> None:
    cloudwatch = server.boto("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="tagged", Tags=[{"Key": "team", "Value": "a"}], **WATCHED)
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["tagged"])["MetricAlarms"]
    arn = alarm["AlarmArn"]

    def told() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}

    assert told() == {"team": "a"}
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "stage", "Value": "dev"}])
    assert told() == {"team": "b", "stage": "dev"}
    with pytest.raises(ClientError) as caught:
        cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(49)])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team", "none"])
    assert told() == {"stage": "dev"}
    cloudwatch.delete_alarms(AlarmNames=["tagged"])
    assert told() == {}
    with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException):
        cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "late", "Value": ""}])
    cloudwatch.put_metric_alarm(AlarmName="tagged", **WATCHED)
    assert told() == {}, "tags went with the alarm"
