"""EventBridge: rules on the default bus."""

from __future__ import annotations

import json
import time
from typing import Any

from services.check import check
from services.target import Target, fresh, refusal, refused

PATTERN = {"source": ["check.app"]}
GONE = ("ResourceNotFoundException", 400)


def a_rule(target: Target, pattern: dict[str, Any] | None = None) -> str:
    name = fresh()
    target.boto("events").put_rule(Name=name, EventPattern=json.dumps(pattern or PATTERN))
    return name


def clear(target: Target, rule: str) -> None:
    """Rules of other checks would match its events."""
    events = target.boto("events")
    ids = [one["Id"] for one in events.list_targets_by_rule(Rule=rule)["Targets"]]
    if ids:
        events.remove_targets(Rule=rule, Ids=ids)
    events.delete_rule(Name=rule)


@check
def a_rule_is_told_as_it_was_put(target: Target) -> None:
    """API PutRule, API DescribeRule: State ENABLED; ResourceNotFoundException"""
    events, name = target.boto("events"), a_rule(target)
    described = events.describe_rule(Name=name)
    assert (described["State"], json.loads(described["EventPattern"])) == ("ENABLED", PATTERN)
    assert described["Arn"] == target.arn("events", f"rule/{name}")
    events.disable_rule(Name=name)
    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    clear(target, name)
    assert refused(events.describe_rule, Name=name) == GONE


@check
def a_rule_has_a_pattern_or_a_schedule(target: Target) -> None:
    """API PutRule: EventPattern, ScheduleExpression: one is required; ValidationException"""
    assert refused(target.boto("events").put_rule, Name=fresh()) == ("ValidationException", 400)


@check
def a_pattern_that_is_none_is_invalid(target: Target) -> None:
    """API PutRule: InvalidEventPatternException"""
    put = target.boto("events").put_rule
    for text in ("{", '{"source": "x"}', '{"source": [{"nothing": 1}]}'):
        assert refused(put, Name=fresh(), EventPattern=text) == ("InvalidEventPatternException", 400), text


@check
def a_schedule_that_is_none_is_invalid(target: Target) -> None:
    """API PutRule: ScheduleExpression: rate(5 minutes), cron(0 20 * * ? *); ValidationException"""
    put = target.boto("events").put_rule
    for text in ("rate(1 minutes)", "rate(0 minutes)", "cron(0 20 * * * *)", "every day"):
        assert refused(put, Name=fresh(), ScheduleExpression=text) == ("ValidationException", 400), text


def matches(target: Target, pattern: Any, detail: dict[str, Any]) -> bool:
    event = {
        "id": "1", "detail-type": "t", "source": "check.app", "account": target.account, "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1", "resources": [], "detail": detail,
    }  # fmt: skip
    asked = {"EventPattern": json.dumps({"detail": pattern}), "Event": json.dumps(event)}
    described: bool = target.boto("events").test_event_pattern(**asked)["Result"]
    return described


@check
def patterns_compare_as_documented(target: Target) -> None:
    """API TestEventPattern; user guide: Comparison operators: prefix, suffix, anything-but, numeric, exists, wildcard"""
    fitting: list[tuple[Any, dict[str, Any]]] = [
        ({"s": ["Failed", "Stopped"]}, {"s": "Failed"}),
        ({"s": [{"prefix": "Fai"}]}, {"s": "Failed"}),
        ({"s": [{"suffix": "led"}]}, {"s": "Failed"}),
        ({"s": [{"anything-but": ["Stopped"]}]}, {"s": "Failed"}),
        ({"n": [{"numeric": [">", 1, "<=", 3]}]}, {"n": 3}),
        ({"x": [{"exists": False}]}, {"s": "Failed"}),
        ({"s": [{"equals-ignore-case": "failed"}]}, {"s": "Failed"}),
        ({"s": [{"wildcard": "F*ed"}]}, {"s": "Failed"}),
        ({"$or": [{"s": ["no"]}, {"n": [3]}]}, {"s": "Failed", "n": 3}),
        ({"s": ["Failed"]}, {"s": ["Other", "Failed"]}),
    ]
    for pattern, detail in fitting:
        assert matches(target, pattern, detail), pattern
    other: dict[str, Any] = {"s": "Done", "n": 4, "x": 1}
    for pattern, _ in fitting:
        assert not matches(target, pattern, other) or "anything-but" in json.dumps(pattern), pattern


@check
def an_event_reaches_a_queue(target: Target) -> None:
    """API PutEvents: FailedEntryCount; API PutTargets"""
    events, sqs, queue = target.boto("events"), target.boto("sqs"), fresh()
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    rule = a_rule(target, {"source": [queue]})
    described = events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target.arn("sqs", queue)}])
    assert described["FailedEntryCount"] == 0
    entry = {"Source": queue, "DetailType": "t", "Detail": json.dumps({"a": 1})}
    sent = events.put_events(Entries=[entry])
    assert sent["FailedEntryCount"] == 0
    got = received(sqs, url)
    assert (got["source"], got["detail"], got["id"]) == (queue, {"a": 1}, sent["Entries"][0]["EventId"])
    clear(target, rule)


def received(sqs: Any, url: str) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            body: dict[str, Any] = json.loads(message["Body"])
            return body
    raise AssertionError("no message came")


@check
def what_a_target_gets_is_formed(target: Target) -> None:
    """API InputTransformer: InputPathsMap, InputTemplate"""
    events, sqs, queue = target.boto("events"), target.boto("sqs"), fresh()
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    rule = a_rule(target, {"source": [queue]})
    formed = {"InputPathsMap": {"n": "$.detail.name"}, "InputTemplate": '{"job": "<n>"}'}
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target.arn("sqs", queue), "InputTransformer": formed}])
    events.put_events(Entries=[{"Source": queue, "DetailType": "t", "Detail": '{"name": "j-1"}'}])
    assert received(sqs, url) == {"job": "j-1"}
    clear(target, rule)


@check
def a_bad_entry_leaves_the_others(target: Target) -> None:
    """API PutEvents: FailedEntryCount; API PutEventsResultEntry: MalformedDetail, InvalidArgument"""
    good = {"Source": "check.app", "DetailType": "t", "Detail": "{}"}
    described = target.boto("events").put_events(
        Entries=[good, {**good, "Detail": "{"}, {"Source": "check.app", "Detail": "{}"}]
    )
    assert described["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in described["Entries"]] == [None, "MalformedDetail", "InvalidArgument"]


@check
def ten_entries_are_the_most(target: Target) -> None:
    """API PutEvents: Entries: maximum number of 10 items; ValidationException"""
    entry = {"Source": "check.app", "DetailType": "t", "Detail": "{}"}
    assert refused(target.boto("events").put_events, Entries=[entry] * 11) == ("ValidationException", 400)


@check
def a_rule_with_targets_is_not_deleted(target: Target) -> None:
    """API DeleteRule: before you can delete the rule, you must remove all targets; ValidationException"""
    events, rule = target.boto("events"), a_rule(target)
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target.arn("sqs", "q")}])
    assert refused(events.delete_rule, Name=rule) == ("ValidationException", 400)
    clear(target, rule)


@check
def the_default_bus_is_there(target: Target) -> None:
    """API DescribeEventBus: default"""
    described = target.boto("events").describe_event_bus()
    assert (described["Name"], described["Arn"]) == ("default", target.arn("events", "event-bus/default"))


@check
def an_event_needs_no_resources(target: Target) -> None:
    """Recorded on AWS: localstack test_events_patterns::test_event_pattern"""
    event = {"id": "1", "account": "0" * 12, "source": "a", "time": "2022-07-13T13:48:01Z", "region": "us-east-1"}
    asked = {"Event": json.dumps(event | {"detail-type": "t"}), "EventPattern": json.dumps({"source": ["a"]})}
    assert target.boto("events").test_event_pattern(**asked)["Result"] is True


@check
def a_name_with_dots_is_a_way_down(target: Target) -> None:
    """Recorded on AWS: localstack test_events_patterns::test_event_pattern[dot_joining_event], [dot_joining_pattern]"""
    head = {"id": "1", "account": "0" * 12, "source": "a", "time": "2022-07-13T13:48:01Z", "region": "us-east-1"}
    either = ({"state.status": "r"}, {"state": {"status": "r"}})
    for detail in either:
        for pattern in ({"state.status": ["r"]}, {"state": {"status": ["r"]}}):
            asked = {"Event": json.dumps(head | {"detail-type": "t", "detail": detail}),
                     "EventPattern": json.dumps({"detail": pattern})}  # fmt: skip
            assert target.boto("events").test_event_pattern(**asked)["Result"] is True


@check
def a_bad_pattern_s_place_is_told(target: Target) -> None:
    """Recorded on AWS: localstack test_events_patterns::test_event_pattern[content_numeric_EXC]"""
    pattern = '{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}'
    found = refusal(target.boto("events").test_event_pattern, Event="{}", EventPattern=pattern)
    assert found.code == "InvalidEventPatternException"
    place = f'\n at [Source: (String)"{pattern}"; line: 1, column: 49]'
    assert found.message == "Event pattern is not valid. Reason: Bad numeric range operator: >" + place


@check
def a_bus_has_rules_of_its_own(target: Target) -> None:
    """API CreateEventBus, PutRule: EventBusName; recorded on AWS: localstack test_events::TestEventBus, TestEventRule"""
    events, bus, name = target.boto("events"), fresh(), fresh()
    made = events.create_event_bus(Name=bus, Description="d")
    assert made["EventBusArn"] == target.arn("events", f"event-bus/{bus}")
    assert refused(events.create_event_bus, Name=bus) == ("ResourceAlreadyExistsException", 400)
    pattern = json.dumps({"source": ["a"]})
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)["RuleArn"]
    assert arn == target.arn("events", f"rule/{bus}/{name}")
    described = events.describe_rule(Name=name, EventBusName=bus)
    assert (described["Name"], described["EventBusName"], described["Arn"]) == (name, bus, arn)
    assert events.list_rules(NamePrefix=name)["Rules"] == []
    found = refusal(events.describe_rule, Name=name)
    assert found.message == f"Rule {name} does not exist on EventBus default."
    events.delete_rule(Name=name, EventBusName=bus)
    events.delete_event_bus(Name=bus)
    assert refused(events.describe_event_bus, Name=bus) == ("ResourceNotFoundException", 400)


@check
def the_default_bus_stays(target: Target) -> None:
    """Recorded on AWS: localstack test_events::test_delete_default_event_bus"""
    found = refusal(target.boto("events").delete_event_bus, Name="default")
    assert (found.code, found.message) == ("ValidationException", "Cannot delete event bus default.")


@check
def an_event_goes_from_bus_to_bus(target: Target) -> None:
    """Recorded on AWS: localstack test_events::test_put_events_bus_to_bus"""
    events, sqs = target.boto("events"), target.boto("sqs")
    first, second, queue = fresh(), fresh(), fresh()
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    arn = events.create_event_bus(Name=second)["EventBusArn"]
    events.create_event_bus(Name=first)
    for bus, to in ((first, arn), (second, target.arn("sqs", queue))):
        events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": [queue]}))
        events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "1", "Arn": to}])
    events.put_events(Entries=[{"Source": queue, "DetailType": "t", "Detail": '{"a": 1}', "EventBusName": first}])
    described = received(sqs, url)
    assert (described["source"], described["detail"]) == (queue, {"a": 1})
    for bus in (first, second):
        events.remove_targets(Rule="r", EventBusName=bus, Ids=["1"])
        events.delete_rule(Name="r", EventBusName=bus)
        events.delete_event_bus(Name=bus)


@check
def a_bus_that_is_not_there_takes_events(target: Target) -> None:
    """Recorded on AWS: localstack test_events::test_put_events_nonexistent_event_bus"""
    entry = {"Source": "check.app", "DetailType": "t", "Detail": "{}", "EventBusName": fresh()}
    assert target.boto("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


@check
def a_bus_has_tags_and_permissions(target: Target) -> None:
    """Recorded on AWS: localstack test_events_tags::tests_tag_untag_resource; test_events::test_put_permission"""
    events, bus = target.boto("events"), fresh()
    arn = events.create_event_bus(Name=bus, Tags=[{"Key": "a", "Value": "b"}])["EventBusArn"]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    asked = {"EventBusName": bus, "Action": "events:PutEvents", "Principal": target.account, "StatementId": "s"}
    events.put_permission(**asked)
    (statement,) = json.loads(events.describe_event_bus(Name=bus)["Policy"])["Statement"]
    assert statement == {
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{target.account}:root"},
        "Action": "events:PutEvents", "Resource": arn,
    }  # fmt: skip
    events.remove_permission(EventBusName=bus, StatementId="s")
    assert "Policy" not in events.describe_event_bus(Name=bus)
    found = refusal(events.remove_permission, EventBusName=bus, StatementId="s")
    assert found.message == "Statement with the provided id does not exist."
    events.delete_event_bus(Name=bus)


@check
def schedules_are_of_the_default_bus(target: Target) -> None:
    """Recorded on AWS: localstack test_events_schedule::tests_put_rule_with_schedule_custom_event_bus"""
    events, bus = target.boto("events"), fresh()
    events.create_event_bus(Name=bus)
    found = refusal(events.put_rule, Name="r", EventBusName=bus, ScheduleExpression="rate(1 minute)")
    assert found.message == "ScheduleExpression is supported only on the default event bus."
    events.delete_event_bus(Name=bus)


@check
def a_template_s_variables_are_known(target: Target) -> None:
    """Recorded on AWS: localstack test_events_inputs::test_put_events_with_input_transformer_missing_keys"""
    rule = a_rule(target)
    formed = {"InputPathsMap": {"n": "$.time"}, "InputTemplate": '"<n> <other>"'}
    put = {"Rule": rule, "Targets": [{"Id": "1", "Arn": target.arn("sqs", "q"), "InputTransformer": formed}]}
    found = refusal(target.boto("events").put_targets, **put)
    assert found.code == "ValidationException"
    assert found.message == "InputTemplate for target 1 contains invalid placeholder other."
    clear(target, rule)


@check
def lists_and_objects_lose_their_quotes_in_a_text(target: Target) -> None:
    """Recorded on AWS: localstack test_events_inputs::test_input_transformer_nested_keys_replacement"""
    events, sqs, queue = target.boto("events"), target.boto("sqs"), fresh()
    url, rule = sqs.create_queue(QueueName=queue)["QueueUrl"], a_rule(target, {"source": [queue]})
    formed = {"InputPathsMap": {"d": "$.detail", "l": "$.detail.l", "no": "$.detail.no"},
              "InputTemplate": '"<d> <l><no> <l>"'}  # fmt: skip
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target.arn("sqs", queue), "InputTransformer": formed}])
    events.put_events(Entries=[{"Source": queue, "DetailType": "t", "Detail": '{"l": ["A", "B"]}'}])
    assert received(sqs, url) == "{l:[A,B]} [A,B] [A,B]"
    clear(target, rule)
