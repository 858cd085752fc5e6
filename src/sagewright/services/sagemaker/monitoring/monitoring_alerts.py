"""The alert of a monitoring schedule: ListMonitoringAlerts, ListMonitoringAlertHistory, UpdateMonitoringAlert.

Source: AWS's API reference, MonitoringAlertSummary and UpdateMonitoringAlert.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.engine.model_monitors import alerts
from sagewright.engine.model_monitors.documents import ALERT_CHANGE, ALERT_NAME, MonitoringScheduleDocument
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.monitoring.monitoring_executions import members_are
from sagewright.services.sagemaker.monitoring.monitoring_schedules import SCHEDULES
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

HISTORY = ListSpec("MonitoringAlertHistory", {"CreationTime": "created_ms", "Status": "status"}, descending=True)
MEMBERS = {name: name for name in ("MonitoringScheduleName", "MonitoringAlertName")}


@operation("sagemaker", "ListMonitoringAlerts")
def list_monitoring_alerts(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    schedule = SCHEDULES.require(context, request["MonitoringScheduleName"])
    alert = MonitoringScheduleDocument.read(schedule.document).alert
    summary = {
        "MonitoringAlertName": ALERT_NAME,
        "CreationTime": to_datetime(schedule.created_ms),
        "LastModifiedTime": to_datetime(alert.modified_ms or schedule.created_ms),
        "AlertStatus": alert.status,
        "DatapointsToAlert": alert.datapoints,
        "EvaluationPeriod": alert.period,
        "Actions": {"ModelDashboardIndicator": {"Enabled": True}},
    }
    return {"MonitoringAlertSummaries": [summary]}


@operation("sagemaker", "ListMonitoringAlertHistory")
def list_monitoring_alert_history(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "MonitoringScheduleName" in request:
        SCHEDULES.require(context, request["MonitoringScheduleName"])
    scope = ResourceScope(ALERT_CHANGE, context.account, context.region)
    conditions = members_are(request, MEMBERS)
    return HISTORY.answer(
        request,
        lambda page: resources.page(context.store, scope, page, *conditions),
        lambda rows: [
            {**row.document, "CreationTime": to_datetime(row.created_ms), "AlertStatus": row.status} for row in rows
        ],
    )


@operation("sagemaker", "UpdateMonitoringAlert")
def update_monitoring_alert(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Applies the new numbers to the executions of the past at once."""
    name, datapoints, period = (
        request[member] for member in ("MonitoringScheduleName", "DatapointsToAlert", "EvaluationPeriod")
    )
    schedule = SCHEDULES.require(context, name)
    if request["MonitoringAlertName"] != ALERT_NAME:
        raise ResourceNotFound(
            f"The monitoring schedule {name} has no alert named {request['MonitoringAlertName']}, only {ALERT_NAME}."
        )
    if datapoints > period:
        raise ValidationException(f"DatapointsToAlert is {datapoints}, more than the EvaluationPeriod {period}.")
    statuses = alerts.judged(context.store, schedule, period)
    with context.store.write() as connection:
        current = resources.locked_in(connection, schedule.id)
        if current is None:
            raise SCHEDULES.missing(SCHEDULES.arn(context, name))
        document = MonitoringScheduleDocument.read(current.document)
        alert = replace(document.alert, datapoints=datapoints, period=period, modified_ms=now_ms())
        changed = replace(current, document=replace(document, alert=alert).write(current.document))
        resources.change_in(connection, changed, context.principal.arn)
        alerts.judge_in(connection, changed, statuses, context.request_id)
    return {"MonitoringScheduleArn": SCHEDULES.arn(context, name), "MonitoringAlertName": ALERT_NAME}
