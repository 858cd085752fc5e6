"""Composite alarms: evaluated from the states of other alarms.

Source: CloudWatch's API reference, PutCompositeAlarm, SetAlarmState; its user guide, "Create a composite alarm"; AWS's answers as
localstack/localstack recorded them (`test_cloudwatch.snapshot.json`, test_trigger_composite_alarm).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sagewright.engine.monitoring.alarm_documents import ALARM, OK, RULE, UNKNOWN, Alarm
from sagewright.engine.monitoring.alarm_reasons import moment
from sagewright.engine.monitoring.alarm_rules import read_rule
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource


def is_composite(alarm: Resource) -> bool:
    return RULE in alarm.document


def children_of(store: Database, alarm: Resource) -> list[Resource]:
    """Returns the existing alarms that its rule names."""
    scope = ResourceScope(alarm.kind, alarm.account, alarm.region)
    found = [resources.find(store, scope, name) for name in read_rule(Alarm.read(alarm.document).rule).children]
    return [one for one in found if one is not None]


def judged(store: Database, alarm: Resource) -> tuple[str, str, dict[str, Any]] | None:
    """Returns the alarm's state, reason and data; None if it stays as it is, and while alarms depend on each other."""
    children, configured = children_of(store, alarm), Alarm.read(alarm.document)
    state = ALARM if read_rule(configured.rule).holds({one.name: one.status for one in children}) else OK
    latest = max((_updated_ms(one) for one in children), default=0)
    anew = alarm.status == UNKNOWN or max(latest, configured.configured_ms or 0) >= _updated_ms(alarm)
    if state == alarm.status or not anew or _in_circle(store, alarm):
        return None
    if alarm.status == UNKNOWN:
        words = f"{_arn(alarm)} was created and its alarm rule evaluates to {state}"
        return state, words, {"triggeringAlarms": [_described(one) for one in children]}
    turned = [one for one in children if _updated_ms(one) == latest]
    words = " and ".join(f"{_arn(one)} transitioned to {one.status} at {_day(one)}" for one in turned)
    return (
        state,
        words or f"The alarm rule evaluates to {state}",
        {"triggeringAlarms": [_described(one) for one in turned]},
    )


def message(alarm: Resource) -> dict[str, Any]:
    """Returns the fields of messages to SNS that only composite alarms have."""
    document = Alarm.read(alarm.document)
    turned = document.state.data.get("triggeringAlarms", [])
    return {
        RULE: document.rule,
        "TriggeringChildren": [
            {
                "Arn": one["arn"],
                "State": {"Value": one["state"]["value"], "Timestamp": one["state"]["timestamp"]},
            }
            for one in turned
        ],
    }


def _in_circle(store: Database, alarm: Resource) -> bool:
    seen, ahead = set[str](), children_of(store, alarm)
    while ahead:
        one = ahead.pop()
        if one.id == alarm.id:
            return True
        if one.id not in seen and is_composite(one):
            ahead += children_of(store, one)
        seen.add(one.id)
    return False


def _described(child: Resource) -> dict[str, Any]:
    return {"arn": _arn(child), "state": {"value": child.status, "timestamp": moment(_updated_ms(child) / 1000)}}


def _updated_ms(alarm: Resource) -> int:
    return Alarm.read(alarm.document).state.updated_ms or alarm.created_ms


def _arn(alarm: Resource) -> str:
    return f"arn:aws:cloudwatch:{alarm.region}:{alarm.account}:alarm:{alarm.name}"


def _day(alarm: Resource) -> str:
    return datetime.fromtimestamp(_updated_ms(alarm) / 1000, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")
