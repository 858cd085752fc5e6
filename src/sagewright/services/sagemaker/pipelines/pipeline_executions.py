"""Executions of pipelines: Start, Stop, Retry, Update, Describe, their steps and parameters, and callback results.

Source: AWS's API reference, StartPipelineExecution and related operations.
"""

from __future__ import annotations

import contextlib
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from sagewright.engine.pipelines import callbacks, step_records
from sagewright.engine.pipelines.callbacks import CallbackDocument
from sagewright.engine.pipelines.execution_documents import LIVE, ExecutionDocument, ExecutionStatus, VersionDocument
from sagewright.engine.pipelines.step_records import EXECUTION, STEP, VERSION, StepRecord
from sagewright.engine.pipelines.step_references import execution_arn
from sagewright.engine.pipelines.steps import tracking
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.pipelines.definition import PipelineDefinition, read_definition
from sagewright.pipelines.errors import BadDefinition, BadReference
from sagewright.pipelines.plan import StepStatus, missing_between, sources
from sagewright.pipelines.references import text_of
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.pipelines import pipelines
from sagewright.services.sagemaker.pipelines.pipelines import CREATED, by
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.services.sagemaker.resources.repeats import once
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource
from sagewright.store.schema.resources import resources as table

MOST_PARSED = 16
"""Definitions, of at most 1 MiB each, whose MLflow settings are remembered."""
ALPHABET = string.ascii_lowercase + string.digits
LIST = ListSpec(
    "PipelineExecutionSummaries", {"CreationTime": "created_ms", "PipelineExecutionArn": "name"}, True, CREATED
)
KEPT = ("PipelineExecutionDescription", "ParallelismConfiguration", "SelectiveExecutionConfig", "MlflowExperimentName")
STEPS = ListSpec("PipelineExecutionSteps", {"CreationTime": "created_ms"}, True, {})
PAGE = 20
ENDED = frozenset({ExecutionStatus.FAILED, ExecutionStatus.STOPPED})
SOURCES = tuple(
    one.value for one in (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED, ExecutionStatus.COMPLETED_WITH_FAILURES)
)
"""Statuses of executions whose results a selective execution can reuse."""


def _documents(_: Context, rows: Sequence[Resource]) -> list[dict[str, Any]]:
    return [_described(row) | {"PipelineParameters": _parameters(row)} for row in rows]


SEARCHED = Searched(
    "PipelineExecution",
    "PipelineExecutionArn",
    _documents,
    lambda found: {"PipelineExecution": found},
    frozenset({"RoleArn"}),
)
declare(SearchableKind(EXECUTION, "pipeline-execution", RESOURCES, SEARCHED))


@operation("sagemaker", "StartPipelineExecution")
def start_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = pipelines.require(context, request["PipelineName"])
    pipelines.require_no_alias(pipeline, request)
    version = pipelines.require_version(context, pipeline, request.get("PipelineVersionId"))
    role = request.get("RoleArn") or pipeline.document["RoleArn"]
    check_role(context, role)
    definition = read_definition(VersionDocument.read(version.document).definition)
    given = {one["Name"]: one["Value"] for one in request.get("PipelineParameters") or ()}
    try:
        values = definition.values(given)
    except BadDefinition as error:
        raise ValidationException(str(error)) from None
    document = {member: request[member] for member in KEPT if member in request} | {
        "PipelineName": pipeline.name,
        "PipelineId": pipeline.id,
        "PipelineVersionId": version.version,
        "Parameters": values,
        "RoleArn": role,
        "DisplayName": request.get("PipelineExecutionDisplayName") or f"execution-{now_ms()}",
        "CreatedBy": context.principal.arn,
        "Round": 1,
    }
    if "ParallelismConfiguration" not in document and "ParallelismConfiguration" in pipeline.document:
        document["ParallelismConfiguration"] = pipeline.document["ParallelismConfiguration"]
    if "SelectiveExecutionConfig" in request:
        document |= _selection(context, pipeline, definition, request["SelectiveExecutionConfig"])
    document["Experiment"] = _experiment(definition)

    def start(connection: Connection) -> dict[str, Any]:
        name = "".join(secrets.choice(ALPHABET) for _ in range(12))
        new = New(
            name,
            document,
            "",
            {},
            parent=pipeline.id,
            status=ExecutionStatus.EXECUTING.value,
            principal=context.principal.arn,
        )
        made = resources.create_in(connection, _scope(context), new)
        current = resources.locked_in(connection, pipeline.id)
        if current is None:
            raise pipelines.missing(pipeline.name)
        changed = {**current.document, "LastRunMs": made.created_ms}
        resources.change_in(connection, replace(current, document=changed), context.principal.arn)
        return {"PipelineExecutionArn": execution_arn(made)}

    answer = once(context, "StartPipelineExecution", request, start)
    made = _find(context, answer["PipelineExecutionArn"])
    if made is not None:
        context.engine.wake(EXECUTION, made.id)
    return answer


def _experiment(definition: PipelineDefinition) -> dict[str, Any] | None:
    """Returns PipelineExperimentConfig as written, None if it is missing."""
    return dict(definition.experiment) if definition.experiment else None


def _selection(
    context: Context, pipeline: Resource, definition: PipelineDefinition, config: dict[str, Any]
) -> dict[str, Any]:
    """Returns the execution whose results replace the steps that aren't selected: the named one, or the last one that ended.

    Raises ValidationException.
    """
    names = {one.name for one in definition.steps}
    selected = frozenset(one["StepName"] for one in config["SelectedSteps"])
    if unknown := sorted(selected - names):
        raise ValidationException(
            f"SelectedSteps names the step '{unknown[0]}', which is not in the pipeline's definition."
        )
    if missing := missing_between(definition, selected):
        raise ValidationException(
            f"SelectedSteps must have the steps between those that are selected: {', '.join(missing)}."
        )
    needed = sources(definition, selected)
    named = config.get("SourcePipelineExecutionArn")
    source = _find(context, named) if named else _newest_ended(context, pipeline)
    if named and (source is None or source.parent != pipeline.id):
        raise ValidationException(
            f"SourcePipelineExecutionArn {named} is not an execution of the pipeline {pipeline.name}."
        )
    if source is None:
        if not needed:
            return {}
        raise ValidationException(
            f"Invalid SourcePipelineExecutionArn: null. The selected steps {sorted(selected)} depend on {needed}, whose results "
            "come from an earlier execution."
        )
    if source.status not in SOURCES:
        raise ValidationException(
            f"The source execution {execution_arn(source)} is {source.status}; it must be Succeeded or Failed."
        )
    found = dict(config) | {"SourcePipelineExecutionArn": execution_arn(source)}
    return {"SourceExecution": source.name, "SelectiveExecutionConfig": found}


def _newest_ended(context: Context, pipeline: Resource) -> Resource | None:
    ended = table.c.status.in_(SOURCES)
    mine = resources.belongs_to(pipeline.id, EXECUTION)
    return next(iter(resources.page(context.store, None, PageRequest(limit=1), mine, ended)), None)


@operation("sagemaker", "StopPipelineExecution")
def stop_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    execution = require(context, request["PipelineExecutionArn"])

    def how(current: Resource) -> Resource | None:
        if current.status not in LIVE:
            raise ValidationException(
                f"Only pipelines with 'Executing' status can be stopped; {execution_arn(execution)} is {current.status}."
            )
        return replace(current, status=ExecutionStatus.STOPPING.value)

    resources.alter(context.store, execution.id, how)
    context.engine.wake(EXECUTION, execution.id)
    return {"PipelineExecutionArn": execution_arn(execution)}


@operation("sagemaker", "RetryPipelineExecution")
def retry_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Retries within the same execution: succeeded steps are kept, and all others are executed."""
    execution = require(context, request["PipelineExecutionArn"])
    records = step_records.of_execution(context.store, execution.id)
    if any(one.type == "Fail" for one in records.values()):
        raise AwsError("ConflictException", "A pipeline execution that a Fail step ended can't be retried.")

    def retry(connection: Connection) -> dict[str, Any]:
        current = resources.locked_in(connection, execution.id)
        if current is None or current.status not in ENDED:
            status = current.status if current else "gone"
            raise AwsError(
                "ConflictException", f"The pipeline execution is {status}; only Failed and Stopped ones can be retried."
            )
        for row in resources.children_in(connection, execution.id):
            if row.kind == STEP and row.status != StepStatus.SUCCEEDED:
                resources.remove_in(connection, row, "")
        document = {key: value for key, value in current.document.items() if key not in {"EndedMs", "FailureReason"}}
        document |= {name: current.document.get(name, 1) + 1 for name in ("Round", "Tries")}
        if "ParallelismConfiguration" in request:
            document["ParallelismConfiguration"] = request["ParallelismConfiguration"]
        changed = replace(current, status=ExecutionStatus.EXECUTING.value, document=document)
        resources.change_in(connection, changed, context.principal.arn)
        return {"PipelineExecutionArn": execution_arn(execution)}

    answer = once(context, "RetryPipelineExecution", request, retry)
    context.engine.wake(EXECUTION, execution.id)
    return answer


@operation("sagemaker", "UpdatePipelineExecution")
def update_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    execution = require(context, request["PipelineExecutionArn"])
    members = ("PipelineExecutionDescription", "ParallelismConfiguration")
    changed: dict[str, Any] = {name: request[name] for name in members if name in request}
    if "PipelineExecutionDisplayName" in request:
        changed["DisplayName"] = request["PipelineExecutionDisplayName"]
    resources.alter(context.store, execution.id, lambda one: replace(one, document={**one.document, **changed}))
    context.engine.wake(EXECUTION, execution.id)
    return {"PipelineExecutionArn": execution_arn(execution)}


@operation("sagemaker", "DescribePipelineExecution", quick=True)
def describe_pipeline_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    execution = require(context, request["PipelineExecutionArn"])
    config = _mlflow(_version(context, execution), execution)
    return _described(execution) | ({"MLflowConfig": config} if config else {})


def _mlflow(version: Resource, execution: Resource) -> dict[str, str]:
    """Returns the definition's MLflow settings, with the experiment that the execution was started with."""
    text = VersionDocument.read(version.document).definition
    described = dict(_mlflow_config(text)) if "MlflowConfig" in text else {}
    if experiment := execution.document.get("MlflowExperimentName"):
        described["MlflowExperimentName"] = experiment
    requested = ("MlflowResourceArn", "MlflowExperimentName")
    return {name: described[name] for name in requested if isinstance(described.get(name), str)}


@lru_cache(maxsize=MOST_PARSED)
def _mlflow_config(text: str) -> Mapping[str, Any]:
    """Returns the member of a definition. Clients that wait for an execution ask again and again, and the event loop answers."""
    config = read_json(text).get("MlflowConfig")
    return config if isinstance(config, dict) else {}


@operation("sagemaker", "DescribePipelineDefinitionForExecution")
def describe_pipeline_definition_for_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    version = _version(context, require(context, request["PipelineExecutionArn"]))
    return {
        "PipelineDefinition": VersionDocument.read(version.document).definition,
        "CreationTime": to_datetime(version.created_ms),
    }


@operation("sagemaker", "ListPipelineExecutions")
def list_pipeline_executions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pipeline = pipelines.require(context, request["PipelineName"])
    pipelines.require_no_alias(pipeline, request)
    mine = resources.belongs_to(
        pipeline.id, EXECUTION
    )  # use its index: filtering by the account would read those of all pipelines

    def shape(rows: Sequence[Resource]) -> list[dict[str, Any]]:
        return [_summary(row) for row in rows]

    return LIST.answer(request, lambda page: resources.page(context.store, None, page, mine), shape)


@operation("sagemaker", "ListPipelineExecutionSteps")
def list_pipeline_execution_steps(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "PipelineExecutionArn" not in request:  # the API model makes it optional
        raise ValidationException("PipelineExecutionArn is required.")
    execution = require(context, request["PipelineExecutionArn"])
    requested = request if "MaxResults" in request else request | {"MaxResults": PAGE}
    return STEPS.answer(
        requested,
        lambda page: step_records.page_of(context.store, execution, page),
        lambda rows: _steps(context, execution, list(map(step_records.read, rows))),
    )


def _steps(context: Context, execution: Resource, records: Sequence[StepRecord]) -> list[dict[str, Any]]:
    """Describes steps. The definition is read only for rows of earlier versions."""
    written: dict[str, dict[str, str]] = {}
    if any(record.shown is None for record in records):
        definition = read_definition(VersionDocument.read(_version(context, execution).document).definition)
        written = {one.name: step_records.shown_of(one) for one in definition.steps}
    return [_step(execution, one, written.get(one.name, {}) if one.shown is None else one.shown) for one in records]


@operation("sagemaker", "ListPipelineParametersForExecution")
def list_pipeline_parameters_for_execution(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    parameters = _parameters(require(context, request["PipelineExecutionArn"]))
    numbered = list(enumerate(parameters))
    after = paging.decode(request.get("NextToken"))
    page, token = paging.page_of(numbered, lambda one: [one[0]], after, request.get("MaxResults", 100))
    return {"PipelineParameters": [one for _, one in page]} | ({"NextToken": token} if token else {})


@operation("sagemaker", "SendPipelineExecutionStepSuccess")
def send_pipeline_execution_step_success(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _answer(context, request, {"OutputParameters": request.get("OutputParameters") or []})


@operation("sagemaker", "SendPipelineExecutionStepFailure")
def send_pipeline_execution_step_failure(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _answer(context, request, {"FailureReason": request.get("FailureReason") or "The callback failed."})


def _answer(context: Context, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Stores the result for a callback's token. Raises ResourceNotFound, and ConflictException if the token already has one."""
    token = request["CallbackToken"]
    row = callbacks.find(context.store, (context.account, context.region), token)
    execution = resources.get(context.store, row.parent) if row is not None else None
    step = CallbackDocument.read(row.document).step if row else ""
    record = step_records.one_of(context.store, execution, step) if execution else None
    if row is None or execution is None or record is None or not _waits_for(execution, record, token):
        raise ResourceNotFound(f"No step waits for the callback token {token}.")
    if not record.live or not callbacks.answer(context.store, row, answer):
        raise AwsError("ConflictException", f"The callback token {token} was answered before.")
    context.engine.wake(EXECUTION, execution.id)
    return {"PipelineExecutionArn": execution_arn(execution)}


def _waits_for(execution: Resource, record: StepRecord, token: str) -> bool:
    return execution.status in LIVE and step_records.token_for(execution, record.name, record.attempt) == token


def require(context: Context, arn: str) -> Resource:
    """Raises ResourceNotFound."""
    found = _find(context, arn)
    if found is None:
        error = ResourceNotFound(f"Pipeline execution '{arn}' does not exist.")
        raise resource_not_found(context, _scope(context), arn.rpartition("/")[2], error)
    return found


def _find(context: Context, arn: str) -> Resource | None:
    return resources.find(context.store, _scope(context), arn.rpartition("/")[2])


def _version(context: Context, execution: Resource) -> Resource:
    scope, document = (
        ResourceScope(VERSION, context.account, context.region),
        ExecutionDocument.read(execution.document),
    )
    found = resources.find(context.store, scope, document.pipeline_id, document.version)
    if found is None:
        raise ResourceNotFound(f"The pipeline {document.pipeline} does not exist.")
    return found


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(EXECUTION, context.account, context.region)


def _described(execution: Resource) -> dict[str, Any]:
    document, kept = ExecutionDocument.read(execution.document), execution.document
    arn = execution_arn(execution)
    described = {
        "PipelineArn": arn.rpartition("/execution/")[0],
        "PipelineExecutionArn": arn,
        "PipelineExecutionDisplayName": document.display_name,
        "PipelineExecutionStatus": execution.status,
        "CreationTime": to_datetime(execution.created_ms),
        "LastModifiedTime": to_datetime(execution.modified_ms),
        "CreatedBy": by(document.creator),
        "LastModifiedBy": by(document.creator),
        "PipelineVersionId": document.version,
        "RoleArn": document.role,
    }
    members = ("PipelineExecutionDescription", "ParallelismConfiguration", "SelectiveExecutionConfig", "FailureReason")
    described |= {name: kept[name] for name in members if name in kept}
    with contextlib.suppress(BadReference):  # the steps that need it will fail
        if config := tracking.names(execution):
            described["PipelineExperimentConfig"] = config
    return described


def _summary(execution: Resource) -> dict[str, Any]:
    document = ExecutionDocument.read(execution.document)
    described = {
        "PipelineExecutionArn": execution_arn(execution),
        "StartTime": to_datetime(execution.created_ms),
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDisplayName": document.display_name,
    }
    if document.description is not None:
        described["PipelineExecutionDescription"] = document.description
    if document.reason is not None:
        described["PipelineExecutionFailureReason"] = document.reason
    return described


def _parameters(execution: Resource) -> list[dict[str, str]]:
    return [
        {"Name": name, "Value": text_of(value)}
        for name, value in ExecutionDocument.read(execution.document).parameters.items()
    ]


def _step(execution: Resource, record: StepRecord, shown: Mapping[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "StepName": record.name,
        "StartTime": to_datetime(record.started_ms),
        "StepStatus": record.status,
        "AttemptCount": record.attempt,
        "Metadata": dict(record.metadata),
    }
    described |= shown
    if record.ended_ms is not None:
        described["EndTime"] = to_datetime(record.ended_ms)
    if record.reason:
        described["FailureReason"] = record.reason
    if record.cached and record.source:
        described["CacheHitResult"] = {"SourcePipelineExecutionArn": record.source}
    selection = ExecutionDocument.read(execution.document).selection
    if selection and "SourcePipelineExecutionArn" in selection:
        described["SelectiveExecutionResult"] = {"SourcePipelineExecutionArn": selection["SourcePipelineExecutionArn"]}
    return described
