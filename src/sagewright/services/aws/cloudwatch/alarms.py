"""Alarms: Put for those of a metric or an expression; Describe, Delete, SetState, actions and history for all.

Source: CloudWatch's API reference, PutMetricAlarm, DescribeAlarms and SetAlarmState.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sagewright.engine.monitoring.alarm_documents import RULE, UNKNOWN, Alarm
from sagewright.engine.monitoring.alarm_reasons import COMPARISONS
from sagewright.engine.monitoring.alarm_rules import read_rule
from sagewright.engine.monitoring.alarms import KIND, AlarmVerdict, set_by_hand
from sagewright.engine.monitoring.composite_alarms import children_of, is_composite
from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.cloudwatch.periods import check_period, invalid
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

OURS = frozenset({"State", "Owed", "History", "Tags", "AlarmName", "ConfiguredMs"})
MOST_WINDOW_S = 7 * 86_400
DAY_S = 86_400
NOT_SERVED = ("ThresholdMetricId", "EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval",
              "ActionConfiguration")  # fmt: skip


@operation("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    document = {key: value for key, value in request.items() if key not in {"AlarmName", "Tags"}}
    put_alarm(context, request, {"ActionsEnabled": True, **document, "Threshold": float(request["Threshold"])})
    return {}


def put_alarm(context: Context, request: dict[str, Any], document: dict[str, Any]) -> None:
    """Creates an alarm, or replaces the document of the one of that name. Raises ValidationError if it has another type."""
    name, reason = request["AlarmName"], {"Reason": "Unchecked: Initial alarm creation", "Data": {}}
    document = document | {"ConfiguredMs": now_ms()}
    existing = resources.find(context.store, _scope(context), name)
    if existing is None:
        pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
        new = New(name, document | {"State": reason}, arn_of(context, name), pairs, status=UNKNOWN)
        try:
            made = resources.create(context.store, _scope(context), replace(new, principal=context.principal.arn))
        except ResourceNameTaken:
            return put_alarm(context, request, document)
        return context.engine.wake(KIND, made.id)
    if is_composite(existing) != (RULE in document):
        raise AwsError("ValidationError", f"An alarm of another type already has the name {name}.")

    def changed(current: Resource) -> Resource:
        kept = {key: current.document[key] for key in ("State", "Owed", "History") if key in current.document}
        return replace(current, document=document | kept)

    resources.alter(context.store, existing.id, changed)
    context.engine.wake(KIND, existing.id)
    return None


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("ChildrenOfAlarmName") or request.get("ParentsOfAlarmName"):
        chosen, described = _relatives(context, request), _summary
    else:
        chosen, described = _chosen(context, request), _described
    after = paging.decode(request.get("NextToken"), AwsError("InvalidNextToken", "NextToken is invalid."))
    page, token = paging.page_of(chosen, lambda one: [one.name], after, request.get("MaxRecords", 50))
    answer: dict[str, Any] = {
        "CompositeAlarms": [described(context, one) for one in page if is_composite(one)],
        "MetricAlarms": [described(context, one) for one in page if not is_composite(one)],
    }
    return answer | ({"NextToken": token} if token else {})


def count_alarms(context: Context, request: dict[str, Any]) -> int:
    """Returns the number of alarms that DescribeAlarms finds by these filters."""
    return len(_chosen(context, request))


def _chosen(context: Context, request: dict[str, Any]) -> list[Resource]:
    names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix", "")
    return [
        one
        for one in _of_types(context, request)
        if (not names or one.name in names)
        and one.name.startswith(prefix)
        and request.get("StateValue") in {None, one.status}
        and _acts(one, request.get("ActionPrefix", ""))
    ]


def _of_types(context: Context, request: dict[str, Any]) -> list[Resource]:
    """Returns alarms of the requested types, by default only metric alarms."""
    types = request.get("AlarmTypes") or ["MetricAlarm"]
    return [one for one in all_alarms(context) if _type(one) in types]


def _type(alarm: Resource) -> str:
    return "CompositeAlarm" if is_composite(alarm) else "MetricAlarm"


def _relatives(context: Context, request: dict[str, Any]) -> list[Resource]:
    """Returns the parents or children of an alarm. Raises ValidationError if combined with other filters."""
    children, parents = request.get("ChildrenOfAlarmName"), request.get("ParentsOfAlarmName")
    others = {"AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix"} & request.keys()
    if others or (children and parents):
        raise AwsError("ValidationError", "ChildrenOfAlarmName and ParentsOfAlarmName go with no other filter.")
    alarm = _require(context, str(children or parents))
    if parents:
        return parents_of(context, alarm.name)
    return children_of(context.store, alarm) if is_composite(alarm) else []


def parents_of(context: Context, name: str) -> list[Resource]:
    """Returns the composite alarms whose rules name an alarm."""
    composites = (one for one in all_alarms(context) if is_composite(one))
    return [one for one in composites if name in read_rule(Alarm.read(one.document).rule).children]


@operation("cloudwatch", "DescribeAlarmsForMetric")
def describe_alarms_for_metric(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = [
        name
        for name in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
        if name in request
    ]
    dimensions = _pairs(request.get("Dimensions"))
    found = [
        one
        for one in all_alarms(context)
        if all(one.document.get(name) == request[name] for name in requested)
        and _pairs(one.document.get("Dimensions")) == dimensions
    ]
    return {"MetricAlarms": [_described(context, one) for one in found]}


@operation("cloudwatch", "DeleteAlarms")
def delete_alarms(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = [_require(context, name) for name in request["AlarmNames"]]
    if sum(is_composite(one) for one in found) > 1:
        raise AwsError("ValidationError", "At most one composite alarm can be deleted at a time.")
    for alarm in found:
        if others := [one.name for one in parents_of(context, alarm.name) if one.id != alarm.id]:
            message = f"Cannot delete {alarm.name} as there are composite alarm(s) depending on it."
            raise AwsError("ValidationError", f"{message} [{', '.join(others)}]")
    for alarm in found:
        resources.remove(context.store, alarm, arn_of(context, alarm.name), context.principal.arn)
    return {}


@operation("cloudwatch", "SetAlarmState")
def set_alarm_state(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    alarm = resources.find(context.store, _scope(context), request["AlarmName"])
    if alarm is None:
        raise AwsError("ResourceNotFound", "", 404)
    data = request.get("StateReasonData")
    try:
        parsed = read_json(data) if data else {}
    except ValueError:
        raise AwsError("InvalidFormat", "StateReasonData must be JSON.") from None
    set_by_hand(context.store, alarm, AlarmVerdict(request["StateValue"], request["StateReason"], parsed))
    for one in (alarm, *parents_of(context, alarm.name)):
        context.engine.wake(KIND, one.id)
    return {}


@operation("cloudwatch", "EnableAlarmActions")
def enable_alarm_actions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _switch(context, request["AlarmNames"], on=True)


@operation("cloudwatch", "DisableAlarmActions")
def disable_alarm_actions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _switch(context, request["AlarmNames"], on=False)


@operation("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    begin = to_ms(request["StartDate"]) if "StartDate" in request else 0
    end = to_ms(request["EndDate"]) if "EndDate" in request else 1 << 62
    entries = [
        (one, entry)
        for one in _of_types(context, request)
        if request.get("AlarmName") in {None, one.name}
        for entry in Alarm.read(one.document).history
        if begin <= entry["AtMs"] <= end and request.get("HistoryItemType", "StateUpdate") == "StateUpdate"
    ]
    newest = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    entries.sort(key=lambda pair: (pair[1]["AtMs"], pair[0].name), reverse=newest)
    return {"AlarmHistoryItems": [_item(*pair) for pair in entries[: request.get("MaxRecords", 100)]]}


def arn_of(context: Context, name: str) -> str:
    return f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"


def _check(request: dict[str, Any]) -> None:
    """Raises InvalidParameterValue, InvalidParameterCombination."""
    for name in NOT_SERVED:
        if request.get(name) is not None:
            raise invalid(f"Sagewright does not serve {name} of PutMetricAlarm.")
    if request.get("ComparisonOperator") not in COMPARISONS:
        raise invalid(f"ComparisonOperator must be one of {', '.join(COMPARISONS)}: anomaly detection is not served.")
    if not request.get("EvaluationPeriods"):
        raise invalid("EvaluationPeriods must be given.")
    if request.get("DatapointsToAlarm", 1) > request["EvaluationPeriods"]:
        raise invalid("DatapointsToAlarm must be at most EvaluationPeriods.")
    if "Threshold" not in request:
        raise AwsError("MissingParameter", "Threshold must be given.")
    if request.get("TreatMissingData", "missing") not in {"missing", "ignore", "breaching", "notBreaching"}:
        raise invalid("TreatMissingData must be missing, ignore, breaching or notBreaching.")
    _check_metric(request)


def _check_metric(request: dict[str, Any]) -> None:
    if request.get("Metrics"):
        if "MetricName" in request:
            raise AwsError("InvalidParameterCombination", "MetricName and Metrics exclude each other.")
        return
    for name in ("MetricName", "Namespace", "Period"):
        if name not in request:
            raise AwsError("MissingParameter", f"{name} must be given, or Metrics.")
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise AwsError("InvalidParameterCombination", "Exactly one of Statistic and ExtendedStatistic must be given.")
    check_period(request["Period"])
    window = request["Period"] * request["EvaluationPeriods"]
    if window > (MOST_WINDOW_S if request["Period"] >= 3600 else DAY_S):
        raise invalid(
            "Metrics cannot be checked across more than a day, with periods of an hour a week: EvaluationPeriods * "
            f"Period is {window} s."
        )


def _switch(context: Context, names: list[str], *, on: bool) -> dict[str, Any]:
    for name in names:
        found = resources.find(context.store, _scope(context), name)
        if found is not None:
            resources.alter(
                context.store, found.id, lambda one: replace(one, document=one.document | {"ActionsEnabled": on})
            )
    return {}


def all_alarms(context: Context) -> Iterator[Resource]:
    scope = _scope(context)
    for one in sorted(resources.of_kind(context.store, KIND), key=lambda one: one.name):
        if (one.account, one.region) == (scope.account, scope.region):
            yield one


def _acts(alarm: Resource, prefix: str) -> bool:
    document = Alarm.read(alarm.document)
    actions = [*document.ok_actions, *document.alarm_actions, *document.unknown_actions]
    return not prefix or any(one.startswith(prefix) for one in actions)


def _described(context: Context, alarm: Resource) -> dict[str, Any]:
    document = Alarm.read(alarm.document)
    updated = to_datetime(document.state.updated_ms or alarm.created_ms)
    described = {key: value for key, value in alarm.document.items() if key not in OURS}
    return described | {
        "OKActions": document.ok_actions,
        "AlarmActions": document.alarm_actions,
        "InsufficientDataActions": document.unknown_actions,
        "AlarmName": alarm.name,
        "AlarmArn": arn_of(context, alarm.name),
        "AlarmConfigurationUpdatedTimestamp": to_datetime(document.configured_ms or alarm.created_ms),
        "StateValue": alarm.status,
        "StateReason": document.state.reason,
        "StateReasonData": json.dumps(document.state.data) if document.state.data else None,
        "StateUpdatedTimestamp": updated,
        "StateTransitionedTimestamp": updated,
        **({} if is_composite(alarm) else {"Dimensions": described.get("Dimensions") or []}),
    }


def _summary(context: Context, alarm: Resource) -> dict[str, Any]:
    """Returns the summary of an alarm that is a parent or child of another."""
    updated = to_datetime(Alarm.read(alarm.document).state.updated_ms or alarm.created_ms)
    described = {"AlarmName": alarm.name, "AlarmArn": arn_of(context, alarm.name)}
    return described | {"StateValue": alarm.status, "StateUpdatedTimestamp": updated}


def _item(alarm: Resource, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "AlarmType": _type(alarm),
        "Timestamp": to_datetime(entry["AtMs"]),
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {entry['From']} to {entry['To']}",
        "HistoryData": json.dumps({
            "version": "1.0",
            "oldState": _state(entry["From"], entry.get("FromReason"), entry.get("FromData")),
            "newState": _state(entry["To"], entry["Reason"], entry.get("Data")),
        }),
    }  # fmt: skip


def _state(value: str, reason: str | None, data: Any) -> dict[str, Any]:
    described = {"stateReason": reason, "stateReasonData": data}
    return {"stateValue": value, **{name: each for name, each in described.items() if each}}


def _require(context: Context, name: str) -> Resource:
    found = resources.find(context.store, _scope(context), name)
    if found is None:
        raise AwsError("ResourceNotFound", f"Alarm {name} not found.", 404)
    return found


def _pairs(dimensions: list[dict[str, str]] | None) -> set[tuple[str, str]]:
    return {(one["Name"], one["Value"]) for one in dimensions or ()}


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
