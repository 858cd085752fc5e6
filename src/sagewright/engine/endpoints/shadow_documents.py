"""Stored documents of inference experiments: the request that created one, and where its endpoint is on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright.model.members import TypedDocument, member


class ExperimentStatus(StrEnum):
    """Source: botocore's InferenceExperimentStatus."""

    CREATING = "Creating"
    CREATED = "Created"  # waits for the start of its schedule
    STARTING = "Starting"  # the endpoint gets the shadow variant
    RUNNING = "Running"
    UPDATING = "Updating"
    STOPPING = "Stopping"  # the endpoint gets its last configuration
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


OVER: frozenset[str] = frozenset({ExperimentStatus.COMPLETED, ExperimentStatus.CANCELLED})


class VariantAction(StrEnum):
    """Fates of a variant at the end. Source: botocore's ModelVariantAction."""

    RETAIN = "Retain"
    REMOVE = "Remove"
    PROMOTE = "Promote"


@dataclass(frozen=True, kw_only=True)
class ExperimentTimes(TypedDocument):
    start_ms: int | None = member("StartMs", None)
    end_ms: int | None = member("EndMs", None)


@dataclass(frozen=True, kw_only=True)
class ShadowVariant(TypedDocument):
    """`percentage`: part of the requests that the shadow gets a copy of."""

    name: str = member("ShadowModelVariantName")
    percentage: float = member("SamplingPercentage")


@dataclass(frozen=True, kw_only=True)
class ShadowMode(TypedDocument):
    """`source`: the name of the production variant."""

    source: str = member("SourceModelVariantName")
    shadows: list[ShadowVariant] = member("ShadowModelVariants", of=ShadowVariant, each=True)


@dataclass(frozen=True, kw_only=True)
class ShadowTest(TypedDocument):
    """`variants`, and `final` for those after its end: as ModelVariantConfig. `step`: number of its current configuration;
    `asked_step`: number of the last one that the endpoint was updated to."""

    role: str = member("RoleArn")
    endpoint: str = member("EndpointName")
    variants: list[dict[str, Any]] = member("ModelVariants")
    mode: ShadowMode = member("ShadowModeConfig", of=ShadowMode)
    storage: dict[str, Any] = member("DataStorageConfig", dict)
    times: ExperimentTimes = member("Times", ExperimentTimes, ExperimentTimes)
    step: int = member("Step")
    asked_step: int | None = member("AskedStep", None)
    final: list[dict[str, Any]] | None = member("Final", None)
    desired: str | None = member("DesiredState", None)
    reason: str | None = member("StatusReason", None)
    completed_ms: int | None = member("CompletedMs", None)
