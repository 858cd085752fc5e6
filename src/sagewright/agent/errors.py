"""Why a job fails before or after its process ran. The class says whose fault it is, the message is FailureReason's.

JobError
├── ClientError            the request, the data, the image or a right is at fault
└── AlgorithmError         the user's program is at fault

Anything else that is raised in an agent is an InternalServerError.
"""

from __future__ import annotations


class JobError(Exception):
    """`str()` is the text after the class in FailureReason."""

    reason_class = "InternalServerError"


class ClientError(JobError):
    reason_class = "ClientError"


class AlgorithmError(JobError):
    reason_class = "AlgorithmError"


class Gone(Exception):
    """The server said that the job is not this agent's any more."""


class Stopped(Exception):
    """The job is to stop, and its process does not run (yet or any more)."""

    cause = "stop"


class Overdue(Stopped):
    """The job has run for as long as it may, and its process does not run (yet or any more)."""

    cause = "max_runtime"


class TooLate(Exception):
    """The job was stopped or its time is over, and so is what it had to bring its results to S3."""
