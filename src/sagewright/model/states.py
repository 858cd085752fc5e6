"""The life of a training job: its statuses, and the one table of legal moves.

Source: botocore's TrainingJobStatus and SecondaryStatus; docs/explanation/architecture.md says how events become status.
"""

from __future__ import annotations

from enum import StrEnum


class TrainingStatus(StrEnum):
    IN_PROGRESS = "InProgress"  # accepted; its hosts are being placed, run or upload
    COMPLETED = "Completed"  # every host exited 0 and the artefacts are in S3
    FAILED = "Failed"  # FailureReason says why
    STOPPING = "Stopping"  # asked to stop: SIGTERM was sent or is about to be
    STOPPED = "Stopped"  # ended by a request or by a time limit
    DELETING = "Deleting"  # being removed


class SecondaryStatus(StrEnum):
    STARTING = "Starting"  # waits for resources, or its hosts are being launched
    PENDING = "Pending"  # waits for capacity reserved elsewhere
    DOWNLOADING = "Downloading"  # code, environment and File-mode channels
    TRAINING = "Training"  # the user's process runs on at least one host
    INTERRUPTED = "Interrupted"  # a spot host was taken away
    RESTARTING = "Restarting"  # tried again after an internal error
    UPDATING = "Updating"  # its configuration is being changed
    UPLOADING = "Uploading"  # artefacts go to S3
    STOPPING = "Stopping"  # as the primary status
    STOPPED = "Stopped"  # ended by StopTrainingJob
    MAX_RUNTIME_EXCEEDED = "MaxRuntimeExceeded"  # ended by StoppingCondition.MaxRuntimeInSeconds
    MAX_WAIT_TIME_EXCEEDED = "MaxWaitTimeExceeded"  # a spot job that waited too long
    COMPLETED = "Completed"  # as the primary status
    FAILED = "Failed"  # as the primary status


S = SecondaryStatus

ACTIVE = frozenset({TrainingStatus.IN_PROGRESS, TrainingStatus.STOPPING})
ENDED = frozenset({TrainingStatus.COMPLETED, TrainingStatus.FAILED, TrainingStatus.STOPPED})
REMOVED = frozenset({TrainingStatus.DELETING})

PRIMARY: dict[SecondaryStatus, TrainingStatus] = {
    S.STARTING: TrainingStatus.IN_PROGRESS,
    S.PENDING: TrainingStatus.IN_PROGRESS,
    S.DOWNLOADING: TrainingStatus.IN_PROGRESS,
    S.TRAINING: TrainingStatus.IN_PROGRESS,
    S.INTERRUPTED: TrainingStatus.IN_PROGRESS,
    S.RESTARTING: TrainingStatus.IN_PROGRESS,
    S.UPDATING: TrainingStatus.IN_PROGRESS,
    S.UPLOADING: TrainingStatus.IN_PROGRESS,
    S.STOPPING: TrainingStatus.STOPPING,
    S.STOPPED: TrainingStatus.STOPPED,
    S.MAX_RUNTIME_EXCEEDED: TrainingStatus.STOPPED,
    S.MAX_WAIT_TIME_EXCEEDED: TrainingStatus.STOPPED,
    S.COMPLETED: TrainingStatus.COMPLETED,
    S.FAILED: TrainingStatus.FAILED,
}
"""What the secondary status says about the primary one. (Uploading while Stopping keeps Stopping: see `primary_after`.)"""

_WORKING = frozenset({S.STOPPING, S.FAILED, S.MAX_RUNTIME_EXCEEDED})
"""Where any job that is not over may go: the time limit counts from the start of its hosts."""

TRAINING_MOVES: dict[SecondaryStatus, frozenset[SecondaryStatus]] = {
    S.STARTING: frozenset({S.PENDING, S.DOWNLOADING, S.TRAINING, S.INTERRUPTED, S.RESTARTING}) | _WORKING,
    S.PENDING: frozenset({S.STARTING, S.DOWNLOADING, S.TRAINING}) | _WORKING,
    S.DOWNLOADING: frozenset({S.TRAINING, S.INTERRUPTED, S.RESTARTING}) | _WORKING,
    S.TRAINING: frozenset({S.UPLOADING, S.INTERRUPTED, S.RESTARTING, S.UPDATING}) | _WORKING,
    S.INTERRUPTED: frozenset({S.STARTING, S.DOWNLOADING}) | _WORKING,
    S.RESTARTING: frozenset({S.STARTING, S.DOWNLOADING}) | _WORKING,
    S.UPDATING: frozenset({S.TRAINING}) | _WORKING,
    S.UPLOADING: frozenset({S.COMPLETED, S.STOPPED, S.MAX_WAIT_TIME_EXCEEDED, S.INTERRUPTED, S.RESTARTING}) | _WORKING,
    # A job that ends by itself before the request to stop reaches it is Completed.
    S.STOPPING: frozenset(
        {S.UPLOADING, S.STOPPED, S.COMPLETED, S.MAX_RUNTIME_EXCEEDED, S.MAX_WAIT_TIME_EXCEEDED, S.FAILED}
    ),
    S.STOPPED: frozenset(),
    S.MAX_RUNTIME_EXCEEDED: frozenset(),
    S.MAX_WAIT_TIME_EXCEEDED: frozenset(),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
}


def primary_after(current: TrainingStatus, target: SecondaryStatus) -> TrainingStatus:
    """The primary status once `target` is reached: a job that is stopping stays Stopping while it uploads."""
    if target is S.UPLOADING and current is TrainingStatus.STOPPING:
        return TrainingStatus.STOPPING
    return PRIMARY[target]
