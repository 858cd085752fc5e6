"""Pipelines: Create, Update, Describe, List, Delete, and their versions.

Source: AWS's API reference, CreatePipeline and related operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, false

from sagewright.engine.pipelines.execution_documents import LIVE, VersionDocument
from sagewright.engine.pipelines.step_records import EXECUTION, PIPELINE, VERSION
from sagewright.engine.pipelines.steps.shapes import unknown_members
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.aws.statuses import PipelineStatus
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.pipelines.definition import PipelineDefinition, read_definition
from sagewright.pipelines.errors import BadDefinition
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.services.sagemaker.resources.repeats import once
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Comparison
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource
from sagewright.store.schema.resources import resources as table

MOST_DEFINITION = 1 << 20
MOST_STEPS = 2000
KEPT = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
CREATED = {"CreatedAfter": ("created_ms", Comparison.AT_LEAST), "CreatedBefore": ("created_ms", Comparison.AT_MOST)}
LIST = ListSpec(
    "PipelineSummaries", {"Name": "name", "CreationTime": "created_ms"}, True,
    {"PipelineNamePrefix": ("name", Comparison.CONTAINS), **CREATED},
)  # fmt: skip
LIST_VERSIONS = ListSpec("PipelineVersionSummaries", {"CreationTime": "version"}, True, CREATED, ("name",))


def _documents(context: Context, rows: Sequence[Resource]) -> Iterable[dict[str, Any]]:
    tagged = tags.of_all(context.store, [arn_of(row) for row in rows])
    for row in rows:
        pairs = [{"Key": key, "Value": value} for key, value in tagged.get(arn_of(row), {}).items()]
        yield _head(row) | {"Tags": pairs}


SEARCHED = Searched(
    "Pipeline", "PipelineName", _documents, lambda found: {"Pipeline": found}, frozenset({"PipelineDefinition"})
)
declare(SearchableKind(PIPELINE, "pipeline", RESOURCES, SEARCHED))


@operation("sagemaker", "CreatePipeline")
def create_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_role(context, request["RoleArn"])
    text = _definition_text(context, request)
    check_definition(text)
    name = request["PipelineName"]

    def create(connection: Connection) -> dict[str, Any]:
        if resources.find(context.store, scope_of(context), name) is not None:
            raise ValidationException(
                "Pipeline names must be unique within an AWS account and region. "
                f"Pipeline with name ({name}) already exists."
            )
        arn = sagemaker_arn(context.region, context.account, PIPELINE, name)
        document = {member: request[member] for member in KEPT if member in request}
        document |= {"Version": 1, "CreatedBy": context.principal.arn, "LastModifiedBy": context.principal.arn}
        pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
        new = New(name, document, arn, pairs, status=PipelineStatus.ACTIVE.value, principal=context.principal.arn)
        made = resources.create_in(connection, scope_of(context), new)
        _add_version(connection, made, 1, text)
        return {"PipelineArn": arn}

    return once(context, "CreatePipeline", request, create)


@operation("sagemaker", "UpdatePipeline")
def update_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = require(context, request["PipelineName"])
    if "RoleArn" in request:
        check_role(context, request["RoleArn"])
    given = "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request
    text = _definition_text(context, request) if given else None
    if text is not None:
        check_definition(text)
    changed = {member: request[member] for member in KEPT if member in request}
    with context.store.write() as connection:
        current = resources.locked_in(connection, pipeline.id)
        if current is None:
            raise missing(pipeline.name)
        document = {**current.document, **changed, "LastModifiedBy": context.principal.arn}
        if text is not None:
            document["Version"] = current.document["Version"] + 1
            _add_version(connection, current, document["Version"], text)
        resources.change_in(connection, replace(current, document=document), context.principal.arn)
    return {"PipelineArn": arn_of(pipeline), "PipelineVersionId": document["Version"]}


@operation("sagemaker", "DescribePipeline")
def describe_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = require(context, request["PipelineName"])
    require_no_alias(pipeline, request)
    version = require_version(context, pipeline, request.get("PipelineVersionId"))
    described = _head(pipeline) | {"PipelineDefinition": VersionDocument.read(version.document).definition}
    for member in ("PipelineVersionDisplayName", "PipelineVersionDescription"):
        if member in version.document:
            described[member] = version.document[member]
    return described


@operation("sagemaker", "ListPipelines")
def list_pipelines(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    prefix = request.get("PipelineNamePrefix")
    conditions = [table.c.name.startswith(prefix, autoescape=True)] if prefix else []
    if request.get("ManagedBy") == "AWS":
        conditions.append(false())
    requested = {key: value for key, value in request.items() if key != "PipelineNamePrefix"}

    def shape(rows: Sequence[Resource]) -> list[dict[str, Any]]:
        return [_summary(row) for row in rows]

    return LIST.answer(
        requested, lambda page: resources.page(context.store, scope_of(context), page, *conditions), shape
    )


@operation("sagemaker", "DeletePipeline")
def delete_pipeline(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes the pipeline with its executions; the jobs that they created stay."""
    pipeline = require(context, request["PipelineName"])
    executions = resources.child_names(context.store, pipeline.id, EXECUTION)
    if running := [one for one, status in executions if status in LIVE]:
        raise AwsError(
            "ConflictException",
            f"Pipeline {pipeline.name} has {len(running)} executions that run; stop them before it is deleted.",
        )
    with context.store.write() as connection:
        for execution, _ in executions:
            resources.remove_children_in(connection, execution)
        resources.remove_children_in(connection, pipeline.id)
        resources.remove_children_in(connection, f"cache/{pipeline.id}")
        resources.remove_in(connection, pipeline, arn_of(pipeline), context.principal.arn)
    return {"PipelineArn": arn_of(pipeline)}


@operation("sagemaker", "ListPipelineVersions")
def list_pipeline_versions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = require(context, request["PipelineName"])
    scope = ResourceScope(VERSION, context.account, context.region)
    mine = table.c.name == pipeline.id

    def shape(rows: Sequence[Resource]) -> list[dict[str, Any]]:
        return [_version_summary(pipeline, row) for row in rows]

    return LIST_VERSIONS.answer(request, lambda page: resources.page(context.store, scope, page, mine), shape)


@operation("sagemaker", "UpdatePipelineVersion")
def update_pipeline_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = require(context, request["PipelineArn"])
    version = require_version(context, pipeline, request["PipelineVersionId"])
    if "PipelineVersionAliasOperations" in request:
        raise ValidationException(
            "Sagewright does not serve aliases of pipeline versions (PipelineVersionAliasOperations)."
        )
    members = ("PipelineVersionDisplayName", "PipelineVersionDescription")
    changed = {member: request[member] for member in members if member in request}
    resources.alter(context.store, version.id, lambda one: replace(one, document={**one.document, **changed}))
    return {"PipelineArn": arn_of(pipeline), "PipelineVersionId": version.version}


def check_definition(text: str) -> PipelineDefinition:
    """Raises ValidationException."""
    try:
        definition = read_definition(text)
        count = sum(1 + len(step.body) for step in definition.steps)
        if count > MOST_STEPS:
            raise BadDefinition(f"A pipeline has at most {MOST_STEPS} steps, got {count}.")
        for step in definition.steps:
            for one in (step, *step.body):
                if unknown := unknown_members(one.type, one.arguments):
                    raise BadDefinition(f"Unknown Argument member '{unknown[0]}' in step '{one.name}'.")
    except BadDefinition as error:
        raise ValidationException(f"Unable to parse pipeline definition. {error}") from None
    return definition


def _definition_text(context: Context, request: dict[str, Any]) -> str:
    """Raises ValidationException, and the errors of reading the object."""
    given, scope = request.get("PipelineDefinition"), request.get("PipelineDefinitionS3Location")
    if (given is None) == (scope is None):
        raise ValidationException("Exactly one of PipelineDefinition and PipelineDefinitionS3Location must be given.")
    if scope is None:
        return str(given)
    try:
        body = context.platform.objects.read_bytes(scope["Bucket"], scope["ObjectKey"], MOST_DEFINITION)
        return body.decode()
    except (AwsError, UnicodeDecodeError) as error:
        uri = f"s3://{scope['Bucket']}/{scope['ObjectKey']}"
        raise ValidationException(f"Unable to parse pipeline definition. {uri} can't be read: {error}") from None


def _add_version(connection: Connection, pipeline: Resource, number: int, text: str) -> None:
    scope = ResourceScope(VERSION, pipeline.account, pipeline.region)
    new = New(pipeline.id, {"PipelineDefinition": text}, "", {}, version=number, parent=pipeline.id)
    resources.create_in(connection, scope, new)


def require(context: Context, name_or_arn: str) -> Resource:
    """Raises ResourceNotFound."""
    name = name_or_arn.rpartition("/")[2] if name_or_arn.startswith("arn:") else name_or_arn
    found = resources.find(context.store, scope_of(context), name)
    if found is None:
        raise resource_not_found(context, scope_of(context), name, missing(name))
    return found


def require_no_alias(pipeline: Resource, request: dict[str, Any]) -> None:
    """Raises ResourceNotFound for a PipelineVersionAlias: no version has one, since aliases can't be set here."""
    if alias := request.get("PipelineVersionAlias"):
        raise ResourceNotFound(f"Pipeline '{pipeline.name}' has no version with the alias '{alias}'.")


def require_version(context: Context, pipeline: Resource, number: int | None) -> Resource:
    """`number`: None for the newest version. Raises ResourceNotFound."""
    requested = number or pipeline.document["Version"]
    scope = ResourceScope(VERSION, context.account, context.region)
    found = resources.find(context.store, scope, pipeline.id, requested)
    if found is None:
        raise ResourceNotFound(f"Pipeline '{pipeline.name}' has no version {requested}.")
    return found


def missing(name: str) -> ResourceNotFound:
    return ResourceNotFound(f"Pipeline '{name}' does not exist.")


def arn_of(pipeline: Resource) -> str:
    return sagemaker_arn(pipeline.region, pipeline.account, PIPELINE, pipeline.name)


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(PIPELINE, context.account, context.region)


def by(arn: str) -> dict[str, Any]:
    """Returns CreatedBy and LastModifiedBy."""
    return {"IamIdentity": {"Arn": arn, "PrincipalId": arn.rpartition("/")[2]}}


def _head(pipeline: Resource) -> dict[str, Any]:
    document = pipeline.document
    head = {
        "PipelineArn": arn_of(pipeline),
        "PipelineName": pipeline.name,
        "PipelineDisplayName": document.get("PipelineDisplayName", pipeline.name),
        "PipelineStatus": pipeline.status,
        "CreationTime": to_datetime(pipeline.created_ms),
        "LastModifiedTime": to_datetime(pipeline.modified_ms),
        "CreatedBy": by(document["CreatedBy"]),
        "LastModifiedBy": by(document["LastModifiedBy"]),
    }
    head |= {name: document[name] for name in KEPT if name in document}
    return head | ({"LastRunTime": to_datetime(document["LastRunMs"])} if "LastRunMs" in document else {})


def _summary(pipeline: Resource) -> dict[str, Any]:
    head = _head(pipeline)
    members = ("PipelineArn", "PipelineName", "PipelineDisplayName", "PipelineDescription", "RoleArn", "CreationTime",
               "LastModifiedTime")  # fmt: skip
    described = {name: head[name] for name in members if name in head}
    return described | ({"LastExecutionTime": head["LastRunTime"]} if "LastRunTime" in head else {})


def _version_summary(pipeline: Resource, version: Resource) -> dict[str, Any]:
    members = ("PipelineVersionDisplayName", "PipelineVersionDescription")
    described = {name: version.document[name] for name in members if name in version.document}
    described |= {
        "PipelineArn": arn_of(pipeline),
        "PipelineVersionId": version.version,
        "CreationTime": to_datetime(version.created_ms),
    }
    last = version.document.get("LastExecution")
    return described | ({"LastExecutionPipelineExecutionArn": last} if last else {})
