"""Stored documents of scalable targets: bounds, policies, scheduled actions and past activities."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright.model.members import TypedDocument, member


class ActivityStatus(StrEnum):
    """Source: the values of botocore's ScalingActivityStatusCode that are used."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"


class PolicyType(StrEnum):
    """Source: the values of botocore's PolicyType that are served."""

    STEP = "StepScaling"
    TARGET_TRACKING = "TargetTrackingScaling"


@dataclass(frozen=True, kw_only=True)
class ScalingPolicy(TypedDocument):
    """`steps` and `tracking`: its configuration, as requested."""

    arn: str = member("PolicyARN")
    name: str = member("PolicyName")
    type: str = member("PolicyType")
    created_ms: int = member("CreatedMs")
    steps: dict[str, Any] = member("StepScalingPolicyConfiguration", dict)
    tracking: dict[str, Any] = member("TargetTrackingScalingPolicyConfiguration", dict)


@dataclass(frozen=True, kw_only=True)
class ScheduledScaling(TypedDocument):
    """`bounds`: the members of the target that it changes; `next_ms`: None if it is never due again."""

    name: str = member("ScheduledActionName")
    schedule: str = member("Schedule")
    zone: str = member("Timezone", "UTC")
    start_ms: int = member("StartMs", 0)
    end_ms: int | None = member("EndMs", None)
    next_ms: int | None = member("NextMs", None)
    bounds: dict[str, int] = member("ScalableTargetAction", dict)


@dataclass(frozen=True, kw_only=True)
class ScalableTarget(TypedDocument):
    """`scheduled`: as ScheduledScaling; `acted`: when each policy last changed the capacity; `suspended`: SuspendedState;
    `token`: end of its ARN."""

    least: int = member("MinCapacity")
    most: int = member("MaxCapacity")
    role: str = member("RoleARN", "")
    token: str = member("Token", "")
    policies: list[ScalingPolicy] = member("Policies", list, ScalingPolicy, each=True)
    scheduled: list[dict[str, Any]] = member("Scheduled", list)
    acted: dict[str, int] = member("Acted", dict)
    activities: list[dict[str, Any]] = member("Activities", list)
    suspended: dict[str, bool] = member("SuspendedState", dict)
