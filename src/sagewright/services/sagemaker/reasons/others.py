"""Why a model package or a monitoring schedule waits: for its approval, or for its next due time."""

from __future__ import annotations

from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.model_monitors.documents import MonitoringScheduleDocument, ScheduleStatus
from sagewright.engine.model_monitors.windows import due_ms
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.nearest import sentences
from sagewright.services.context import Context
from sagewright.services.sagemaker.monitoring import monitoring_executions
from sagewright.services.sagemaker.monitoring.monitoring_schedules import SCHEDULES
from sagewright.services.sagemaker.reasons.reason import Reason
from sagewright.services.sagemaker.registry.model_package_rows import KIND
from sagewright.services.sagemaker.registry.model_package_shapes import description
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

_APPROVAL = "PendingManualApproval"


def package_reason(context: Context, name: str) -> Reason | None:
    """Returns the reason of a version: `name` is GROUP/VERSION."""
    group, _, version = name.rpartition("/")
    if not group or not version.isdecimal():
        return None
    scope = ResourceScope(KIND, context.account, context.region)
    package = resources.find(context.store, scope, group, int(version[:9]))
    if package is None:
        return None
    approval = str(description(package).get("ModelApprovalStatus", ""))
    waits = f"It waits for approval: sagewright models approve {name}" if approval == _APPROVAL else ""
    return Reason(KIND, name, approval, waits)


def schedule_reason(context: Context, name: str) -> Reason | None:
    """Returns the reason of a monitoring schedule: its next due time, or why its last execution failed."""
    schedule = SCHEDULES.find(context, name)
    if schedule is None:
        return None
    latest = monitoring_executions.latest(context.store, schedule)
    failed = str(monitoring_executions.summary(latest).get("FailureReason") or "") if latest else ""
    text = f"Its last execution failed: {failed}" if failed else ""
    due = _due_ms(MonitoringScheduleDocument.read(schedule.document))
    if schedule.status == ScheduleStatus.SCHEDULED and due is not None:
        text = sentences(text, f"Its next execution is due at {to_datetime(due).isoformat(timespec='seconds')}")
    return Reason("monitoring-schedule", name, schedule.status, text)


def _due_ms(schedule: MonitoringScheduleDocument) -> int | None:
    """Returns the next due time; None if there is none, or if only an earlier version accepted the expression."""
    try:
        return due_ms(schedule, now_ms())
    except BadScheduleExpression:
        return None
