"""Tasks that move dead letters back to their source queues, or to another queue.

One transaction moves as many messages as the rate allows and updates the count, so that no message is moved twice or lost. Source:
AWS's API reference, Amazon SQS, StartMessageMoveTask, ListMessageMoveTasks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from sagewright.engine.dependencies import Dependencies
from sagewright.model.clock import now_ms
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.messages import messages
from sagewright.store.messages.messages import DEAD_LETTER_SOURCE, QueueMessage
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "sqs-move-task"
QUEUES = "sqs-queue"
RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"
BATCH = 100
NO_QUEUE, NO_SOURCE = "AWS.SimpleQueueService.NonExistentQueue", "CouldNotDetermineMessageSource"


class _Stuck(Exception):
    """A message cannot be moved; the text gives the reason."""


class MessageMoveReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._wake_after = dependencies.store, dependencies.wake_after

    def active(self) -> list[tuple[str, str]]:
        return [(KIND, one) for one in resources.in_status(self._store, KIND, [RUNNING])]

    def reconcile(self, subject_id: str) -> None:
        with self._store.write() as connection:
            task = resources.locked_in(connection, subject_id)
            if task is None or task.status != RUNNING:
                return
            changed = _step(connection, task)
            resources.change_in(connection, changed)
        if changed.status == RUNNING:
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
    document: dict[str, Any] = task.document | {"Moved": task.document["Moved"] + moved}
    if reason:
        return replace(task, status=FAILED, document=document | {"FailureReason": reason})
    over = len(found) < requested or document["Moved"] >= document["ToMove"]
    return replace(task, status=COMPLETED if over else RUNNING, document=document)


def _due(task: Resource) -> int:
    """Returns how many messages may have been moved by now: one at once, then the requested rate per second."""
    moved: int = task.document["Moved"]
    left: int = task.document["ToMove"] - moved
    pace = task.document.get("PerSecond")
    if pace is None:
        return left
    by_now = 1 + (now_ms() - task.created_ms) * int(pace) // 1000
    return max(0, min(left, by_now - moved))


def _pause_s(task: Resource) -> float:
    pace = task.document.get("PerSecond")
    return max(0.05, 1 / pace) if pace else 0.0


def _destination(connection: Connection, task: Resource, message: QueueMessage) -> str:
    """Returns the id of the message's destination queue. Raises _Stuck."""
    arn = task.document.get("DestinationArn") or message.system.get(DEAD_LETTER_SOURCE)
    if arn is None:
        raise _Stuck(NO_SOURCE)
    queue = resources.find_in(connection, ResourceScope(QUEUES, task.account, task.region), arn.rpartition(":")[2])
    if queue is None:
        raise _Stuck(NO_QUEUE)
    return queue.id
