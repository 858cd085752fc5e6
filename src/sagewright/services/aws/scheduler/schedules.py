"""Schedules: Create, Get, Update, Delete, List.

Source: AWS's API reference, EventBridge Scheduler.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sagewright.engine.events.rules import ENABLED, PRINCIPAL, TARGETS
from sagewright.engine.events.scheduler import KIND, MOST_SCHEDULES, ONLY_TARGET
from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.events.targets import TRAINING, TRAINING_JOB, service_of
from sagewright.engine.events.timetables import BadZone, ScheduleDocument, read_timetable
from sagewright.model.aws.arns import account_of
from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.messages import deliveries
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

GROUP = "default"
"""The only group."""
SERVED = frozenset({"pipeline", "function", "sqs", "sns", TRAINING_JOB})
NOT_SERVED = ("EcsParameters", "EventBridgeParameters", "EventBridgePutEventsV2Parameters",
              "EventBridgePutRawEventsParameters", "KinesisParameters")  # fmt: skip
DEFAULTS = {"ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE"}
DESCRIBED = ("ScheduleExpression", "ScheduleExpressionTimezone", "Description", "KmsKeyArn", "FlexibleTimeWindow",
        "ActionAfterCompletion")  # fmt: skip
MOST_LISTED = 100


@operation("scheduler", "CreateSchedule")
def create_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Creates a schedule; a repeated request with the same ClientToken succeeds again."""
    _check_group(request)
    name, document = request["Name"], _document(context, request)
    rows = resources.page(context.store, _scope(context), PageRequest(limit=MOST_SCHEDULES))
    if len(rows) >= MOST_SCHEDULES:
        raise AwsError(
            "ServiceQuotaExceededException",
            f"There are {MOST_SCHEDULES} schedules, which is the most there can be.",
            402,
        )
    new = New(name, document, document["Arn"], {}, status=_state(request), principal=context.principal.arn)
    try:
        resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        there = resources.find(context.store, _scope(context), name)
        if there is None or not document["ClientToken"] or there.document["ClientToken"] != document["ClientToken"]:
            raise AwsError("ConflictException", f"Schedule {name} already exists.", 409) from None
    return {"ScheduleArn": document["Arn"]}


@operation("scheduler", "UpdateSchedule")
def update_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Replaces a schedule: omitted members get their defaults."""
    found, document = _require(context, request), _document(context, request)
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            raise _missing(found.name)
        changed = replace(now, document=document, status=_state(request))
        resources.change_in(connection, changed, context.principal.arn)
    return {"ScheduleArn": document["Arn"]}


@operation("scheduler", "GetSchedule")
def get_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = _require(context, request)
    document = found.document
    schedule = ScheduleDocument.read(document)
    bounds = (("StartDate", schedule.start_ms), ("EndDate", schedule.end_ms))
    dates = {name: to_datetime(at_ms) for name, at_ms in bounds if at_ms is not None}
    return {
        **_head(found),
        **{member: document[member] for member in DESCRIBED if member in document},
        **dates,
        "Target": _target(found),
    }


@operation("scheduler", "DeleteSchedule")
def delete_schedule(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a schedule and its pending deliveries."""
    found = _require(context, request)
    with context.store.write() as connection:
        deliveries.forget_in(connection, found.id)
        resources.remove_in(connection, found, ScheduleDocument.read(found.document).arn, context.principal.arn)
    return {}


@operation("scheduler", "ListSchedules")
def list_schedules(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows = resources.page(
        context.store, _scope(context), PageRequest(sort_by="name", descending=False, limit=MOST_SCHEDULES)
    )
    if (request.get("GroupName") or GROUP) != GROUP:
        rows = []
    prefix, state = request.get("NamePrefix") or "", request.get("State")
    kept = [row for row in rows if row.name.startswith(prefix) and state in {None, row.status}]
    after = paging.decode(request.get("NextToken"))
    page, token = paging.page_of(kept, lambda row: [row.name], after, request.get("MaxResults", MOST_LISTED))
    listed = [{**_head(row), "Target": {"Arn": _target(row)["Arn"]}} for row in page]
    return {"Schedules": listed, **({"NextToken": token} if token else {})}


def _head(found: Resource) -> dict[str, Any]:
    return {
        "Arn": ScheduleDocument.read(found.document).arn,
        "Name": found.name,
        "GroupName": GROUP,
        "State": found.status,
        "CreationDate": to_datetime(found.created_ms),
        "LastModificationDate": to_datetime(found.modified_ms),
    }


def _target(found: Resource) -> dict[str, Any]:
    """Returns the target as given."""
    kept = found.document[TARGETS][ONLY_TARGET]
    return {"RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}} | {
        member: value for member, value in kept.items() if member not in {"Id", PRINCIPAL}
    }


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _missing(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)


def _require(context: Context, request: dict[str, Any]) -> Resource:
    """Raises ResourceNotFoundException."""
    _check_group(request)
    found = resources.find(context.store, _scope(context), request["Name"])
    if found is None:
        raise _missing(request["Name"])
    return found


def _check_group(request: dict[str, Any]) -> None:
    group = request.get("GroupName") or GROUP
    if group != GROUP:
        raise AwsError(
            "ResourceNotFoundException",
            f"Schedule group {group} does not exist. Sagewright has only the group {GROUP}.",
            404,
        )


def _state(request: dict[str, Any]) -> str:
    return str(request.get("State") or ENABLED)


def _document(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the document to store for a schedule; its target has the form of a rule's. Raises ValidationException."""
    document = DEFAULTS | {member: request[member] for member in DESCRIBED if request.get(member) is not None}
    expression, zone = document["ScheduleExpression"], document["ScheduleExpressionTimezone"]
    try:
        read_timetable(expression, zone)
    except BadScheduleExpression:
        raise ValidationException(f"Invalid Schedule Expression {expression}.") from None
    except BadZone:
        raise ValidationException(f"Invalid Schedule Expression Timezone {zone}.") from None
    start_ms, end_ms = _when(request.get("StartDate")), _when(request.get("EndDate"))
    if start_ms is not None and end_ms is not None and end_ms <= start_ms:
        raise ValidationException("The EndDate you specify must come after the StartDate.")
    window = request["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise ValidationException(
            "MaximumWindowInMinutes must be given with the FlexibleTimeWindow Mode FLEXIBLE, and with no other."
        )
    _check_target(context, request["Target"])
    return document | {
        "Arn": f"arn:aws:scheduler:{context.region}:{context.account}:schedule/{GROUP}/{request['Name']}",
        "ClientToken": request.get("ClientToken") or "",
        "StartMs": start_ms,
        "EndMs": end_ms,
        TARGETS: {ONLY_TARGET: request["Target"] | {"Id": ONLY_TARGET, PRINCIPAL: context.principal.arn}},
    }


def _when(date: datetime | None) -> int | None:
    return None if date is None else to_ms(date)


def _check_target(context: Context, target: dict[str, Any]) -> None:
    """Raises ValidationException."""
    arn = target["Arn"]
    if service_of(arn) not in SERVED:
        raise ValidationException(
            f"Sagewright's schedules send nothing to {arn}. Their targets are SageMaker pipelines, Lambda functions, SQS queues, "
            f"SNS topics, and {TRAINING}."
        )
    if arn == TRAINING:
        _check_training(target.get("Input", ""))
    elif account_of(arn) != context.account:
        raise ValidationException(f"The target {arn} is not in the account {context.account}.")
    if account_of(target["RoleArn"]) != context.account:
        raise ValidationException(f"The role {target['RoleArn']} is not in the account {context.account}.")
    if unserved := [member for member in NOT_SERVED if member in target]:
        raise ValidationException(f"Sagewright serves no targets with {unserved[0]}.")


def _check_training(text: str) -> None:
    """Raises ValidationException for an Input that can't be a request of CreateTrainingJob."""
    try:
        request = read_json(text)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise ValidationException(f"The Input of {TRAINING} is the JSON of a request of CreateTrainingJob.")
    if "<aws.scheduler.execution-id>" not in str(request.get("TrainingJobName")):
        raise ValidationException(
            "TrainingJobName in the Input has to contain <aws.scheduler.execution-id>: each run needs its own name."
        )
