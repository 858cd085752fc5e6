"""Events of pipeline executions and their steps, in EventBridge's format.

Source: AWS's developer guide, "Events that SageMaker sends to Amazon EventBridge", pipeline executions and steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.execution_documents import ENDED, ExecutionDocument
from sagewright.engine.pipelines.step_references import execution_arn
from sagewright.model.budgets import size_of
from sagewright.model.clock import to_datetime
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import Logged
from sagewright.store.resources import resources

Event = dict[str, Any]
MOST_METADATA = 128 << 10


def of_execution(store: Database, logged: Logged) -> tuple[list[str], Event] | None:
    """Returns resources and detail; None if the status is unchanged."""
    execution = resources.get(store, logged.subject.id)
    before = _status_before(store, logged)
    if execution is None or before == logged.entry.status:
        return None
    arn, document = execution_arn(execution), ExecutionDocument.read(execution.document)
    detail: Event = {
        "pipelineExecutionDisplayName": document.display_name,
        "currentPipelineExecutionStatus": logged.entry.status,
        "executionStartTime": _time(execution.created_ms),
        "pipelineExecutionDescription": document.description or "",
        "pipelineArn": arn.rpartition("/execution/")[0],
        "pipelineExecutionArn": arn,
    }
    if before is not None:
        detail["previousPipelineExecutionStatus"] = before
    if logged.entry.status in ENDED:
        detail["executionEndTime"] = _time(logged.entry.at_ms)
    return [detail["pipelineArn"], arn], detail


def of_step(store: Database, logged: Logged) -> tuple[list[str], Event] | None:
    """Returns resources and detail; None if the status is unchanged."""
    row = resources.get(store, logged.subject.id)
    execution = resources.get(store, row.parent) if row else None
    before = _status_before(store, logged)
    if row is None or execution is None or before == logged.entry.status:
        return None
    record, arn = step_records.read(row), execution_arn(execution)
    detail: Event = {
        "metadata": {_lower(name): _lowered(described) for name, described in _small(record.metadata).items()},
        "stepStartTime": _time(record.started_ms),
        "stepName": record.name,
        "stepType": record.type,
        "currentStepStatus": logged.entry.status,
        "pipelineArn": arn.rpartition("/execution/")[0],
        "pipelineExecutionArn": arn,
    }
    if before is not None:
        detail["previousStepStatus"] = before
    if logged.entry.status in ENDED:
        detail["stepEndTime"] = _time(record.ended_ms or logged.entry.at_ms)
        if record.reason:
            detail["failureReason"] = record.reason
    if record.cached and record.source:
        detail["cacheHitResult"] = {"sourcePipelineExecutionArn": record.source}
    return [detail["pipelineArn"], arn], detail


def _small(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the metadata without large outputs of functions and callbacks: an event is sent to each target."""
    if size_of(metadata, MOST_METADATA) <= MOST_METADATA:
        return metadata
    return {
        name: {member: value for member, value in described.items() if member != "OutputParameters"}
        for name, described in metadata.items()
    }


def _status_before(store: Database, logged: Logged) -> str | None:
    before = None
    for entry in events.of(store, logged.subject.id):
        if entry == logged.entry:
            break
        before = entry.status
    return before


def _time(at_ms: int) -> str:
    return to_datetime(at_ms).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _lowered(described: Any) -> Any:
    return {_lower(name): value for name, value in described.items()} if isinstance(described, dict) else described
