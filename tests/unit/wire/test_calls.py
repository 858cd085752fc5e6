"""The server's own calls: what a client may ask, and nothing that a client may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.control import Subject
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.bucketstore import BucketStore
from sagewright.services import registry
from sagewright.services.context import AuditedCall, Platform
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.wire.calls import Calls

ROLE = "arn:aws:iam::000000000000:role/Tuner"
JOB: dict[str, Any] = {
    "ProcessingJobName": "asked",
    "RoleArn": ROLE,
    "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    "Tags": [{"Key": "a", "Value": "b"}],
}


class Woken:
    """An engine that only records its wakes."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def wake_new(self, subject: Subject, _together: Subject) -> None:
        self.subjects.append(subject.kind)


@pytest.fixture
def platform(tmp_path: Path, database: Database) -> Platform:
    settings = Settings(data=tmp_path)
    objects = BucketStore(database, tmp_path / "objects", "off", settings.account, settings.region)
    return Platform(settings, database, objects, cast("Any", Woken()))


def ask(platform: Platform, operation: str, request: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
    call: Call = Calls(platform, registry.load())
    return call(OperationRequest(ROLE, service, operation, request))


def code(platform: Platform, operation: str, request: dict[str, Any], service: str = "sagemaker") -> str:
    with pytest.raises(AwsError) as caught:
        ask(platform, operation, request, service)
    return caught.value.code


def test_a_job_is_made_as_a_client_would_make_it_and_the_log_says_who_asked(platform: Platform) -> None:
    arn = ask(platform, "CreateProcessingJob", JOB)["ProcessingJobArn"]
    assert ask(platform, "DescribeProcessingJob", {"ProcessingJobName": "asked"})["ProcessingJobArn"] == arn
    assert ask(platform, "ListTags", {"ResourceArn": arn})["Tags"] == JOB["Tags"]
    (logged,) = events.after(platform.store, events.EventCursor(), 10)
    assert (logged.subject.kind, logged.entry.principal) == ("processing", ROLE)
    assert cast("Any", platform.engine).subjects == ["processing"]


def test_what_a_client_is_refused_is_refused(platform: Platform) -> None:
    assert code(platform, "CreateProcessingJob", {**JOB, "ProcessingJobName": "not a name"}) == "ValidationException"
    assert code(platform, "CreateProcessingJob", {"ProcessingJobName": "x"}) == "ValidationException"
    assert (
        code(platform, "CreateProcessingJob", {**JOB, "RoleArn": ROLE.replace("0" * 12, "1" * 12)})
        == "ValidationException"
    )
    ask(platform, "CreateProcessingJob", JOB)
    assert code(platform, "CreateProcessingJob", JOB) == "ResourceInUse"


def test_what_is_not_served_is_named(platform: Platform) -> None:
    assert code(platform, "CreateAutoMLJob", {}) == "UnknownOperationException"
    assert code(platform, "GetObject", {"Bucket": "b", "Key": "k"}, service="s3") == "UnknownOperationException"


def test_the_request_stays_the_callers(platform: Platform) -> None:
    request = {**JOB, "AppSpecification": dict(JOB["AppSpecification"])}
    ask(platform, "CreateProcessingJob", request)
    assert request == JOB


class KeptCalls:
    """An audit trail that keeps calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None, str, str]] = []

    def wants(self, _service: str, operation: str, _error_code: str = "") -> bool:
        return not operation.startswith("Describe")

    def record(self, call: AuditedCall, invoked_by: str = "") -> None:
        self.calls.append(
            (call.operation, call.context.origin.agent, invoked_by, call.error.code if call.error else "")
        )

    def collect(self) -> None:
        raise NotImplementedError

    def prune(self, now_ms: int) -> int:
        raise NotImplementedError


def test_the_audit_trail_tells_people_from_services(platform: Platform) -> None:
    kept = KeptCalls()
    call = Calls(replace(platform, audit=kept), registry.load())
    delete = {"ModelName": "none"}
    for more in ({"agent": "Sagewright Studio"}, {}, {"by_service": True}):
        with pytest.raises(AwsError):
            call(OperationRequest(ROLE, "sagemaker", "DeleteModel", delete, **cast("Any", more)))
    call(OperationRequest(ROLE, "sagemaker", "CreateProcessingJob", JOB))
    call(OperationRequest(ROLE, "sagemaker", "DescribeProcessingJob", {"ProcessingJobName": "asked"}))
    assert kept.calls == [
        ("DeleteModel", "Sagewright Studio", "", "ValidationException"),
        ("DeleteModel", None, "sagemaker.amazonaws.com", "ValidationException"),
        ("CreateProcessingJob", None, "sagemaker.amazonaws.com", ""),
    ]
