"""Tasks that move dead letters back to their source queues, or to another queue.

One transaction moves as many messages as the rate allows and updates the count, so that no message is moved twice or lost. Source:
AWS's API reference, Amazon SQS, StartMessageMoveTask, ListMessageMoveTasks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection

from sagewright.engine.dependencies import Dependencies
from sagewright.model.clock import now_ms
from sagewright.model.members import TypedDocument, member
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.messages import messages
from sagewright.store.messages.messages import DEAD_LETTER_SOURCE, QueueMessage
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "sqs-move-task"
QUEUES = "sqs-queue"
BATCH = 100
NO_QUEUE, NO_SOURCE = "AWS.SimpleQueueService.NonExistentQueue", "CouldNotDetermineMessageSource"


class MoveStatus(StrEnum):
    """Source: AWS's API reference, ListMessageMoveTasks."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True)
class MoveTask(TypedDocument):
    """`destination`: None for each message's own source; `per_second`: None for as fast as possible."""

    source: str = member("SourceArn")
    moved: int = member("Moved")
    to_move: int = member("ToMove")
    per_second: int | None = member("PerSecond", None)
    destination: str | None = member("DestinationArn", None)
    reason: str | None = member("FailureReason", None)


class _Stuck(Exception):
    """A message cannot be moved; the text gives the reason."""


class MessageMoveReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._wake_after = dependencies.store, dependencies.wake_after

    def active(self) -> list[tuple[str, str]]:
        return [(KIND, one) for one in resources.in_status(self._store, KIND, [MoveStatus.RUNNING.value])]

    def reconcile(self, subject_id: str) -> None:
        with self._store.write() as connection:
            task = resources.locked_in(connection, subject_id)
            if task is None or task.status != MoveStatus.RUNNING:
                return
            changed = _step(connection, task)
            resources.change_in(connection, changed)
        if changed.status == MoveStatus.RUNNING:
            self._wake_after(_pause_s(changed), KIND, subject_id)


def _step(connection: Connection, task: Resource) -> Resource:
    """Returns the task after one more batch."""
    requested = min(BATCH, _due(task))
    found = messages.movable_in(connection, task.parent, requested) if requested else []
    moved, reason = 0, ""
    try:
        for message in found:
            messages.move_in(connection, message, _destination(connection, task, message))
            moved += 1
    except _Stuck as stuck:
        reason = str(stuck)
    before = MoveTask.read(task.document)
    after = replace(before, moved=before.moved + moved, reason=reason or before.reason)
    status = MoveStatus.RUNNING
    if reason:
        status = MoveStatus.FAILED
    elif len(found) < requested or after.moved >= after.to_move:
        status = MoveStatus.COMPLETED
    return replace(task, status=status.value, document=after.write(task.document))


def _due(task: Resource) -> int:
    """Returns how many messages may have been moved by now: one at once, then the requested rate per second."""
    document = MoveTask.read(task.document)
    left = document.to_move - document.moved
    if document.per_second is None:
        return left
    by_now = 1 + (now_ms() - task.created_ms) * document.per_second // 1000
    return max(0, min(left, by_now - document.moved))


def _pause_s(task: Resource) -> float:
    pace = MoveTask.read(task.document).per_second
    return max(0.05, 1 / pace) if pace else 0.0


def _destination(connection: Connection, task: Resource, message: QueueMessage) -> str:
    """Returns the id of the message's destination queue. Raises _Stuck."""
    arn = MoveTask.read(task.document).destination or message.system.get(DEAD_LETTER_SOURCE)
    if arn is None:
        raise _Stuck(NO_SOURCE)
    queue = resources.find_in(connection, ResourceScope(QUEUES, task.account, task.region), arn.rpartition(":")[2])
    if queue is None:
        raise _Stuck(NO_QUEUE)
    return queue.id
