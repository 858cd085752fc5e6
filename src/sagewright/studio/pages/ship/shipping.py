"""Forms that ship a model: register a training job's artefact as a version, and deploy a version or an artefact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio.visit import Done, Visit, form, page

TYPES = ("text/csv", "application/json")
INSTANCES = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge", "ml.g5.xlarge")


@dataclass(frozen=True)
class RegisterForm:
    """`groups`: names that exist already."""

    job: str
    image: str
    artefact: str
    group: str
    description: str
    status: str
    groups: tuple[str, ...]
    fault: str = ""


@page("/models/new", "register.html", "models")
def register_form(visit: Visit) -> RegisterForm:
    job = visit.query.get("job", "")
    found = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=job)
    listed = visit.client.aside("sagemaker", "ListModelPackageGroups", MaxResults=100)["ModelPackageGroupSummaryList"]
    groups = tuple(one["ModelPackageGroupName"] for one in listed)
    artefact = found.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    image = found["AlgorithmSpecification"].get("TrainingImage", "")
    stem = job.rpartition("-20")[0] or job[:40]
    return RegisterForm(
        job, image, artefact, groups[0] if groups else stem, f"from {job}", "PendingManualApproval", groups
    )


@form("/models/new", "register.html", "models")
def register(visit: Visit, fields: dict[str, str]) -> Done | RegisterForm:
    """Makes the group if there is none of that name, and a version in it."""
    group, job = fields.get("group", "").strip(), fields.get("job", "")
    visit.every = (("job", job),)
    fresh = register_form(visit)
    try:
        if group not in fresh.groups:
            visit.client.sagemaker("CreateModelPackageGroup", ModelPackageGroupName=group)
        container = {"Image": fields.get("image", ""), "ModelDataUrl": fields.get("artefact", "")}
        made = visit.client.sagemaker(
            "CreateModelPackage",
            ModelPackageGroupName=group,
            ModelApprovalStatus=fields.get("status", "PendingManualApproval"),
            ModelPackageDescription=fields.get("description") or None,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": list(TYPES),
                "SupportedResponseMIMETypes": list(TYPES),
            },
        )
    except AwsError as error:
        return replace(
            fresh,
            fault=error.message,
            group=group,
            image=fields.get("image", fresh.image),
            artefact=fields.get("artefact", fresh.artefact),
            description=fields.get("description", fresh.description),
            status=fields.get("status", fresh.status),
        )
    number = made["ModelPackageArn"].rpartition("/")[2]
    return Done(f"Registered {group}, version {number}", f"/studio/models/{group}")


@dataclass(frozen=True)
class DeployForm:
    """`package`: the version's ARN, or `image` and `artefact` of a job. `taken`: the endpoint exists, and gets an update."""

    package: str
    image: str
    artefact: str
    endpoint: str
    instance: str
    instances: tuple[str, ...]
    count: str
    endpoints: tuple[str, ...]
    back: str
    fault: str = ""


@page("/endpoints/new", "deploy.html", "endpoints")
def deploy_form(visit: Visit) -> DeployForm:
    query = visit.query
    listed = visit.client.aside("sagemaker", "ListEndpoints", MaxResults=100)["Endpoints"]
    names = tuple(one["EndpointName"] for one in listed)
    if package := query.get("package"):
        found = visit.client.sagemaker("DescribeModelPackage", ModelPackageName=package)
        if found["ModelApprovalStatus"] != "Approved":
            fault = f"Version {found.get('ModelPackageVersion')} is not approved: CreateModel refuses it until it is."
        else:
            fault = ""
        group = found.get("ModelPackageGroupName", "model")
        return DeployForm(
            package,
            "",
            "",
            query.get("endpoint", group),
            INSTANCES[0],
            INSTANCES,
            "1",
            names,
            f"/studio/models/{group}",
            fault,
        )
    job = query.get("job", "")
    found = visit.client.sagemaker("DescribeTrainingJob", TrainingJobName=job)
    artefact = found.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    image = found["AlgorithmSpecification"].get("TrainingImage", "")
    return DeployForm("", image, artefact, job[:63], INSTANCES[0], INSTANCES, "1", names, f"/studio/jobs/{job}")


@form("/endpoints/new", "deploy.html", "endpoints")
def deploy(visit: Visit, fields: dict[str, str]) -> Done | DeployForm:
    """Makes a model, a configuration, and the endpoint; one that exists is updated, which replaces its instances without a gap."""
    visit.every = tuple((name, fields[name]) for name in ("package", "job") if fields.get(name))
    name = fields.get("endpoint", "").strip()
    try:
        exists = _deployed(visit, name, fields)
    except AwsError as error:
        fresh = deploy_form(visit) if visit.every else None
        if fresh is None:
            raise
        return replace(fresh, endpoint=name, fault=error.message, count=fields.get("count", "1"))
    return Done(f"{'Updating' if exists else 'Creating'} {name}", f"/studio/endpoints/{name}")


def _deployed(visit: Visit, name: str, fields: Mapping[str, str]) -> bool:
    """Returns True if the endpoint existed. Raises AwsError; a model or configuration that was created before a later error
    stays."""
    stamp = f"{visit.now:%y%m%d-%H%M%S}"
    own = f"{name[:40]}-{stamp}"
    if not fields.get("count", "1").isdecimal():
        raise ValidationException("The number of instances must be a number.")
    container: dict[str, Any] = (
        {"ModelPackageName": fields["package"]}
        if fields.get("package")
        else {"Image": fields.get("image", ""), "ModelDataUrl": fields.get("artefact", "")}
    )
    role = f"arn:aws:iam::{visit.place.account}:role/SageMakerExecutionRole"
    visit.client.sagemaker("CreateModel", ModelName=own, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": own,
        "InstanceType": fields.get("instance", INSTANCES[0]),
        "InitialInstanceCount": int(fields.get("count", "1")),
        "InitialVariantWeight": 1.0,
    }
    visit.client.sagemaker("CreateEndpointConfig", EndpointConfigName=own, ProductionVariants=[variant])
    listed = visit.client.aside("sagemaker", "ListEndpoints", NameContains=name, MaxResults=100)["Endpoints"]
    exists = any(one["EndpointName"] == name for one in listed)
    visit.client.sagemaker("UpdateEndpoint" if exists else "CreateEndpoint", EndpointName=name, EndpointConfigName=own)
    return exists
