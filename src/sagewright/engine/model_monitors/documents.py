"""Stored documents of monitoring schedules and their executions, and their statuses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright.model.members import TypedDocument, member

SCHEDULE, EXECUTION, ALERT_CHANGE = "monitoring-schedule", "monitoring-execution", "monitoring-alert-change"
"""Kinds of resources. Executions and changes of the alert are children of their schedule, and outlive it as on AWS."""
ALERT_NAME = "Default"
"""Name of a schedule's only alert. AWS creates it with the schedule and does not document its name [K]."""


class ScheduleStatus(StrEnum):
    """Source: botocore's ScheduleStatus."""

    PENDING = "Pending"  # it is deleted once its execution has stopped
    SCHEDULED = "Scheduled"
    STOPPED = "Stopped"


class MonitoringExecutionStatus(StrEnum):
    """Source: botocore's ExecutionStatus."""

    PENDING = "Pending"  # no job was started yet
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    WITH_VIOLATIONS = "CompletedWithViolations"
    FAILED = "Failed"
    STOPPED = "Stopped"


UNDER_WAY = (
    MonitoringExecutionStatus.PENDING,
    MonitoringExecutionStatus.IN_PROGRESS,
    MonitoringExecutionStatus.STOPPING,
)
JUDGED: frozenset[str] = frozenset({MonitoringExecutionStatus.COMPLETED, MonitoringExecutionStatus.WITH_VIOLATIONS})
"""Ends that count as a datapoint of the alert."""


class AlertStatus(StrEnum):
    IN_ALERT = "InAlert"
    OK = "OK"


class MonitoringType(StrEnum):
    """Source: botocore's MonitoringType."""

    DATA_QUALITY = "DataQuality"
    MODEL_QUALITY = "ModelQuality"
    MODEL_BIAS = "ModelBias"
    MODEL_EXPLAINABILITY = "ModelExplainability"


MERGED: frozenset[str] = frozenset({MonitoringType.MODEL_QUALITY, MonitoringType.MODEL_BIAS})
"""Types that compare predictions with ground truth."""


@dataclass(frozen=True, kw_only=True)
class Timing(TypedDocument):
    """ScheduleConfig. `start` and `end`: offsets of the window from the due time, as ISO 8601 durations."""

    expression: str = member("ScheduleExpression")
    start: str | None = member("DataAnalysisStartTime", None)
    end: str | None = member("DataAnalysisEndTime", None)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig(TypedDocument):
    """MonitoringScheduleConfig: either an inline definition or the name of one."""

    timing: Timing | None = member("ScheduleConfig", None, Timing)
    inline: dict[str, Any] | None = member("MonitoringJobDefinition", None)
    definition: str | None = member("MonitoringJobDefinitionName", None)
    type: str = member("MonitoringType", MonitoringType.DATA_QUALITY.value)


@dataclass(frozen=True, kw_only=True)
class Alert(TypedDocument):
    """It is raised when `datapoints` of the last `period` judged executions have violations."""

    datapoints: int = member("DatapointsToAlert", 1)
    period: int = member("EvaluationPeriod", 1)
    status: str = member("AlertStatus", AlertStatus.OK.value)
    modified_ms: int = member("ModifiedMs", 0)


@dataclass(frozen=True, kw_only=True)
class MonitoringScheduleDocument(TypedDocument):
    """`requested_ms`: when it was created, changed or started; `since_ms`: its last due time that has an execution."""

    config: ScheduleConfig = member("MonitoringScheduleConfig", of=ScheduleConfig)
    endpoint: str | None = member("EndpointName", None)
    definition: str | None = member("MonitoringJobDefinitionName", None)
    type: str = member("MonitoringType")
    requested_ms: int = member("RequestedMs")
    since_ms: int = member("SinceMs")
    alert: Alert = member("Alert", Alert, Alert)


@dataclass(frozen=True, kw_only=True)
class MonitoringExecutionDocument(TypedDocument):
    """`config`: the schedule's at the due time, kept while the execution lasts; `suffix`: common ending of its jobs' names; `job`:
    the name of its latest job, "" if none was started; `merging`: True while that job merges ground truth."""

    schedule: str = member("MonitoringScheduleName")
    schedule_arn: str = member("MonitoringScheduleArn")
    scheduled_ms: int = member("ScheduledMs")
    endpoint: str | None = member("EndpointName", None)
    definition: str | None = member("MonitoringJobDefinitionName", None)
    type: str = member("MonitoringType")
    config: ScheduleConfig | None = member("Config", None, ScheduleConfig)
    suffix: str = member("Suffix")
    job: str = member("Job", "")
    merging: bool = member("Merging", False)
    output: str | None = member("OutputUri", None)
    failure_reason: str | None = member("FailureReason", None)


def execution_name(due_ms: int, schedule_id: str) -> str:
    """Returns the unique name of the execution for a due time; names sort by time."""
    return f"{due_ms:015d}/{schedule_id}"
