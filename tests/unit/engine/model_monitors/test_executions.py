"""An execution whose server dies after it has created a job: the job is found again, and no second one is created."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.engine.dependencies import dependencies

from sagewright.engine.calls import OperationRequest
from sagewright.engine.model_monitors.documents import EXECUTION, SCHEDULE, MonitoringExecutionDocument, ScheduleConfig
from sagewright.engine.model_monitors.executions import ExecutionReconciler
from sagewright.engine.model_monitors.schedules import ScheduleReconciler
from sagewright.kinds.base import OWNER
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError, ResourceInUse, ServiceUnavailable
from sagewright.model.jobs.state_machines import PROCESSING, SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import DesiredState, JobDraft, ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

PLACE = ("000000000000", "us-east-1")
INLINE = {
    "MonitoringInputs": [{"EndpointInput": {"EndpointName": "e", "LocalPath": "/opt/ml/processing/input"}}],
    "MonitoringOutputConfig": {
        "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/out", "LocalPath": "/opt/ml/processing/output"}}]
    },
    "MonitoringResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    "MonitoringAppSpecification": {"ImageUri": "mine"},
    "RoleArn": "arn:aws:iam::000000000000:role/r",
}
TIMING = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}


class Objects:
    """Every hour has objects; reports are missing."""

    def exists_any(self, _bucket: str, _prefix: str) -> bool:
        return True

    def modified_ms(self, _bucket: str, _key: str) -> int:
        return now_ms()

    def read_bytes(self, _bucket: str, _key: str, _most: int) -> bytes:
        return b'{"violations": [1]}'


class Operations:
    """CreateProcessingJob creates a row, and is not answered the first time."""

    def __init__(self, store: Database) -> None:
        self.store, self.created = store, list[str]()

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        if question.operation == "DescribeEndpoint":
            capture = {"DestinationS3Uri": "s3://b/captured"}
            return {"DataCaptureConfig": capture, "ProductionVariants": [{"VariantName": "all"}]}
        assert question.operation == "CreateProcessingJob"
        name = question.request["ProcessingJobName"]
        self.created.append(name)
        jobs.create(self.store, ResourceScope(PROCESSING.kind, *PLACE), JobDraft(name, question.request, "", False, ""))
        raise ServiceUnavailable("killed")


def executions(store: Database) -> list[Resource]:
    return resources.of_kind(store, EXECUTION)


def test_a_job_is_created_once_though_its_creation_is_repeated(database: Database) -> None:
    document = {
        "MonitoringScheduleConfig": {"ScheduleConfig": TIMING, "MonitoringJobDefinition": INLINE},
        "MonitoringType": "DataQuality", "EndpointName": "e", "RequestedMs": now_ms(), "SinceMs": 0,
    }  # fmt: skip
    new = New("s", document, "arn", {}, status="Scheduled")
    schedule = resources.create(database, ResourceScope(SCHEDULE, *PLACE), new)
    operations = Operations(database)
    shared = dependencies(database, call=operations, objects=Objects())
    for _ in range(3):  # another server, or the same one again
        ScheduleReconciler(shared).reconcile(schedule.id)
    (execution,) = executions(database)
    with pytest.raises(ServiceUnavailable):
        ExecutionReconciler(shared).reconcile(execution.id)
    assert executions(database)[0].status == "Pending"
    for _ in range(2):
        ExecutionReconciler(shared).reconcile(execution.id)
    (after,) = executions(database)
    found = MonitoringExecutionDocument.read(after.document)
    assert (after.status, [found.job]) == ("InProgress", operations.created)


@pytest.mark.parametrize("own", [True, False])
def test_a_job_that_another_server_creates_meanwhile_is_the_executions_own(database: Database, own: bool) -> None:
    config = ScheduleConfig.read({"ScheduleConfig": TIMING, "MonitoringJobDefinition": INLINE})
    document = MonitoringExecutionDocument(
        schedule="s", schedule_arn="arn", scheduled_ms=now_ms(), type="DataQuality", suffix="x", config=config
    )
    new = New("1/s", document.write({}), "arn", {}, parent="s", status="Pending")
    execution = resources.create(database, ResourceScope(EXECUTION, *PLACE), new)

    class Late(Operations):
        def __call__(self, question: OperationRequest) -> dict[str, Any]:
            if question.operation == "CreateProcessingJob":
                kept = question.request | {
                    OWNER: {"Kind": EXECUTION, "Id": execution.id if own else "another", "Arn": "arn"}
                }
                draft = JobDraft(question.request["ProcessingJobName"], kept, "", False, "")
                jobs.create(self.store, ResourceScope(PROCESSING.kind, *PLACE), draft)
                raise ResourceInUse("it exists")
            return super().__call__(question)

    shared = dependencies(database, call=Late(database), objects=Objects())
    ExecutionReconciler(shared).reconcile(execution.id)
    (after,) = executions(database)
    assert after.status == ("InProgress" if own else "Failed")


def test_a_stop_before_the_first_job_ends_the_execution(database: Database) -> None:
    execution = MonitoringExecutionDocument(
        schedule="s", schedule_arn="arn", scheduled_ms=1, type="DataQuality", suffix="x"
    )
    new = New("1/s", execution.write({}), "arn", {}, parent="gone", status="Stopping")
    made = resources.create(database, ResourceScope(EXECUTION, *PLACE), new)
    reconciler = ExecutionReconciler(dependencies(database))
    assert reconciler.active() == [(EXECUTION, made.id)]
    reconciler.reconcile(made.id)
    assert [one.status for one in executions(database)] == ["Stopped"]
    assert reconciler.active() == []
    resources.change(database, replace(made, status="Stopping"))
    resources.remove(database, made, "arn")
    reconciler.reconcile(made.id)  # it is gone


def _under_way(database: Database, status: str) -> tuple[Resource, jobs.Job]:
    scope = ResourceScope(PROCESSING.kind, *PLACE)
    job = jobs.create(database, scope, JobDraft("j", {"RoleArn": INLINE["RoleArn"]}, "", False, ""))
    document = MonitoringExecutionDocument(
        schedule="s", schedule_arn="arn", scheduled_ms=1, type="DataQuality", suffix="x", job="j", output="s3://b/out"
    )
    new = New("1/s", document.write({}), "arn", {}, parent="gone", status=status)
    return resources.create(database, ResourceScope(EXECUTION, *PLACE), new), job


def test_a_role_that_may_not_stop_its_job_does_not_keep_the_execution_running(database: Database) -> None:
    execution, job = _under_way(database, "Stopping")

    def refuses(question: OperationRequest) -> dict[str, Any]:
        assert question.operation == "StopProcessingJob"
        raise AwsError("AccessDeniedException", "the role may not", 400)

    ExecutionReconciler(dependencies(database, call=refuses)).reconcile(execution.id)
    found = jobs.get(database, job.id)
    assert found is not None
    assert found.desired == DesiredState.STOP


def test_an_execution_whose_report_cannot_be_read_fails(database: Database) -> None:
    execution, job = _under_way(database, "InProgress")
    for step in (SecondaryStatus.DOWNLOADING, SecondaryStatus.RUNNING, SecondaryStatus.UPLOADING):
        assert jobs.move(database, job.id, jobs.Event(step))
    assert jobs.move(database, job.id, jobs.Event(SecondaryStatus.COMPLETED, ended=True))

    class Broken(Objects):
        def read_bytes(self, _bucket: str, _key: str, _most: int) -> bytes:
            return b"no JSON"

    ExecutionReconciler(dependencies(database, objects=Broken())).reconcile(execution.id)
    (after,) = executions(database)
    assert after.status == "Failed"
    reason = MonitoringExecutionDocument.read(after.document).failure_reason
    assert reason == "The report of violations s3://b/out/constraint_violations.json is not valid JSON."
