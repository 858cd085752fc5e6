"""Monitoring schedules: Create, Describe, List, Update, Start, Stop, Delete.

Source: AWS's API reference, CreateMonitoringSchedule, MonitoringScheduleConfig and ScheduleConfig.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.model_monitors import schedules
from sagewright.engine.model_monitors.definitions import MonitoringJob, read_definition, read_inline
from sagewright.engine.model_monitors.documents import (
    EXECUTION,
    SCHEDULE,
    MonitoringExecutionStatus,
    MonitoringScheduleDocument,
    MonitoringType,
    ScheduleConfig,
    ScheduleStatus,
)
from sagewright.engine.model_monitors.processing_requests import max_runtime_s
from sagewright.engine.model_monitors.windows import DAILY, read_expression
from sagewright.model.clock import now_ms
from sagewright.model.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.monitoring import monitoring_executions
from sagewright.services.sagemaker.monitoring.definition_checks import check_input, check_job, check_timing
from sagewright.services.sagemaker.monitoring.job_definitions import DEFINITIONS, NETWORK_DEFAULTS, with_defaults
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

CONFIG = "MonitoringScheduleConfig"
FORMS = "cron(0 * ? * * *) each hour, cron(0 H ? * * *) each day, cron(0 H/N ? * * *) every N hours, or NOW"
MEMBERS = {
    "EndpointName": "EndpointName",
    "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
    "MonitoringTypeEquals": "MonitoringType",
}
SUMMARY = ("EndpointName", "MonitoringJobDefinitionName", "MonitoringType")
SCHEDULES = ResourceType(
    kind=SCHEDULE,
    noun="MonitoringSchedule",
    arn_type=SCHEDULE,
    missing=lambda arn: ResourceNotFound(f"Monitoring Schedule with name {arn.rpartition('/')[2]} not found ({arn})."),
    taken=lambda arn: ResourceInUse(f"Monitoring Schedule with name {arn.rpartition('/')[2]} already exists ({arn})."),
    listed=ListSpec(
        "MonitoringScheduleSummaries",
        {"Name": "name", "CreationTime": "created_ms", "Status": "status"},
        descending=True,
    ),
    status_member="MonitoringScheduleStatus",
    also_listed=SUMMARY,
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateMonitoringSchedule")
def create_monitoring_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    document = _document(context, request[CONFIG])
    kept = {name: request[name] for name in ("MonitoringScheduleName", "Tags") if name in request}
    answer = SCHEDULES.create(context, kept | document, ScheduleStatus.SCHEDULED.value)
    _wake(context, request)
    return answer


@operation("sagemaker", "DescribeMonitoringSchedule", quick=True)
def describe_monitoring_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    schedule = SCHEDULES.require(context, request["MonitoringScheduleName"])
    document = schedule.document
    shown = {
        CONFIG: _described(document[CONFIG]),
        "MonitoringType": document["MonitoringType"],
    } | ({"EndpointName": document["EndpointName"]} if "EndpointName" in document else {})
    described = SCHEDULES.shape(replace(schedule, document=shown))
    latest = monitoring_executions.latest(context.store, schedule)
    if latest is not None:
        described["LastMonitoringExecutionSummary"] = monitoring_executions.summary(latest)
    return described


@operation("sagemaker", "ListMonitoringSchedules")
def list_monitoring_schedules(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    scope = ResourceScope(SCHEDULE, context.account, context.region)
    conditions = monitoring_executions.members_are(request, MEMBERS)
    return SCHEDULES.listed.answer(
        request,
        lambda page: resources.page(context.store, scope, page, *conditions),
        lambda rows: [SCHEDULES.summary(row) for row in rows],
    )


@operation("sagemaker", "UpdateMonitoringSchedule")
def update_monitoring_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    document = _document(context, request[CONFIG])

    def how(current: Resource) -> Resource:
        stored = {name: value for name, value in current.document.items() if name not in SUMMARY}
        return replace(_settled(current), document=stored | document)

    schedule = _changed(context, request, how)
    return {"MonitoringScheduleArn": SCHEDULES.arn(context, schedule.name)}


@operation("sagemaker", "StartMonitoringSchedule")
def start_monitoring_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def how(current: Resource) -> Resource | None:
        if _settled(current).status == ScheduleStatus.SCHEDULED:
            return None
        started = replace(MonitoringScheduleDocument.read(current.document), requested_ms=now_ms())
        return replace(current, status=ScheduleStatus.SCHEDULED.value, document=started.write(current.document))

    _changed(context, request, how)
    return {}


@operation("sagemaker", "StopMonitoringSchedule")
def stop_monitoring_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Stops creating executions; a running one goes on.

    Source: AWS's example notebooks of model monitoring.
    """
    _changed(context, request, lambda current: replace(_settled(current), status=ScheduleStatus.STOPPED.value))
    return {}


@operation("sagemaker", "DeleteMonitoringSchedule")
def delete_monitoring_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes the schedule at once, or, if an execution is running, once that has stopped: until then, its status is Pending."""
    schedule = _changed(
        context, request, lambda current: replace(_settled(current), status=ScheduleStatus.PENDING.value)
    )
    if not _stop_executions(context, schedule):
        schedules.delete(context.store, schedule, context.principal.arn)
    return {}


def _document(context: Context, config: dict[str, Any]) -> dict[str, Any]:
    """Returns the members of a schedule's document that its configuration determines. Raises ValidationException."""
    read = ScheduleConfig.read(config)
    _check_expression(read)
    job = _job(context, config, read)
    check_timing(read, job)
    now = now_ms()
    document = {CONFIG: config, "MonitoringType": job.type, "RequestedMs": now, "SinceMs": 0}
    optional = {"EndpointName": job.data.endpoint, "MonitoringJobDefinitionName": read.definition}
    return document | {name: value for name, value in optional.items() if value is not None}


def _check_expression(config: ScheduleConfig) -> None:
    expression = config.timing.expression if config.timing else DAILY
    try:
        read_expression(expression)
    except BadScheduleExpression:
        raise ValidationException(
            f"The ScheduleExpression '{expression}' is not one of a monitoring schedule: {FORMS}."
        ) from None


def _job(context: Context, config: dict[str, Any], read: ScheduleConfig) -> MonitoringJob:
    if (read.inline is None) == (read.definition is None):
        raise ValidationException(
            "Exactly one of MonitoringJobDefinition and MonitoringJobDefinitionName must be given in MonitoringScheduleConfig."
        )
    if read.inline is not None:
        if read.type != MonitoringType.DATA_QUALITY:
            raise ValidationException(
                f"A MonitoringJobDefinition is of the MonitoringType DataQuality, got {read.type}: give "
                "MonitoringJobDefinitionName."
            )
        check_input(read.inline["MonitoringInputs"][0])
        job = read_inline(read.inline)
        check_job(context, job)
        return job
    if "MonitoringType" not in config:
        raise ValidationException("MonitoringJobDefinitionName needs a MonitoringType.")
    definition = DEFINITIONS[read.type]
    found = definition.find(context, read.definition or "")
    if found is None:
        raise ValidationException(definition.missing(definition.arn(context, read.definition or "")).message)
    return read_definition(read.type, found.document)


def _settled(current: Resource) -> Resource:
    """Raises ValidationException for a schedule that is being deleted."""
    if current.status == ScheduleStatus.PENDING:
        raise ValidationException(f"Monitoring schedule in status {current.status}")
    return current


def _changed(context: Context, request: dict[str, Any], how: Callable[[Resource], Resource | None]) -> Resource:
    schedule = SCHEDULES.require(context, request["MonitoringScheduleName"])
    changed = resources.alter(context.store, schedule.id, how)
    context.engine.wake(SCHEDULE, schedule.id)
    return changed or schedule


def _wake(context: Context, request: dict[str, Any]) -> None:
    context.engine.wake(SCHEDULE, SCHEDULES.require(context, request["MonitoringScheduleName"]).id)


def _stop_executions(context: Context, schedule: Resource) -> bool:
    """Stops the executions that are in progress; returns True if there are any."""

    def how(current: Resource) -> Resource | None:
        stoppable = current.status in {MonitoringExecutionStatus.PENDING, MonitoringExecutionStatus.IN_PROGRESS}
        return replace(current, status=MonitoringExecutionStatus.STOPPING.value) if stoppable else None

    executions = schedules.under_way(context.store, schedule.id)
    for execution in executions:
        resources.alter(context.store, execution.id, how)
        context.engine.wake(EXECUTION, execution.id)
    return bool(executions)


def _described(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration with the defaults that DescribeMonitoringSchedule returns."""
    inline = config.get("MonitoringJobDefinition")
    if inline is None:
        return config
    shown = {**inline, "MonitoringInputs": [with_defaults(one) for one in inline["MonitoringInputs"]]}
    shown.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": max_runtime_s(MonitoringType.DATA_QUALITY)})
    if "NetworkConfig" in shown:
        shown["NetworkConfig"] = NETWORK_DEFAULTS | shown["NetworkConfig"]
    return {"MonitoringType": MonitoringType.DATA_QUALITY.value, **config, "MonitoringJobDefinition": shown}
