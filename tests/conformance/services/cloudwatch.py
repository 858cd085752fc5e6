"""CloudWatch: metrics and alarms."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from services.check import check
from services.target import Target, fresh, refusal, refused

MINUTE = timedelta(minutes=1)


def at() -> datetime:
    """A whole minute some minutes ago."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - 10 * MINUTE


def a_metric(target: Target, *values: float, **said: Any) -> dict[str, Any]:
    """A metric with a value a minute; gives what asks for its statistics."""
    namespace, began = fresh("Check"), at()
    data = [
        {"MetricName": "m", "Value": value, "Timestamp": began + number * MINUTE, **said}
        for number, value in enumerate(values)
    ]
    target.boto("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)
    return {"Namespace": namespace, "MetricName": "m", "StartTime": began, "EndTime": began + 10 * MINUTE, "Period": 60}


@check
def statistics_are_of_their_period(target: Target) -> None:
    """API GetMetricStatistics: Statistics, Period"""
    asked = a_metric(target, 1.0, 3.0) | {"Period": 600}
    names = ["Sum", "Average", "Minimum", "Maximum", "SampleCount"]
    points = target.boto("cloudwatch").get_metric_statistics(**asked, Statistics=names)["Datapoints"]
    assert sum(point["Sum"] for point in points) == 4.0
    assert {name for point in points for name in point} == {*names, "Timestamp", "Unit"}


@check
def units_are_kept_apart(target: Target) -> None:
    """API GetMetricStatistics: Unit: if you specify a unit that is not used, no data is returned"""
    asked = a_metric(target, 1.0, Unit="Seconds")
    ask = target.boto("cloudwatch").get_metric_statistics
    assert [p["Unit"] for p in ask(**asked, Statistics=["Sum"])["Datapoints"]] == ["Seconds"]
    assert ask(**asked, Statistics=["Sum"], Unit="Bytes")["Datapoints"] == []


@check
def data_in_several_units_are_not_added_up(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_get_metric_data_different_units_no_unit_in_query"""
    asked, cloudwatch = a_metric(target, 2.0, Unit="Seconds"), target.boto("cloudwatch")
    data = [
        {"MetricName": "m", "Timestamp": asked["StartTime"], "Value": value, "Unit": unit}
        for value, unit in ((7.0, "Milliseconds"), (5.0, "Count"))
    ]
    cloudwatch.put_metric_data(Namespace=asked["Namespace"], MetricData=data)
    stat = {"Metric": {"Namespace": asked["Namespace"], "MetricName": "m"}, "Period": 3600, "Stat": "Sum"}
    when = {"StartTime": asked["StartTime"], "EndTime": asked["EndTime"]}

    def ask(**unit: str) -> Any:
        queries = [{"Id": "m1", "MetricStat": stat | unit}]
        return cloudwatch.get_metric_data(MetricDataQueries=queries, **when)["MetricDataResults"][0]

    described = ask()
    assert sum(described["Values"]) == 5.0
    value = "Multiple units returned: '[Count, Milliseconds, Seconds]'"
    assert described["Messages"] == [{"Code": "MultipleUnits", "Value": value}]
    assert sum(ask(Unit="Seconds")["Values"]) == 2.0


@check
def percentiles_are_told(target: Target) -> None:
    """API GetMetricStatistics: ExtendedStatistics: p0.0 to p100"""
    asked = a_metric(target, 1.0, 2.0, 3.0) | {"Period": 600}
    points = target.boto("cloudwatch").get_metric_statistics(**asked, ExtendedStatistics=["p100"])["Datapoints"]
    assert max(point["ExtendedStatistics"]["p100"] for point in points) == 3.0


@check
def a_period_is_a_multiple_of_a_minute(target: Target) -> None:
    """API GetMetricStatistics: Period: 1, 5, 10, 30 or any multiple of 60; InvalidParameterValue"""
    asked = a_metric(target, 1.0) | {"Period": 7}
    refusal_ = refused(target.boto("cloudwatch").get_metric_statistics, **asked, Statistics=["Sum"])
    assert refusal_ == ("InvalidParameterValue", 400)


@check
def an_end_before_its_start_is_refused(target: Target) -> None:
    """API GetMetricStatistics: EndTime; InvalidParameterValue, InvalidParameterCombination"""
    asked = a_metric(target, 1.0)
    asked |= {"StartTime": asked["EndTime"], "EndTime": asked["StartTime"]}
    code, status = refused(target.boto("cloudwatch").get_metric_statistics, **asked, Statistics=["Sum"])
    assert (code in {"InvalidParameterValue", "InvalidParameterCombination", "ValidationError"}, status) == (True, 400)


@check
def expressions_are_computed(target: Target) -> None:
    """API GetMetricData: Expression; user guide: Using metric math"""
    asked = a_metric(target, 1.0, 3.0)
    stat = {"Metric": {"Namespace": asked["Namespace"], "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "m1", "MetricStat": stat, "ReturnData": False},
        {"Id": "twice", "Expression": "m1 * 2"},
    ]
    when = {"StartTime": asked["StartTime"], "EndTime": asked["EndTime"], "ScanBy": "TimestampAscending"}
    (described,) = target.boto("cloudwatch").get_metric_data(MetricDataQueries=queries, **when)["MetricDataResults"]
    assert (described["Id"], described["Values"], described["StatusCode"]) == ("twice", [2.0, 6.0], "Complete")


@check
def ids_of_queries_begin_small(target: Target) -> None:
    """API MetricDataQuery: Id: the first character must be a lowercase letter; ValidationError"""
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    asked = {"MetricDataQueries": [{"Id": "M1", "MetricStat": stat}], "StartTime": at(), "EndTime": at() + MINUTE}
    assert refused(target.boto("cloudwatch").get_metric_data, **asked) == ("ValidationError", 400)


@check
def values_with_counts_are_taken(target: Target) -> None:
    """API MetricDatum: Values, Counts"""
    namespace = fresh("Check")
    datum = {"MetricName": "m", "Timestamp": at(), "Values": [1.0, 5.0], "Counts": [2.0, 1.0]}
    target.boto("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])
    when = {"StartTime": at() - MINUTE, "EndTime": at() + 5 * MINUTE, "Period": 60}
    described = target.boto("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName="m", **when, Statistics=["Sum", "SampleCount"]
    )
    assert [(p["Sum"], p["SampleCount"]) for p in described["Datapoints"]] == [(7.0, 3.0)]


@check
def a_value_and_values_at_once_are_refused(target: Target) -> None:
    """API PutMetricData: InvalidParameterCombination"""
    datum = {"MetricName": "m", "Value": 1.0, "Values": [1.0]}
    call = target.boto("cloudwatch").put_metric_data
    assert refused(call, Namespace=fresh("Check"), MetricData=[datum]) == ("InvalidParameterCombination", 400)


@check
def a_namespace_of_awss_own_is_refused(target: Target) -> None:
    """API PutMetricData: Namespace: should not begin with AWS/; InvalidParameterValue"""
    call = target.boto("cloudwatch").put_metric_data
    assert refused(call, Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1.0}]) == (
        "InvalidParameterValue",
        400,
    )


@check
def large_batches_come_compressed(target: Target) -> None:
    """API PutMetricData: each request up to 1 MB; botocore compresses it by gzip from 10 KiB"""
    namespace = fresh("Check")
    data = [{"MetricName": f"m{n % 4}", "Value": float(n), "Timestamp": at()} for n in range(400)]
    target.boto("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)
    described = target.boto("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]
    assert {metric["MetricName"] for metric in described} == {"m0", "m1", "m2", "m3"}


@check
def metrics_are_found_by_their_dimensions(target: Target) -> None:
    """API ListMetrics: Dimensions"""
    namespace, cloudwatch = fresh("Check"), target.boto("cloudwatch")
    for host in ("a", "b"):
        datum = {"MetricName": "m", "Value": 1.0, "Dimensions": [{"Name": "Host", "Value": host}]}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
    described = cloudwatch.list_metrics(Namespace=namespace, Dimensions=[{"Name": "Host", "Value": "b"}])["Metrics"]
    assert [metric["Dimensions"] for metric in described] == [[{"Name": "Host", "Value": "b"}]]


ALARM = {
    "Namespace": "Check", "MetricName": "m", "Statistic": "Average", "Period": 60,
    "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip


@check
def an_alarm_without_data_has_too_little(target: Target) -> None:
    """API MetricAlarm: StateValue: INSUFFICIENT_DATA"""
    cloudwatch, name = target.boto("cloudwatch"), fresh()
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM)
    (described,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (described["StateValue"], described["AlarmArn"]) == (
        "INSUFFICIENT_DATA",
        target.arn("cloudwatch", f"alarm:{name}"),
    )
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


@check
def a_state_is_set_for_a_test(target: Target) -> None:
    """API SetAlarmState; ResourceNotFound"""
    cloudwatch, name = target.boto("cloudwatch"), fresh()
    state = {"StateValue": "ALARM", "StateReason": "a test"}
    assert refused(cloudwatch.set_alarm_state, AlarmName=name, **state) == ("ResourceNotFound", 404)
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM)
    cloudwatch.set_alarm_state(AlarmName=name, **state)
    items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert items
    cloudwatch.delete_alarms(AlarmNames=[name])


@check
def an_alarm_has_one_kind_of_statistic(target: Target) -> None:
    """API PutMetricAlarm: you must specify Statistic or ExtendedStatistic but not both; ValidationError"""
    found = refusal(target.boto("cloudwatch").put_metric_alarm, AlarmName=fresh(), **ALARM, ExtendedStatistic="p90")
    assert found.status == 400
    assert found.code in {"ValidationError", "InvalidParameterCombination"}


@check
def results_are_labelled_by_what_they_differ_in(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_label_generation"""
    metric = {"Namespace": fresh(), "MetricName": "m"}
    queries = [
        {"Id": f"q{n}", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}
        for n, (stat, period) in enumerate((("Sum", 60), ("Minimum", 30)))
    ]
    now = datetime.now(UTC)
    asked = {"MetricDataQueries": queries, "StartTime": now - timedelta(minutes=5), "EndTime": now}
    described = target.boto("cloudwatch").get_metric_data(**asked)["MetricDataResults"]
    assert [one["Label"] for one in described] == ["m Sum 60", "m Minimum 30"]


@check
def an_alarm_that_saw_nothing_has_no_data_of_its_reason(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_describe_minimal_metric_alarm"""
    cloudwatch, name = target.boto("cloudwatch"), fresh()
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM)
    (described,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert "StateReasonData" not in described
    cloudwatch.delete_alarms(AlarmNames=[name])


def an_alarm(target: Target) -> str:
    name = fresh()
    target.boto("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace=name, MetricName="m", Period=60, EvaluationPeriods=1, Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold", Threshold=1.0,
    )  # fmt: skip
    return name


@check
def a_composite_alarm_is_told_where_it_is_asked_for(target: Target) -> None:
    """API DescribeAlarms: AlarmTypes: metric alarms alone without; recorded on AWS: test_put_composite_alarm_describe_alarms"""
    cloudwatch, child, name = target.boto("cloudwatch"), an_alarm(target), fresh()
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f'ALARM("{child}")')
    (described,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (described["AlarmRule"], described["AlarmArn"]) == (
        f'ALARM("{child}")',
        target.arn("cloudwatch", f"alarm:{name}"),
    )
    assert not cloudwatch.describe_alarms(AlarmNames=[name])["CompositeAlarms"]


@check
def a_composite_alarm_follows_its_rule(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_trigger_composite_alarm: triggeringAlarms"""
    cloudwatch, child, name = target.boto("cloudwatch"), an_alarm(target), fresh()
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f"ALARM({child})")
    cloudwatch.set_alarm_state(AlarmName=child, StateValue="ALARM", StateReason="r")
    for _ in range(100):
        (described,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        if described["StateValue"] == "ALARM":
            break
        time.sleep(0.1)
    assert described["StateValue"] == "ALARM"
    arns = [one["arn"] for one in json.loads(described["StateReasonData"])["triggeringAlarms"]]
    assert arns == [target.arn("cloudwatch", f"alarm:{child}")]


@check
def an_alarm_that_is_not_there_has_no_state(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_set_alarm_invalid_input: an error without a message"""
    asked = {"AlarmName": fresh(), "StateValue": "OK", "StateReason": "r"}
    found = refusal(target.boto("cloudwatch").set_alarm_state, **asked)
    assert (found.code, found.status, found.message) == ("ResourceNotFound", 404, "")


@check
def a_dashboard_is_kept(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_dashboard_lifecycle"""
    cloudwatch, name, body = target.boto("cloudwatch"), fresh(), '{"widgets": []}'
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
    described = cloudwatch.get_dashboard(DashboardName=name)
    assert described["DashboardArn"] == f"arn:aws:cloudwatch::{target.account}:dashboard/{name}"
    assert json.loads(described["DashboardBody"]) == json.loads(body)
    assert [
        one["DashboardName"] for one in cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    ] == [name]
    cloudwatch.delete_dashboards(DashboardNames=[name])
    assert cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"] == []


@check
def a_dashboard_s_name_is_checked(target: Target) -> None:
    """Recorded on AWS: localstack test_cloudwatch::test_invalid_dashboard_name"""
    asked = {"DashboardName": "a:b", "DashboardBody": "{}"}
    found = refusal(target.boto("cloudwatch").put_dashboard, **asked)
    assert found.code == "InvalidParameterValue"
    assert found.message.startswith("The value for field DashboardName contains invalid characters.")
