"""DescribeEndpoint's answer, as the wings that change endpoints read it."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.model.members import TypedDocument, member


@dataclass(frozen=True, kw_only=True)
class PendingDeployment(TypedDocument):
    config: str = member("EndpointConfigName")


@dataclass(frozen=True, kw_only=True)
class DescribedEndpoint(TypedDocument):
    """`reason`: why it failed, or its last update did; `pending`: what it is updated to."""

    status: str = member("EndpointStatus")
    config: str = member("EndpointConfigName")
    reason: str = member("FailureReason", "")
    pending: PendingDeployment | None = member("PendingDeploymentSummary", None, PendingDeployment)

    @property
    def serves(self) -> bool:
        return self.status == EndpointStatus.IN_SERVICE

    @property
    def update_failed(self) -> bool:
        return self.serves and bool(self.reason)


@dataclass(frozen=True, kw_only=True)
class DescribedCapture(TypedDocument):
    destination: str = member("DestinationS3Uri")


@dataclass(frozen=True, kw_only=True)
class DescribedVariant(TypedDocument):
    name: str = member("VariantName")


@dataclass(frozen=True, kw_only=True)
class CapturingEndpoint(TypedDocument):
    """An endpoint whose data a monitor analyzes. `capture`: None if it never captured any."""

    capture: DescribedCapture | None = member("DataCaptureConfig", None, DescribedCapture)
    variants: list[DescribedVariant] = member("ProductionVariants", list, DescribedVariant, each=True)


def is_outpaced(error: AwsError) -> bool:
    """Returns whether a creation or an update was refused since another has begun one: a client, or another server on this store
    that takes the same step."""
    return "already existing" in error.message or "in-progress endpoint" in error.message


TEMPORARY = "temporary-endpoint"
"""Kind of the subject that deletes the endpoint of a job that is over; its id is the job's ARN. See
`endpoints.temporary_endpoints`."""
