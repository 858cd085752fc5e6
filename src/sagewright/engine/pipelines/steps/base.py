"""What a type of step has to say: how it begins, what has become of it, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sagewright.engine.calls import Call, OperationRequest, Owner
from sagewright.engine.pipelines.step_records import StepRecord
from sagewright.model.budgets import Budget
from sagewright.pipelines.definition import PipelineStep
from sagewright.pipelines.plan import StepStatus
from sagewright.pipelines.references import MOST_MADE, ReferenceResolver
from sagewright.store.resources.resources import Resource


@dataclass(frozen=True)
class StepObservation:
    """How a step stands. `exception`: what a retry policy may name, where it failed."""

    status: StepStatus
    metadata: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] | None = None
    reason: str | None = None
    outcome: bool | None = None
    exception: str = ""


@dataclass(frozen=True)
class StepContext:
    """What a step works with: `invoke` asks SageMaker as the execution's role. `budget`: for what its references make."""

    call: Call
    execution: Resource
    arn: str
    known: ReferenceResolver
    step: PipelineStep
    budget: Budget = field(default_factory=lambda: Budget("What its references make", MOST_MADE))

    def invoke(self, operation: str, request: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
        """Raises AwsError."""
        owner = Owner(self.execution.kind, self.execution.id, self.arn)
        return self.call(
            OperationRequest(
                self.execution.document["RoleArn"], service, operation, request, owner, self.execution.region
            )
        )


class StepKind(Protocol):
    """One type. Each may be called again after a restart, and must make nothing twice."""

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        """Raises AwsError, BadReference."""
        ...

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        """Of a step that has begun. Raises AwsError."""
        ...

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """Raises AwsError where there is nothing to stop any more."""
        ...


@dataclass(frozen=True)
class AtOnce:
    """A step that is over as soon as it has begun. `make` raises AwsError, BadReference."""

    make: Callable[[StepContext, StepRecord], StepObservation]

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        return self.make(context, record)

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        return self.make(context, record)

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """There is nothing to stop."""


def plain(value: Any) -> Any:
    """As JSON has it: times are texts."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
