"""The lives of jobs: statuses, the sets that partition them, and the one table of legal moves.

A job's engine speaks of `SecondaryStatus`s, which are the same for every kind of work. A kind's `StateMachine` says what clients
see of them.

Source: botocore's TrainingJobStatus, SecondaryStatus and ProcessingJobStatus; docs/explanation/architecture.md says how events
become status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """Of jobs of every kind. Source: TrainingJobStatus, ProcessingJobStatus, TransformJobStatus."""

    IN_PROGRESS = "InProgress"  # accepted; its hosts are being placed, run or upload
    COMPLETED = "Completed"  # every host exited 0 and what it leaves is in S3
    FAILED = "Failed"  # FailureReason says why
    STOPPING = "Stopping"  # asked to stop: SIGTERM was sent or is about to be
    STOPPED = "Stopped"  # ended by a request or by a time limit
    DELETING = "Deleting"  # being removed (training jobs alone)


class SecondaryStatus(StrEnum):
    """How far a job is. The values are those of SecondaryStatus, which only training jobs show."""

    STARTING = "Starting"  # waits for resources, or its hosts are being launched
    PENDING = "Pending"  # waits for capacity reserved elsewhere
    DOWNLOADING = "Downloading"  # code, environment and inputs in File mode
    RUNNING = "Training"  # the user's process runs on at least one host
    INTERRUPTED = "Interrupted"  # a spot host was taken away
    RESTARTING = "Restarting"  # tried again after an internal error
    UPDATING = "Updating"  # its configuration is being changed
    UPLOADING = "Uploading"  # what it leaves goes to S3
    STOPPING = "Stopping"  # as the status
    STOPPED = "Stopped"  # ended by a request
    MAX_RUNTIME_EXCEEDED = "MaxRuntimeExceeded"  # ended by its time limit
    MAX_WAIT_TIME_EXCEEDED = "MaxWaitTimeExceeded"  # a spot job that waited too long
    COMPLETED = "Completed"  # as the status
    FAILED = "Failed"  # as the status


ACTIVE: frozenset[str] = frozenset({Status.IN_PROGRESS, Status.STOPPING})
ENDED: frozenset[str] = frozenset({Status.COMPLETED, Status.FAILED, Status.STOPPED})
REMOVED: frozenset[str] = frozenset({Status.DELETING})

STATUS_OF: dict[str, str] = {
    **dict.fromkeys(SecondaryStatus, Status.IN_PROGRESS),
    SecondaryStatus.STOPPING: Status.STOPPING,
    SecondaryStatus.STOPPED: Status.STOPPED,
    SecondaryStatus.MAX_RUNTIME_EXCEEDED: Status.STOPPED,
    SecondaryStatus.MAX_WAIT_TIME_EXCEEDED: Status.STOPPED,
    SecondaryStatus.COMPLETED: Status.COMPLETED,
    SecondaryStatus.FAILED: Status.FAILED,
}
"""What a step says about the status. (Uploading while Stopping keeps Stopping: see `StateMachine.status_after`.)"""

_S = SecondaryStatus
_WORKING = frozenset({_S.STOPPING, _S.FAILED, _S.MAX_RUNTIME_EXCEEDED})
"""Where any job that is not over may go: the time limit counts from the start of its hosts."""

MOVES: dict[str, frozenset[str]] = {
    _S.STARTING: frozenset({_S.PENDING, _S.DOWNLOADING, _S.RUNNING, _S.INTERRUPTED, _S.RESTARTING}) | _WORKING,
    _S.PENDING: frozenset({_S.STARTING, _S.DOWNLOADING, _S.RUNNING}) | _WORKING,
    _S.DOWNLOADING: frozenset({_S.RUNNING, _S.INTERRUPTED, _S.RESTARTING}) | _WORKING,
    _S.RUNNING: frozenset({_S.UPLOADING, _S.INTERRUPTED, _S.RESTARTING, _S.UPDATING}) | _WORKING,
    _S.INTERRUPTED: frozenset({_S.STARTING, _S.DOWNLOADING}) | _WORKING,
    _S.RESTARTING: frozenset({_S.STARTING, _S.DOWNLOADING}) | _WORKING,
    _S.UPDATING: frozenset({_S.RUNNING}) | _WORKING,
    _S.UPLOADING: frozenset({_S.COMPLETED, _S.STOPPED, _S.MAX_WAIT_TIME_EXCEEDED, _S.INTERRUPTED, _S.RESTARTING})
    | _WORKING,
    # A job that ends by itself before the request to stop reaches it is Completed.
    _S.STOPPING: frozenset(
        {_S.UPLOADING, _S.STOPPED, _S.COMPLETED, _S.MAX_RUNTIME_EXCEEDED, _S.MAX_WAIT_TIME_EXCEEDED, _S.FAILED}
    ),
    _S.STOPPED: frozenset(),
    _S.MAX_RUNTIME_EXCEEDED: frozenset(),
    _S.MAX_WAIT_TIME_EXCEEDED: frozenset(),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
}
"""Where a job may go from a step."""


@dataclass(frozen=True)
class StateMachine:
    """The life of one kind of subject: by default that of a job.

    `moves`: where it may go from a step; `status_of`: the status that a step means; `kept`: pairs of a status and a step that
    does not change it; `messages`: what clients read at a step that says nothing of its own.
    """

    kind: str
    messages: Mapping[str, str] = field(default_factory=dict)
    first: str = SecondaryStatus.STARTING
    moves: Mapping[str, frozenset[str]] = field(default_factory=lambda: MOVES)
    status_of: Mapping[str, str] = field(default_factory=lambda: STATUS_OF)
    kept: frozenset[tuple[str, str]] = frozenset({(Status.STOPPING, SecondaryStatus.UPLOADING)})
    active: frozenset[str] = ACTIVE
    ended: frozenset[str] = ENDED

    def may(self, current: str, target: str) -> bool:
        """Whether it may go there. Staying where it is, with another message, it always may."""
        return current == target or target in self.moves[current]

    def status_after(self, current: str, target: str) -> str:
        """The status once `target` is reached: a job that is stopping stays Stopping while it uploads."""
        return current if (current, target) in self.kept else str(self.status_of[target])

    def message(self, step: str) -> str:
        return self.messages.get(step, "")


TRAINING = StateMachine(
    "training",
    {
        SecondaryStatus.STARTING: "Preparing the instances for training",
        SecondaryStatus.DOWNLOADING: "Downloading input data",
        SecondaryStatus.RUNNING: "Training image download completed. Training in progress.",
        SecondaryStatus.UPLOADING: "Uploading generated training model",
        SecondaryStatus.STOPPING: "Stopping the training job",
        SecondaryStatus.STOPPED: "Training job stopped",
        SecondaryStatus.MAX_RUNTIME_EXCEEDED: "Training job exceeded its maximum runtime",
        SecondaryStatus.MAX_WAIT_TIME_EXCEEDED: "Maximum wait time exceeded",
        SecondaryStatus.INTERRUPTED: "Training job was interrupted",
        SecondaryStatus.RESTARTING: "Restarting the training job",
        SecondaryStatus.COMPLETED: "Training job completed",
        SecondaryStatus.FAILED: "Training job failed",
    },
)
PROCESSING = StateMachine("processing")  # its clients see no steps
TRANSFORM = StateMachine("transform")  # nor do those of batch transform
FUNCTION = StateMachine("function")  # one invocation; its clients see its answer alone
SERVING = StateMachine("serving")  # one container of an endpoint's instance; its clients see the endpoint alone
TRACKING = StateMachine("tracking")  # one start of an MLflow tracking server, of which its clients see the server alone

STATE_MACHINES: dict[str, StateMachine] = {
    state_machine.kind: state_machine
    for state_machine in (TRAINING, PROCESSING, TRANSFORM, FUNCTION, SERVING, TRACKING)
}


class EndpointStatus(StrEnum):
    """Source: botocore's EndpointStatus."""

    CREATING = "Creating"
    UPDATING = "Updating"
    ROLLING_BACK = "RollingBack"  # an update failed, and the old configuration takes over again
    IN_SERVICE = "InService"
    OUT_OF_SERVICE = "OutOfService"  # it has had no instance that answers for a while; replacements are tried
    DELETING = "Deleting"
    FAILED = "Failed"


CHANGING = frozenset({EndpointStatus.CREATING, EndpointStatus.UPDATING, EndpointStatus.ROLLING_BACK})
"""An endpoint in one of these takes no update, and can't be deleted."""


class TrackingStatus(StrEnum):
    """Source: botocore's TrackingServerStatus."""

    CREATING = "Creating"
    CREATED = "Created"
    CREATE_FAILED = "CreateFailed"
    UPDATING = "Updating"
    UPDATED = "Updated"
    UPDATE_FAILED = "UpdateFailed"
    STARTING = "Starting"
    STARTED = "Started"
    START_FAILED = "StartFailed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DELETING = "Deleting"
