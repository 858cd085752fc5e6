"""The interface of a type of step: begin, observe, stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sagewright.engine.calls import Call, OperationRequest, Owner
from sagewright.engine.pipelines.execution_documents import ExecutionDocument
from sagewright.engine.pipelines.step_records import StepRecord
from sagewright.model.budgets import Budget
from sagewright.pipelines.definition import PipelineStep
from sagewright.pipelines.plan import StepStatus
from sagewright.pipelines.references import MOST_MADE, ReferenceResolver
from sagewright.store.resources.resources import Resource


@dataclass(frozen=True)
class StepObservation:
    """The observed state of a step. `exception`: the failure's name for retry policies."""

    status: StepStatus
    metadata: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] | None = None
    reason: str | None = None
    outcome: bool | None = None
    exception: str = ""


@dataclass(frozen=True)
class StepContext:
    """Context of a step; `invoke` calls SageMaker with the execution's role. `budget`: limits what its references produce."""

    call: Call
    execution: Resource
    arn: str
    known: ReferenceResolver
    step: PipelineStep
    budget: Budget = field(default_factory=lambda: Budget("The output of its references", MOST_MADE))

    @property
    def role(self) -> str:
        """Returns the execution's role."""
        return ExecutionDocument.read(self.execution.document).role

    def invoke(self, operation: str, request: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
        """Calls an operation. Raises AwsError."""
        owner = Owner(self.execution.kind, self.execution.id, self.arn)
        return self.call(OperationRequest(self.role, service, operation, request, owner, self.execution.region))


class StepKind(Protocol):
    """One type of step. Each method may be called again after a restart, and must create nothing twice."""

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        """Begins the step. Raises AwsError, BadReference."""
        ...

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        """Observes a step that has begun. Raises AwsError."""
        ...

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """Stops the step. Raises AwsError if there is nothing left to stop."""
        ...


@dataclass(frozen=True)
class AtOnce:
    """A step that is over as soon as it begins. `make` raises AwsError, BadReference."""

    make: Callable[[StepContext, StepRecord], StepObservation]

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        return self.make(context, record)

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        return self.make(context, record)

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """No-op: there is nothing to stop."""


def plain(value: Any) -> Any:
    """Returns the value as JSON represents it: times become strings."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
