"""DescribeTrainingJob's response, built from the stored request and the event log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagewright.engine.jobs.durations import run_ms
from sagewright.kinds.base import DEFAULT_MAX_RUNTIME_S, OWNER
from sagewright.kinds.training import CHECKPOINT_PATH, metric_definitions, model_uri
from sagewright.kinds.tuning import KIND as TUNING
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.jobs.state_machines import ENDED
from sagewright.services.context import Context
from sagewright.services.sagemaker.jobs.warmpools import warm_pool_status
from sagewright.services.sagemaker.registry import algorithms
from sagewright.store import events
from sagewright.store.events import EventEntry
from sagewright.store.jobs import job_lists, jobs, warmpools
from sagewright.store.jobs.jobs import FinalMetric, Job
from sagewright.store.jobs.warmpools import WarmPool
from sagewright.store.resources import tags

RULES = ("DebugRuleConfigurations", "ProfilerRuleConfigurations")
ECHOED = (
    "HyperParameters",
    "RoleArn",
    "VpcConfig",
    "DebugHookConfig",
    "ExperimentConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
    "RetryStrategy",
    "RemoteDebugConfig",
    "InfraCheckConfig",
    "MlflowConfig",
)
"""Members of the request that Describe repeats unchanged."""
PROFILING_MS = 500
CHANNEL_DEFAULTS = {"CompressionType": "None", "RecordWrapperType": "None"}


def description(context: Context, job: Job) -> dict[str, Any]:
    """Returns all members that clients read, including those that no request contains (`OutputDataConfig.KmsKeyId`, defaults)."""
    log, pool = jobs.transitions(context.store, job.id), warmpools.of_job(context.store, job.id)
    return _described(context, job, log, pool) | _metrics(jobs.final_metrics(context.store, job.id))


def descriptions(context: Context, rows: Sequence[Job]) -> list[dict[str, Any]]:
    """Describes several jobs, with their Tags, in a few statements for all."""
    ids = [job.id for job in rows]
    logs, pools = events.of_several(context.store, ids), warmpools.of_jobs(context.store, ids)
    metrics = job_lists.final_metrics(context.store, ids)
    arns = [sagemaker_arn(job.region, job.account, "training-job", job.name) for job in rows]
    tagged = tags.of_all(context.store, arns)
    return [
        _described(context, job, logs.get(job.id, []), pools.get(job.id))
        | _metrics(metrics.get(job.id, []))
        | {"Tags": [{"Key": key, "Value": value} for key, value in tagged.get(arn, {}).items()]}
        for job, arn in zip(rows, arns, strict=True)
    ]


def _described(context: Context, job: Job, log: list[EventEntry], pool: WarmPool | None) -> dict[str, Any]:
    described = outline(job) | warm_pool_status(pool) | {"SecondaryStatusTransitions": transitions(log)}
    if "BillableTimeInSeconds" in described:
        described["BillableTimeInSeconds"] = _billable_s(context, job, log)
    return described


def _billable_s(context: Context, job: Job, log: list[EventEntry]) -> int:
    """Returns the seconds in which the job's hosts ran; those of a spot job are scaled by its price relative to an on-demand
    host's."""
    ran_ms = run_ms(log, job.ended_ms if job.ended_ms is not None else now_ms())
    price = context.settings.spot_price if job.request.get("EnableManagedSpotTraining") else 1.0
    return max(1, round(ran_ms * price / 1000))


def outline(job: Job) -> dict[str, Any]:
    """Returns the part of the description that needs only the job's row: everything but transitions and metrics."""
    request = job.request
    answer: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": sagemaker_arn(job.region, job.account, "training-job", job.name),
        "ModelArtifacts": {"S3ModelArtifacts": model_uri(job.name, request["OutputDataConfig"])},
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
        "AlgorithmSpecification": _algorithm(request),
        "InputDataConfig": [CHANNEL_DEFAULTS | channel for channel in request.get("InputDataConfig", [])],
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP"} | request["OutputDataConfig"],
        "ResourceConfig": request["ResourceConfig"],
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_S} | request.get("StoppingCondition", {}),
        "CreationTime": to_datetime(job.created_ms),
        "LastModifiedTime": to_datetime(job.modified_ms),
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get("EnableInterContainerTrafficEncryption", False),
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
        "ProfilingStatus": _profiling(job),
    }
    answer |= {name: request[name] for name in ECHOED if name in request}
    for name in RULES:
        if name in answer:
            answer[name] = [{"VolumeSizeInGB": 0} | rule for rule in answer[name]]
    if request.get(OWNER, {}).get("Kind") == TUNING:
        answer["TuningJobArn"] = request[OWNER]["Arn"]
    if "ProfilerConfig" in request:
        answer["ProfilerConfig"] = {"ProfilingIntervalInMilliseconds": PROFILING_MS} | request["ProfilerConfig"]
    if "CheckpointConfig" in request:
        answer["CheckpointConfig"] = {"LocalPath": CHECKPOINT_PATH} | request["CheckpointConfig"]
    if job.failure_reason is not None:
        answer["FailureReason"] = job.failure_reason
    return answer | _times(job)


def _profiling(job: Job) -> str:
    """Returns AWS's profiling status for a request with a profiler; profiling itself is not supported
    (docs/reference/limits.md)."""
    requested = job.request.get("ProfilerConfig") or {}
    desired = "S3OutputPath" in requested and not requested.get("DisableProfiler", False)
    return "Enabled" if desired else "Disabled"


def _algorithm(request: dict[str, Any]) -> dict[str, Any]:
    specification = algorithms.described(request["AlgorithmSpecification"])
    definitions = metric_definitions(request)
    if definitions:
        specification["MetricDefinitions"] = definitions
    specification.setdefault("EnableSageMakerMetricsTimeSeries", bool(definitions))
    return specification


def _times(job: Job) -> dict[str, Any]:
    """Returns start, end and durations. A duration is at least 1 s, since clients divide by it."""
    times: dict[str, Any] = {}
    if job.started_ms is None:
        return times
    times["TrainingStartTime"] = to_datetime(job.started_ms)
    end_ms = job.ended_ms if job.ended_ms is not None else now_ms()
    seconds = max(1, round((end_ms - job.started_ms) / 1000))
    times |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    if job.ended_ms is not None:
        times["TrainingEndTime"] = to_datetime(job.ended_ms)
    return times


def _metrics(rows: Sequence[FinalMetric]) -> dict[str, Any]:
    found = [{"MetricName": row.name, "Value": row.value, "Timestamp": to_datetime(row.at_ms)} for row in rows]
    return {"FinalMetricDataList": found[:40]} if found else {}


def transitions(log: list[EventEntry]) -> list[dict[str, Any]]:
    """Returns the event log as clients see it: one entry per stay in a secondary status, with its newest message."""
    entries: list[dict[str, Any]] = []
    for event in log:
        at = to_datetime(event.at_ms)
        if entries and entries[-1]["Status"] == event.step:
            entries[-1]["StatusMessage"] = event.message
            continue
        if entries:
            entries[-1]["EndTime"] = at
        entries.append({"Status": event.step, "StartTime": at, "StatusMessage": event.message})
    if log and entries and log[-1].status in ENDED:
        entries[-1]["EndTime"] = to_datetime(log[-1].at_ms)
    return entries
