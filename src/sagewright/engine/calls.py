"""How the engine asks for what it needs: by operations, as a principal, with that principal's rights and nothing more.

Tuning makes its training jobs so, a pipeline its steps', a rule what it starts. There is no second way to create a job, and what a
client could not do is not done for one either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Owner:
    """The subject that a job is made for: it is looked at whenever the job has got on. No client can say so in a request.

    `job`: how it is called, where the operation has no member for that.
    """

    kind: str
    id: str
    arn: str
    job: str = ""


@dataclass(frozen=True)
class OperationRequest:
    """A request of an operation as boto3 takes it. `principal`: the ARN of the role or user that asks; `region`: ""
    for the server's own.
    """

    principal: str
    service: str
    operation: str
    request: dict[str, Any]
    owner: Owner | None = None
    region: str = ""


class Call(Protocol):
    """Answers as boto3 would. Safe to use from many threads; blocks as long as the operation takes."""

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        """Raises AwsError: what a client would get, NotImplementedYet for an operation that is not served among it."""
        ...
