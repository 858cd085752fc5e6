"""Serving: one container of one instance of an endpoint's variant, which runs until it is stopped.

`engine.endpoints.fleets` writes the request of such a job from a model's document. Source: AWS's developer guide, "Use your own
inference code with hosting services".
"""

from __future__ import annotations

from typing import Any

from sagewright.kinds.base import MAX_FAILURE, Demand, Failure, Kind, NamedJob
from sagewright.model.aws.arns import ROLE_NAME, role_arn, sagemaker_arn
from sagewright.model.jobs.brief import (
    Brief,
    DataListing,
    DataSet,
    FaultClass,
    HealthCheck,
    HostGroup,
    InputBrief,
    Program,
    Purpose,
)
from sagewright.model.jobs.state_machines import SERVING
from sagewright.runtimes.launch import EXPLAINER

ENDPOINT = "endpoint"
COMPONENT = "inference-component"
"""Kinds of the subjects that such a job is created for."""
FOR_EVER_S = 20 * 365 * 86_400
STOP_GRACE_S = 30.0
START_S = 480
"""Default start timeout. Source: the contract's hosting.md: about eight minutes without
ContainerStartupHealthCheckTimeoutInSeconds."""
GROUP, HOST = "AllTraffic", "algo-1"
MODEL, CONFIG, SOCKETS = "model", "input/config", "serving"


class ServingKind(Kind):
    state_machine = SERVING
    resource = "endpoint"
    log_group = "/aws/sagemaker/Endpoints"
    component_log_group = "/aws/sagemaker/InferenceComponents"
    namespace = "/aws/sagemaker/Endpoints"
    dimension = "EndpointName"

    def demand(self, request: dict[str, Any]) -> Demand:
        return Demand(
            role_arn=request["RoleArn"],
            image=request["Container"]["Image"],
            purpose=Purpose.PROCESS if _explains(request) else Purpose.SERVE,
            instance_type=request["InstanceType"],
            hosts=1,
            max_runtime_s=FOR_EVER_S,
            memory_gb=request.get("MemoryGigabytes", 0),
            cpus=request.get("Cpus", 0),
            gpus=request.get("Gpus"),
            queued=False,
            stop_grace_s=STOP_GRACE_S,
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        container = request["Container"]
        return Brief(
            kind=self.name,
            name=request["EndpointName"],
            arn=job.arn,
            program=Program(image=container["Image"], purpose=Purpose.PROCESS, entrypoint=list(EXPLAINER))
            if _explains(request)
            else Program(image=container["Image"], purpose=Purpose.SERVE),
            groups=[HostGroup(GROUP, request["InstanceType"], [HOST])],
            resources=f"{CONFIG}/resourceconfig.json",
            environment=container.get("Environment") or {},
            variables={"SAGEMAKER_MULTI_MODEL": "true"} if _is_several(container) else {},
            directories=[CONFIG, MODEL, SOCKETS, "output"],
            inputs=model_inputs(container),
            isolated=request["Isolated"],
            health=HealthCheck(start_s=request["StartSeconds"]),
            models=container.get("ModelDataUrl") or "" if _is_several(container) else "",
        )

    def failure_reason(self, failure: Failure) -> str:
        said = f": {failure.text}" if failure.text else ""
        return f"{FaultClass.ALGORITHM}: the model server ended with exit code {failure.code}{said}"[:MAX_FAILURE]

    def log_group_of(self, request: dict[str, Any]) -> str:
        if "ComponentName" in request:
            return f"{self.component_log_group}/{request['ComponentName']}"
        return f"{self.log_group}/{request['EndpointName']}"

    def log_stream(self, job: str, host: str, at_ms: int, request: dict[str, Any]) -> str:  # noqa: ARG002
        place = f"{request['VariantName']}/{request['InstanceId']}"
        if "CopyId" in request:
            place = f"{place}/{request['CopyId']}"
        return f"{place}/{request['ContainerName']}" if request.get("ContainerName") else place

    def owner(self, request: dict[str, Any]) -> tuple[str, str] | None:
        return (COMPONENT, request["ComponentId"]) if "ComponentId" in request else (ENDPOINT, request["EndpointId"])

    def arn(self, region: str, account: str, name: str) -> str:
        return sagemaker_arn(region, account, self.resource, name)


def model_inputs(container: dict[str, Any]) -> list[InputBrief]:
    """Returns the model data of a container: one archive to unpack, or files as they are."""
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if _is_several(container):
        return []  # models are loaded one by one, on request
    if source is None and not container.get("ModelDataUrl"):
        return []
    uri = source["S3Uri"] if source else container["ModelDataUrl"]
    packed = source is None or source.get("CompressionType") == "Gzip"
    return [
        InputBrief(
            title="Model data",
            place=MODEL,
            data=DataSet(uri=uri, listing=DataListing.PREFIX),
            unpacked=packed,
        )
    ]


def role_of(model: dict[str, Any], account: str) -> str:
    """Returns the role of a model's containers; the default role if the model names none."""
    role: str = model.get("ExecutionRoleArn") or role_arn(account, ROLE_NAME)
    return role


def _explains(request: dict[str, Any]) -> bool:
    """True for the explainer beside an instance's containers."""
    return bool(request.get("Explains"))


def _is_several(container: dict[str, Any]) -> bool:
    """True for a multi-model container."""
    return container.get("Mode") == "MultiModel"
