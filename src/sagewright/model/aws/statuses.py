"""Statuses of AWS resources other than jobs and endpoints: see also model.jobs.state_machines."""

from __future__ import annotations

from enum import StrEnum


class ApprovalStatus(StrEnum):
    """Source: botocore's ModelApprovalStatus."""

    APPROVED = "Approved"
    REJECTED = "Rejected"
    PENDING = "PendingManualApproval"


class PackageStatus(StrEnum):
    """Model packages, groups and algorithms are complete once they exist. Source: botocore's ModelPackageStatus."""

    COMPLETED = "Completed"


class PipelineStatus(StrEnum):
    """Source: botocore's PipelineStatus."""

    ACTIVE = "Active"


class ActionStatus(StrEnum):
    """The status of a lineage action. Source: botocore's ActionStatus."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"


class VariantStatus(StrEnum):
    """Activities of variants. Source: botocore's VariantStatus."""

    CREATING = "Creating"
    UPDATING = "Updating"
    DELETING = "Deleting"
    BAKING = "Baking"


class CaptureStatus(StrEnum):
    """Source: botocore's CaptureStatus."""

    STARTED = "Started"
    STOPPED = "Stopped"


class ExperimentVariantStatus(StrEnum):
    """Source: botocore's ModelVariantStatus."""

    CREATING = "Creating"
    UPDATING = "Updating"
    IN_SERVICE = "InService"
    DELETED = "Deleted"


class HubStatus(StrEnum):
    """A hub is in service once it exists. Source: botocore's HubStatus."""

    IN_SERVICE = "InService"


class HubContentStatus(StrEnum):
    """A hub's content is available once it is imported. Source: botocore's HubContentStatus."""

    AVAILABLE = "Available"
