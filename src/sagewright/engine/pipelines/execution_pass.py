"""One reconciliation pass over a pipeline execution."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.pipelines import callbacks, step_records
from sagewright.engine.pipelines.execution_documents import ExecutionDocument, ExecutionStatus
from sagewright.engine.pipelines.step_records import EXECUTION, MOST_ROW, MOST_ROWS, StepRecord
from sagewright.engine.pipelines.step_references import StepReferences, execution_arn
from sagewright.engine.pipelines.steps.base import StepContext, StepObservation
from sagewright.engine.pipelines.steps.light import without_branches
from sagewright.engine.pipelines.steps.shapes import coerced
from sagewright.engine.pipelines.steps.table import kind_of
from sagewright.model.budgets import Budget, Ledger, OverBudget
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.pipelines import caching, retries
from sagewright.pipelines.definition import PipelineDefinition, PipelineStep
from sagewright.pipelines.errors import BadDefinition, BadReference
from sagewright.pipelines.plan import Frontier, Next, StepStatus
from sagewright.pipelines.references import MOST_MADE, resolve
from sagewright.pipelines.step_types import step_type
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

log = logging.getLogger("sagewright.engine.pipelines.reconciler")
MOST_WORK = 128 << 20
"""Maximum bytes that the references of all steps of an execution may produce, including those of steps that fail because of it."""
MOST_UNWRITTEN = 50
"""Maximum number of ended steps whose rows are not written yet. A pass that ends before they are takes their steps again."""
LOOK_MS = 250
"""Interval between observations of a step that no event wakes the execution for."""
FAILED = "Step failure: One or multiple steps failed."
THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""Raised for malformed arguments: the step fails, since another try would have the same result."""


@dataclass
class ExecutionProgress:
    """In-memory state of an execution, all of which can be read again.

    `round`: number of writes to its rows by others. `look_at_ms`: when steps that send no events are observed again. `begun_ms`:
    value of the last written row; values are unique, so that rows have an order. `rows`: sizes of rows; `work`: bytes produced by
    references.
    """

    definition: PipelineDefinition
    records: dict[str, StepRecord]
    round: int
    selected: frozenset[str] | None = None
    look_at_ms: int = 0
    begun_ms: int = 0
    frontier: Frontier = field(init=False)
    rows: Ledger = field(init=False)
    work: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.frontier = Frontier(self.definition, self.selected)
        self.rows = Ledger("The record of step", MOST_ROW, MOST_ROWS)
        self.work = Budget("The output of the references of the execution's steps", MOST_WORK)
        for record in list(self.records.values()):
            self.took(record)

    def took(self, record: StepRecord) -> None:
        """Records a step's row; its arguments are kept only until the step has ended."""
        self.rows.note(record.name, record.size)
        self.begun_ms = max(self.begun_ms, record.begun_ms)
        self.records[record.name] = record if record.live else replace(record, arguments={})
        self.frontier.note(record.name, record.state)


class ExecutionPass:
    """One reconciliation pass over one execution: observes its running steps and begins new ones."""

    def __init__(self, dependencies: Dependencies, execution: Resource, progress: ExecutionProgress) -> None:
        self._dependencies, self._execution, self._progress = dependencies, execution, progress
        self._definition, self._frontier = progress.definition, progress.frontier
        self._unwritten: list[StepRecord] = []

    def take(self) -> None:
        """Runs the pass. After any exception the progress may say more than the rows. Raises step_records.StepOvertaken."""
        stopping = self._execution.status == ExecutionStatus.STOPPING
        live = [self._progress.records[name] for name in self._frontier.live]
        answers = (
            callbacks.answers(self._dependencies.store, self._execution) if any(map(callbacks.waits, live)) else {}
        )
        for record in live:
            if record.name in answers:
                record = replace(record, answer=answers[record.name])  # noqa: PLW2901
            self._look_after(record, stopping)
            if record.answer is not None and not self._progress.records[record.name].live:
                callbacks.close(self._dependencies.store, self._execution, record)
        if stopping:
            self._end_if_over(stopped=True)
            return
        most = ExecutionDocument.read(self._execution.document).parallelism.most
        while True:  # a step may be over as soon as it begins, and unblock others
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
            record = replace(self._progress.records[record.name], answer=record.answer)
        try:
            observation = kind_of(step.type).observe(self._context(step), record)
        except FAULTS:
            log.exception("the result of step %s of %s can't be read", step.name, self._execution.name)
            observation = StepObservation(
                StepStatus.FAILED, reason=f"InternalServerError: The result of step {step.name} can't be read."
            )
        except AwsError as error:
            if error.status >= 500 or error.code in THROTTLED:  # the step goes on and is observed again
                return
            observation = self._trouble(step, error)
        self._note(record, observation)
        if step_type(step.type).polled and self._progress.records[record.name].live:
            self._look_again()

    def _stop_unbegun(self, step: PipelineStep, record: StepRecord) -> None:
        """Stops a step whose job may have been created by a server that did not live to record it."""
        if step_type(step.type).makes_job:
            with suppress(AwsError):
                kind_of(step.type).stop(self._context(step), record)
                self._keep(replace(record, status=StepStatus.STOPPING))
                return
        self._note(record, StepObservation(StepStatus.STOPPED))

    def _stop(self, step: PipelineStep, record: StepRecord) -> None:
        try:
            kind_of(step.type).stop(self._context(step), record)
        except AwsError as error:  # it has ended in the meantime
            log.info("step %s is not stopped: %s", record.name, error.message)
        self._keep(replace(record, status=StepStatus.STOPPING))

    def _reach(self, step: PipelineStep) -> None:
        """Writes the step's row and begins the step. Raises step_records.StepOvertaken."""
        now = now_ms()
        begun_ms = max(now, self._progress.begun_ms + 1)
        record = StepRecord(step.name, step.type, StepStatus.STARTING, started_ms=now, begun_ms=begun_ms)
        try:
            record = self._with_arguments(step, record)
        except (BadReference, BadDefinition) as error:
            self._write(record.failed(f"ClientError: {error}"))
            return
        except FAULTS:
            log.exception("cannot build the arguments of step %s of %s", step.name, self._execution.name)
            self._write(record.failed(f"InternalServerError: Cannot build the arguments of step {step.name}."))
            return
        hit = self._cache_hit(step, record)
        if hit is not None:
            self._write(hit)
            return
        if step_type(step.type).recorded_first:
            self._write(record)
            self._begin(step, record)
        else:  # over at once: a single write of the final row
            self._begin(step, record, fresh=True)

    def _with_arguments(self, step: PipelineStep, record: StepRecord) -> StepRecord:
        """Returns the record with its arguments. Raises BadReference and BadDefinition, also if they exceed the size limit of a
        row."""
        known, budget = self._known(record), self._budget(step)
        given = without_branches(step.arguments or {})
        named = {name: given[name] for name in [step_type(step.type).name_member] if name in given}
        if not step_type(step.type).runs:  # it uses no arguments
            return self._counted(replace(record, shown=step_records.shown_of(step)))
        record = replace(record, job=self._job_name(record, resolve(named, known, budget)))
        arguments = resolve(given, self._known(record), budget)
        arguments = coerced(step.type, arguments) if step.type != "Condition" else {}
        record = self._counted(replace(record, arguments=arguments, shown=step_records.shown_of(step)))
        return replace(record, key=caching.key_of(step.type, self._cached_by(step, arguments)))

    def _budget(self, step: PipelineStep) -> Budget:
        return Budget(f"The output of the references of step '{step.name}'", MOST_MADE, within=self._progress.work)

    def _counted(self, record: StepRecord) -> StepRecord:
        """Returns the record with its size, checked against the budgets. Raises BadReference."""
        record = step_records.measured(record)
        try:
            self._progress.rows.put(record.name, record.size)
        except OverBudget as error:
            raise BadReference(f"{error}.") from None
        return record

    def _cached_by(self, step: PipelineStep, arguments: dict[str, Any]) -> dict[str, Any]:
        members = {"Callback": ("SqsQueueUrl", "OutputParameters"), "Lambda": ("FunctionArn", "OutputParameters")}
        if step.type not in members:
            return arguments
        return {"Inputs": arguments} | {name: step.document.get(name) for name in members[step.type]}

    def _cache_hit(self, step: PipelineStep, record: StepRecord) -> StepRecord | None:
        if step.cache_s is None or not record.key:
            return None
        found = step_records.find_cached(self._dependencies.store, self._execution, record)
        if found is None or found.at_ms < now_ms() - step.cache_s * 1000:
            return None
        result = StepObservation(StepStatus.SUCCEEDED, found.metadata, found.properties)
        return self._after(replace(record, source=found.execution_arn, cached=True), result, now_ms())

    def _begin(self, step: PipelineStep, record: StepRecord, fresh: bool = False) -> None:
        """Begins the step. `fresh`: True if its row is not written yet."""
        try:
            observation = kind_of(step.type).begin(self._context(step), record)
        except AwsError as error:
            observation = self._trouble(step, error)
        except (BadReference, BadDefinition) as error:
            observation = StepObservation(StepStatus.FAILED, reason=f"ClientError: {error}"[:1024])
        except FAULTS:
            log.exception("step %s of %s can't begin", step.name, self._execution.name)
            observation = StepObservation(
                StepStatus.FAILED, reason=f"InternalServerError: Step {step.name} can't begin."
            )
        if fresh:
            ended = None if observation.status == StepStatus.EXECUTING else now_ms()
            self._write(self._after(record, observation, ended))
        else:
            self._note(record, observation)
        if step_type(step.type).polled:
            self._look_again()

    def _trouble(self, step: PipelineStep, error: AwsError) -> StepObservation:
        operation = step_type(step.type).operation or step.type
        exception = ""
        if error.code in THROTTLED:
            exception = retries.THROTTLING
        elif error.status >= 500:
            exception = retries.SERVICE_FAULT
        elif error.code == "ResourceLimitExceeded":
            exception = retries.RESOURCE_LIMIT
        named = exception.partition(".")[2] if exception.startswith("Step") else exception.replace(".", "_").upper()
        cause = f"No retry policy configured for the exception type {named}." if named else ""
        reason = (
            f"ClientError: Failed to invoke sagemaker:{operation}. Error Details: {error.message}\n"
            "Retry not appropriate on execution of step with PipelineExecutionArn "
            f"{execution_arn(self._execution)} and StepId {step.name}. {cause}"
        )
        return StepObservation(StepStatus.FAILED, reason=reason.strip()[:1024], exception=exception)

    def _note(self, record: StepRecord, observation: StepObservation) -> None:
        """Records an observation if it is new; a failure is retried where a policy says so."""
        if observation.status == StepStatus.EXECUTING and record.status != StepStatus.STARTING:
            return  # unchanged
        if observation.status == StepStatus.FAILED and self._tried_again(record, observation):
            return
        over = observation.status not in {StepStatus.EXECUTING, StepStatus.STARTING}
        self._keep(self._after(record, observation, now_ms() if over else None))

    def _after(self, record: StepRecord, observation: StepObservation, ended_ms: int | None) -> StepRecord:
        """Returns the record after an observation; a result that exceeds the size limit of a row fails the step."""
        changed = replace(
            record,
            status=observation.status,
            metadata=observation.metadata or record.metadata,
            properties=observation.properties if observation.properties is not None else record.properties,
            reason=observation.reason,
            outcome=observation.outcome,
            ended_ms=ended_ms,
            due_ms=None,
        )
        if observation.status != StepStatus.SUCCEEDED:
            return changed
        try:
            return self._counted(changed)
        except BadReference as error:
            return record.failed(f"ClientError: {error}")

    def _tried_again(self, record: StepRecord, observation: StepObservation) -> bool:
        policy = (
            retries.policy_of(self._definition.step(record.name).retries, observation.exception)
            if observation.exception
            else None
        )
        if policy is None or self._execution.status == ExecutionStatus.STOPPING:
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
        callbacks.open_for(self._dependencies.store, self._execution, again)
        self._keep(again)
        self._later(delay_s * 1000)
        return True

    def _job_name(self, record: StepRecord, arguments: Mapping[str, Any]) -> str:
        """Returns the job's name. A name in the arguments is a prefix: `use_custom_job_prefix` of the SDKs leaves one there."""
        prefix = str(arguments.get(step_type(record.type).name_member) or "")
        longest = step_type(record.type).longest_name
        return step_records.name_for(self._execution, record.name, record.attempt, longest, prefix)

    def _write(self, record: StepRecord) -> None:
        """Inserts the step's row: at once if the step is to begin or others reuse its result, otherwise together with others."""
        callbacks.open_for(self._dependencies.store, self._execution, record)
        self._unwritten.append(record)
        if record.live or record.key or len(self._unwritten) >= MOST_UNWRITTEN:
            self._flush()
        self._took(record)

    def _flush(self) -> None:
        """Writes the rows of steps that were over as soon as they began. Raises step_records.StepOvertaken."""
        if self._unwritten:
            step_records.write(self._dependencies.store, self._execution, self._unwritten)
            self._unwritten = []

    def _keep(self, record: StepRecord) -> None:
        self._flush()
        known = self._progress.records[record.name]
        step_records.change(self._dependencies.store, self._execution, record, known)
        self._took(record)

    def _took(self, record: StepRecord) -> None:
        self._progress.took(record)
        if record.status == StepStatus.SUCCEEDED and record.key and not record.cached:
            step_records.keep_cached(self._dependencies.store, self._execution, record, execution_arn(self._execution))

    def _end_if_over(self, stopped: bool) -> None:
        self._flush()
        if self._frontier.live:
            return
        found = self._frontier.next(None)
        if not stopped and not found.over:
            return
        status = ExecutionStatus.STOPPED if stopped else _status_at_end(found)
        ended = {"EndedMs": now_ms()} | ({"FailureReason": FAILED} if found.failed and not stopped else {})
        before = self._execution.status
        resources.alter(
            self._dependencies.store,
            self._execution.id,
            lambda one: (
                None if one.status != before else replace(one, status=str(status), document={**one.document, **ended})
            ),
        )

    def _look_again(self) -> None:
        """Schedules one later pass, however often it is called before then."""
        if self._progress.look_at_ms <= now_ms():
            self._progress.look_at_ms = now_ms() + LOOK_MS
            self._later(LOOK_MS)

    def _later(self, delay_ms: float) -> None:
        self._dependencies.wake_after(delay_ms / 1000, EXECUTION, self._execution.id)

    def _context(self, step: PipelineStep) -> StepContext:
        known = self._known(self._progress.records.get(step.name))
        arn = execution_arn(self._execution)
        return StepContext(self._dependencies.call, self._execution, arn, known, step, self._budget(step))

    def _known(self, record: StepRecord | None) -> StepReferences:
        progress = self._progress
        stores = self._dependencies.store, self._dependencies.objects
        return StepReferences(
            *stores, self._execution, progress.definition, progress.records, record, self._dependencies.may
        )


def _status_at_end(found: Next) -> ExecutionStatus:
    """Returns the execution's final status. Source: SDK v3's StepDependency, "CompletedWithFailures status instead of Failed"."""
    if not found.failed:
        return ExecutionStatus.SUCCEEDED
    return ExecutionStatus.COMPLETED_WITH_FAILURES if found.handled else ExecutionStatus.FAILED
