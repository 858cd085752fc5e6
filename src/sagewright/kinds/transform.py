"""Transform jobs: each host runs a model server and sends it the host's share of the objects.

A model with several containers has one host per container on each instance: the first host calls the servers of the others, which
end when it does.

The request of such a job is stored with the model as it was at creation (MODEL). Source: AWS's API reference, CreateTransformJob,
and its developer guide, "Use Batch Transform".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.kinds.base import MAX_FAILURE, Demand, Failure, JobHost, Kind, NamedJob, host_names
from sagewright.kinds.modelcontainers import containers_of
from sagewright.kinds.serving import START_S, STOP_GRACE_S, model_inputs, role_of
from sagewright.model.jobs.brief import (
    Brief,
    DataSet,
    FaultClass,
    HealthCheck,
    HostGroup,
    Program,
    Purpose,
    RowFilters,
    Transform,
)
from sagewright.model.jobs.state_machines import TRANSFORM

MODEL = "ResolvedModel"
"""Internal member of a stored request, which Describe omits, with the model's document."""
ACCOUNT = "AccountId"
DEFAULT_TIMEOUT_S, DEFAULT_RETRIES = 600, 3
MAX_RUNTIME_S = 5 * 86_400
GROUP, CONFIG, MODEL_PLACE, SOCKETS = "homogeneousCluster", "input/config", "model", "serving"


class TransformKind(Kind):
    state_machine = TRANSFORM
    resource = "transform-job"
    host_metrics = True
    log_group = namespace = "/aws/sagemaker/TransformJobs"
    dimension = "TransformJobName"
    independent = True

    def demand(self, request: dict[str, Any]) -> Demand:
        resources, containers = request["TransformResources"], containers_of(request[MODEL])
        return Demand(
            role_arn=role_of(request[MODEL], request[ACCOUNT]),
            image=containers[0]["Image"],
            purpose=Purpose.SERVE,
            instance_type=resources["InstanceType"],
            hosts=resources["InstanceCount"] * len(containers),
            max_runtime_s=MAX_RUNTIME_S,
            stop_grace_s=STOP_GRACE_S,
            instances={resources["InstanceType"]: resources["InstanceCount"]},
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        """Returns the brief of the first container's hosts."""
        resources = request["TransformResources"]
        brief = self._served(job, request, containers_of(request[MODEL])[0])
        group = HostGroup(GROUP, resources["InstanceType"], host_names(resources["InstanceCount"]))
        return replace(brief, groups=[group], transform=_transform(request))

    def members(self, job: NamedJob, request: dict[str, Any]) -> list[JobHost]:
        resources, (_, *others) = request["TransformResources"], containers_of(request[MODEL])
        firsts, brief = host_names(resources["InstanceCount"]), self.brief(job, request)
        made = [JobHost(one, firsts, replace(brief, transform=_onward(brief, one, len(others)))) for one in firsts]
        for number, container in enumerate(others):
            served = self._served(job, request, container)
            for first in firsts:
                name = _beside(first, number)
                group = HostGroup(GROUP, resources["InstanceType"], [name])
                made.append(JobHost(name, [name], replace(served, groups=[group], follows=first)))
        return made

    def _served(self, job: NamedJob, request: dict[str, Any], container: dict[str, Any]) -> Brief:
        """Returns the brief of one container, independent of its caller."""
        return Brief(
            kind=self.name,
            name=job.name,
            arn=job.arn,
            program=Program(image=container["Image"], purpose=Purpose.SERVE),
            groups=[],
            resources=f"{CONFIG}/resourceconfig.json",
            environment={
                **(container.get("Environment") or {}),
                **_described(request),
                **(request.get("Environment") or {}),
            },
            directories=[CONFIG, MODEL_PLACE, SOCKETS, "output"],
            inputs=model_inputs(container),
            isolated=bool(request[MODEL].get("EnableNetworkIsolation")),
            health=HealthCheck(start_s=START_S, lasting=False),
            kms_key=request["TransformOutput"].get("KmsKeyId") or "",
        )

    def failure_reason(self, failure: Failure) -> str:
        why = f". {failure.text}" if failure.text else ""
        return f"{FaultClass.ALGORITHM}: {failure.where}See job logs for more information{why}"[:MAX_FAILURE]


def _beside(first: str, number: int) -> str:
    """Returns the name of the host of a further container, from 0, in addition to the first one."""
    return f"{first}-{number + 2}"


def _onward(brief: Brief, first: str, others: int) -> Transform:
    assert brief.transform is not None
    return replace(brief.transform, onward=[_beside(first, number) for number in range(others)])


def _transform(request: dict[str, Any]) -> Transform:
    given, output = request["TransformInput"], request["TransformOutput"]
    client, processing = request.get("ModelClientConfig") or {}, request.get("DataProcessing") or {}
    source = given["DataSource"]["S3DataSource"]
    strategy, capture = request.get("BatchStrategy"), request.get("DataCaptureConfig") or {}
    return Transform(
        data=DataSet(uri=source["S3Uri"], listing=source["S3DataType"], sharded=True),
        uri=output["S3OutputPath"],
        content_type=given.get("ContentType") or "",
        accept=output.get("Accept") or "",
        gzip=given.get("CompressionType") == "Gzip",
        split=given.get("SplitType") or "None",
        lined=output.get("AssembleWith") == "Line",
        rows=RowFilters(
            processing.get("InputFilter") or "$",
            processing.get("OutputFilter") or "$",
            processing.get("JoinSource") == "Input",
            bool(capture.get("GenerateInferenceId")),
        ),
        several=None if strategy is None else strategy == "MultiRecord",
        payload_mb=request.get("MaxPayloadInMB"),
        concurrency=request.get("MaxConcurrentTransforms") or None,
        timeout_s=client.get("InvocationsTimeoutInSeconds") or DEFAULT_TIMEOUT_S,
        retries=client.get("InvocationsMaxRetries", DEFAULT_RETRIES),
        capture=capture.get("DestinationS3Uri") or "",
    )


def _described(request: dict[str, Any]) -> dict[str, str]:
    """Returns the environment variables that describe the job's request to the model server."""
    described = {"SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in request:
        described["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(request["MaxPayloadInMB"])
    if "BatchStrategy" in request:
        described["SAGEMAKER_BATCH_STRATEGY"] = (
            "MULTI_RECORD" if request["BatchStrategy"] == "MultiRecord" else "SINGLE_RECORD"
        )
    if request.get("MaxConcurrentTransforms"):
        described["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(request["MaxConcurrentTransforms"])
    return described
