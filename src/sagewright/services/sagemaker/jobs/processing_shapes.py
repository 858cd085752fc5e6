"""Responses of DescribeProcessingJob and ListProcessingJobs, built from the stored request and the event log."""

from __future__ import annotations

from typing import Any

from sagewright.engine.model_monitors.documents import EXECUTION
from sagewright.kinds.base import DEFAULT_MAX_RUNTIME_S, OWNER
from sagewright.kinds.processing import instances
from sagewright.model.clock import to_datetime
from sagewright.store.jobs.jobs import Job

ECHOED = ("RoleArn", "AppSpecification", "ProcessingOutputConfig", "Environment", "NetworkConfig", "ExperimentConfig")
"""Members of the request that Describe repeats unchanged."""
INPUT_DEFAULTS = {
    "S3InputMode": "File",
    "S3DataDistributionType": "FullyReplicated",
}


def description(job: Job, arn: str) -> dict[str, Any]:
    """Returns all members that clients read, with defaults for those that the request omitted."""
    request = job.request
    described = {
        **summary(job, arn),
        **{name: request[name] for name in ECHOED if name in request},
        "ProcessingResources": _resources(request),
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_S} | request.get("StoppingCondition", {}),
    }
    if "ProcessingInputs" in request:
        described["ProcessingInputs"] = [_input(entry) for entry in request["ProcessingInputs"]]
    owner = request.get(OWNER)
    if owner and owner["Kind"] == EXECUTION:
        described["MonitoringScheduleArn"] = owner["Arn"]
    if job.started_ms is not None:
        described["ProcessingStartTime"] = to_datetime(job.started_ms)
    return described


def summary(job: Job, arn: str) -> dict[str, Any]:
    shown = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": arn,
        "CreationTime": to_datetime(job.created_ms),
        "LastModifiedTime": to_datetime(job.modified_ms),
        "ProcessingJobStatus": job.status,
    }
    if job.ended_ms is not None:
        shown["ProcessingEndTime"] = to_datetime(job.ended_ms)
    if job.failure_reason is not None:
        shown["FailureReason"] = job.failure_reason
    if job.exit_message is not None:
        shown["ExitMessage"] = job.exit_message
    return shown


def _resources(request: dict[str, Any]) -> dict[str, Any]:
    cluster = dict(request["ProcessingResources"]["ClusterConfig"])
    if "InstancePreferences" in cluster:
        cluster["SelectedInstanceType"], cluster["SelectedInstanceCount"] = instances(request)
    return {"ClusterConfig": cluster}


def _input(entry: dict[str, Any]) -> dict[str, Any]:
    described = {"AppManaged": False} | entry
    if "S3Input" in described:
        described["S3Input"] = INPUT_DEFAULTS | described["S3Input"]
    return described
