"""Alarms, evaluated every few seconds through the operation that clients read metrics with.

Source: CloudWatch's API reference, SetAlarmState; its user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat
missing data".
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.monitoring import alarm_reasons, composite_alarms
from sagewright.engine.monitoring.alarm_documents import ALARM, OK, UNKNOWN, Alarm, AlarmState, MetricAlarm
from sagewright.engine.monitoring.alarm_reasons import BREACHING, AlarmPeriod, breaches, moment
from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.aws.service_models import partitions
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "alarm"
_STATISTICS = {
    "SampleCount": "SAMPLE_COUNT",
    **{name: name.upper() for name in ("Average", "Sum", "Minimum", "Maximum")},
}
"""Names of statistics in messages."""
EVERY_S = 2.0
MISSING, IGNORE = "missing", "ignore"
SAMPLES = "samples"
"""The id of the query for the number of samples."""
MOST_HISTORY = 50
SCALE_AGAIN_MS = 60_000
log = logging.getLogger("sagewright.engine.monitoring.alarms")
Scale = Callable[[str, Resource], None]
"""Executes the scaling policy with an ARN, for an alarm."""


@dataclass(frozen=True)
class AlarmVerdict:
    """`held_s`: seconds for which a state set by hand is not re-evaluated."""

    state: str
    reason: str
    data: dict[str, Any]
    held_s: float = 0.0


class AlarmReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies, scale: Scale = lambda _arn, _alarm: None) -> None:
        self._store, self._call, self._scale = dependencies.store, dependencies.call, scale
        self._looked: dict[str, float] = {}

    def active(self) -> list[tuple[str, str]]:
        now = time.monotonic()
        found = resources.of_kind(self._store, KIND)
        due = [one.id for one in found if now - self._looked.get(one.id, 0.0) >= EVERY_S]
        self._looked = {one.id: self._looked.get(one.id, 0.0) for one in found} | dict.fromkeys(due, now)
        return [(KIND, one) for one in due]

    def reconcile(self, subject_id: str) -> None:
        alarm = resources.get(self._store, subject_id)
        if alarm is None:
            return
        try:
            verdict = self._judged(alarm)
        except AwsError as error:
            verdict = AlarmVerdict(UNKNOWN, f"The metric can't be read: {error.message}", {})
        if verdict is not None and verdict.state != alarm.status:
            alarm = set_state(self._store, alarm.id, verdict) or alarm
        if Alarm.read(alarm.document).owed:
            self._act(alarm)
        elif verdict is not None:
            self._scale_again(alarm, verdict)

    def _judged(self, alarm: Resource) -> AlarmVerdict | None:
        """Returns the verdict; None if the state stays as it is."""
        if composite_alarms.is_composite(alarm):
            found = composite_alarms.judged(self._store, alarm)
            return AlarmVerdict(*found) if found else None
        if now_ms() < (Alarm.read(alarm.document).state.held_until_ms or 0):
            return None
        measured = MetricAlarm.read(alarm.document)
        return judge(measured, self._points(alarm, measured)[: measured.periods])

    def _points(self, alarm: Resource, measured: MetricAlarm) -> list[AlarmPeriod]:
        """Returns the last periods, the latest first."""
        period, count = _period(measured), measured.periods
        now = datetime.now(UTC)
        this = datetime.fromtimestamp(now.timestamp() // period * period, UTC)
        begin = this - timedelta(seconds=period * count)
        queries = measured.queries or [_query(measured), _query(measured, samples=True)]
        request = {"MetricDataQueries": queries, "StartTime": begin, "EndTime": this + timedelta(seconds=period)}
        principal = assumed_role_arn(alarm.account, ROLE_NAME, "CloudWatch")
        answer = self._call(
            OperationRequest(principal, "cloudwatch", "GetMetricData", request, region=alarm.region, by_service=True)
        )
        requested = next((one["Id"] for one in queries if one.get("ReturnData", True)), queries[0]["Id"])
        values = _values(answer, requested)
        samples = {} if measured.queries else _values(answer, SAMPLES)
        begins = [this.timestamp() - period * number for number in range(count + 1)]
        periods = [AlarmPeriod(at, values.get(at), samples.get(at)) for at in begins]
        # A period in progress counts at once where more data can only make it worse.
        rises = measured.comparison.startswith("Greater")
        return periods[:count] if rises and periods[0].value is not None else periods[1:]

    def _act(self, alarm: Resource) -> None:
        for action in Alarm.read(alarm.document).owed:
            try:
                self._carry_out(action, alarm)
            except AwsError as error:
                log.warning("the action %s of alarm %s failed: %s", action, alarm.name, error.message)

        def done(current: Resource) -> Resource:
            return _changed(current, owed=[])

        resources.alter(self._store, alarm.id, done)

    def _scale_again(self, alarm: Resource, verdict: AlarmVerdict) -> None:
        """Runs the scaling policies of the current state each minute, as long as the state lasts.

        Source: CloudWatch's user guide, "Alarm actions".
        """
        document, now = Alarm.read(alarm.document), now_ms()
        policies = [one for one in document.actions(verdict.state) if ":autoscaling:" in one]
        last = max(document.scaled_ms, document.state.updated_ms or 0)
        if not policies or not document.acts or now - last < SCALE_AGAIN_MS:
            return
        observed = _changed(alarm, state=replace(document.state, data=verdict.data))
        for policy in policies:
            self._scale(policy, observed)
        resources.alter(self._store, alarm.id, lambda one: _changed(one, scaled_ms=now))

    def _carry_out(self, action: str, alarm: Resource) -> None:
        if ":autoscaling:" in action:
            self._scale(action, alarm)
        elif action.startswith("arn:aws:sns:"):
            principal = assumed_role_arn(alarm.account, ROLE_NAME, "CloudWatch")
            subject = f'{alarm.status}: "{alarm.name}" in {alarm.region}'
            request = {"TopicArn": action, "Subject": subject[:100], "Message": json.dumps(_described(alarm))}
            region = action.split(":")[3]
            self._call(OperationRequest(principal, "sns", "Publish", request, region=region, by_service=True))
        else:
            log.warning("the action %s of alarm %s is of an unsupported kind", action, alarm.name)


def _changed(alarm: Resource, **members: Any) -> Resource:
    """Returns the alarm with changed members of its document."""
    changed = replace(Alarm.read(alarm.document), **members)
    return replace(alarm, document=changed.write(alarm.document))


def judge(alarm: MetricAlarm, points: Sequence[AlarmPeriod]) -> AlarmVerdict | None:
    """Returns the state for the last periods, the latest first; None if it stays as it is."""
    treat, requested = alarm.missing or MISSING, alarm.datapoints or alarm.periods
    known = [point for point in points if point.value is not None]
    if treat == IGNORE and len(known) < len(points):
        return None
    breaching = sum(breaches(alarm, point) for point in known)
    if treat == BREACHING:
        breaching += len(points) - len(known)
    if treat == MISSING:
        requested = min(requested, len(known))
    state = UNKNOWN if not known and treat == MISSING else ALARM if breaching >= requested else OK
    reason = alarm_reasons.reason(alarm, state, points, requested)
    return AlarmVerdict(state, reason[:1023], alarm_reasons.data(alarm, points, time.time()))


def set_state(store: Database, alarm_id: str, verdict: AlarmVerdict) -> Resource | None:
    """Moves the alarm to a state and schedules its actions."""

    def how(current: Resource) -> Resource:
        at, document = now_ms(), Alarm.read(current.document)
        changed, before = current.status != verdict.state, document.state
        entry = {
            "AtMs": at, "From": current.status, "To": verdict.state, "Reason": verdict.reason, "Data": verdict.data,
            "FromReason": before.reason, "FromData": before.data,
        }  # fmt: skip
        state = AlarmState(
            reason=verdict.reason,
            data=verdict.data,
            updated_ms=at,
            held_until_ms=at + int(verdict.held_s * 1000) if verdict.held_s else None,
        )
        if changed:
            owed = document.actions(verdict.state) if document.acts else []
            history = [*document.history, entry][-MOST_HISTORY:]
            document = replace(document, owed=owed, history=history)
        written = replace(document, state=state).write(current.document)
        return replace(current, status=verdict.state, document=written)

    return resources.alter(store, alarm_id, how)


def set_by_hand(store: Database, alarm: Resource, verdict: AlarmVerdict) -> None:
    """Sets the state until the metric is evaluated again: CloudWatch does so each minute, or each ten seconds where periods are
    shorter than a minute. A composite alarm keeps the state until one of its children changes."""
    held_s = (
        0.0
        if composite_alarms.is_composite(alarm)
        else 60.0
        if _period(MetricAlarm.read(alarm.document)) >= 60
        else 10.0
    )
    set_state(store, alarm.id, replace(verdict, held_s=held_s))


def alarmed(store: Database, endpoint: Resource, names: list[str]) -> str:
    """Returns the first of these alarms of an endpoint's account that is in ALARM, or ""."""
    for name in names:
        found = resources.find(store, ResourceScope(KIND, endpoint.account, endpoint.region), name)
        if found is not None and found.status == ALARM:
            return name
    return ""


def _period(alarm: MetricAlarm) -> int:
    if alarm.period_s:
        return alarm.period_s
    periods = [one["MetricStat"]["Period"] for one in alarm.queries if "MetricStat" in one]
    periods += [one["Period"] for one in alarm.queries if one.get("Period")]
    return int(max(periods, default=60))


def _values(answer: Mapping[str, Any], query: str) -> dict[float, float]:
    """Returns the results of a query by the start times of periods."""
    found = next(one for one in answer["MetricDataResults"] if one["Id"] == query)
    return {at.timestamp(): value for at, value in zip(found["Timestamps"], found["Values"], strict=True)}


def _query(alarm: MetricAlarm, *, samples: bool = False) -> dict[str, Any]:
    stat: dict[str, Any] = {
        "Metric": {"Namespace": alarm.namespace, "MetricName": alarm.metric, "Dimensions": alarm.dimensions},
        "Period": alarm.period_s,
        "Stat": "SampleCount" if samples else alarm.percentile or alarm.statistic,
    }
    if alarm.unit:
        stat["Unit"] = alarm.unit
    return {"Id": SAMPLES if samples else "m1", "MetricStat": stat, "ReturnData": True}


def _described(alarm: Resource) -> dict[str, Any]:
    """Returns the alarm in the format that CloudWatch's messages to SNS are published in."""
    document = Alarm.read(alarm.document)
    history = document.history or [{"From": UNKNOWN}]
    trigger = MetricAlarm.read(alarm.document) if document.rule == "" else None
    of_it = composite_alarms.message(alarm) if trigger is None else {"Trigger": _trigger(trigger)}
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": document.description,
        "AWSAccountId": alarm.account,
        "NewStateValue": alarm.status,
        "NewStateReason": document.state.reason,
        "StateChangeTime": moment((document.state.updated_ms or alarm.created_ms) / 1000),
        "AlarmConfigurationUpdatedTimestamp": moment((document.configured_ms or alarm.created_ms) / 1000),
        "AlarmArn": f"arn:aws:cloudwatch:{alarm.region}:{alarm.account}:alarm:{alarm.name}",
        "ActionExecutedAfterMuteWindow": False,
        "Region": _region_name(alarm.region),
        "OldStateValue": history[-1]["From"],
        "OKActions": document.ok_actions,
        "AlarmActions": document.alarm_actions,
        "InsufficientDataActions": document.unknown_actions,
        **of_it,
    }


def _trigger(alarm: MetricAlarm) -> dict[str, Any]:
    """Returns the description of an alarm's metric in messages."""
    trigger: dict[str, Any] = {
        "MetricName": alarm.metric,
        "Namespace": alarm.namespace,
        "Statistic": _STATISTICS.get(alarm.statistic, alarm.statistic) if alarm.statistic else None,
        "ExtendedStatistic": alarm.percentile,
        "Period": alarm.period_s,
        "EvaluationPeriods": alarm.periods,
        "Threshold": alarm.threshold,
        "Unit": alarm.unit,
        "TreatMissingData": alarm.missing,
        "StatisticType": "Statistic" if alarm.statistic else None,
    }
    return {
        **{name: value for name, value in trigger.items() if value is not None},
        "Dimensions": [{"name": one["Name"], "value": one["Value"]} for one in alarm.dimensions],
        "ComparisonOperator": alarm.comparison,
        "EvaluateLowSampleCountPercentile": alarm.low_samples,
    }


@cache
def _region_name(region: str) -> str:
    """Returns the region's display name: US East (N. Virginia)."""
    names: dict[str, Any] = {name: found for one in partitions() for name, found in one["regions"].items()}
    return str(names.get(region, {}).get("description", region))
