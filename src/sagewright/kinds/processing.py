"""Processing jobs.

Source: AWS's API reference, CreateProcessingJob, and its developer guide, "Build your own processing container".
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sagewright.kinds.base import DEFAULT_MAX_RUNTIME_S, MAX_FAILURE, Demand, Failure, Kind, NamedJob, host_names
from sagewright.model.jobs.brief import (
    QUERY_PLAN,
    QUERY_RESULTS,
    Brief,
    DataSet,
    FaultClass,
    HostGroup,
    InputBrief,
    Output,
    Program,
    Purpose,
    Query,
    QueryEngine,
)
from sagewright.model.jobs.state_machines import PROCESSING

CONFIG, ROOT, NOTE = "config", "processing", "output/message"
METRIC_FILES = "output/metrics/cloudwatch"
"""Folder of metrics that a monitor's program leaves. Source: AWS's developer guide, "CloudWatch metrics for bring your own
containers"."""
DIRECTORIES = (CONFIG, ROOT, "output")
ONLY_GROUP = "homogeneousCluster"


class ProcessingKind(Kind):
    state_machine = PROCESSING
    resource = "processing-job"
    host_metrics = True
    log_group = namespace = "/aws/sagemaker/ProcessingJobs"
    dimension = "ProcessingJobName"

    def demand(self, request: dict[str, Any]) -> Demand:
        instance_type, hosts = instances(request)
        return Demand(
            role_arn=request["RoleArn"],
            image=request["AppSpecification"]["ImageUri"],
            purpose=Purpose.PROCESS,
            instance_type=instance_type,
            hosts=hosts,
            max_runtime_s=max_runtime_s(request),
            instances={instance_type: hosts},
            volume_gb=request["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"],
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        app, cluster = request["AppSpecification"], request["ProcessingResources"]["ClusterConfig"]
        instance_type, hosts = instances(request)
        outputs = [_output(one) for one in managed(request.get("ProcessingOutputConfig", {}).get("Outputs"))]
        given = managed(request.get("ProcessingInputs"))
        queries = [_query(number, one) for number, one in enumerate(given) if "DatasetDefinition" in one]
        outputs += [Output(place=query.result, uri=query.uri) for query in queries]
        plan = {QUERY_PLAN: [asdict(query) for query in queries]} if queries else {}
        measured = [METRIC_FILES] if self.file_namespace(request) else []
        return Brief(
            kind=self.name,
            name=job.name,
            arn=job.arn,
            program=Program(
                image=app["ImageUri"],
                purpose=Purpose.PROCESS,
                entrypoint=list(app.get("ContainerEntrypoint") or ()),
                arguments=list(app.get("ContainerArguments") or ()),
            ),
            groups=[HostGroup(ONLY_GROUP, instance_type, host_names(hosts))],
            resources=f"{CONFIG}/resourceconfig.json",
            environment=request.get("Environment") or {},
            documents={f"{CONFIG}/processingjobconfig.json": _config(job, request)} | plan,
            directories=[*DIRECTORIES, *measured, *(output.place for output in outputs)],
            inputs=[_input(one) for one in given if "S3Input" in one],
            queries=queries,
            outputs=outputs,
            isolated=bool((request.get("NetworkConfig") or {}).get("EnableNetworkIsolation")),
            volume_gb=cluster["VolumeSizeInGB"],
            note=NOTE,
            metric_files="".join(measured),
            kms_key=(request.get("ProcessingOutputConfig") or {}).get("KmsKeyId") or "",
        )

    def failure_reason(self, failure: Failure) -> str:
        why = f": {failure.text}" if failure.text else ""
        return f"{FaultClass.ALGORITHM}: {failure.where}See job logs for more information{why}"[:MAX_FAILURE]


def instances(request: dict[str, Any]) -> tuple[str, int]:
    """Returns the instance type and the number of hosts; of several preferences the first, since every type is available here."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    first = (cluster.get("InstancePreferences") or [{}])[0]
    instance_type: str = cluster.get("InstanceType") or first["InstanceType"]
    return instance_type, first.get("InstanceCount") or cluster.get("InstanceCount") or 1


def max_runtime_s(request: dict[str, Any]) -> int:
    seconds: int = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S)
    return seconds


def managed(entries: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Returns the inputs or outputs that the service manages; the program handles the rest."""
    return [entry for entry in entries or () if not entry.get("AppManaged")]


def path_in_host(local_path: str) -> str:
    """Returns a path relative to the host's root: `/opt/ml/processing/input/` gives processing/input."""
    return local_path.removeprefix("/opt/ml/").strip("/")


def _input(entry: dict[str, Any]) -> InputBrief:
    source = entry["S3Input"]
    return InputBrief(
        title=f"Input {entry['InputName']}",
        place=path_in_host(source["LocalPath"]),
        mode=source.get("S3InputMode") or "File",
        data=DataSet(
            uri=source["S3Uri"],
            listing=source["S3DataType"],
            sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        ),
        gzip=source.get("S3CompressionType") == "Gzip",
    )


def local_path(entry: dict[str, Any]) -> str | None:
    """Returns the local path of a managed input, if the request gives one."""
    found: dict[str, Any] = entry.get("S3Input") or entry.get("DatasetDefinition") or {}
    return found.get("LocalPath")


def _query(number: int, entry: dict[str, Any]) -> Query:
    definition = entry["DatasetDefinition"]
    athena = definition.get("AthenaDatasetDefinition")
    requested = athena or definition["RedshiftDatasetDefinition"]
    return Query(
        title=f"Input {entry['InputName']}",
        place=path_in_host(definition["LocalPath"]),
        engine=QueryEngine.ATHENA if athena else QueryEngine.REDSHIFT,
        catalog=requested.get("Catalog", ""),
        source=requested["Database"] if athena else requested["ClusterId"],
        sql=requested["QueryString"],
        uri=requested["OutputS3Uri"],
        format=requested["OutputFormat"],
        compression=requested.get("OutputCompression", ""),
        mode=definition.get("InputMode") or "File",
        sharded=definition.get("DataDistributionType") != "FullyReplicated",
        result=f"{QUERY_RESULTS}/{number}",
    )


def _output(entry: dict[str, Any]) -> Output:
    target = entry["S3Output"]
    return Output(
        place=path_in_host(target["LocalPath"]),
        uri=target["S3Uri"],
        continuous=target["S3UploadMode"] == "Continuous",
        on_failure=True,
    )


def _config(job: NamedJob, request: dict[str, Any]) -> dict[str, Any]:
    """Returns processingjobconfig.json: the request with its defaults, and null for omitted members."""
    app, output = request["AppSpecification"], request.get("ProcessingOutputConfig") or {}
    cluster = request["ProcessingResources"]["ClusterConfig"]
    instance_type, hosts = instances(request)
    return {
        "ProcessingJobArn": job.arn,
        "ProcessingJobName": job.name,
        "AppSpecification": {name: app.get(name) for name in ("ImageUri", "ContainerEntrypoint", "ContainerArguments")},
        "Environment": request.get("Environment"),
        "ProcessingInputs": [_input_config(one) for one in request.get("ProcessingInputs") or ()],
        "ProcessingOutputConfig": {
            "Outputs": [_output_config(one) for one in output.get("Outputs") or ()],
            "KmsKeyId": output.get("KmsKeyId"),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": hosts,
                "InstanceType": instance_type,
                "VolumeSizeInGB": cluster["VolumeSizeInGB"],
                "VolumeKmsKeyId": cluster.get("VolumeKmsKeyId"),
            }
        },
        "NetworkConfig": request.get("NetworkConfig"),
        "RoleArn": request["RoleArn"],
        "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime_s(request)},
        "ExperimentConfig": request.get("ExperimentConfig"),
    }


def _input_config(entry: dict[str, Any]) -> dict[str, Any]:
    source = entry.get("S3Input")
    described = source and {
        "LocalPath": source.get("LocalPath"),
        "S3Uri": source["S3Uri"],
        "S3DataDistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
        "S3DataType": source["S3DataType"],
        "S3InputMode": source.get("S3InputMode") or "File",
        "S3CompressionType": source.get("S3CompressionType") or "None",
        "S3DownloadMode": "StartOfJob",
    }
    return {
        "InputName": entry["InputName"],
        "AppManaged": entry.get("AppManaged", False),
        "S3Input": described,
        "DatasetDefinition": entry.get("DatasetDefinition"),
    }


def _output_config(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "OutputName": entry["OutputName"],
        "AppManaged": entry.get("AppManaged", False),
        "S3Output": entry.get("S3Output"),
        "FeatureStoreOutput": entry.get("FeatureStoreOutput"),
    }
