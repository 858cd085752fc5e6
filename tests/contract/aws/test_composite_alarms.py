"""Composite alarms and dashboards, driven by boto3."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"


@pytest.fixture(scope="module")
def cloudwatch(server: RunningServer) -> Any:
    return server.boto("cloudwatch")


def fault(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def metric_alarm(cloudwatch: Any) -> str:
    name = uuid.uuid4().hex
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="n", MetricName=name, Period=60, EvaluationPeriods=1, Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold", Threshold=1,
    )  # fmt: skip
    return name


def told(cloudwatch: Any, name: str) -> dict[str, Any]:
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return dict(alarm)


def until(cloudwatch: Any, name: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (alarm := told(cloudwatch, name))["StateValue"] != state:
        assert time.monotonic() < deadline, alarm
        time.sleep(0.1)
    return alarm


def turn(cloudwatch: Any, name: str, state: str) -> None:
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")


def test_a_composite_alarm_follows_its_children_and_acts(server: RunningServer, cloudwatch: Any) -> None:
    sns, sqs, name = server.boto("sns"), server.boto("sqs"), uuid.uuid4().hex
    topic, url = sns.create_topic(Name=name)["TopicArn"], sqs.create_queue(QueueName=name)["QueueUrl"]
    end = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=end, Attributes={"RawMessageDelivery": "true"})
    one, other = metric_alarm(cloudwatch), metric_alarm(cloudwatch)
    rule = f'ALARM("{one}") AND NOT ALARM({ARN}{other})'
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, AlarmActions=[topic], AlarmDescription="d")
    first = until(cloudwatch, name, "OK")
    assert (first["AlarmRule"], first["AlarmArn"], first["AlarmDescription"]) == (rule, ARN + name, "d")
    turn(cloudwatch, one, "ALARM")
    alarm = until(cloudwatch, name, "ALARM")
    (turned,) = json.loads(alarm["StateReasonData"])["triggeringAlarms"]
    assert (turned["arn"], turned["state"]["value"]) == (ARN + one, "ALARM")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    sent = json.loads(message["Body"])
    assert (sent["AlarmName"], sent["NewStateValue"], sent["AlarmRule"]) == (name, "ALARM", rule)
    assert sent["TriggeringChildren"][0]["Arn"] == ARN + one
    turn(cloudwatch, other, "ALARM")
    until(cloudwatch, name, "OK")
    history = cloudwatch.describe_alarm_history(AlarmName=name, AlarmTypes=["CompositeAlarm"])["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK",
    ]


def test_relatives_of_alarms(cloudwatch: Any) -> None:
    child, middle, top = metric_alarm(cloudwatch), uuid.uuid4().hex, uuid.uuid4().hex
    cloudwatch.put_composite_alarm(AlarmName=middle, AlarmRule=f"ALARM({child})")
    cloudwatch.put_composite_alarm(AlarmName=top, AlarmRule=f"ALARM({middle}) OR ALARM({child})")
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName=top)
    assert [one["AlarmName"] for one in children["CompositeAlarms"]] == [middle]
    assert [one["AlarmName"] for one in children["MetricAlarms"]] == [child]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName=child)["CompositeAlarms"]
    assert {one["AlarmName"] for one in parents} == {middle, top}
    assert fault(cloudwatch.describe_alarms, ParentsOfAlarmName=child, StateValue="OK")[0] == "ValidationError"
    assert cloudwatch.describe_alarms(AlarmNames=[top])["CompositeAlarms"] == []
    assert "depending on it" in fault(cloudwatch.delete_alarms, AlarmNames=[child])[1]
    assert fault(cloudwatch.delete_alarms, AlarmNames=[middle, top])[0] == "ValidationError"
    for name in (top, middle, child):
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_alarms_in_a_circle_stand_still(cloudwatch: Any) -> None:
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    cloudwatch.put_composite_alarm(AlarmName=one, AlarmRule="FALSE")
    cloudwatch.put_composite_alarm(AlarmName=other, AlarmRule=f"NOT ALARM({one})")
    until(cloudwatch, other, "ALARM")
    cloudwatch.put_composite_alarm(AlarmName=one, AlarmRule=f"ALARM({other})")
    time.sleep(5)  # more than two looks
    assert told(cloudwatch, one)["StateValue"] == "OK"
    cloudwatch.put_composite_alarm(AlarmName=one, AlarmRule="TRUE")
    until(cloudwatch, one, "ALARM")
    until(cloudwatch, other, "OK")


def test_a_state_that_is_set_stays_until_a_child_changes(cloudwatch: Any) -> None:
    child, name = metric_alarm(cloudwatch), uuid.uuid4().hex
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({child})")
    until(cloudwatch, name, "OK")
    turn(cloudwatch, name, "ALARM")
    time.sleep(5)
    assert told(cloudwatch, name)["StateValue"] == "ALARM"
    turn(cloudwatch, child, "OK")
    until(cloudwatch, name, "OK")


def test_what_is_no_composite_alarm(cloudwatch: Any) -> None:
    put, name = cloudwatch.put_composite_alarm, metric_alarm(cloudwatch)
    assert "do not exist" in fault(put, AlarmName="c", AlarmRule="ALARM(nobody)")[1]
    assert "Invalid AlarmRule" in fault(put, AlarmName="c", AlarmRule=f"ALARM({name}) AND")[1]
    assert fault(put, AlarmName=name, AlarmRule="TRUE")[0] == "ValidationError"
    assert "ActionsSuppressor" in fault(put, AlarmName="c", AlarmRule="TRUE", ActionsSuppressor=name)[1]


def test_dashboards(cloudwatch: Any) -> None:
    name, body = uuid.uuid4().hex, json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "é"}}]})
    for text in ("{}", body):
        assert cloudwatch.put_dashboard(DashboardName=name, DashboardBody=text)["DashboardValidationMessages"] == []
    found = cloudwatch.get_dashboard(DashboardName=name)
    assert (found["DashboardBody"], found["DashboardArn"]) == (
        body,
        f"arn:aws:cloudwatch::000000000000:dashboard/{name}",
    )
    (entry,) = cloudwatch.list_dashboards(DashboardNamePrefix=name[:20])["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == (name, len(body.encode()))
    cloudwatch.tag_resource(ResourceARN=found["DashboardArn"], Tags=[{"Key": "k", "Value": "v"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=found["DashboardArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    assert fault(cloudwatch.put_dashboard, DashboardName="a:b", DashboardBody="{}")[0] == "InvalidParameterValue"
    assert fault(cloudwatch.put_dashboard, DashboardName="a", DashboardBody="[]")[0] == "InvalidParameterInput"
    assert fault(cloudwatch.delete_dashboards, DashboardNames=["nobody", name])[0] == "ResourceNotFound"
    assert fault(cloudwatch.get_dashboard, DashboardName=name)[0] == "ResourceNotFound"
