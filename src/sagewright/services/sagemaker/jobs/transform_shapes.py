"""Responses of DescribeTransformJob and ListTransformJobs, built from the stored request and the event log."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.store.jobs.jobs import Job

ECHOED = (
    "ModelName", "MaxConcurrentTransforms", "ModelClientConfig", "MaxPayloadInMB", "BatchStrategy", "Environment",
    "DataCaptureConfig", "TransformResources", "ExperimentConfig",
)  # fmt: skip
"""Members of the request that Describe repeats unchanged."""


def description(job: Job, arn: str) -> dict[str, Any]:
    """Returns all members that clients read, with defaults for those that the request omitted."""
    request = job.request
    described = {
        **summary(job, arn),
        **{name: request[name] for name in ECHOED if name in request},
        "TransformInput": {"CompressionType": "None", "SplitType": "None"} | request["TransformInput"],
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""} | request["TransformOutput"],
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
        | (request.get("DataProcessing") or {}),
    }
    del described["LastModifiedTime"]  # only in summaries
    if job.started_ms is not None:
        described["TransformStartTime"] = to_datetime(job.started_ms)
    return described


def summary(job: Job, arn: str) -> dict[str, Any]:
    shown = {
        "TransformJobName": job.name,
        "TransformJobArn": arn,
        "CreationTime": to_datetime(job.created_ms),
        "LastModifiedTime": to_datetime(job.modified_ms),
        "TransformJobStatus": job.status,
    }
    if job.ended_ms is not None:
        shown["TransformEndTime"] = to_datetime(job.ended_ms)
    if job.failure_reason is not None:
        shown["FailureReason"] = job.failure_reason
    return shown
