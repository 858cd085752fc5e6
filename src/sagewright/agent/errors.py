"""Failures of a job before or after its process ran. The class gives the responsible party, the message is FailureReason's.

JobError
├── ClientError            the request, the data, the image or a permission is at fault
└── AlgorithmError         the user's program is at fault

Any other exception in an agent is an InternalServerError.
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
    """The server reported that the job no longer belongs to this agent."""


class JobStopped(Exception):
    """The job was asked to stop, and its process is not running."""

    cause = EndCause.STOP


class Overdue(JobStopped):
    """The job has reached its time limit, and its process does not run (yet or any more)."""

    cause = EndCause.MAX_RUNTIME


class TooLate(Exception):
    """The job was stopped or reached its time limit, and its grace period for uploading results is over."""


@contextmanager
def blamed_on_client() -> Iterator[None]:
    """Raises ClientError for a launch that the sandbox rejects because of the request."""
    try:
        yield
    except CannotLaunch as error:
        raise ClientError(str(error)) from error
