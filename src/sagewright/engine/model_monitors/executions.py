"""Executions of a monitoring schedule: a processing job that analyzes the window, after one that merges ground truth if needed.

The names of the jobs derive from the execution, so that a repeated step creates no second job. An execution waits for its job as
the owner of it, and ends together with the judgement of the schedule's alert.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from sagewright.engine.calls import OperationRequest, Owner
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.described_endpoints import CapturingEndpoint
from sagewright.engine.model_monitors import alerts, processing_requests
from sagewright.engine.model_monitors.captured_data import DataPart, DataRoot, NoData
from sagewright.engine.model_monitors.definitions import DefinitionGone, MonitoringJob, read_job
from sagewright.engine.model_monitors.documents import (
    EXECUTION,
    JUDGED,
    SCHEDULE,
    UNDER_WAY,
    MonitoringExecutionDocument,
    MonitoringExecutionStatus,
    MonitoringScheduleDocument,
    MonitoringType,
)
from sagewright.engine.model_monitors.processing_requests import MOST_INPUTS, BaselineFiles, ExecutionFacts
from sagewright.engine.model_monitors.violations import UnreadableViolations, has_violations
from sagewright.engine.model_monitors.windows import window
from sagewright.kinds.base import MAX_FAILURE
from sagewright.kinds.table import KINDS
from sagewright.model.errors import AwsError, ServiceUnavailable
from sagewright.model.jobs.state_machines import PROCESSING, Status
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import DesiredState, Job, ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_TRUTH = 5
"""Inputs of a merge job for ground truth; the same number is left for captured records."""
PUBLISHED = "Enabled"
NAMESPACES = {
    MonitoringType.DATA_QUALITY: "data-metrics",
    MonitoringType.MODEL_QUALITY: "model-metrics",
    MonitoringType.MODEL_BIAS: "bias-metrics",
    MonitoringType.MODEL_EXPLAINABILITY: "explainability-metrics",
}
"""Source: AWS's developer guide, "CloudWatch metrics" of each monitoring type."""
log = logging.getLogger("sagewright.engine.model_monitors.executions")


@dataclass(frozen=True)
class _Step:
    """An execution on its way: its row, its document, the monitoring job, and what its jobs' requests need."""

    execution: Resource
    document: MonitoringExecutionDocument
    job: MonitoringJob
    facts: ExecutionFacts


class ExecutionReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (EXECUTION,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies, self._store, self._call = dependencies, dependencies.store, dependencies.call

    def active(self) -> list[tuple[str, str]]:
        return [(EXECUTION, one) for one in resources.in_status(self._store, EXECUTION, UNDER_WAY)]

    def reconcile(self, subject_id: str) -> None:
        execution = resources.get(self._store, subject_id)
        if execution is None or execution.status not in UNDER_WAY:
            return
        document = MonitoringExecutionDocument.read(execution.document)
        if document.job:
            self._follow(execution, document)
        elif execution.status == MonitoringExecutionStatus.STOPPING:
            self._end(execution, MonitoringExecutionStatus.STOPPED)
        else:
            self._start(execution, document, merged=False)

    def _follow(self, execution: Resource, document: MonitoringExecutionDocument) -> None:
        job = self._find_job(execution, document.job)
        if job is None:
            self._end(execution, MonitoringExecutionStatus.FAILED, f"The processing job {document.job} was deleted.")
        elif not job.ended:
            if execution.status == MonitoringExecutionStatus.STOPPING and job.desired != DesiredState.STOP:
                self._stop(execution, job)
        elif job.status == Status.COMPLETED and not document.merging:
            self._judge(execution, document, job)
        elif job.status == Status.STOPPED or execution.status == MonitoringExecutionStatus.STOPPING:
            self._end(execution, MonitoringExecutionStatus.STOPPED, job.failure_reason or "")
        elif job.status == Status.COMPLETED:
            self._start(execution, document, merged=True)
        else:
            self._end(
                execution,
                MonitoringExecutionStatus.FAILED,
                job.failure_reason or f"The processing job is {job.status}.",
            )

    def _judge(self, execution: Resource, document: MonitoringExecutionDocument, job: Job) -> None:
        """Ends the execution with what its completed analysis has found."""
        try:
            violated = has_violations(self._dependencies.objects, document.output or "", job)
        except UnreadableViolations as error:
            self._end(execution, MonitoringExecutionStatus.FAILED, str(error))
            return
        status = MonitoringExecutionStatus.WITH_VIOLATIONS if violated else MonitoringExecutionStatus.COMPLETED
        self._end(execution, status)

    def _start(self, execution: Resource, document: MonitoringExecutionDocument, *, merged: bool) -> None:
        """Starts the execution's first job, or the one after its merge."""
        try:
            step = self._step(execution, document)
            if step.job.merges and not merged:
                self._merge(step)
            else:
                self._analyze(step)
        except (NoData, DefinitionGone) as error:
            self._end(execution, MonitoringExecutionStatus.FAILED, str(error))
        except ServiceUnavailable:
            raise
        except AwsError as error:
            if error.status >= 500:
                raise
            self._end(execution, MonitoringExecutionStatus.FAILED, error.message)

    def _step(self, execution: Resource, document: MonitoringExecutionDocument) -> _Step:
        config = document.config
        if config is None:
            raise DefinitionGone("The execution has no definition.")

        def find(kind: str, name: str) -> dict[str, Any] | None:
            scope = ResourceScope(kind, execution.account, execution.region)
            found = resources.find(self._store, scope, name)
            return found.document if found else None

        job = read_job(config, find)
        facts = ExecutionFacts(
            schedule=document.schedule,
            region=execution.region,
            due_ms=document.scheduled_ms,
            window=window(config.timing, document.scheduled_ms, job.data.offsets),
            suffix=document.suffix,
        )
        return _Step(execution, document, job, facts)

    def _merge(self, step: _Step) -> None:
        job, facts = step.job, step.facts
        name = facts.job(processing_requests.MERGE_NAME)
        if self._find_job(step.execution, name) is None:
            objects = self._dependencies.objects
            truth = self._root(step, job.ground_truth or "", [()]).parts(objects, facts.window, MOST_TRUTH)
            captured = self._captured(step, MOST_INPUTS - len(truth))
            self._create(step, processing_requests.merge_request(job, facts, captured, truth))
        self._started(step, name, merging=True)

    def _analyze(self, step: _Step) -> None:
        job, facts = step.job, step.facts
        name = facts.job(processing_requests.NAMES[MonitoringType(job.type)])
        if self._find_job(step.execution, name) is None:
            baseline = self._baseline(step)
            most = processing_requests.inputs_left(job, baseline)
            data = self._merged(step, most) if job.merges else self._captured(step, most)
            self._create(step, processing_requests.analysis_request(job, facts, data, baseline), _namespace(job))
        self._started(step, name, merging=False)

    def _captured(self, step: _Step, most: int) -> list[DataPart]:
        objects, data, facts = self._dependencies.objects, step.job.data, step.facts
        if data.endpoint is None:
            part = "output" if step.job.merges else "input"
            return self._root(step, data.captured or "", [(part,)]).manifests(objects, facts.window, most)
        endpoint = self._endpoint(step, data.endpoint)
        if endpoint.capture is None:
            raise NoData(f"The endpoint {data.endpoint} does not capture data.")
        return self._root(step, endpoint.capture.destination, _folders(data.endpoint, endpoint)).parts(
            objects, facts.window, most
        )

    def _merged(self, step: _Step, most: int) -> list[DataPart]:
        name = step.job.data.endpoint
        folders: list[tuple[str, ...]] = [(step.facts.schedule,)]
        if name is not None:
            folders = _folders(name, self._endpoint(step, name))
        root = self._root(step, processing_requests.merge_uri(step.job), folders)
        return root.parts(self._dependencies.objects, step.facts.window, most)

    def _endpoint(self, step: _Step, name: str) -> CapturingEndpoint:
        """Returns the endpoint as it captures, or, before its first instance serves, as its configuration will."""
        described = self._ask(step, "DescribeEndpoint", {"EndpointName": name})
        endpoint = CapturingEndpoint.read(described)
        if endpoint.capture is not None:
            return endpoint
        config = {"EndpointConfigName": described["EndpointConfigName"]}
        return CapturingEndpoint.read(self._ask(step, "DescribeEndpointConfig", config))

    def _ask(self, step: _Step, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._call(
            OperationRequest(
                step.job.role, "sagemaker", operation, request, region=step.execution.region, by_service=True
            )
        )

    def _baseline(self, step: _Step) -> BaselineFiles:
        """Returns the files that the definition names, otherwise those of its baselining job. Raises NoData."""
        baseline = step.job.baseline
        if baseline.constraints.uri or baseline.statistics.uri or not baseline.job:
            return BaselineFiles(baseline.constraints.uri, baseline.statistics.uri)
        job = self._find_job(step.execution, baseline.job)
        if job is None or job.status != Status.COMPLETED:
            raise NoData(f"The baselining job {baseline.job} is {job.status if job else 'missing'}, not Completed.")
        outputs = (job.request.get("ProcessingOutputConfig") or {}).get("Outputs") or [{}]
        uri = str((outputs[0].get("S3Output") or {}).get("S3Uri", "")).rstrip("/")
        if not uri:
            raise NoData(f"The baselining job {baseline.job} has no output in S3.")
        if step.job.app.config_uri:
            return BaselineFiles(constraints=f"{uri}/analysis.json")
        of_data = step.job.type == MonitoringType.DATA_QUALITY
        return BaselineFiles(f"{uri}/constraints.json", f"{uri}/statistics.json" if of_data else None)

    def _root(self, step: _Step, uri: str, names: list[tuple[str, ...]]) -> DataRoot:
        return DataRoot(uri, names, step.job.role, step.execution.region)

    def _create(self, step: _Step, request: dict[str, Any], namespace: str = "") -> None:
        owner = Owner(EXECUTION, step.execution.id, step.document.schedule_arn, namespace=namespace)
        question = OperationRequest(
            step.job.role,
            "sagemaker",
            "CreateProcessingJob",
            request,
            owner,
            region=step.execution.region,
            by_service=True,
        )
        try:
            self._call(question)
        except AwsError as error:
            job = self._find_job(step.execution, request["ProcessingJobName"])
            own = job is not None and KINDS[PROCESSING.kind].owner(job.request) == (EXECUTION, step.execution.id)
            if error.code != "ResourceInUse" or not own:
                raise  # own: another server takes the same step

    def _stop(self, execution: Resource, job: Job) -> None:
        """Stops the execution's job as the monitor's role. A role that lost the right, or is gone, does not keep it running: the
        caller who stopped or deleted the schedule was allowed to end its executions."""
        request = {"ProcessingJobName": job.name}
        role = job.request["RoleArn"]
        try:
            self._call(
                OperationRequest(
                    role, "sagemaker", "StopProcessingJob", request, region=execution.region, by_service=True
                )
            )
        except AwsError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            current = jobs.get(self._store, job.id)
            if current is None or current.ended:
                return
            log.warning("the job %s is stopped without its monitor's role: %s", job.name, error.message)
            jobs.set_desired(self._store, job.id, DesiredState.STOP)
            self._dependencies.wake(job.kind, job.id)

    def _find_job(self, execution: Resource, name: str) -> Job | None:
        return jobs.find(self._store, ResourceScope(PROCESSING.kind, execution.account, execution.region), name)

    def _started(self, step: _Step, name: str, *, merging: bool) -> None:
        output = None if merging else processing_requests.report_uri(step.job, step.facts)

        def how(current: Resource) -> Resource | None:
            if current.status not in UNDER_WAY:
                return None
            document = replace(
                MonitoringExecutionDocument.read(current.document), job=name, merging=merging, output=output
            )
            stopping = current.status == MonitoringExecutionStatus.STOPPING
            status = MonitoringExecutionStatus.STOPPING if stopping else MonitoringExecutionStatus.IN_PROGRESS
            return replace(current, status=status.value, document=document.write(current.document))

        resources.alter(self._store, step.execution.id, how)

    def _end(self, execution: Resource, status: MonitoringExecutionStatus, reason: str = "") -> None:
        """Ends the execution and judges the alert, in one transaction."""
        schedule = resources.get(self._store, execution.parent)
        period = MonitoringScheduleDocument.read(schedule.document).alert.period if schedule else 0
        earlier = alerts.judged(self._store, schedule, period) if schedule else []
        with self._store.write() as connection:
            current = resources.locked_in(connection, execution.id)
            if current is None or current.status not in UNDER_WAY:
                return
            document = replace(
                MonitoringExecutionDocument.read(current.document),
                config=None,
                failure_reason=reason[:MAX_FAILURE] or None,
            )
            ended = replace(current, status=status.value, document=document.write(current.document))
            resources.change_in(connection, ended)
            locked = resources.locked_in(connection, execution.parent) if status in JUDGED else None
            if locked is not None:
                alerts.judge_in(connection, locked, [status, *earlier], execution.id)
        self._dependencies.wake(SCHEDULE, execution.parent)


def _folders(name: str, endpoint: CapturingEndpoint) -> list[tuple[str, ...]]:
    return [(name, variant.name) for variant in endpoint.variants] or [(name,)]


def _namespace(job: MonitoringJob) -> str:
    """Returns the namespace of the metrics that the job publishes, "" if it publishes none."""
    if job.app.environment.get("publish_cloudwatch_metrics") != PUBLISHED:
        return ""
    of = "Endpoints" if job.data.endpoint else "ModelMonitoring"
    return f"aws/sagemaker/{of}/{NAMESPACES[MonitoringType(job.type)]}"
