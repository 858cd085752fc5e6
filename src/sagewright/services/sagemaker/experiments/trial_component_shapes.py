"""Descriptions of trial components: their stored documents merged with descriptions of their jobs."""

from __future__ import annotations

import math
from typing import Any

from sagewright.kinds.modelcontainers import containers_of
from sagewright.kinds.processing import instances
from sagewright.kinds.table import KINDS
from sagewright.kinds.training import model_uri
from sagewright.kinds.transform import MODEL
from sagewright.model.clock import to_datetime
from sagewright.model.jobs.state_machines import PROCESSING, TRAINING, TRANSFORM
from sagewright.services.sagemaker.experiments.tracked import CREATOR, NAME, by
from sagewright.store.jobs.jobs import Job
from sagewright.store.resources.component_metrics import Summary
from sagewright.store.resources.resources import Resource

ARN_TYPE = "experiment-trial-component"
COMPONENT_NOUN = "Trial component"
SOURCE_TYPES = {
    TRAINING.kind: "SageMakerTrainingJob",
    PROCESSING.kind: "SageMakerProcessingJob",
    TRANSFORM.kind: "SageMakerTransformJob",
}
"""Kinds of jobs that get a trial component."""
MERGED = ("Parameters", "InputArtifacts", "OutputArtifacts")
LONGEST_TEXT, LONGEST_URI = 2500, 2048
Document = dict[str, Any]


def component_name(kind: str, job: str) -> str:
    return f"{job}-aws-{KINDS[kind].resource}"


def merged(described: Document, own: Document) -> Document:
    """Merges a job's description with members that users have added."""
    both = {
        name: {**described.get(name, {}), **own.get(name, {})} for name in MERGED if name in described or name in own
    }
    return {**described, **own, **both}


def of_job(job: Job) -> Document:
    """Returns the component of a job, without its metrics."""
    request = job.request
    shape = {TRAINING.kind: _training, PROCESSING.kind: _processing, TRANSFORM.kind: _transform}[job.kind]
    described = {
        "Source": {
            "SourceArn": KINDS[job.kind].arn(job.region, job.account, job.name),
            "SourceType": SOURCE_TYPES[job.kind],
        },
        "LastModifiedTime": to_datetime(job.modified_ms),
        "Status": {"PrimaryStatus": job.status, "Message": _message(job)},
        **shape(job, request),
    }
    config = request.get("ExperimentConfig") or {}
    if "TrialComponentDisplayName" in config:
        described["DisplayName"] = config["TrialComponentDisplayName"]
    if "RunName" in config:
        described["RunName"] = config["RunName"]
    if job.started_ms is not None:
        described["StartTime"] = to_datetime(job.started_ms)
    if job.ended_ms is not None:
        described["EndTime"] = to_datetime(job.ended_ms)
    return described


def _message(job: Job) -> str:
    reason = " ".join((job.failure_reason or "").split())  # a message has a single line
    return f"Status: {job.status}, secondary status: {job.secondary_status}, failure reason: {reason}."[:1024]


def _training(job: Job, request: Document) -> Document:
    specification, resources = request["AlgorithmSpecification"], request["ResourceConfig"]
    groups = resources.get("InstanceGroups") or [resources]
    hosts = sum(one.get("InstanceCount") or 0 for one in groups)
    given = _hosts(groups[0].get("InstanceType"), hosts, resources.get("VolumeSizeInGB"))
    inputs = {
        one["ChannelName"]: _artifact(_source(one), one.get("ContentType"))
        for one in request.get("InputDataConfig") or ()
        if _source(one)
    }
    image = specification.get("TrainingImage") or specification.get("AlgorithmName") or ""
    outputs = {"SageMaker.ModelArtifact": _artifact(model_uri(job.name, request["OutputDataConfig"]))}
    return {
        "Parameters": {
            **{key: _parameter(value) for key, value in (request.get("HyperParameters") or {}).items()},
            **given,
        },
        "InputArtifacts": {"SageMaker.ImageUri": _artifact(image), **inputs},
        "OutputArtifacts": outputs,
    }


def _source(channel: Document) -> str:
    source = channel.get("DataSource", {})
    uri: str = (source.get("S3DataSource") or {}).get("S3Uri") or ""
    return uri


def _processing(_: Job, request: Document) -> Document:
    instance_type, count = instances(request)
    cluster = request["ProcessingResources"]["ClusterConfig"]
    return {
        "Parameters": {
            **{key: _parameter(value) for key, value in (request.get("Environment") or {}).items()},
            **_hosts(instance_type, count, cluster.get("VolumeSizeInGB")),
        },
        "InputArtifacts": {
            "SageMaker.ImageUri": _artifact(request["AppSpecification"]["ImageUri"]),
            **_uris(request.get("ProcessingInputs"), "S3Input", "InputName"),
        },
        "OutputArtifacts": _uris(request.get("ProcessingOutputConfig", {}).get("Outputs"), "S3Output", "OutputName"),
    }


def _uris(entries: list[Document] | None, member: str, name: str) -> Document:
    return {one[name]: _artifact(one[member]["S3Uri"]) for one in entries or () if one.get(member, {}).get("S3Uri")}


def _transform(_: Job, request: Document) -> Document:
    resources, given = request["TransformResources"], request["TransformInput"]
    containers = containers_of(request[MODEL])
    inputs = {
        "SageMaker.TransformInput": _artifact(given["DataSource"]["S3DataSource"]["S3Uri"], given.get("ContentType"))
    }
    if containers and containers[0].get("Image"):
        inputs["SageMaker.ImageUri"] = _artifact(containers[0]["Image"])
    if containers and containers[0].get("ModelDataUrl"):
        inputs["SageMaker.ModelArtifact"] = _artifact(containers[0]["ModelDataUrl"])
    return {
        "Parameters": {
            **{key: _parameter(value) for key, value in (request.get("Environment") or {}).items()},
            "SageMaker.ModelName": {"StringValue": request["ModelName"]},
            **_hosts(resources["InstanceType"], resources["InstanceCount"], None),
        },
        "InputArtifacts": inputs,
        "OutputArtifacts": {
            "SageMaker.TransformOutput": _artifact(
                request["TransformOutput"]["S3OutputPath"], request["TransformOutput"].get("Accept")
            )
        },
    }


def _hosts(instance_type: str | None, count: int, volume_gb: int | None) -> Document:
    described: Document = {"SageMaker.InstanceCount": {"NumberValue": float(count)}}
    if instance_type:
        described["SageMaker.InstanceType"] = {"StringValue": instance_type}
    if volume_gb is not None:
        described["SageMaker.VolumeSizeInGB"] = {"NumberValue": float(volume_gb)}
    return described


def _parameter(text: str) -> Document:
    """Converts a text to a number where it is one. SDKs send hyperparameters as JSON, so that strings are quoted."""
    try:
        number = float(text) if "_" not in text else math.nan  # only Python accepts 1_000 as a number
    except ValueError:
        number = math.nan
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": text[:LONGEST_TEXT]}


def _artifact(uri: str, media_type: str | None = None) -> Document:
    return {"Value": uri[:LONGEST_URI]} | ({"MediaType": media_type} if media_type else {})


def metric(summary: Summary, source: str) -> Document:
    described = {
        "MetricName": summary.name,
        "TimeStamp": to_datetime(summary.at_ms),
        "Max": summary.maximum,
        "Min": summary.minimum,
        "Last": summary.last,
        "Count": summary.count,
        "Avg": summary.mean,
        "StdDev": summary.deviation,
    }
    return described | ({"SourceArn": source} if source else {})


def simple(row: Resource) -> Document:
    """Returns the short form of a component that its trial shows."""
    described = {
        "TrialComponentName": row.document[NAME],
        "TrialComponentArn": f"arn:aws:sagemaker:{row.region}:{row.account}:{ARN_TYPE}/{row.name}",
        "CreationTime": to_datetime(row.created_ms),
    }
    if "Source" in row.document:
        described["TrialComponentSource"] = row.document["Source"]
    return described | ({"CreatedBy": by(row.document[CREATOR])} if row.document.get(CREATOR) else {})
