"""Processing jobs: Create, Describe, List, Stop, Delete.

Source: AWS's API reference, CreateProcessingJob, ProcessingInput, ProcessingS3Input and ProcessingOutput.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.kinds.processing import local_path, managed
from sagewright.kinds.table import KINDS
from sagewright.model.errors import ResourceInUse, ValidationException
from sagewright.model.jobs.brief import Purpose
from sagewright.model.jobs.state_machines import PROCESSING
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.jobs import jobs as every
from sagewright.services.sagemaker.jobs.processing_shapes import description, summary
from sagewright.services.sagemaker.resources.catalogue import JOBS, SearchableKind, declare
from sagewright.services.sagemaker.resources.input_checks import check_data
from sagewright.services.sagemaker.resources.own_images import check_image
from sagewright.store.jobs import jobs
from sagewright.store.resources import tags

KIND = KINDS[PROCESSING.kind]
LIST = ListSpec("ProcessingJobSummaries", every.SORTS)
declare(SearchableKind(KIND.name, KIND.resource, JOBS))
ROOT = "/opt/ml/processing/"
LONGEST_NAME = 255


@operation("sagemaker", "CreateProcessingJob", quick=True)
def create_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_role(context, request["RoleArn"])
    check_image(context, request["AppSpecification"]["ImageUri"], Purpose.PROCESS)
    _check_cluster(request["ProcessingResources"]["ClusterConfig"])
    _check_inputs(context, request)
    _check_outputs(request)
    _check_places(request)
    return {"ProcessingJobArn": every.create_job(context, KIND, request["ProcessingJobName"], request)}


@operation("sagemaker", "DescribeProcessingJob", quick=True)
def describe_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    job = every.require_job(context, KIND, request["ProcessingJobName"])
    return description(job, every.arn_of(KIND, job))


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    every.stop_job(context, KIND, every.require_job(context, KIND, request["ProcessingJobName"]))
    return {}


@operation("sagemaker", "DeleteProcessingJob")
def delete_processing_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    job = every.require_job(context, KIND, request["ProcessingJobName"])
    if not job.ended:
        raise ResourceInUse(
            f"The processing job {job.name} is in status {job.status}; only a job that is Completed, Failed or Stopped can be "
            "deleted."
        )
    job_components.keep(context, job)
    jobs.remove(context.store, job.id)
    tags.remove(context.store, every.arn_of(KIND, job))
    return {}


@operation("sagemaker", "ListProcessingJobs")
def list_processing_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    shape = lambda page: [summary(job, every.arn_of(KIND, job)) for job in page]  # noqa: E731
    return every.list_jobs(context, KIND, LIST, shape, request)


def _check_cluster(cluster: dict[str, Any]) -> None:
    preferred = cluster.get("InstancePreferences")
    if ("InstanceType" in cluster) == bool(preferred):
        raise ValidationException("Exactly one of InstanceType and InstancePreferences must be given in ClusterConfig.")
    counts = [cluster, *(preferred or ())]
    if not any("InstanceCount" in one for one in counts):
        raise ValidationException("InstanceCount must be given in ClusterConfig.")


def _check_inputs(context: Context, request: dict[str, Any]) -> None:
    entries = request.get("ProcessingInputs") or ()
    _check_names("InputName", [entry["InputName"] for entry in entries])
    for entry in entries:
        name = f"ProcessingInput '{entry['InputName']}'"
        if ("S3Input" in entry) == ("DatasetDefinition" in entry):
            raise ValidationException(f"{name}: exactly one of S3Input and DatasetDefinition must be given.")
        if "DatasetDefinition" in entry:
            _check_definition(name, entry)
            continue
        if not entry.get("AppManaged"):
            _check_source(context, name, entry["S3Input"], request["RoleArn"])


def _check_definition(name: str, entry: dict[str, Any]) -> None:
    """Does not check the query itself: as on AWS, its errors show when the job runs."""
    definition = entry["DatasetDefinition"]
    engines = [one for one in ("AthenaDatasetDefinition", "RedshiftDatasetDefinition") if one in definition]
    if len(engines) != 1:
        raise ValidationException(
            f"{name}: exactly one of AthenaDatasetDefinition and RedshiftDatasetDefinition must be given in DatasetDefinition."
        )
    if not entry.get("AppManaged") and not definition.get("LocalPath"):
        raise ValidationException(f"{name}: DatasetDefinition needs a LocalPath, unless AppManaged is true.")


def _check_source(context: Context, name: str, source: dict[str, Any], role: str) -> None:
    if not source.get("LocalPath"):
        raise ValidationException(f"{name}: S3Input needs a LocalPath, unless AppManaged is true.")
    if source.get("S3CompressionType", "None") != "None" and source.get("S3InputMode", "File") != "Pipe":
        raise ValidationException(f"{name}: the S3CompressionType Gzip is supported only with the S3InputMode Pipe.")
    check_data(context, name, source["S3Uri"], role)


def _check_outputs(request: dict[str, Any]) -> None:
    entries = request.get("ProcessingOutputConfig", {}).get("Outputs") or ()
    _check_names("OutputName", [entry["OutputName"] for entry in entries])
    for entry in entries:
        name = f"ProcessingOutput '{entry['OutputName']}'"
        if ("S3Output" in entry) == ("FeatureStoreOutput" in entry):
            raise ValidationException(f"{name}: exactly one of S3Output and FeatureStoreOutput must be given.")
        if entry.get("AppManaged"):
            continue
        if "FeatureStoreOutput" in entry:
            raise ValidationException(f"{name}: FeatureStoreOutput is supported only when AppManaged is true.")
        if not entry["S3Output"].get("LocalPath"):
            raise ValidationException(f"{name}: S3Output needs a LocalPath, unless AppManaged is true.")


def _check_names(member: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValidationException(f"{member} must be unique within a processing job; '{twice[0]}' is given twice.")


def _local_paths(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in managed(request.get("ProcessingInputs")):
        yield f"ProcessingInput '{entry['InputName']}'", local_path(entry) or ""
    for entry in managed(request.get("ProcessingOutputConfig", {}).get("Outputs")):
        yield f"ProcessingOutput '{entry['OutputName']}'", entry["S3Output"]["LocalPath"]


def _check_places(request: dict[str, Any]) -> None:
    for name, path in _local_paths(request):
        steps = path.strip("/").split("/")
        if not f"{path}/".startswith(ROOT) or {"..", "."} & set(steps) or "\0" in path or "//" in path:
            raise ValidationException(f"{name}: LocalPath must be a path below {ROOT}, got '{path}'.")
        if any(len(step.encode()) > LONGEST_NAME for step in steps):
            raise ValidationException(f"{name}: a step of LocalPath is longer than {LONGEST_NAME} bytes.")
