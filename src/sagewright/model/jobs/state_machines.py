"""State machines of jobs: statuses, the sets that partition them, and the one table of legal moves.

The engine uses `SecondaryStatus` values, which are the same for every kind of work. A kind's `StateMachine` maps them to the
statuses that clients see.

Source: botocore's TrainingJobStatus, SecondaryStatus and ProcessingJobStatus; docs/explanation/architecture.md describes how events
become status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """The status of a job of any kind. Source: TrainingJobStatus, ProcessingJobStatus, TransformJobStatus."""

    IN_PROGRESS = "InProgress"  # accepted; its hosts are being placed, run or upload
    COMPLETED = "Completed"  # every host exited 0 and its outputs are in S3
    FAILED = "Failed"  # FailureReason says why
    STOPPING = "Stopping"  # a stop was requested: SIGTERM was sent or is about to be
    STOPPED = "Stopped"  # ended by a request or by a time limit
    DELETING = "Deleting"  # being removed (training jobs only)


class SecondaryStatus(StrEnum):
    """The progress of a job. The values are those of SecondaryStatus, which only training jobs show."""

    STARTING = "Starting"  # waits for resources, or its hosts are being launched
    PENDING = "Pending"  # waits for capacity reserved elsewhere
    DOWNLOADING = "Downloading"  # code, environment and inputs in File mode
    RUNNING = "Training"  # the user's process runs on at least one host
    INTERRUPTED = "Interrupted"  # a spot host was reclaimed
    RESTARTING = "Restarting"  # retried after an internal error
    UPDATING = "Updating"  # its configuration is being changed
    UPLOADING = "Uploading"  # outputs are being uploaded to S3
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
"""The status implied by a step. (Uploading while Stopping keeps Stopping: see `StateMachine.status_after`.)"""

_S = SecondaryStatus
_WORKING = frozenset({_S.STOPPING, _S.FAILED, _S.MAX_RUNTIME_EXCEEDED})
"""Legal moves of any job that is not over: the time limit counts from the start of its hosts."""

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
    # A job that ends on its own before the request to stop reaches it is Completed.
    _S.STOPPING: frozenset(
        {_S.UPLOADING, _S.STOPPED, _S.COMPLETED, _S.MAX_RUNTIME_EXCEEDED, _S.MAX_WAIT_TIME_EXCEEDED, _S.FAILED}
    ),
    _S.STOPPED: frozenset(),
    _S.MAX_RUNTIME_EXCEEDED: frozenset(),
    _S.MAX_WAIT_TIME_EXCEEDED: frozenset(),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
}
"""Legal moves from each step."""


@dataclass(frozen=True)
class StateMachine:
    """The state machine of one kind of subject; the defaults are those of a job.

    `moves`: legal moves from a step; `status_of`: the status that a step implies; `kept`: pairs of a status and a step that does
    not change it; `messages`: default messages of steps for clients.
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
        """True if the move is legal. Staying at a step, with another message, always is."""
        return current == target or target in self.moves[current]

    def status_after(self, current: str, target: str) -> str:
        """Returns the status once `target` is reached: a job that is stopping stays Stopping while it uploads."""
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
PROCESSING = StateMachine("processing")  # clients do not see its steps
TRANSFORM = StateMachine("transform")  # nor those of batch transform
FUNCTION = StateMachine("function")  # one invocation; clients see only its answer
SERVING = StateMachine("serving")  # one container of an endpoint's instance; clients see only the endpoint
TRACKING = StateMachine("tracking")  # one start of an MLflow tracking server; clients see only the server
INTERACTIVE = StateMachine("interactive")  # one start of an app or a notebook instance; clients see only these

STATE_MACHINES: dict[str, StateMachine] = {
    state_machine.kind: state_machine
    for state_machine in (TRAINING, PROCESSING, TRANSFORM, FUNCTION, SERVING, TRACKING, INTERACTIVE)
}


class EndpointStatus(StrEnum):
    """Source: botocore's EndpointStatus."""

    CREATING = "Creating"
    UPDATING = "Updating"
    ROLLING_BACK = "RollingBack"  # an update failed, and the old configuration is being restored
    IN_SERVICE = "InService"
    OUT_OF_SERVICE = "OutOfService"  # no instance has answered for a while; replacements are tried
    DELETING = "Deleting"
    FAILED = "Failed"


CHANGING = frozenset({EndpointStatus.CREATING, EndpointStatus.UPDATING, EndpointStatus.ROLLING_BACK})
"""An endpoint in one of these statuses cannot be updated or deleted."""


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


class AppStatus(StrEnum):
    """Source: botocore's AppStatus."""

    PENDING = "Pending"  # being started, or restarted after it had ended on its own
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    DELETED = "Deleted"  # visible for a day
    FAILED = "Failed"


class NotebookInstanceStatus(StrEnum):
    """Source: botocore's NotebookInstanceStatus."""

    PENDING = "Pending"
    IN_SERVICE = "InService"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    DELETING = "Deleting"


class StudioStatus(StrEnum):
    """Statuses of domains, user profiles and spaces. Source: botocore's DomainStatus."""

    IN_SERVICE = "InService"
    DELETING = "Deleting"
