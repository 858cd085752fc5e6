"""Why a job fails before or after its process ran. The class says whose fault it is, the message is FailureReason's.

JobError
├── ClientError            the request, the data, the image or a right is at fault
└── AlgorithmError         the user's program is at fault

Anything else that is raised in an agent is an InternalServerError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sagewright.model.jobs.brief import EndCause, FaultClass
from sagewright.sandbox.base import CannotLaunch


class JobError(Exception):
    """`str()` is the text after the class in FailureReason."""

    reason_class = FaultClass.INTERNAL


class ClientError(JobError):
    reason_class = FaultClass.CLIENT


class AlgorithmError(JobError):
    reason_class = FaultClass.ALGORITHM


class JobGone(Exception):
    """The server said that the job is not this agent's any more."""


class JobStopped(Exception):
    """The job is to stop, and its process does not run (yet or any more)."""

    cause = EndCause.STOP


class Overdue(JobStopped):
    """The job has run for as long as it may, and its process does not run (yet or any more)."""

    cause = EndCause.MAX_RUNTIME


class TooLate(Exception):
    """The job was stopped or its time is over, and so is what it had to bring its results to S3."""


@contextmanager
def blamed_on_client() -> Iterator[None]:
    """Raises ClientError for a launch that the sandbox refuses: the request asked for it."""
    try:
        yield
    except CannotLaunch as error:
        raise ClientError(str(error)) from error
