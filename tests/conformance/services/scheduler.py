"""EventBridge Scheduler's schedules."""

from __future__ import annotations

from typing import Any

from services.check import check
from services.target import Target, fresh, refused


def asked(target: Target, name: str, **more: Any) -> dict[str, Any]:
    arn = target.arn("sqs", name)
    return {
        "Name": name,
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn, "RoleArn": target.role},
    } | more


def create(target: Target, **more: Any) -> str:
    """The name of a new schedule."""
    name = fresh()
    target.boto("sqs").create_queue(QueueName=name)
    target.boto("scheduler").create_schedule(**asked(target, name, **more))
    return name


@check
def a_schedule_is_told_as_it_was_made(target: Target) -> None:
    """API GetSchedule: Arn, GroupName (default), ScheduleExpression, State, Target"""
    name = create(target)
    described = target.boto("scheduler").get_schedule(Name=name)
    assert described["Arn"] == target.arn("scheduler", f"schedule/default/{name}")
    assert (described["GroupName"], described["State"], described["ScheduleExpression"]) == (
        "default",
        "ENABLED",
        "rate(1 hour)",
    )
    assert (described["ScheduleExpressionTimezone"], described["ActionAfterCompletion"]) == ("UTC", "NONE")


@check
def a_name_twice_conflicts(target: Target) -> None:
    """API CreateSchedule: ConflictException: updating or deleting the resource can cause an inconsistent state; 409"""
    call, name = target.boto("scheduler").create_schedule, create(target)
    assert refused(call, **asked(target, name)) == ("ConflictException", 409)


@check
def a_schedule_that_is_not_there_is_not_found(target: Target) -> None:
    """API GetSchedule, API DeleteSchedule, API UpdateSchedule: ResourceNotFoundException; 404"""
    client, name = target.boto("scheduler"), fresh()
    for call in (client.get_schedule, client.delete_schedule):
        assert refused(call, Name=name) == ("ResourceNotFoundException", 404)
    assert refused(client.update_schedule, **asked(target, name)) == ("ResourceNotFoundException", 404)


@check
def an_expression_that_is_none_is_refused(target: Target) -> None:
    """API CreateSchedule: ScheduleExpression: at, rate and cron expressions; ValidationException"""
    call, name = target.boto("scheduler").create_schedule, fresh()
    for wrong in ("rate(0 hours)", "rate(1 hours)", "cron(* * * * *)", "at(tomorrow)", "daily"):
        assert refused(call, **asked(target, name, ScheduleExpression=wrong)) == ("ValidationException", 400), wrong


@check
def an_update_replaces_the_whole(target: Target) -> None:
    """API UpdateSchedule: overrides all values of the schedule, defaults where a value is not given"""
    name, client = create(target, Description="old", State="DISABLED"), target.boto("scheduler")
    client.update_schedule(**asked(target, name, ScheduleExpression="rate(2 hours)"))
    described = client.get_schedule(Name=name)
    assert (described["ScheduleExpression"], described["State"], "Description" in described) == (
        "rate(2 hours)",
        "ENABLED",
        False,
    )


@check
def schedules_are_listed_by_their_beginning(target: Target) -> None:
    """API ListSchedules: NamePrefix, NextToken, MaxResults"""
    client, prefix = target.boto("scheduler"), fresh("list")
    for number in range(3):
        name = f"{prefix}-{number}"
        target.boto("sqs").create_queue(QueueName=name)
        client.create_schedule(**asked(target, name))
    first = client.list_schedules(NamePrefix=prefix, MaxResults=2)
    rest = client.list_schedules(NamePrefix=prefix, NextToken=first["NextToken"])
    names = [one["Name"] for one in first["Schedules"] + rest["Schedules"]]
    assert sorted(names) == [f"{prefix}-{number}" for number in range(3)]


@check
def a_rate_without_a_start_date_begins_at_once(target: Target) -> None:
    """user guide: Schedule types: Rate-based schedules: without a StartDate the schedule starts invoking the target immediately"""
    name, sqs = fresh(), target.boto("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    target.boto("scheduler").create_schedule(**asked(target, name))
    (described,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert described["Body"]
    target.boto("scheduler").delete_schedule(Name=name)
