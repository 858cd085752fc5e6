"""Job definitions of the four monitoring types: Create, Describe, List, Delete.

Source: AWS's API reference, Create…JobDefinition and List…JobDefinitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagewright.engine.model_monitors.definitions import KINDS, read_definition
from sagewright.engine.model_monitors.documents import MonitoringType
from sagewright.engine.model_monitors.processing_requests import max_runtime_s
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceInUse, ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.monitoring.definition_checks import check_input, check_job
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

LISTED = ListSpec("JobDefinitionSummaries", {"Name": "name", "CreationTime": "created_ms"}, descending=True)
ENDPOINT = "EndpointName"
"""Additional member of the stored document, by which lists are filtered."""
INPUT_DEFAULTS = {"S3InputMode": "File", "S3DataDistributionType": "FullyReplicated"}
NETWORK_DEFAULTS = {"EnableInterContainerTrafficEncryption": False, "EnableNetworkIsolation": False}


def with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """Returns an input, or a monitor's network, with the defaults that Describe always returns."""
    return {
        name: INPUT_DEFAULTS | value if name in {"EndpointInput", "BatchTransformInput"} else value
        for name, value in given.items()
    }


def _resource_type(type_: str, kind: str) -> ResourceType:
    def described(document: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in document.items() if name != ENDPOINT}
        shown[f"{type_}JobInput"] = with_defaults(shown[f"{type_}JobInput"])
        shown.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": max_runtime_s(type_)})
        if "NetworkConfig" in shown:
            shown["NetworkConfig"] = NETWORK_DEFAULTS | shown["NetworkConfig"]
        return shown

    noun = kind.replace("-", " ")
    return ResourceType(
        kind=kind,
        noun="JobDefinition",
        arn_type=kind,
        missing=lambda arn: ResourceNotFound(f"Could not find {noun} {arn.rpartition('/')[2]} ({arn})."),
        taken=lambda arn: ResourceInUse(f"A {noun} with the name {arn.rpartition('/')[2]} already exists ({arn})."),
        listed=LISTED,
        described=described,
    ).declared()


DEFINITIONS = {type_: _resource_type(type_, kind) for type_, kind in KINDS.items()}
"""By monitoring type."""


def _create(type_: str, context: Context, request: dict[str, Any]) -> dict[str, Any]:
    given = request[f"{type_}JobInput"]
    check_input(given)
    job = read_definition(type_, request)
    check_job(context, job)
    return DEFINITIONS[type_].create(context, request | {ENDPOINT: job.data.endpoint or ""})


def _list(type_: str, context: Context, request: dict[str, Any]) -> dict[str, Any]:
    kind, column = KINDS[type_], resources.LISTING.table.c.document[ENDPOINT].as_string()
    conditions = [column == request[ENDPOINT]] if ENDPOINT in request else []

    def shape(rows: Sequence[Resource]) -> list[dict[str, Any]]:
        return [
            {
                "MonitoringJobDefinitionName": row.name,
                "MonitoringJobDefinitionArn": sagemaker_arn(row.region, row.account, kind, row.name),
                "CreationTime": to_datetime(row.created_ms),
                ENDPOINT: row.document[ENDPOINT],
            }
            for row in rows
        ]

    scope = ResourceScope(kind, context.account, context.region)
    return LISTED.answer(request, lambda page: resources.page(context.store, scope, page, *conditions), shape)


@operation("sagemaker", "CreateDataQualityJobDefinition")
def create_data_quality_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _create(MonitoringType.DATA_QUALITY, context, request)


@operation("sagemaker", "DescribeDataQualityJobDefinition", quick=True)
def describe_data_quality_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.DATA_QUALITY].describe(context, request)


@operation("sagemaker", "ListDataQualityJobDefinitions")
def list_data_quality_job_definitions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _list(MonitoringType.DATA_QUALITY, context, request)


@operation("sagemaker", "DeleteDataQualityJobDefinition")
def delete_data_quality_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.DATA_QUALITY].delete(context, request)


@operation("sagemaker", "CreateModelQualityJobDefinition")
def create_model_quality_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _create(MonitoringType.MODEL_QUALITY, context, request)


@operation("sagemaker", "DescribeModelQualityJobDefinition", quick=True)
def describe_model_quality_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.MODEL_QUALITY].describe(context, request)


@operation("sagemaker", "ListModelQualityJobDefinitions")
def list_model_quality_job_definitions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _list(MonitoringType.MODEL_QUALITY, context, request)


@operation("sagemaker", "DeleteModelQualityJobDefinition")
def delete_model_quality_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.MODEL_QUALITY].delete(context, request)


@operation("sagemaker", "CreateModelBiasJobDefinition")
def create_model_bias_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _create(MonitoringType.MODEL_BIAS, context, request)


@operation("sagemaker", "DescribeModelBiasJobDefinition", quick=True)
def describe_model_bias_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.MODEL_BIAS].describe(context, request)


@operation("sagemaker", "ListModelBiasJobDefinitions")
def list_model_bias_job_definitions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _list(MonitoringType.MODEL_BIAS, context, request)


@operation("sagemaker", "DeleteModelBiasJobDefinition")
def delete_model_bias_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.MODEL_BIAS].delete(context, request)


@operation("sagemaker", "CreateModelExplainabilityJobDefinition")
def create_model_explainability_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _create(MonitoringType.MODEL_EXPLAINABILITY, context, request)


@operation("sagemaker", "DescribeModelExplainabilityJobDefinition", quick=True)
def describe_model_explainability_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.MODEL_EXPLAINABILITY].describe(context, request)


@operation("sagemaker", "ListModelExplainabilityJobDefinitions")
def list_model_explainability_job_definitions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _list(MonitoringType.MODEL_EXPLAINABILITY, context, request)


@operation("sagemaker", "DeleteModelExplainabilityJobDefinition")
def delete_model_explainability_job_definition(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return DEFINITIONS[MonitoringType.MODEL_EXPLAINABILITY].delete(context, request)
