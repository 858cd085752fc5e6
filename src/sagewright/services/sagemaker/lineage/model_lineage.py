"""Lineage of models, model packages and endpoints.

Source: AWS's developer guide, "Amazon SageMaker AI-Created Tracking Entities". Names and directions follow notebooks: an approval
and the containers' images and data contribute to a package, a package is associated with the context of its group, a deployed model
contributes to a deployment, and that is associated with the endpoint's context.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sagewright.kinds.modelcontainers import containers_of
from sagewright.model.aws.statuses import ActionStatus, ApprovalStatus
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.services.context import Context
from sagewright.services.sagemaker.hosting.endpoint_configs import CONFIGS
from sagewright.services.sagemaker.hosting.endpoints import ENDPOINTS
from sagewright.services.sagemaker.hosting.models import MODELS
from sagewright.services.sagemaker.lineage.job_lineage import IMAGE, MODEL_DATA, model_data
from sagewright.services.sagemaker.lineage.lineage_graphs import ASSOCIATED, Graph, Key
from sagewright.services.sagemaker.registry.model_package_groups import GROUPS
from sagewright.services.sagemaker.registry.model_package_rows import arn_of, find, scope_of
from sagewright.store.events import EventEntry
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource, ResourceStep

MODEL, GROUP, APPROVAL = "Model", "ModelGroup", "Approval"
ENDPOINT, DEPLOYMENT = "Endpoint", "ModelDeployment"
LONGEST_NAME = 120
VARIANTS = ("ProductionVariants", "ShadowProductionVariants")
Document = dict[str, Any]


def of_model(context: Context, model: Resource) -> Graph:
    graph = Graph(context)
    _model(graph, model)
    return graph


def _model(graph: Graph, model: Resource) -> tuple[Key, list[Key]]:
    """Returns the model's artifact, and those of its images and source packages."""
    own = graph.artifact(MODELS.arn(graph.context, model.name), MODEL, ArtifactName=model.name)
    images = _containers(graph, containers_of(model.document), own)
    primary = model.document.get("PrimaryContainer")
    given = [primary] if primary else model.document.get("Containers") or []
    packages = [_package(graph, one["ModelPackageName"]) for one in given if one.get("ModelPackageName")]
    found = [package for package in packages if package is not None]
    for package in found:
        graph.link(package, own)
    return own, [*images, *found]


def _package(graph: Graph, name_or_arn: str) -> Key | None:
    name = name_or_arn.rpartition(":model-package/")[2]
    row = find(graph.context.store, scope_of(graph.context), name)
    return None if row is None else graph.artifact(arn_of(row), MODEL)


def _containers(graph: Graph, containers: list[Document], made: Key) -> list[Key]:
    """Adds the images and data that contribute to `made`; returns the artifacts of the images."""
    images = []
    for one in containers:
        if one.get("Image"):
            images.append(graph.artifact(one["Image"], IMAGE))
            graph.link(images[-1], made)
        if model_data(one):
            graph.link(graph.artifact(model_data(one), MODEL_DATA), made)
    return images


def of_package(context: Context, package: Resource, entry: EventEntry) -> Graph:
    """`entry`: the event of the package; each decision on its approval is an action."""
    graph, document, arn = Graph(context), package.document, arn_of(package)
    by = (document.get("MetadataProperties") or {}).get("GeneratedBy")
    made_by = {"MetadataProperties": {"GeneratedBy": by}} if by else {}
    own = graph.artifact(arn, MODEL, **made_by)
    _containers(graph, (document.get("InferenceSpecification") or {}).get("Containers") or [], own)
    for one in (document.get("SourceAlgorithmSpecification") or {}).get("SourceAlgorithms") or ():
        if model_data(one):
            graph.link(graph.artifact(model_data(one), MODEL_DATA), own)
    if not package.version:
        return graph
    properties = {"ModelPackageGroupName": package.name}
    if by and "/execution/" in by:
        properties["PipelineExecutionArn"] = by
    group = GROUPS.arn(context, package.name)
    graph.link(
        own, graph.of_context(f"{package.name}-aws-model-group", GROUP, group, Properties=properties), ASSOCIATED
    )
    detail = entry.detail or {}
    described: str = detail.get("told", {}).get("ModelApprovalStatus") or ""
    if described and (entry.step == ResourceStep.CREATED or "ModelApprovalStatus" in detail.get("fields", ())):
        name = f"{package.name}-{package.version}-{described}-{entry.at_ms // 1000}-aws-model-group"
        status = ActionStatus.IN_PROGRESS if described == ApprovalStatus.PENDING else ActionStatus.COMPLETED
        more = {"Properties": {"ModelApprovalStatus": described}, "Status": status.value}
        graph.link(graph.action(name, APPROVAL, arn, **more), own)
    return graph


def of_endpoint(context: Context, endpoint: Resource) -> Graph:
    """Adds the endpoint's context, and the deployment of the configuration that it serves."""
    graph, arn = Graph(context), ENDPOINTS.arn(context, endpoint.name)
    own = graph.of_context(f"{endpoint.name}-aws-endpoint", ENDPOINT, arn, Properties={"EndpointName": endpoint.name})
    config_name: str = endpoint.document["EndpointConfigName"]
    config = resources.find(context.store, ResourceScope(CONFIGS.kind, context.account, context.region), config_name)
    if endpoint.status != EndpointStatus.IN_SERVICE or config is None:
        return graph
    properties = {"EndpointName": endpoint.name, "EndpointConfigName": config_name}
    name = _named(f"{endpoint.name}-{config_name}", "-aws-endpoint")
    deployment = graph.action(name, DEPLOYMENT, arn, Properties=properties, Status=ActionStatus.COMPLETED.value)
    graph.link(deployment, own, ASSOCIATED)
    names = [one.get("ModelName") for member in VARIANTS for one in config.document.get(member) or ()]
    for model_name in filter(None, names):
        model = resources.find(context.store, ResourceScope(MODELS.kind, context.account, context.region), model_name)
        if model is not None:
            deployed, parts = _model(graph, model)
            for one in (deployed, *parts):
                graph.link(one, deployment)
    return graph


def _named(start: str, end: str) -> str:
    if len(start) + len(end) <= LONGEST_NAME:
        return start + end
    digest = hashlib.sha256(start.encode()).hexdigest()[:10]
    return f"{start[: LONGEST_NAME - len(end) - 11].rstrip('-')}-{digest}{end}"
