"""Calls to operations: the engine acts as a principal with exactly that principal's rights, or as the service itself.

Tuning creates its training jobs this way, a pipeline its steps' jobs, a rule what it starts. There is no second way to create a
job, and the engine does nothing for a client that it could not do itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Owner:
    """The subject that a job is created for; it is reconciled whenever the job makes progress. Clients cannot set it in a request.

    `job`: the job's name, if the operation has no member for it; `namespace`: CloudWatch's namespace for metrics that the job
    writes to files, "" if they are not published.
    """

    kind: str
    id: str
    arn: str
    job: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class OperationRequest:
    """A request of an operation in boto3's format. `principal`: the ARN of the calling role or user; `region`: "" for the server's
    own; `base_url`: that at which the caller reaches the server, "" for the server's own; `access_key`: the id of the caller's.
    `by_service`: a service acts with its own permissions, as SageMaker does when it starts a tuning job's training jobs.
    `agent`: the program of a person who calls, "" if a service calls.
    """

    principal: str
    service: str
    operation: str
    request: dict[str, Any]
    owner: Owner | None = None
    region: str = ""
    base_url: str = ""
    access_key: str = ""
    by_service: bool = False
    agent: str = ""


class Call(Protocol):
    """Calls operations and answers as boto3 would. Safe to use from many threads; blocks as long as the operation takes."""

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        """Calls an operation. Raises AwsError, as a client would receive it, including NotImplementedYet for an unsupported
        operation."""
        ...
