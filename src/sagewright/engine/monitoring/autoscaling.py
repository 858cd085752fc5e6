"""Automatic scaling of the types in `scaling_targets`: target tracking, steps triggered by alarms, and schedules.

Capacities are changed by SageMaker's own operations, with the target's role. Source: Application Auto Scaling's user guide.
"""

from __future__ import annotations

import logging
import math
import os
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.events.schedules import BadScheduleExpression, read_schedule
from sagewright.engine.monitoring.alarm_documents import Alarm, MetricAlarm
from sagewright.engine.monitoring.scaling_documents import (
    ActivityStatus,
    PolicyType,
    ScalableTarget,
    ScalingPolicy,
    ScheduledScaling,
)
from sagewright.engine.monitoring.scaling_targets import Scalable, scalable_of
from sagewright.model.aws.arns import assumed_role_arn
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "scalable-target"
NAMESPACE = "sagemaker"
ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
EVERY_S = 5.0
COOLDOWN_S = 300
LOW_MINUTES = 15
LOW = 0.9
"""Scales in only after the metric was below this fraction of its target for LOW_MINUTES minutes."""
MOST_ACTIVITIES = 100
log = logging.getLogger("sagewright.engine.monitoring.autoscaling")


@dataclass(frozen=True)
class Wish:
    """A requested capacity and its cause."""

    capacity: int
    cause: str
    cooldown_s: int = 0
    policy: str = ""


class AutoscalingReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._call = dependencies.store, dependencies.call
        self._looked: dict[str, float] = {}

    def active(self) -> list[tuple[str, str]]:
        now = time.monotonic()
        due = [one.id for one in resources.of_kind(self._store, KIND) if now - self._looked.get(one.id, 0.0) >= EVERY_S]
        self._looked |= dict.fromkeys(due, now)
        return [(KIND, one) for one in due]

    def reconcile(self, subject_id: str) -> None:
        target = resources.get(self._store, subject_id)
        if target is None or (present := self._capacity(target)) is None:
            return
        target = self._ring(target)
        wishes = [self._bounded(target, Wish(present, ""))]
        wishes += [self._bounded(target, wish) for wish in self._tracking(target, present)]
        chosen = max(wishes, key=lambda wish: wish.capacity)
        lower = [wish for wish in wishes if wish.cause]
        if lower and chosen.capacity == present:
            chosen = max(lower, key=lambda wish: wish.capacity)
        if chosen.capacity != present:
            self._apply(target, present, chosen)

    def scale(self, policy_arn: str, alarm: Resource) -> None:
        """Applies a step policy for an alarm that has just changed its state."""
        for target in resources.of_kind(self._store, KIND):
            for policy in ScalableTarget.read(target.document).policies:
                if policy.arn == policy_arn and policy.type == PolicyType.STEP:
                    self._step(target, policy, alarm)

    def _step(self, target: Resource, policy: ScalingPolicy, alarm: Resource) -> None:
        present = self._capacity(target)
        if present is None or self._cools(target, policy.name, policy.steps.get("Cooldown", COOLDOWN_S)):
            return
        points = Alarm.read(alarm.document).state.data.get("recentDatapoints") or []
        breach = (points[-1] - MetricAlarm.read(alarm.document).threshold) if points else 0.0
        requested = adjusted(policy.steps, present, breach)
        if requested is not None:
            cause = f"monitor alarm {alarm.name} in state {alarm.status} triggered policy {policy.name}"
            wish = self._bounded(target, Wish(requested, cause, policy=policy.name))
            if wish.capacity != present and not self._held(target, present, wish):
                self._apply(target, present, wish)

    def _tracking(self, target: Resource, present: int) -> Iterable[Wish]:
        document = ScalableTarget.read(target.document)
        for policy in document.policies:
            if policy.type != PolicyType.TARGET_TRACKING:
                continue
            try:
                points = self._points(target, policy.tracking, policy.created_ms)
            except AwsError as error:
                log.warning("the metric of scaling policy %s can't be read: %s", policy.name, error.message)
                continue
            wish = tracked(policy.tracking, policy.name, present, points, document.least)
            if wish is not None and not self._held(target, present, wish):
                yield wish

    def _points(self, target: Resource, config: Mapping[str, Any], since_ms: int) -> list[float]:
        """Returns the metric's value in each of the last minutes, the latest first: see `by_minute`."""
        now = datetime.now(UTC)
        begin = now - timedelta(minutes=LOW_MINUTES + 1)
        request = {
            "MetricDataQueries": _queries(target, config),
            "StartTime": begin,
            "EndTime": now + timedelta(minutes=1),
        }
        answer = self._ask(target, "cloudwatch", "GetMetricData", request)
        result = answer["MetricDataResults"][-1]
        minute = int(now.timestamp() // 60)
        values = {
            int(at.timestamp() // 60): value for at, value in zip(result["Timestamps"], result["Values"], strict=True)
        }
        return by_minute(values, minute, since_ms // 60_000)

    def _ring(self, target: Resource) -> Resource:
        """Applies due scheduled actions, which change the bounds."""
        now = now_ms()
        actions = map(ScheduledScaling.read, ScalableTarget.read(target.document).scheduled)
        due = {one.name: one for one in actions if one.next_ms and one.next_ms <= now}
        if not due or _suspended(target, "ScheduledScalingSuspended"):
            return target

        def how(current: Resource) -> Resource:
            document = dict(current.document)
            for one in due.values():
                document |= one.bounds
            scheduled = [_rung(one, now, due) for one in ScalableTarget.read(document).scheduled]
            changed = replace(ScalableTarget.read(document), scheduled=scheduled)
            return replace(current, document=changed.write(document))

        return resources.alter(self._store, target.id, how) or target

    def _bounded(self, target: Resource, wish: Wish) -> Wish:
        document = ScalableTarget.read(target.document)
        least, most = document.least, document.most
        machine = len(os.sched_getaffinity(0))
        capacity = max(least, min(most, wish.capacity))
        capacity = min(capacity, max(machine, least))
        if capacity != wish.capacity and not wish.cause:
            return replace(wish, capacity=capacity, cause=f"the capacity has to be between {least} and {most}")
        return replace(wish, capacity=capacity)

    def _capacity(self, target: Resource) -> int | None:
        """Returns the capacity; None if it cannot be changed now."""
        try:
            return _scalable(target).present(partial(self._ask, target, "sagemaker"))
        except AwsError:
            return None

    def _apply(self, target: Resource, present: int, wish: Wish) -> None:
        scalable = _scalable(target)
        status, message = (
            ActivityStatus.SUCCESSFUL,
            f"Successfully set desired {scalable.noun} count to {wish.capacity}.",
        )
        try:
            scalable.resize(partial(self._ask, target, "sagemaker"), wish.capacity)
        except AwsError as error:
            status, message = ActivityStatus.FAILED, error.message
        at = now_ms()
        activity = {
            "ActivityId": str(uuid.uuid4()),
            "Description": f"Setting desired {scalable.noun} count to {wish.capacity}.",
            "Cause": wish.cause,
            "AtMs": at,
            "StatusCode": status.value,
            "StatusMessage": message,
        }

        def how(current: Resource) -> Resource:
            document = ScalableTarget.read(current.document)
            acted = document.acted | ({wish.policy: at} if wish.policy else {})
            changed = replace(document, acted=acted, activities=[activity, *document.activities][:MOST_ACTIVITIES])
            return replace(current, document=changed.write(current.document))

        resources.alter(self._store, target.id, how)
        log.info("%s: from %d to %d: %s", target.name, present, wish.capacity, wish.cause)

    def _held(self, target: Resource, present: int, wish: Wish) -> bool:
        which = "DynamicScalingOutSuspended" if wish.capacity > present else "DynamicScalingInSuspended"
        return _suspended(target, which) or self._cools(target, wish.policy, wish.cooldown_s)

    def _cools(self, target: Resource, policy: str, cooldown_s: int) -> bool:
        acted = ScalableTarget.read(target.document).acted.get(policy, 0)
        return now_ms() - acted < cooldown_s * 1000

    def _ask(self, target: Resource, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        principal = assumed_role_arn(target.account, ROLE, "AutoScaling")
        return self._call(
            OperationRequest(principal, service, operation, request, region=target.region, by_service=True)
        )


def _suspended(target: Resource, which: str) -> bool:
    return bool(ScalableTarget.read(target.document).suspended.get(which))


def _scalable(target: Resource) -> Scalable:
    found = scalable_of(target.name)
    assert found is not None, "RegisterScalableTarget takes no other"
    return found


def by_minute(values: Mapping[int, float], minute: int, since: int) -> list[float]:
    """Returns the values of `minute` and of the minutes before it, the latest first, as far as they are known.

    A minute without data counts as 0 from `since` on, the minute in which the policy was created. Earlier minutes
    stay unknown: AWS's alarms do not fire before they have data.
    """
    found: list[float] = []
    for each in range(minute, minute - LOW_MINUTES - 1, -1):
        if each not in values and each < since and len(found) > 1:
            break
        found.append(values.get(each, 0.0))
    return found


def tracked(config: Mapping[str, Any], policy: str, present: int, points: list[float], least: int = 1) -> Wish | None:
    """Returns the capacity that a target tracking policy requests. `points`: one value per minute, the latest first, which is still
    in progress."""
    aim = float(config["TargetValue"])
    high = max(points[0], points[1])
    if high > aim:  # with no instance the metric counts as for one
        requested = math.ceil(max(present, 1) * high / aim)
        cooldown = int(config.get("ScaleOutCooldown", COOLDOWN_S))
        return Wish(requested, f"the metric is {high:g}, above the target {aim:g} of policy {policy}", cooldown, policy)
    past = points[1 : LOW_MINUTES + 1]
    if config.get("DisableScaleIn") or len(past) < LOW_MINUTES or max(past) >= LOW * aim:
        return None
    requested = max(least, math.ceil(present * max(past) / aim))
    cooldown = int(config.get("ScaleInCooldown", COOLDOWN_S))
    cause = (
        f"the metric was at most {max(past):g} for {LOW_MINUTES} minutes, below the target {aim:g} of policy {policy}"
    )
    return Wish(requested, cause, cooldown, policy) if requested < present else None


def adjusted(config: Mapping[str, Any], present: int, breach: float) -> int | None:
    """Returns the capacity after the step for a metric that exceeds its alarm's threshold by `breach`; None if no step applies."""
    for step in config.get("StepAdjustments", []):
        lower = step.get("MetricIntervalLowerBound", -math.inf)
        upper = step.get("MetricIntervalUpperBound", math.inf)
        if not lower <= breach < upper:
            continue
        by = step["ScalingAdjustment"]
        if config["AdjustmentType"] == "ExactCapacity":
            return int(by)
        if config["AdjustmentType"] == "PercentChangeInCapacity":
            change = present * by / 100
            change = math.floor(change) if change > 1 or -1 < change < 0 else math.ceil(change)
            least = config.get("MinAdjustmentMagnitude", 0)
            if least and abs(change) < least:
                change = math.copysign(least, by)
            return int(present + change)
        return int(present + by)
    return None


def _rung(action: dict[str, Any], now: int, due: Mapping[str, ScheduledScaling]) -> dict[str, Any]:
    """Returns a scheduled action after the due ones have been applied."""
    read = ScheduledScaling.read(action)
    return {**action, "NextMs": next_ms(read, now)} if read.name in due else action


def next_ms(action: ScheduledScaling, after_ms: int) -> int | None:
    """Returns when a scheduled action is due next. Raises BadSchedule."""
    text = action.schedule
    if text.startswith("at("):
        try:
            at = datetime.fromisoformat(text[3:-1])
            zone = ZoneInfo(action.zone)
        except (ValueError, KeyError) as error:
            raise BadScheduleExpression(f"{text}: {error}") from error
        due = int(at.replace(tzinfo=zone).timestamp() * 1000)
    else:
        due = read_schedule(text).after(after_ms) or 0
    due = max(due, action.start_ms) if text.startswith("rate(") else due
    return due if due > after_ms and (action.end_ms is None or due <= action.end_ms) else None


def _queries(target: Resource, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    own = config.get("CustomizedMetricSpecification")
    if own and own.get("Metrics"):
        return [{"Period": 60, **one} if "Expression" in one else _with_period(one) for one in own["Metrics"]]
    if own:
        metric = {
            "Namespace": own["Namespace"],
            "MetricName": own["MetricName"],
            "Dimensions": own.get("Dimensions", []),
        }
        return [_query(metric, own["Statistic"])]
    return [_query(_scalable(target).invocations(), "Sum")]


def _query(metric: dict[str, Any], statistic: str) -> dict[str, Any]:
    return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}, "ReturnData": True}


def _with_period(one: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, "MetricStat": {"Period": 60, **one["MetricStat"]}}
