"""The errors of a built-in algorithm's job, and who is at fault.

    JobError
    ├── UserError        the hyperparameters or the data are wrong: exit code 2, FailureReason `ClientError: …`
    ├── AlgorithmError   the algorithm failed: exit code 1, FailureReason `AlgorithmError: …`
    └── PlatformError    the environment of the algorithm failed: exit code 1

The text is written to /opt/ml/output/failure unchanged. Source: the contract's errors.md, sections 5 and 7.
"""

from __future__ import annotations


class JobError(Exception):
    """Ends the job with a text for its owner; `caused_by` adds the class of the underlying exception."""

    exit_code = 1

    def __init__(self, message: str, caused_by: BaseException | None = None) -> None:
        if caused_by is not None:
            message = f"{message} (caused by {type(caused_by).__name__})"
        super().__init__(message)


class UserError(JobError):
    """The job's owner can avoid this error by changing the request or the data."""

    exit_code = 2


class AlgorithmError(JobError):
    """The algorithm can't continue, and nothing in the request explains it."""


class PlatformError(JobError):
    """Something that the platform guarantees is missing: a file of /opt/ml, another host, the network."""
