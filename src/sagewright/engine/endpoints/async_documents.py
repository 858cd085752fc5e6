"""Stored documents of asynchronous invocations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright.model.members import TypedDocument, member


class InvocationStatus(StrEnum):
    """Statuses of rows."""

    WAITING = "Waiting"
    RUNNING = "Running"


class InvocationOutcome(StrEnum):
    """Ends of invocations, as notifications name them. Source: AWS's developer guide, "Check prediction results"."""

    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, kw_only=True)
class AsyncRequest(TypedDocument):
    """`headers`: of the request to the container; `failure`: the object for an error's message, if requested; `body`: base64 of the
    input, for a request without `input`; `owner`: the server that claimed it; `lease`: the same in rows of earlier versions."""

    endpoint: str = member("EndpointName")
    inference_id: str = member("InferenceId")
    output: str = member("OutputLocation")
    ttl_s: int = member("TtlSeconds")
    timeout_s: int = member("TimeoutSeconds")
    headers: dict[str, str] = member("Headers")
    failure: str | None = member("FailureLocation", None)
    input: str = member("InputLocation", "")
    body: str = member("Body", "")
    owner: str = member("Owner", "")
    lease: dict[str, Any] = member("Lease", dict)

    @property
    def holder(self) -> str:
        """Returns the server that claimed the invocation, even if it has died; "" for none."""
        return self.owner or str(self.lease.get("Owner", ""))
