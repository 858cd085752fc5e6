"""Message move tasks: Start, List, Cancel. `engine.events.message_moves` runs them.

Source: AWS's API reference, Amazon SQS; handles and refusals as localstack/localstack recorded them on AWS
(`test_sqs_move_task.snapshot.json`).
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sagewright.engine.events.message_moves import KIND, MoveStatus, MoveTask
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services.aws.sqs import checks
from sagewright.services.aws.sqs.queues import Queue, find, sources_of
from sagewright.services.context import Context
from sagewright.services.registry import Rights, operation, rights_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.messages import messages
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

MOST_KEPT = 10
MOST_PER_SECOND = 500


@operation("sqs", "StartMessageMoveTask")
def start_message_move_task(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    source = _require_queue(context, "SourceArn", request["SourceArn"])
    destination = request.get("DestinationArn")
    if destination and _require_queue(context, "DestinationArn", destination).fifo != source.fifo:
        raise checks.invalid("Source and destination queues must be of the same type.")
    pace = request.get("MaxNumberOfMessagesPerSecond")
    if pace is not None and not 1 <= pace <= MOST_PER_SECOND:
        raise checks.invalid(f"Value {pace} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and "
                             f"{MOST_PER_SECOND}.")  # fmt: skip
    if not sources_of(context, source):
        raise checks.invalid("Source queue must be configured as a Dead Letter Queue.")
    to_move = messages.count(context.store, source.id).visible
    document = MoveTask(
        source=source.arn, moved=0, to_move=to_move, per_second=pace, destination=destination or None
    ).write({})
    status, principal = MoveStatus.RUNNING.value, context.principal.arn
    new = New(str(uuid.uuid4()), document, "", {}, parent=source.id, status=status, principal=principal)
    with context.store.write() as connection:
        resources.locked_in(connection, source.id)  # so that of two concurrent starts one sees the other
        there = [one for one in resources.children_in(connection, source.id) if one.kind == KIND]
        if any(one.status == MoveStatus.RUNNING for one in there):
            raise checks.invalid("There is already a task running. Only one active task is allowed for a source queue arn at a "
                                 "given time.")  # fmt: skip
        for old in there[: max(0, len(there) - MOST_KEPT + 1)]:
            resources.remove_in(connection, old, "")
        task = resources.create_in(connection, _scope(context), new)
    context.engine.wake(KIND, task.id)
    return {"TaskHandle": _handle(task)}


@operation("sqs", "ListMessageMoveTasks")
def list_message_move_tasks(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    source, most = _require_queue(context, "SourceArn", request["SourceArn"]), request.get("MaxResults", 1)
    if not 1 <= most <= MOST_KEPT:
        raise checks.invalid(
            f"Value {most} for parameter MaxResults is invalid. Reason: Must be between 1 and {MOST_KEPT}."
        )
    found = [one for one in resources.children(context.store, source.id) if one.kind == KIND]
    return {"Results": [_described(one) for one in found[::-1][:most]]}


@rights_of("sqs")
def rights(_context: Context, name: str, request: Mapping[str, Any]) -> Rights | None:
    """Returns the right on the queue whose messages a task moves; None for a handle that the operation refuses."""
    if name != "CancelMessageMoveTask":
        return None
    try:
        return [("sqs:CancelMessageMoveTask", _read_handle(str(request.get("TaskHandle")))[1])]
    except AwsError:
        return None


@operation("sqs", "CancelMessageMoveTask")
def cancel_message_move_task(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    task_id, source_arn = _read_handle(request["TaskHandle"])
    source = _require_queue(context, "SourceArn", source_arn)
    task = resources.find(context.store, _scope(context), task_id)
    if task is None or task.parent != source.id:
        raise _absent("Task does not exist.")

    def cancelled(now: Resource) -> Resource | None:
        return replace(now, status=MoveStatus.CANCELLED.value) if now.status == MoveStatus.RUNNING else None

    stopped = resources.alter(context.store, task.id, cancelled)
    if stopped is None:
        raise checks.invalid("Only active tasks can be cancelled.")
    return {"ApproximateNumberOfMessagesMoved": MoveTask.read(stopped.document).moved}


def _handle(task: Resource) -> str:
    described = {"taskId": task.name, "sourceArn": MoveTask.read(task.document).source}
    return base64.b64encode(json.dumps(described).encode()).decode()


def _read_handle(handle: str) -> tuple[str, str]:
    """Returns the task's id and its source. Raises InvalidParameterValue."""
    try:
        found = read_json(base64.b64decode(handle, validate=True))
        return str(found["taskId"]), str(found["sourceArn"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise checks.invalid("Value for parameter TaskHandle is invalid.") from None


def _require_queue(context: Context, member: str, arn: str) -> Queue:
    """Raises ResourceNotFoundException."""
    queue = find(context, arn.rpartition(":")[2])
    if queue is None or queue.arn != arn:
        raise _absent(f"The resource that you specified for the {member} parameter doesn't exist.")
    return queue


def _absent(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 404)


def _described(task: Resource) -> dict[str, Any]:
    document = MoveTask.read(task.document)
    optional = {
        "TaskHandle": _handle(task) if task.status == MoveStatus.RUNNING else None,
        "DestinationArn": document.destination,
        "MaxNumberOfMessagesPerSecond": document.per_second,
        "FailureReason": document.reason,
    }
    return {
        "Status": task.status,
        "SourceArn": document.source,
        "ApproximateNumberOfMessagesMoved": document.moved,
        "ApproximateNumberOfMessagesToMove": document.to_move,
        "StartedTimestamp": task.created_ms,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
