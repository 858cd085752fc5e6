"""Endpoint configurations: Create, Describe, List, Delete.

Source: AWS's API reference, CreateEndpointConfig and ProductionVariant. SDKs look for the error texts.
"""

from __future__ import annotations

from typing import Any

from sagewright.kinds.modelcontainers import containers_of
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.hosting import explainers
from sagewright.services.sagemaker.hosting.models import MODELS
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

MOST_VARIANTS = 10
DEFAULT_CAPTURE_TYPES = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
NOT_SERVED = {
    "CoreDumpConfig": "core dumps",
    "CapacityReservationConfig": "capacity reservations",
    "InstancePools": "pools of several instance types",
    "AcceleratorPartitionLayouts": "partitions of accelerators",
}
"""Members of a variant that are refused because they would otherwise be ignored silently."""


def _described(document: dict[str, Any]) -> dict[str, Any]:
    described = {"EnableNetworkIsolation": False} | document
    for name in ("ProductionVariants", "ShadowProductionVariants"):
        if name in described:
            described[name] = [{"InitialVariantWeight": 1.0} | one for one in described[name]]
    return described


CONFIGS = ResourceType(
    kind="endpoint-config",
    noun="EndpointConfig",
    arn_type="endpoint-config",
    missing=lambda arn: ValidationException(f'Could not find endpoint configuration "{arn}".'),
    taken=lambda arn: ValidationException(f'Cannot create already existing endpoint configuration "{arn}".'),
    listed=ListSpec("EndpointConfigs", {"Name": "name", "CreationTime": "created_ms"}, descending=True),
    described=_described,
).declared()


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    production, shadows = request.get("ProductionVariants") or [], request.get("ShadowProductionVariants") or []
    _check_names(production + shadows)
    for variant in production + shadows:
        _check_variant(context, variant)
    _check_weights(production)
    if any("ModelName" not in one for one in production + shadows):
        _check_hosts_of_components(context, request)
    explainers.check(request)
    if shadows:
        _check_shadows(production, shadows, request)
    if "AsyncInferenceConfig" in request:
        _check_asynchronous(production)
    if request.get("DataCaptureConfig"):
        _check_capture(request["DataCaptureConfig"])
    return CONFIGS.create(context, request)


@operation("sagemaker", "DescribeEndpointConfig", quick=True)
def describe_endpoint_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.describe(context, request)


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.list(context, request)


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.delete(context, request)


def _check_names(variants: list[dict[str, Any]]) -> None:
    if len(variants) > MOST_VARIANTS:
        raise ValidationException(
            f"An endpoint configuration has at most {MOST_VARIANTS} variants, got {len(variants)}."
        )
    names = [one["VariantName"] for one in variants]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValidationException(
            f"Variant names must be unique in an endpoint configuration: {twice[0]} is given twice."
        )


def _check_variant(context: Context, variant: dict[str, Any]) -> None:
    name = variant["VariantName"]
    for member, what in NOT_SERVED.items():
        if member in variant:
            raise ValidationException(f"The variant {name} has {member}: Sagewright serves no {what}.")
    scope = ResourceScope(MODELS.kind, context.account, context.region)
    if "ModelName" in variant and resources.find(context.store, scope, variant["ModelName"]) is None:
        raise resource_not_found(
            context, scope, variant["ModelName"], MODELS.missing(MODELS.arn(context, variant["ModelName"]))
        )
    serverless = variant.get("ServerlessConfig")
    if serverless is not None:
        _check_serverless(name, variant, serverless)
    elif "InstanceType" not in variant:
        raise ValidationException(f"The variant {name} needs an InstanceType, or a ServerlessConfig.")
    elif not variant.get("InitialInstanceCount"):
        raise ValidationException(f"The variant {name} needs an InitialInstanceCount of at least 1.")
    if "ManagedInstanceScaling" in variant:
        if "ModelName" in variant:
            raise ValidationException("ManagedInstanceScaling is only supported for inference component endpoints.")
        _check_scaling(name, variant["ManagedInstanceScaling"])


def _check_scaling(name: str, scaling: dict[str, Any]) -> None:
    least, most = scaling.get("MinInstanceCount"), scaling.get("MaxInstanceCount")
    if least is not None and most is not None and least > most:
        raise ValidationException(
            f"ManagedInstanceScaling of the variant {name}: MinInstanceCount must be at most MaxInstanceCount, "
            f"{least} is above {most}."
        )


def _check_hosts_of_components(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException for settings that variants without a model, which host inference components, can't be combined
    with."""
    production = request.get("ProductionVariants") or []
    if named := [one["VariantName"] for one in production if "ModelName" in one]:
        raise ValidationException(
            f"Variants that host inference components have no ModelName, and the variant {named[0]} has one: an endpoint has "
            "either kind of variants."
        )
    if not request.get("ExecutionRoleArn"):
        raise ValidationException(
            f"The variant {production[0]['VariantName']} has no ModelName, so it hosts inference components, which needs an "
            "ExecutionRoleArn of the endpoint configuration."
        )
    check_role(context, request["ExecutionRoleArn"])
    for member in ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig"):
        if request.get(member):
            raise ValidationException(f"{member} is not supported for inference component endpoints.")
    for one in production:
        if "ServerlessConfig" in one:
            raise ValidationException(
                f"The variant {one['VariantName']} has a ServerlessConfig, which needs a ModelName."
            )


def _check_serverless(name: str, variant: dict[str, Any], serverless: dict[str, Any]) -> None:
    for member in ("InstanceType", "InitialInstanceCount", "AcceleratorType"):
        if member in variant:
            raise ValidationException(f"The variant {name} has a ServerlessConfig, which excludes {member}.")
    memory = serverless["MemorySizeInMB"]
    if memory % 1024:
        raise ValidationException(f"MemorySizeInMB of the variant {name} must be a multiple of 1024, got {memory}.")
    if serverless.get("ProvisionedConcurrency", 1) > serverless["MaxConcurrency"]:
        raise ValidationException(
            f"ProvisionedConcurrency of the variant {name} is {serverless['ProvisionedConcurrency']}; it must be at most its "
            f"MaxConcurrency, {serverless['MaxConcurrency']}."
        )


def _check_weights(variants: list[dict[str, Any]]) -> None:
    if not variants:
        raise ValidationException("An endpoint configuration needs at least one production variant.")
    if not sum(one.get("InitialVariantWeight", 1.0) for one in variants):
        raise ValidationException("At least one of the production variants must have a weight above 0.")


def _check_shadows(production: list[dict[str, Any]], shadows: list[dict[str, Any]], request: dict[str, Any]) -> None:
    if len(shadows) > 1 or len(production) != 1:
        raise ValidationException(
            "ShadowProductionVariants accepts one variant, together with exactly one in ProductionVariants; got "
            f"{len(shadows)} and {len(production)}."
        )
    if any("ServerlessConfig" in one for one in production + shadows):
        raise ValidationException("Shadow variants are not supported with serverless variants.")
    if "AsyncInferenceConfig" in request:
        raise ValidationException("Shadow variants are not supported with AsyncInferenceConfig.")


def _check_asynchronous(production: list[dict[str, Any]]) -> None:
    if len(production) != 1 or "ServerlessConfig" in production[0]:
        raise ValidationException("AsyncInferenceConfig needs exactly one production variant, on instances.")


def _check_capture(capture: dict[str, Any]) -> None:
    modes = [one["CaptureMode"] for one in capture["CaptureOptions"]]
    if len(set(modes)) != len(modes):
        raise ValidationException(f"CaptureOptions must name each CaptureMode once, got {modes}.")


def model_of(context: Context, variant: dict[str, Any]) -> dict[str, Any]:
    """Returns the document of a variant's model; Containers has its containers as they are run. Raises ValidationException."""
    document = MODELS.require(context, variant["ModelName"]).document
    return document | {"Containers": containers_of(document)}
