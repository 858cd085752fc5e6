"""The alert of a schedule: raised while enough of the latest executions have violations.

Source: AWS's API reference, UpdateMonitoringAlert and MonitoringAlertSummary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from sagewright.engine.model_monitors.documents import (
    ALERT_CHANGE,
    ALERT_NAME,
    EXECUTION,
    JUDGED,
    SCHEDULE,
    Alert,
    AlertStatus,
    MonitoringExecutionStatus,
    MonitoringScheduleDocument,
)
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource


def judged(store: Database, schedule: Resource, most: int) -> list[str]:
    """Returns the statuses of the latest judged executions of a schedule, newest first."""
    condition = resources.belongs_to(schedule.id, EXECUTION)
    of_end = resources.LISTING.table.c.status.in_(sorted(JUDGED))
    page = PageRequest(sort_by="name", limit=most)
    return [one.status for one in resources.page(store, None, page, condition, of_end)]


def status_of(alert: Alert, statuses: Sequence[str]) -> AlertStatus:
    """Returns the alert's status, given those of executions, newest first."""
    violations = [one for one in statuses[: alert.period] if one == MonitoringExecutionStatus.WITH_VIOLATIONS]
    return AlertStatus.IN_ALERT if len(violations) >= alert.datapoints else AlertStatus.OK


def judge_in(connection: Connection, schedule: Resource, statuses: Sequence[str], subject: str) -> None:
    """Updates the alert of a locked schedule, and records a change under a name that `subject` makes unique."""
    document = MonitoringScheduleDocument.read(schedule.document)
    status = status_of(document.alert, statuses)
    if status == document.alert.status:
        return
    alert = replace(document.alert, status=status.value)
    changed = replace(document, alert=alert).write(schedule.document)
    resources.change_in(connection, replace(schedule, document=changed))
    arn = sagemaker_arn(schedule.region, schedule.account, SCHEDULE, schedule.name)
    change = {"MonitoringScheduleName": schedule.name, "MonitoringAlertName": ALERT_NAME}
    new = New(f"{now_ms():015d}/{subject}", change, arn, {}, parent=schedule.id, status=status.value)
    resources.create_in(connection, ResourceScope(ALERT_CHANGE, schedule.account, schedule.region), new)
