"""CloudWatch Logs."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from services.check import check
from services.target import Target, fresh, refusal, refused

GONE = ("ResourceNotFoundException", 400)
WRONG = ("InvalidParameterException", 400)


def now_ms() -> int:
    return int(time.time() * 1000)


def a_stream(target: Target, *lines: str) -> dict[str, str]:
    """A group and a stream with lines a second apart, the last one of now."""
    logs, where = target.boto("logs"), {"logGroupName": fresh("/check/logs"), "logStreamName": "s"}
    logs.create_log_group(logGroupName=where["logGroupName"])
    logs.create_log_stream(**where)
    began = now_ms() - 1000 * len(lines)
    events = [{"timestamp": began + 1000 * number, "message": line} for number, line in enumerate(lines)]
    if events:
        logs.put_log_events(**where, logEvents=events)
    return where


@check
def a_group_twice_already_exists(target: Target) -> None:
    """API CreateLogGroup: ResourceAlreadyExistsException"""
    logs, name = target.boto("logs"), fresh()
    logs.create_log_group(logGroupName=name)
    assert refused(logs.create_log_group, logGroupName=name) == ("ResourceAlreadyExistsException", 400)


@check
def a_stream_of_no_group_is_not_found(target: Target) -> None:
    """API CreateLogStream: ResourceNotFoundException"""
    found = refusal(target.boto("logs").create_log_stream, logGroupName=fresh(), logStreamName="s")
    assert (found.code, found.status) == GONE
    assert found.message == "The specified log group does not exist."


@check
def events_of_no_stream_are_not_found(target: Target) -> None:
    """API GetLogEvents: ResourceNotFoundException; what the SDK waits on"""
    logs, where = target.boto("logs"), a_stream(target)
    found = refusal(logs.get_log_events, logGroupName=where["logGroupName"], logStreamName="none")
    assert (found.code, found.status) == GONE
    assert found.message == "The specified log stream does not exist."


@check
def the_same_token_ends_a_stream(target: Target) -> None:
    """API GetLogEvents: nextForwardToken: the end is reached when the same token comes back"""
    logs, where = target.boto("logs"), a_stream(target, "a", "b", "c")
    first = logs.get_log_events(**where, startFromHead=True, limit=2)
    assert [event["message"] for event in first["events"]] == ["a", "b"]
    last = logs.get_log_events(**where, startFromHead=True, nextToken=first["nextForwardToken"])
    assert [event["message"] for event in last["events"]] == ["c"]
    end = logs.get_log_events(**where, startFromHead=True, nextToken=last["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], last["nextForwardToken"])


@check
def the_newest_events_come_without_startfromhead(target: Target) -> None:
    """API GetLogEvents: startFromHead: if false, the latest events are returned first"""
    described = target.boto("logs").get_log_events(**a_stream(target, "a", "b", "c"), limit=2)
    assert [event["message"] for event in described["events"]] == ["b", "c"]


@check
def start_is_included_and_end_is_not(target: Target) -> None:
    """API GetLogEvents: startTime, endTime"""
    logs, where = target.boto("logs"), a_stream(target, "a", "b", "c")
    times = [event["timestamp"] for event in logs.get_log_events(**where, startFromHead=True)["events"]]
    described = logs.get_log_events(**where, startTime=times[0], endTime=times[2], startFromHead=True)
    assert [event["message"] for event in described["events"]] == ["a", "b"]


@check
def events_out_of_order_are_refused(target: Target) -> None:
    """API PutLogEvents: the log events in the batch must be in chronological order; InvalidParameterException"""
    events = [{"timestamp": now_ms() - back, "message": "m"} for back in (0, 1000)]
    assert refused(target.boto("logs").put_log_events, **a_stream(target), logEvents=events) == WRONG


@check
def events_that_are_too_old_or_new_are_told(target: Target) -> None:
    """API PutLogEvents: rejectedLogEventsInfo: none older than 14 days or more than 2 hours in the future"""
    logs, where, hour = target.boto("logs"), a_stream(target), 3_600_000
    for hours, name in ((-16 * 24, "tooOldLogEventEndIndex"), (5, "tooNewLogEventStartIndex")):
        described = logs.put_log_events(**where, logEvents=[{"timestamp": now_ms() + hours * hour, "message": "m"}])
        assert name in described["rejectedLogEventsInfo"]
    assert logs.get_log_events(**where, startFromHead=True)["events"] == []


@check
def a_retention_is_one_of_a_list(target: Target) -> None:
    """API PutRetentionPolicy: retentionInDays: possible values; InvalidParameterException"""
    logs, group = target.boto("logs"), a_stream(target)["logGroupName"]
    assert refused(logs.put_retention_policy, logGroupName=group, retentionInDays=2) == WRONG
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 14
    logs.delete_retention_policy(logGroupName=group)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in described


@check
def groups_are_listed_by_name_each_once(target: Target) -> None:
    """API DescribeLogGroups: the results are ASCII-sorted by log group name; nextToken"""
    logs, prefix = target.boto("logs"), fresh()
    for end in "cab":
        logs.create_log_group(logGroupName=f"{prefix}-{end}")
    first = logs.describe_log_groups(logGroupNamePrefix=prefix, limit=2)
    logs.create_log_group(logGroupName=f"{prefix}-aa")
    second = logs.describe_log_groups(logGroupNamePrefix=prefix, limit=2, nextToken=first["nextToken"])
    named = [group["logGroupName"] for group in first["logGroups"] + second["logGroups"]]
    assert named == [f"{prefix}-{end}" for end in "abc"]


@check
def streams_by_their_last_event_take_no_prefix(target: Target) -> None:
    """API DescribeLogStreams: orderBy: you cannot specify LastEventTime with logStreamNamePrefix"""
    group = a_stream(target)["logGroupName"]
    wanted = {"logGroupName": group, "orderBy": "LastEventTime", "logStreamNamePrefix": "s"}
    found = refusal(target.boto("logs").describe_log_streams, **wanted)
    assert (found.code, found.status) == WRONG
    assert found.message == "Cannot order by LastEventTime with a logStreamNamePrefix."


def matching(target: Target, pattern: str, *lines: str) -> list[str]:
    where = a_stream(target, *lines)
    described = target.boto("logs").filter_log_events(logGroupName=where["logGroupName"], filterPattern=pattern)
    return [event["message"] for event in described["events"]]


@check
def all_words_of_a_pattern_match(target: Target) -> None:
    """API FilterLogEvents: filterPattern; user guide: Filter pattern syntax, several terms"""
    assert matching(target, "ERROR disk", "ERROR disk full", "ERROR net", "disk ok") == ["ERROR disk full"]


@check
def any_word_of_a_pattern_matches(target: Target) -> None:
    """API FilterLogEvents: filterPattern; user guide: Filter pattern syntax, ?term"""
    assert matching(target, "?ERROR ?WARN", "ERROR a", "WARN b", "INFO c") == ["ERROR a", "WARN b"]


@check
def a_word_of_a_pattern_is_excluded(target: Target) -> None:
    """API FilterLogEvents: filterPattern; user guide: Filter pattern syntax, -term"""
    assert matching(target, "ERROR -disk", "ERROR disk full", "ERROR net") == ["ERROR net"]


@check
def members_of_json_match(target: Target) -> None:
    """API FilterLogEvents: filterPattern; user guide: Filter pattern syntax, JSON"""
    lines = ['{"code": 404, "m": "GET"}', '{"code": 200, "m": "GET"}', "no json"]
    assert matching(target, '{ $.code >= 400 && $.m = "GET" }', *lines) == lines[:1]


@check
def columns_match(target: Target) -> None:
    """API FilterLogEvents: filterPattern; user guide: Filter pattern syntax, space-delimited"""
    lines = ["127.0.0.1 user 404", "127.0.0.1 user 200"]
    assert matching(target, "[ip, user, code = 4*]", *lines) == lines[:1]


@check
def a_query_is_answered(target: Target) -> None:
    """API StartQuery, GetQueryResults; user guide: stats"""
    logs, where = target.boto("logs"), a_stream(target, "loss=3", "loss=5", "else")
    text = "parse @message 'loss=*' as loss | stats max(loss) as worst"
    asked: dict[str, Any] = {"startTime": now_ms() // 1000 - 3600, "endTime": now_ms() // 1000 + 3600}
    query = logs.start_query(logGroupName=where["logGroupName"], queryString=text, **asked)["queryId"]
    deadline = time.monotonic() + 10
    while (described := logs.get_query_results(queryId=query))["status"] in {"Scheduled", "Running"}:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert described["status"] == "Complete"
    assert [(cell["field"], cell["value"]) for cell in described["results"][0]] == [("worst", "5")]


@check
def a_query_that_cannot_be_read_is_malformed(target: Target) -> None:
    """API StartQuery: MalformedQueryException"""
    asked = {
        "logGroupName": a_stream(target)["logGroupName"],
        "startTime": 0,
        "endTime": 1,
        "queryString": "nonsense |",
    }
    assert refused(target.boto("logs").start_query, **asked) == ("MalformedQueryException", 400)


@check
def a_pattern_is_told_without_its_value(target: Target) -> None:
    """moto test_get_log_events_using_arn, verified against AWS; API GetLogEvents: logGroupIdentifier"""
    wanted = {"logGroupIdentifier": "a b", "logStreamName": "s"}
    found = refusal(target.boto("logs").get_log_events, **wanted)
    pattern = r"Member must satisfy regular expression pattern: [\w#+=/:,.@-]*"
    assert (
        found.message
        == f"1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: {pattern}"
    )


@check
def a_group_takes_its_streams_with_it(target: Target) -> None:
    """API DeleteLogGroup: deletes the log group and all its log events"""
    logs, where = target.boto("logs"), a_stream(target, "a")
    logs.delete_log_group(logGroupName=where["logGroupName"])
    assert refused(logs.get_log_events, **where) == GONE
    logs.create_log_group(logGroupName=where["logGroupName"])
    assert logs.describe_log_streams(logGroupName=where["logGroupName"])["logStreams"] == []


@check
def a_group_is_asked_for_in_one_way(target: Target) -> None:
    """Recorded on AWS: localstack test_logs_groups::test_describe_log_groups_prefix_and_pattern_error"""
    logs, where = target.boto("logs"), a_stream(target, "a")
    name = where["logGroupName"]
    asked = {"logGroupNamePrefix": name, "logGroupNamePattern": name}
    assert refused(logs.describe_log_groups, **asked) == ("InvalidParameterException", 400)


def counting(target: Target, group: str, pattern: str, value: str = "1") -> str:
    """Put a metric filter; the namespace of what it counts."""
    namespace = fresh()
    transformation = {"metricName": "m", "metricNamespace": namespace, "metricValue": value}
    target.boto("logs").put_metric_filter(
        logGroupName=group, filterName=namespace, filterPattern=pattern, metricTransformations=[transformation]
    )
    return namespace


@check
def lines_become_metrics(target: Target) -> None:
    """API PutMetricFilter; Recorded on AWS: localstack test_logs_metric_filters::test_metric_filters_publish_to_cloudwatch"""
    logs, group = target.boto("logs"), fresh()
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    errors, sizes = counting(target, group, "ERROR"), counting(target, group, "{ $.size = * }", "$.size")
    now = datetime.now(UTC)
    messages = ("an ERROR", "fine", '{"size": 2}', '{"size": 3}')
    events = [{"timestamp": int(now.timestamp() * 1000), "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    for namespace, total in ((errors, 1.0), (sizes, 5.0)):
        (point,) = target.boto("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName="m", StartTime=now - timedelta(minutes=2), EndTime=now + timedelta(minutes=2),
            Period=3600, Statistics=["Sum"],
        )["Datapoints"]  # fmt: skip
        assert point["Sum"] == total


@check
def a_metric_filter_is_told(target: Target) -> None:
    """Recorded on AWS: localstack test_logs_metric_filters::test_describe_metric_filters_by_metric_name"""
    logs, group = target.boto("logs"), fresh()
    logs.create_log_group(logGroupName=group)
    namespace = counting(target, group, "pattern")
    (described,) = logs.describe_metric_filters(metricName="m", metricNamespace=namespace)["metricFilters"]
    assert (described["filterName"], described["logGroupName"], described["filterPattern"]) == (
        namespace,
        group,
        "pattern",
    )
    assert described["applyOnTransformedLogs"] is False


@check
def a_pattern_can_be_tried(target: Target) -> None:
    """API TestMetricFilter: eventNumber, eventMessage, extractedValues"""
    asked = {"filterPattern": "{ $.a = 1 }", "logEventMessages": ['{"a": 2}', '{"a": 1}']}
    (described,) = target.boto("logs").test_metric_filter(**asked)["matches"]
    assert (described["eventNumber"], described["eventMessage"]) == (2, '{"a": 1}')
    assert described["extractedValues"] == {"$.a": "1"}


@check
def tags_are_the_same_by_both_kinds_of_operations(target: Target) -> None:
    """Recorded on AWS: localstack test_logs_groups::test_tag_resource_api"""
    logs, group = target.boto("logs"), fresh()
    logs.create_log_group(logGroupName=group, tags={"env": "testing"})
    arn = target.arn("logs", f"log-group:{group}")
    logs.tag_resource(resourceArn=arn, tags={"a": "1"})
    logs.tag_log_group(logGroupName=group, tags={"b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["env"])
    wanted = {"a": "1", "b": "2"}
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == wanted
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == wanted


@check
def a_resource_policy_is_kept(target: Target) -> None:
    """Recorded on AWS: localstack test_logs_resource_policies::test_put_resource_policy, test_delete_resource_policy_not_found"""
    logs, name = target.boto("logs"), fresh()
    described = logs.put_resource_policy(policyName=name, policyDocument="{}")["resourcePolicy"]
    assert (described["policyName"], described["policyDocument"]) == (name, "{}")
    found = {one["policyName"]: one for one in logs.describe_resource_policies()["resourcePolicies"]}
    assert json.loads(found[name]["policyDocument"]) == {"Version": "2008-10-17"}
    logs.delete_resource_policy(policyName=name)
    found = refusal(logs.delete_resource_policy, policyName=name)
    assert (found.code, found.message) == ("ResourceNotFoundException", f"Policy with name [{name}] does not exist.")


@check
def a_query_tells_what_it_searched(target: Target) -> None:
    """Recorded on AWS: localstack test_logs_queries::test_describe_queries_with_status_filter: SOURCE, START, END"""
    logs, group, now = target.boto("logs"), fresh(), int(datetime.now(UTC).timestamp())
    logs.create_log_group(logGroupName=group)
    asked = {"startTime": now - 60, "endTime": now, "queryString": "fields @message"}
    logs.start_query(logGroupName=group, **asked)
    (described,) = logs.describe_queries(logGroupName=group)["queries"]
    assert described["queryString"] == f'SOURCE "{group}" START={now - 60}000 END={now}999 | fields @message'
    found = refusal(logs.start_query, logGroupName=fresh(), **asked)
    assert found.code == "ResourceNotFoundException"
    assert found.message.startswith("Log group 'check-")
