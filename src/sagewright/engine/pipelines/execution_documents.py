"""Stored documents of pipeline executions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagewright.model.members import TypedDocument, member


class ExecutionStatus(StrEnum):
    """Source: botocore's PipelineExecutionStatus."""

    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"
    COMPLETED_WITH_FAILURES = "CompletedWithFailures"  # each failed step had another one that ran because of it


LIVE = (ExecutionStatus.EXECUTING.value, ExecutionStatus.STOPPING.value)
ENDED = frozenset(one.value for one in ExecutionStatus) - frozenset(LIVE)


@dataclass(frozen=True, kw_only=True)
class Parallelism(TypedDocument):
    most: int | None = member("MaxParallelExecutionSteps", None)


@dataclass(frozen=True, kw_only=True)
class ExecutionDocument(TypedDocument):
    """`parameters`: the value of each; `experiment`: PipelineExperimentConfig as written; `selection`: SelectiveExecutionConfig;
    `source`: the execution whose results a selective one reuses; `creator`: an ARN; `round`: number of writes by others; `tries`:
    number of tries."""

    pipeline: str = member("PipelineName")
    pipeline_id: str = member("PipelineId")
    version: int = member("PipelineVersionId")
    parameters: dict[str, Any] = member("Parameters", dict)
    role: str = member("RoleArn")
    display_name: str = member("DisplayName", "")
    description: str | None = member("PipelineExecutionDescription", None)
    parallelism: Parallelism = member("ParallelismConfiguration", Parallelism, Parallelism)
    experiment: dict[str, Any] | None = member("Experiment", None)
    selection: dict[str, Any] | None = member("SelectiveExecutionConfig", None)
    source: str | None = member("SourceExecution", None)
    creator: str = member("CreatedBy", "")
    reason: str | None = member("FailureReason", None)
    round: int = member("Round", 1)
    tries: int = member("Tries", 1)


@dataclass(frozen=True, kw_only=True)
class VersionDocument(TypedDocument):
    """A version of a pipeline. `definition`: as JSON."""

    definition: str = member("PipelineDefinition", of=str)
