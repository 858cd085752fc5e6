"""Training jobs.

Source: AWS's API reference, CreateTrainingJob, and its developer guide, "How Amazon SageMaker provides training information".
"""

from __future__ import annotations

import json
from typing import Any

from sagewright.algorithms.schema import catalogue
from sagewright.kinds.base import DEFAULT_MAX_RUNTIME_S, MAX_FAILURE, OWNER, Demand, Failure, Kind, NamedJob, host_names
from sagewright.model.jobs.brief import (
    Brief,
    CheckpointBrief,
    DataSet,
    FaultClass,
    Folder,
    HostGroup,
    InputBrief,
    MetricDefinition,
    Output,
    Program,
    Purpose,
)
from sagewright.model.jobs.interruptions import VARIABLE
from sagewright.model.jobs.state_machines import TRAINING
from sagewright.runtimes import images

DEFAULT_GROUP = "homogeneousCluster"
DEFAULT_INSTANCE_TYPE = "ml.m5.large"
CHECKPOINT_PATH = "/opt/ml/checkpoints/"
CONFIG, DATA, MODEL, OUTPUT = "input/config", "input/data", "model", "output/data"
DIRECTORIES = (CONFIG, DATA, "code", MODEL, OUTPUT)
OBJECTIVE, OBJECTIVE_METRIC = "_tuning_objective_metric", "ObjectiveMetric"
"""The hyperparameter that names the metric which a tuning job optimises, and that metric's second name."""
EXIT_FAULT_OF_USER = 2
"""Exit code with which built-in algorithms report an error in the request or the data."""
_SHAPE = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
_FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption")

TRACKED = {
    "MlflowResourceArn": "MLFLOW_TRACKING_URI",
    "MlflowExperimentName": "MLFLOW_EXPERIMENT_NAME",
    "MlflowRunName": "MLFLOW_RUN_NAME",
}
"""Members of MlflowConfig, and the environment variables that pass them to a job."""


class TrainingKind(Kind):
    state_machine = TRAINING
    resource = "training-job"
    host_metrics = True
    log_group = namespace = "/aws/sagemaker/TrainingJobs"
    dimension = "TrainingJobName"

    def demand(self, request: dict[str, Any]) -> Demand:
        instance_type, count = instances(request)
        stopping = request.get("StoppingCondition", {})
        spot = bool(request.get("EnableManagedSpotTraining"))
        alone = not spot and not request["ResourceConfig"].get("InstanceGroups")
        return Demand(
            role_arn=request["RoleArn"],
            image=request["AlgorithmSpecification"].get("TrainingImage", ""),
            purpose=Purpose.TRAIN,
            instance_type=instance_type,
            hosts=count,
            max_runtime_s=stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S),
            max_wait_s=stopping.get("MaxWaitTimeInSeconds"),
            spot=spot,
            interruptions=(request.get("Environment") or {}).get(VARIABLE),
            retries=(request.get("RetryStrategy") or {}).get("MaximumRetryAttempts", 0),
            keep_alive_s=request["ResourceConfig"].get("KeepAlivePeriodInSeconds") or 0,
            shape=_shape(request) if alone else None,
            instances=_instances(request),
            volume_gb=request["ResourceConfig"].get("VolumeSizeInGB") or 0,
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        specification, checkpoints = request["AlgorithmSpecification"], request.get("CheckpointConfig")
        return Brief(
            kind=self.name,
            name=job.name,
            arn=job.arn,
            program=Program(
                image=specification.get("TrainingImage", ""),
                purpose=Purpose.TRAIN,
                entrypoint=list(specification.get("ContainerEntrypoint") or ()),
                arguments=list(specification.get("ContainerArguments") or ()),
            ),
            groups=_groups(request),
            resources=f"{CONFIG}/resourceconfig.json",
            hyperparameters=request.get("HyperParameters") or {},
            environment=_tracking(request) | (request.get("Environment") or {}),
            variables={"TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": job.arn},
            documents=_documents(request),
            directories=list(DIRECTORIES),
            inputs=[_input(channel, request) for channel in request.get("InputDataConfig") or ()],
            outputs=_outputs(job.name, request["OutputDataConfig"]),
            checkpoints=CheckpointBrief(checkpoints["S3Uri"], _checkpoint_path(checkpoints)) if checkpoints else None,
            metrics=[MetricDefinition(one["Name"], one["Regex"]) for one in metric_definitions(request)],
            isolated=bool(request.get("EnableNetworkIsolation")),
            volume_gb=request["ResourceConfig"].get("VolumeSizeInGB") or 0,
            kms_key=request["OutputDataConfig"].get("KmsKeyId") or "",
        )

    def failure_reason(self, failure: Failure) -> str:
        fault = FaultClass.CLIENT if failure.code == EXIT_FAULT_OF_USER and failure.text else FaultClass.ALGORITHM
        tail = f", exit code: {failure.code}"
        return f"{fault}: {failure.where}{failure.text[:MAX_FAILURE]}"[: MAX_FAILURE - len(tail)] + tail


def _tracking(request: dict[str, Any]) -> dict[str, str]:
    """Returns the environment variables from which MLflow's client finds the server and the experiment of MlflowConfig."""
    requested = request.get("MlflowConfig") or {}
    return {variable: requested[member] for member, variable in TRACKED.items() if requested.get(member)}


def instances(request: dict[str, Any]) -> tuple[str, int]:
    """Returns the instance type (the largest group's) and the number of hosts in a request."""
    resources = request["ResourceConfig"]
    groups = resources.get("InstanceGroups") or []
    if groups:
        return groups[0]["InstanceType"], sum(group["InstanceCount"] for group in groups)
    return resources.get("InstanceType", DEFAULT_INSTANCE_TYPE), resources.get("InstanceCount", 1)


def _instances(request: dict[str, Any]) -> dict[str, int]:
    """Returns the number of hosts of each instance type."""
    groups = request["ResourceConfig"].get("InstanceGroups") or []
    if not groups:
        return dict([instances(request)])
    found: dict[str, int] = {}
    for group in groups:
        found[group["InstanceType"]] = found.get(group["InstanceType"], 0) + group["InstanceCount"]
    return found


def metric_definitions(request: dict[str, Any]) -> list[dict[str, str]]:
    """Returns the request's metric definitions, or those of the built-in algorithm that its image names. For a training job of a
    tuning job, the objective is added under a second name.
    """
    specification = request["AlgorithmSpecification"]
    found: list[dict[str, str]] = specification.get("MetricDefinitions") or []
    image = specification.get("TrainingImage")
    if not found and image:
        found = catalogue.metric_definitions(images.resolve_image(image).repository)
    objective = (request.get("HyperParameters") or {}).get(OBJECTIVE) if OWNER in request else None
    return with_objective(found, objective) if objective else found


def with_objective(definitions: list[dict[str, str]], objective: str) -> list[dict[str, str]]:
    others = [one for one in definitions if one["Name"] != OBJECTIVE_METRIC]
    regexes = [one["Regex"] for one in others if one["Name"] == objective]
    return others + [{"Name": OBJECTIVE_METRIC, "Regex": regex} for regex in regexes]


def model_uri(name: str, output: dict[str, Any]) -> str:
    """Returns the URI of a job's model once the job is Completed."""
    folder = _folder(name, output)
    return f"{folder}/model/" if output.get("CompressionType") == "NONE" else f"{folder}/model.tar.gz"


def _shape(request: dict[str, Any]) -> str:
    resources, vpc = request["ResourceConfig"], request.get("VpcConfig") or {}
    return json.dumps(
        [
            request["RoleArn"],
            *(resources.get(name) for name in _SHAPE),
            *(bool(request.get(name)) for name in _FLAGS),
            *(sorted(vpc.get(name) or ()) for name in ("SecurityGroupIds", "Subnets")),
        ]
    )


def _groups(request: dict[str, Any]) -> list[HostGroup]:
    """Returns the job's groups with their hosts; a job without groups is one group."""
    instance_type, count = instances(request)
    names, given = host_names(count), request["ResourceConfig"].get("InstanceGroups")
    if not given:
        return [HostGroup(DEFAULT_GROUP, instance_type, names)]
    groups, start = [], 0
    for group in given:
        end = start + group["InstanceCount"]
        groups.append(HostGroup(group["InstanceGroupName"], group["InstanceType"], names[start:end]))
        start = end
    return groups


def _mode(channel: dict[str, Any], request: dict[str, Any]) -> str:
    """Returns File, FastFile or Pipe: the channel's mode, otherwise the job's."""
    own = channel.get("InputMode") or request["AlgorithmSpecification"].get("TrainingInputMode")
    return str(own or "File")


def _documents(request: dict[str, Any]) -> dict[str, Any]:
    documents: dict[str, Any] = {
        f"{CONFIG}/hyperparameters.json": request.get("HyperParameters") or {},
        f"{CONFIG}/inputdataconfig.json": {
            channel["ChannelName"]: _described(channel, request) for channel in request.get("InputDataConfig") or ()
        },
    }
    if checkpoints := request.get("CheckpointConfig"):
        local = _checkpoint_path(checkpoints)
        documents[f"{CONFIG}/checkpointconfig.json"] = {"S3Uri": checkpoints["S3Uri"], "LocalPath": local}
    return documents


def _checkpoint_path(config: dict[str, str]) -> str:
    return config.get("LocalPath", CHECKPOINT_PATH)


def _described(channel: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    source = channel["DataSource"].get("S3DataSource") or {}
    content = {"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}
    return {
        **content,
        "TrainingInputMode": _mode(channel, request),
        "S3DistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
        "RecordWrapperType": channel.get("RecordWrapperType") or "None",
    }


def _input(channel: dict[str, Any], request: dict[str, Any]) -> InputBrief:
    source, shuffle = channel["DataSource"], channel.get("ShuffleConfig")
    objects, files = source.get("S3DataSource"), source.get("FileSystemDataSource")
    return InputBrief(
        title=f"Channel {channel['ChannelName']}",
        place=f"{DATA}/{channel['ChannelName']}",
        mode=_mode(channel, request),
        data=_data_set(objects) if objects else None,
        folder=_system_folder(files) if files else None,
        gzip=channel.get("CompressionType") == "Gzip",
        framed=channel.get("RecordWrapperType") == "RecordIO",
        seed=shuffle["Seed"] if shuffle else None,
    )


def _data_set(source: dict[str, Any]) -> DataSet:
    return DataSet(
        uri=source["S3Uri"],
        listing=source["S3DataType"],
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        groups=list(source.get("InstanceGroupNames") or ()),
        attributes=list(source.get("AttributeNames") or ()),
    )


def _system_folder(source: dict[str, Any]) -> Folder:
    return Folder(source["FileSystemId"], source["DirectoryPath"], source["FileSystemAccessMode"] == "rw")


def _folder(name: str, output: dict[str, Any]) -> str:
    return f"{output['S3OutputPath'].rstrip('/')}/{name}/output"


def _outputs(name: str, output: dict[str, Any]) -> list[Output]:
    folder, archive = _folder(name, output), output.get("CompressionType") != "NONE"
    tail = ".tar.gz" if archive else ""
    return [
        Output(MODEL, f"{folder}/model{tail}", archive, always=True, merged=True, on_failure=True),
        Output(OUTPUT, f"{folder}/output{tail}", archive, merged=True, on_failure=True),
    ]
