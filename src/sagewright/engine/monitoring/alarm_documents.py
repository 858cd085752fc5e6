"""Stored documents of alarms: the request that put the alarm, its state, its history and the actions that are due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.model.members import TypedDocument, member

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
RULE = "AlarmRule"
"""Member that only composite alarms have."""


@dataclass(frozen=True, kw_only=True)
class AlarmState(TypedDocument):
    """`updated_ms`: None until the alarm was first evaluated; `held_until_ms`: until when a state set by hand stays."""

    reason: str = member("Reason", "")
    data: dict[str, Any] = member("Data", dict)
    updated_ms: int | None = member("UpdatedMs", None)
    held_until_ms: int | None = member("HeldUntilMs", None)


@dataclass(frozen=True, kw_only=True)
class Alarm(TypedDocument):
    """Members of alarms of both types. `owed`: actions still to be run for the current state; `history`: its changes, the latest
    last; `scaled_ms`: when its scaling policies were last repeated."""

    state: AlarmState = member("State", AlarmState, AlarmState)
    owed: list[str] = member("Owed", list)
    history: list[dict[str, Any]] = member("History", list)
    configured_ms: int | None = member("ConfiguredMs", None)
    scaled_ms: int = member("ScaledMs", 0)
    description: str | None = member("AlarmDescription", None)
    acts: bool = member("ActionsEnabled", True)
    ok_actions: list[str] = member("OKActions", list)
    alarm_actions: list[str] = member("AlarmActions", list)
    unknown_actions: list[str] = member("InsufficientDataActions", list)
    rule: str = member(RULE, "")

    def actions(self, state: str) -> list[str]:
        """Returns the actions of a state."""
        return {OK: self.ok_actions, ALARM: self.alarm_actions, UNKNOWN: self.unknown_actions}[state]


@dataclass(frozen=True, kw_only=True)
class MetricAlarm(TypedDocument):
    """Members of an alarm on a metric, or on a query (`queries`)."""

    comparison: str = member("ComparisonOperator")
    threshold: float = member("Threshold", of=float)
    periods: int = member("EvaluationPeriods", of=int)
    datapoints: int | None = member("DatapointsToAlarm", None)
    missing: str | None = member("TreatMissingData", None)
    queries: list[dict[str, Any]] = member("Metrics", list)
    namespace: str | None = member("Namespace", None)
    metric: str | None = member("MetricName", None)
    dimensions: list[dict[str, str]] = member("Dimensions", list)
    statistic: str | None = member("Statistic", None)
    percentile: str | None = member("ExtendedStatistic", None)
    period_s: int | None = member("Period", None)
    unit: str | None = member("Unit", None)
    low_samples: str = member("EvaluateLowSampleCountPercentile", "")
