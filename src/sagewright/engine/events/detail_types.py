"""Event bodies: turns an entry of the event log into an EventBridge event in AWS's format.

Source: AWS's developer guide, "Events that SageMaker sends to Amazon EventBridge".
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.events import pipeline_details
from sagewright.engine.pipelines.step_records import EXECUTION, STEP
from sagewright.model.aws.arns import ROLE_NAME, role_arn, sagemaker_arn
from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import ENDED, EndpointStatus
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventEntry, Logged
from sagewright.store.jobs import jobs
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import ResourceStep

log = logging.getLogger("sagewright.engine.events")
SOURCE = "aws.sagemaker"
MODEL_PACKAGE = "SageMaker Model Package State Change"
_NAMES = uuid.UUID("6f0c29a5-0f0e-4c43-9d66-5b4b4f7d7a11")
Event = dict[str, Any]


@dataclass(frozen=True)
class JobDetailType:
    """Events of a kind of job: their detail is the answer of `operation`, with the status at the time of the event.

    `noun`: the prefix of its members. `steps`: True if the secondary status is reported too.
    """

    detail_type: str
    noun: str
    steps: bool = False

    @property
    def status(self) -> str:
        return f"{self.noun}Status"


JOBS = {
    "training": JobDetailType("SageMaker Training Job State Change", "TrainingJob", steps=True),
    "processing": JobDetailType("SageMaker Processing Job State Change", "ProcessingJob"),
    "transform": JobDetailType("SageMaker Transform Job State Change", "TransformJob"),
}

HOSTS = {
    "endpoint": JobDetailType("SageMaker Endpoint State Change", "Endpoint"),
    "inference-component": JobDetailType("SageMaker Inference Component State Change", "InferenceComponent"),
}
"""Types of serving resources, by kind, which is also the prefix of the name in ARNs. The second detail type is not documented [K].
"""
MODEL_CARD = "SageMaker Model Card State Change"
TUNING_JOB = "SageMaker HyperParameter Tuning Job State Change"
PIPELINE_EXECUTION = "SageMaker Model Building Pipeline Execution Status Change"
PIPELINE_STEP = "SageMaker Model Building Pipeline Execution Step Status Change"


@dataclass(frozen=True)
class EventDraft:
    """An event of which only the head is known so far. `detail`: builds the rest, or returns None if there is no event after
    all."""

    head: Event
    detail: Callable[[], tuple[list[str], Event] | None]

    def whole(self) -> Event | None:
        found = self.detail()
        return None if found is None else {**self.head, "resources": found[0], "detail": found[1]}


def draft_of(store: Database, call: Call, logged: Logged, scope: tuple[str, str]) -> EventDraft | None:
    """Returns the event of an entry; None if it has none. `scope`: account and region."""
    form = JOBS.get(logged.subject.kind)
    if form is not None:
        head = _head(logged, form.detail_type, scope)
        return EventDraft(head, lambda: _of_job(store, call, logged, form))
    if logged.subject.kind in HOSTS:
        head = _head(logged, HOSTS[logged.subject.kind].detail_type, scope)
        return EventDraft(head, lambda: _of_host(store, call, logged, scope))
    if logged.subject.kind == "tuning-job" and logged.entry.step != ResourceStep.DELETED:
        return EventDraft(_head(logged, TUNING_JOB, scope), lambda: _of_tuning_job(store, call, logged))
    if logged.subject.kind == EXECUTION and logged.entry.step != ResourceStep.DELETED:
        return EventDraft(
            _head(logged, PIPELINE_EXECUTION, scope), lambda: pipeline_details.of_execution(store, logged)
        )
    if logged.subject.kind == STEP and logged.entry.step != ResourceStep.DELETED:
        return EventDraft(_head(logged, PIPELINE_STEP, scope), lambda: pipeline_details.of_step(store, logged))
    if logged.subject.kind == "model-card" and logged.entry.step != ResourceStep.DELETED:
        return EventDraft(_head(logged, MODEL_CARD, scope), lambda: _of_card(store, call, logged))
    if logged.subject.kind == "model-package" and "told" in (logged.entry.detail or {}):
        return EventDraft(_head(logged, MODEL_PACKAGE, scope), lambda: _of_package(logged.entry))
    return None


def region_of(store: Database, logged: Logged, home: str) -> str:
    """Returns the region of an entry's subject; `home` if it can no longer be determined."""
    described = (logged.entry.detail or {}).get("told") or {}
    if "ModelPackageArn" in described:
        return str(described["ModelPackageArn"]).split(":")[3]
    if logged.subject.kind in JOBS:
        job = jobs.get(store, logged.subject.id)
        return job.region if job else home
    resource = resources.get(store, logged.subject.id)
    return resource.region if resource else home


def event_head(event_id: str, source: str, detail_type: str, at_ms: int, scope: tuple[str, str]) -> Event:
    """Returns the members that every event begins with."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": detail_type,
        "source": source,
        "account": scope[0],
        "time": iso(at_ms, "seconds"),
        "region": scope[1],
    }


def iso(at_ms: int, precision: str = "milliseconds") -> str:
    return to_datetime(at_ms).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _head(logged: Logged, detail_type: str, scope: tuple[str, str]) -> Event:
    """Returns the head. An entry always gets the same id, so that receivers can detect duplicates."""
    event_id = str(uuid.uuid5(_NAMES, f"{scope}/{logged.cursor.writer}/{logged.cursor.seq}"))
    return event_head(event_id, SOURCE, detail_type, logged.entry.at_ms, scope)


def _of_package(entry: EventEntry) -> tuple[list[str], Event]:
    described: Event = dict((entry.detail or {})["told"])
    described["LastModifiedTime"] = iso(entry.at_ms)
    return [described["ModelPackageArn"]], described


def _of_job(store: Database, call: Call, logged: Logged, form: JobDetailType) -> tuple[list[str], Event] | None:
    job = jobs.get(store, logged.subject.id)
    if job is None or not _is_change(store, logged, form):
        return None
    request = {f"{form.noun}Name": job.name}
    question = OperationRequest(
        role_arn(job.account, ROLE_NAME),
        "sagemaker",
        f"Describe{form.noun}",
        request,
        region=job.region,
        by_service=True,
    )
    try:
        detail = call(question)
    except AwsError as error:
        log.warning("no event was created for %s %s: %s", job.kind, job.name, error.message)
        return None
    entry = logged.entry
    detail = dict(detail) | {form.status: entry.status, "LastModifiedTime": to_datetime(entry.at_ms)}
    if form.steps:
        detail["SecondaryStatus"] = entry.step
    _forget_what_came_later(detail, entry)
    return [detail[f"{form.noun}Arn"]], _plain(detail)


def _of_card(store: Database, call: Call, logged: Logged) -> tuple[list[str], Event] | None:
    """Returns resources and detail, without the content (it can be confidential) and with the status at the time of the event."""
    found = resources.several(store, [logged.subject.id])
    if not found:
        return None
    request = {"ModelCardName": found[0].name, "IncludedData": "MetadataOnly"}
    try:
        principal = role_arn(found[0].account, ROLE_NAME)
        described = call(
            OperationRequest(
                principal, "sagemaker", "DescribeModelCard", request, region=found[0].region, by_service=True
            )
        )
    except AwsError as error:
        log.warning("no event was created for the model card %s: %s", found[0].name, error.message)
        return None
    entry = logged.entry
    detail = {name: value for name, value in described.items() if name != "Content"}
    detail |= {"ModelCardStatus": entry.status, "LastModifiedTime": to_datetime(entry.at_ms)}
    return [detail["ModelCardArn"]], _plain(detail)


def _of_tuning_job(store: Database, call: Call, logged: Logged) -> tuple[list[str], Event] | None:
    """Returns the current description, with the status at the time of the event."""
    found = resources.get(store, logged.subject.id)
    if found is None or not _is_change(store, logged, None):
        return None
    request = {"HyperParameterTuningJobName": found.name}
    principal = role_arn(found.account, ROLE_NAME)
    question = OperationRequest(
        principal, "sagemaker", "DescribeHyperParameterTuningJob", request, region=found.region, by_service=True
    )
    try:
        detail = dict(call(question))
    except AwsError as error:
        log.warning("no event was created for the tuning job %s: %s", found.name, error.message)
        return None
    entry = logged.entry
    detail |= {"HyperParameterTuningJobStatus": entry.status, "LastModifiedTime": to_datetime(entry.at_ms)}
    detail["Tags"] = [
        {"Key": key, "Value": value} for key, value in tags.of(store, detail["HyperParameterTuningJobArn"]).items()
    ]
    _forget_what_came_later(detail, entry)
    return [detail["HyperParameterTuningJobArn"]], _plain(detail)


def _of_host(store: Database, call: Call, logged: Logged, scope: tuple[str, str]) -> tuple[list[str], Event] | None:
    """Returns resources and detail, with the status in capitals. For a deleted resource only the name is reported."""
    if logged.entry.step == ResourceStep.DELETED or not _is_change(store, logged, None):
        return None
    entry = logged.entry
    details = (one.detail or {} for one in events.of(store, logged.subject.id))
    name = next((detail["name"] for detail in details if "name" in detail), None)
    if name is None:
        return None
    form = HOSTS[logged.subject.kind]
    named = {f"{form.noun}Name": name}
    described: Event = named | {f"{form.noun}Arn": sagemaker_arn(scope[1], scope[0], logged.subject.kind, name)}
    if resources.several(store, [logged.subject.id]):
        principal = role_arn(scope[0], ROLE_NAME)
        question = OperationRequest(
            principal, "sagemaker", f"Describe{form.noun}", named, region=scope[1], by_service=True
        )
        with suppress(AwsError):  # it was just deleted
            described = dict(call(question))
    described["LastModifiedTime"] = to_datetime(entry.at_ms)
    described[form.status] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", entry.status).upper()
    if entry.status not in {EndpointStatus.FAILED, EndpointStatus.IN_SERVICE}:
        described.pop("FailureReason", None)
    return [described[f"{form.noun}Arn"]], _plain(described)


def _is_change(store: Database, logged: Logged, form: JobDetailType | None) -> bool:
    """True if the entry is more than a message about a state that was already reported."""
    before = events.before(store, logged)
    if before is None:
        return True
    steps = form is not None and form.steps
    return before.status != logged.entry.status or (steps and before.step != logged.entry.step)


def _forget_what_came_later(detail: Event, entry: EventEntry) -> None:
    at = to_datetime(entry.at_ms)
    for name in [name for name, value in detail.items() if isinstance(value, datetime) and value > at]:
        del detail[name]
    if entry.status not in ENDED:
        for name in ("FailureReason", "ExitMessage"):
            detail.pop(name, None)
    if "SecondaryStatusTransitions" in detail:
        seen = [dict(one) for one in detail["SecondaryStatusTransitions"] if one["StartTime"] <= at]
        if seen and seen[-1].get("EndTime", at) > at:
            del seen[-1]["EndTime"]
        detail["SecondaryStatusTransitions"] = seen


def _plain(value: Any) -> Any:
    """Converts times to milliseconds since the epoch, as in events of jobs."""
    if isinstance(value, datetime):
        return to_ms(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
