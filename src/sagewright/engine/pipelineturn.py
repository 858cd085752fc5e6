"""One step of the reconciler of a pipeline execution."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sagewright.engine import steprecords
from sagewright.engine.asking import Call
from sagewright.engine.steprecords import EXECUTION, StepRecord
from sagewright.engine.steps.base import Desk, Look
from sagewright.engine.steps.light import without_branches
from sagewright.engine.steps.shapes import coerced
from sagewright.engine.steps.table import LONGEST, LOOKED_AFTER, NAMES, OPERATIONS, kind_of
from sagewright.model.arns import sagemaker_arn
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.model.s3uris import read_s3_uri
from sagewright.objects.access import ObjectStore
from sagewright.pipelines import caching, retries
from sagewright.pipelines.definition import Definition, Step
from sagewright.pipelines.errors import BadDefinition, BadReference
from sagewright.pipelines.plan import Frontier, StepStatus
from sagewright.pipelines.references import resolve
from sagewright.store import resources
from sagewright.store.database import Database
from sagewright.store.jobs import Place
from sagewright.store.resources import Resource

log = logging.getLogger("sagewright.engine.pipelines")
MOST_FILE = 16 << 20
"""Bytes of a property file."""
LOOK_MS = 250
"""After which a step is looked at again that nobody wakes the execution for."""
FAILED = "Step failure: One or multiple steps failed."
THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
POLLED = frozenset({"Endpoint", "InferenceComponent"})
JOB_STEPS = frozenset({"Processing", "Training", "Transform", "Tuning"})


@dataclass(frozen=True)
class Means:
    """What pipelines work with. `wake_after(seconds, kind, id)`: have a subject looked at later."""

    store: Database
    objects: ObjectStore
    call: Call
    wake_after: Callable[[float, str, str], None]


@dataclass
class Progress:
    """What is known of an execution in this server's memory, which can all be read again. `round`: how often its rows were written
    by somebody else. `look_at_ms`: when it is looked at again for what nobody tells of.
    """

    definition: Definition
    records: dict[str, StepRecord]
    round: int
    selected: frozenset[str] | None = None
    look_at_ms: int = 0
    frontier: Frontier = field(init=False)

    def __post_init__(self) -> None:
        self.frontier = Frontier(self.definition, self.selected)
        for record in self.records.values():
            self.frontier.note(record.name, record.state)

    def took(self, record: StepRecord) -> None:
        self.records[record.name] = record
        self.frontier.note(record.name, record.state)


def execution_arn(execution: Resource) -> str:
    """`arn:…:pipeline/<name>/execution/<id>`."""
    name = execution.document["PipelineName"]
    return f"{sagemaker_arn(execution.region, execution.account, 'pipeline', name)}/execution/{execution.name}"


class Turn:
    """One look at one execution: what its steps have come to, and what begins."""

    def __init__(self, means: Means, execution: Resource, progress: Progress) -> None:
        self._means, self._execution, self._progress = means, execution, progress
        self._definition, self._frontier = progress.definition, progress.frontier

    def take(self) -> None:
        """Raises steprecords.Overtaken."""
        stopping = self._execution.status == "Stopping"
        for name in self._frontier.live:
            self._look_after(self._progress.records[name], stopping)
        if stopping:
            self._end_if_over(stopped=True)
            return
        most = (self._execution.document.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
        while True:  # what begins may be over at once, and let others begin
            found = self._frontier.next(most)
            for step in found.start:
                self._reach(step)
            if not found.start or not any(not self._progress.records[one.name].live for one in found.start):
                break
        self._end_if_over(stopped=False)

    def _look_after(self, record: StepRecord, stopping: bool) -> None:
        step = self._definition.step(record.name)
        if record.status == StepStatus.STARTING:
            if stopping:
                self._stop_unbegun(step, record)
            elif record.due_ms is None or record.due_ms <= now_ms():
                self._begin(step, record)
            return
        if stopping and record.status == StepStatus.EXECUTING:
            self._stop(step, record)
            record = self._progress.records[record.name]
        try:
            look = kind_of(step.type).look(self._desk(step), record)
        except AwsError as error:
            if error.status >= 500 or error.code in THROTTLED:  # what it has made goes on: it is looked at again
                return
            look = self._trouble(step, error)
        self._note(record, look)
        if step.type in POLLED and self._progress.records[record.name].live:
            self._look_again()

    def _stop_unbegun(self, step: Step, record: StepRecord) -> None:
        """A server that is gone has perhaps made its job and not lived to note it."""
        if step.type in JOB_STEPS:
            with suppress(AwsError):
                kind_of(step.type).stop(self._desk(step), record)
                self._keep(replace(record, status=StepStatus.STOPPING))
                return
        self._note(record, Look(StepStatus.STOPPED))

    def _stop(self, step: Step, record: StepRecord) -> None:
        try:
            kind_of(step.type).stop(self._desk(step), record)
        except AwsError as error:  # it has ended meanwhile
            log.info("step %s is not stopped: %s", record.name, error.message)
        self._keep(replace(record, status=StepStatus.STOPPING))

    def _reach(self, step: Step) -> None:
        """Its row is written, and it begins. Raises steprecords.Overtaken."""
        record = StepRecord(step.name, step.type, StepStatus.STARTING, started_ms=now_ms())
        try:
            given = without_branches(step.arguments or {})
            named = {name: given[name] for name in [NAMES.get(step.type)] if name in given}
            record = replace(record, job=self._job_name(record, resolve(named, self._known(record))))
            arguments = resolve(given, self._known(record))
            arguments = coerced(step.type, arguments) if step.type != "Condition" else {}
        except (BadReference, BadDefinition) as error:
            self._write(
                replace(record, status=StepStatus.FAILED, reason=f"ClientError: {error}"[:1024], ended_ms=now_ms())
            )
            return
        record = replace(record, arguments=arguments, key=caching.key_of(step.type, self._cached_by(step, arguments)))
        hit = self._cache_hit(step, record)
        if hit is not None:
            self._write(hit)
            return
        if step.type in LOOKED_AFTER:
            self._write(record)
            self._begin(step, record)
        else:  # it is over at once: one row, at its end
            self._begin(step, record, fresh=True)

    def _cached_by(self, step: Step, arguments: dict[str, Any]) -> dict[str, Any]:
        members = {"Callback": ("SqsQueueUrl", "OutputParameters"), "Lambda": ("FunctionArn", "OutputParameters")}
        if step.type not in members:
            return arguments
        return {"Inputs": arguments} | {name: step.document.get(name) for name in members[step.type]}

    def _cache_hit(self, step: Step, record: StepRecord) -> StepRecord | None:
        if step.cache_s is None or not record.key:
            return None
        found = steprecords.find_cached(self._means.store, self._execution, record)
        if found is None or found.at_ms < now_ms() - step.cache_s * 1000:
            return None
        return replace(
            record,
            status=StepStatus.SUCCEEDED,
            metadata=found.metadata,
            properties=found.properties,
            source=found.execution_arn,
            cached=True,
            ended_ms=now_ms(),
        )

    def _begin(self, step: Step, record: StepRecord, fresh: bool = False) -> None:
        """`fresh`: its row is not written yet."""
        try:
            look = kind_of(step.type).begin(self._desk(step), record)
        except AwsError as error:
            look = self._trouble(step, error)
        except (BadReference, BadDefinition) as error:
            look = Look(StepStatus.FAILED, reason=f"ClientError: {error}"[:1024])
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            log.exception("step %s of %s can't begin", step.name, self._execution.name)
            look = Look(StepStatus.FAILED, reason=f"InternalServerError: Step {step.name} can't begin.")
        if fresh:
            ended = None if look.status == StepStatus.EXECUTING else now_ms()
            self._write(self._after(record, look, ended))
        else:
            self._note(record, look)
        if step.type in POLLED:
            self._look_again()

    def _trouble(self, step: Step, error: AwsError) -> Look:
        operation = OPERATIONS.get(step.type, step.type)
        exception = ""
        if error.code in THROTTLED:
            exception = retries.THROTTLING
        elif error.status >= 500:
            exception = retries.SERVICE_FAULT
        elif error.code == "ResourceLimitExceeded":
            exception = retries.RESOURCE_LIMIT
        named = exception.partition(".")[2] if exception.startswith("Step") else exception.replace(".", "_").upper()
        why = f"No retry policy configured for the exception type {named}." if named else ""
        reason = (
            f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {error.message}\n"
            "Retry not appropriate on execution of step with PipelineExecutionArn "
            f"{execution_arn(self._execution)} and StepId {step.name}. {why}"
        )
        return Look(StepStatus.FAILED, reason=reason.strip()[:1024], exception=exception)

    def _note(self, record: StepRecord, look: Look) -> None:
        """What was seen, if it is something new; a failure is tried again where a policy says so."""
        if look.status == StepStatus.EXECUTING and record.status != StepStatus.STARTING:
            return  # as it was
        if look.status == StepStatus.FAILED and self._tried_again(record, look):
            return
        over = look.status not in {StepStatus.EXECUTING, StepStatus.STARTING}
        self._keep(self._after(record, look, now_ms() if over else None))

    def _after(self, record: StepRecord, look: Look, ended_ms: int | None) -> StepRecord:
        return replace(
            record,
            status=look.status,
            metadata=look.metadata or record.metadata,
            properties=look.properties if look.properties is not None else record.properties,
            reason=look.reason,
            outcome=look.outcome,
            ended_ms=ended_ms,
            due_ms=None,
        )

    def _tried_again(self, record: StepRecord, look: Look) -> bool:
        policy = (
            retries.policy_of(self._definition.step(record.name).retries, look.exception) if look.exception else None
        )
        if policy is None or self._execution.status == "Stopping":
            return False
        delay_s = policy.delay_s(record.attempt - 1, (now_ms() - record.started_ms) / 1000)
        if delay_s is None:
            return False
        attempt = record.attempt + 1
        again = replace(
            record,
            status=StepStatus.STARTING,
            attempt=attempt,
            job=self._job_name(replace(record, attempt=attempt), record.arguments),
            metadata={},
            due_ms=now_ms() + round(delay_s * 1000),
        )
        self._keep(again)
        self._later(delay_s * 1000)
        return True

    def _job_name(self, record: StepRecord, arguments: Mapping[str, Any]) -> str:
        """A name in its arguments is a prefix: `use_custom_job_prefix` of the SDKs leaves one there."""
        prefix = str(arguments.get(NAMES.get(record.type, "")) or "")
        longest = LONGEST.get(record.type, 63)
        return steprecords.name_for(self._execution, record.name, record.attempt, longest, prefix)

    def _write(self, record: StepRecord) -> None:
        steprecords.write(self._means.store, self._execution, record)
        self._took(record)

    def _keep(self, record: StepRecord) -> None:
        steprecords.change(self._means.store, self._execution, record)
        self._took(record)

    def _took(self, record: StepRecord) -> None:
        self._progress.took(record)
        if record.status == StepStatus.SUCCEEDED and record.key and not record.cached:
            steprecords.keep_cached(self._means.store, self._execution, record, execution_arn(self._execution))

    def _end_if_over(self, stopped: bool) -> None:
        if self._frontier.live:
            return
        found = self._frontier.next(None)
        if not stopped and not found.over:
            return
        status = "Stopped" if stopped else ("Failed" if found.failed else "Succeeded")
        ended = {"EndedMs": now_ms()} | ({"FailureReason": FAILED} if status == "Failed" else {})
        before = self._execution.status
        resources.alter(
            self._means.store,
            self._execution.id,
            lambda one: (
                None if one.status != before else replace(one, status=status, document={**one.document, **ended})
            ),
        )

    def _look_again(self) -> None:
        """Once, however many looks there are until then."""
        if self._progress.look_at_ms <= now_ms():
            self._progress.look_at_ms = now_ms() + LOOK_MS
            self._later(LOOK_MS)

    def _later(self, delay_ms: float) -> None:
        self._means.wake_after(delay_ms / 1000, EXECUTION, self._execution.id)

    def _desk(self, step: Step) -> Desk:
        record = self._progress.records.get(step.name)
        known = _Known(self._means, self._execution, self._progress, record)
        return Desk(self._means.call, self._execution, execution_arn(self._execution), known, step)

    def _known(self, record: StepRecord) -> _Known:
        return _Known(self._means, self._execution, self._progress, record)


@dataclass(frozen=True)
class _Known:
    """What references lead to, in one step of one execution. See pipelines.references.Known."""

    means: Means
    execution: Resource
    progress: Progress
    record: StepRecord | None

    def parameter(self, name: str) -> Any:
        return self.execution.document["Parameters"][name]

    def execution_value(self, name: str) -> Any:
        document = self.execution.document
        job = self.record.job if self.record else ""
        values = {
            "PipelineName": document["PipelineName"],
            "PipelineArn": sagemaker_arn(
                self.execution.region, self.execution.account, "pipeline", document["PipelineName"]
            ),
            "PipelineExecutionId": self.execution.name,
            "PipelineExecutionArn": execution_arn(self.execution),
            "StartDateTime": to_datetime(self.execution.created_ms).isoformat(),
            "CurrentDateTime": datetime.now(UTC).isoformat(),
            "TrainingJobName": job,
            "ProcessingJobName": job,
        }
        if name not in values:
            raise BadReference(f"Execution.{name} is nothing that can be referred to")
        return values[name]

    def properties(self, step: str) -> dict[str, Any]:
        record = self.progress.records.get(step) or self._earlier(step)
        if record is None or record.properties is None:
            raise BadReference(f"step '{step}' has no result")
        return {**record.properties, **({"Outcome": record.outcome} if record.outcome is not None else {})}

    def _earlier(self, step: str) -> StepRecord | None:
        """Of the execution that a selective one goes on from, or of the one that this went on from."""
        place = Place(EXECUTION, self.execution.account, self.execution.region)
        source = self.execution.document.get("SourceExecution")
        while source is not None:
            earlier = resources.find(self.means.store, place, source)
            record = None if earlier is None else steprecords.one_of(self.means.store, earlier, step)
            if record is not None or earlier is None:
                return record
            source = earlier.document.get("SourceExecution")
        return None

    def file(self, step: str, name: str) -> Any:
        declared = next((one for one in self.progress.definition.step(step).files if one.name == name), None)
        if declared is None:
            raise BadReference(f"step '{step}' has no property file '{name}'")
        outputs = self.properties(step).get("ProcessingOutputConfig", {}).get("Outputs", [])
        uri = next((one["S3Output"]["S3Uri"] for one in outputs if one.get("OutputName") == declared.output), None)
        if uri is None:
            raise BadReference(f"step '{step}' has no output '{declared.output}'")
        return self.object(f"{uri.rstrip('/')}/{declared.path}")

    def object(self, uri: str) -> Any:
        try:
            place = read_s3_uri(uri)
            return json.loads(self.means.objects.read_bytes(place.bucket, place.key, MOST_FILE))
        except (AwsError, ValueError, RecursionError) as error:
            raise BadReference(f"{uri} can't be read as JSON: {error}") from None
