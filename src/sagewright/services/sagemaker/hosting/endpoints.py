"""Endpoints: Create, Describe, List, Update, UpdateWeightsAndCapacities, Delete.

Source: AWS's API reference, CreateEndpoint, UpdateEndpoint and UpdateEndpointWeightsAndCapacities. SDKs look for the error texts.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.endpoints import rollout
from sagewright.engine.endpoints.fleets import Fleet, Variant
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.engine.monitoring.alarms import KIND as ALARMS
from sagewright.kinds.serving import COMPONENT, ENDPOINT, START_S, role_of
from sagewright.model.clock import now_ms
from sagewright.model.errors import ValidationException
from sagewright.model.jobs.state_machines import CHANGING, EndpointStatus
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.hosting.endpoint_configs import CONFIGS, model_of
from sagewright.services.sagemaker.hosting.endpoint_limits import endpoint_check
from sagewright.services.sagemaker.hosting.endpoint_shapes import described
from sagewright.services.sagemaker.hosting.explainers import explainer_container
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

SERVERLESS_TYPE = "ml.m5.large"
"""Instance type of a serverless variant's worker, whose memory is limited to MemorySizeInMB."""

ENDPOINTS = ResourceType(
    kind=ENDPOINT,
    noun="Endpoint",
    arn_type="endpoint",
    missing=lambda arn: ValidationException(f'Could not find endpoint "{arn}".'),
    taken=lambda arn: ValidationException(f'Cannot create already existing endpoint "{arn}".'),
    listed=ListSpec("Endpoints", {"Name": "name", "CreationTime": "created_ms", "Status": "status"}, descending=True),
    status_member="EndpointStatus",
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    fleet = fleet_of(context, request["EndpointConfigName"])
    deployment = _deployment(context, request)
    kept = {name: request[name] for name in ("EndpointName", "EndpointConfigName", "Tags") if name in request}
    document = kept | {"Fleets": [], "Update": rollout.start(fleet, deployment, now_ms())}
    check = endpoint_check(context, request["EndpointName"])
    answer = ENDPOINTS.create(context, document, EndpointStatus.CREATING, check)
    context.engine.wake(ENDPOINT, ENDPOINTS.require(context, request["EndpointName"]).id)
    return answer


@operation("sagemaker", "DescribeEndpoint", quick=True)
def describe_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    endpoint = ENDPOINTS.require(context, request["EndpointName"])
    found = resources.find(context.store, _configs(context), endpoint.document["EndpointConfigName"])
    return described(endpoint, ENDPOINTS.arn(context, endpoint.name), found.document if found else {})


@operation("sagemaker", "ListEndpoints")
def list_endpoints(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ENDPOINTS.list(context, request)


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    fleet = fleet_of(context, request["EndpointConfigName"])
    excluded = {one["VariantPropertyType"] for one in request.get("ExcludeRetainedVariantProperties") or ()}
    if excluded and not request.get("RetainAllVariantProperties"):
        raise ValidationException("ExcludeRetainedVariantProperties needs RetainAllVariantProperties.")

    def change(state: RolloutState) -> RolloutState:
        _check_components(context, request["EndpointName"], state, fleet)
        target = _retained(fleet, state, excluded) if request.get("RetainAllVariantProperties") else fleet
        kept = state.rest.get("LastDeploymentConfig") or {} if request.get("RetainDeploymentConfig") else {}
        deployment = _deployment(context, request) or kept
        rest = {name: value for name, value in state.rest.items() if name != "FailureReason"}
        return replace(
            state, status=EndpointStatus.UPDATING, update=rollout.start(target, deployment, now_ms()), rest=rest
        )

    return _changed(context, request["EndpointName"], change)


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    desired = {one["VariantName"]: one for one in request["DesiredWeightsAndCapacities"]}
    if len(desired) != len(request["DesiredWeightsAndCapacities"]):
        raise ValidationException("DesiredWeightsAndCapacities names a variant twice.")

    def change(state: RolloutState) -> RolloutState:
        serving = [one for one in state.fleets if one.share]
        known = {variant.name for fleet in serving for variant in fleet.variants}
        if unknown := sorted(set(desired) - known):
            raise ValidationException(f'Variant "{unknown[0]}" is not part of the endpoint, which has {sorted(known)}.')
        fleets = [
            replace(fleet, variants=[_weighted(one, desired.get(one.name)) for one in fleet.variants])
            if fleet.share
            else fleet
            for fleet in state.fleets
        ]
        if not sum(one.weight for fleet in fleets if fleet.share for one in fleet.variants if not one.shadow):
            raise ValidationException("At least one of the endpoint's variants must keep a weight above 0.")
        return replace(state, status=EndpointStatus.UPDATING, fleets=fleets, update=rollout.resize(now_ms()))

    return _changed(context, request["EndpointName"], change)


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def change(state: RolloutState) -> RolloutState:
        if left := _components(context, request["EndpointName"]):
            raise ValidationException(
                f'Cannot delete endpoint "{ENDPOINTS.arn(context, request["EndpointName"])}" while it hosts inference components: '
                f"{', '.join(left)}. Delete them first."
            )
        return replace(state, status=EndpointStatus.DELETING, update=None)

    _changed(context, request["EndpointName"], change, frozenset({EndpointStatus.FAILED, EndpointStatus.DELETING}))
    return {}


def _changed(
    context: Context,
    name: str,
    change: Callable[[RolloutState], RolloutState],
    also: frozenset[EndpointStatus] = frozenset(),
) -> dict[str, Any]:
    """Applies `change` to the endpoint in one transaction. Raises ValidationException if the endpoint's status does not allow it:
    InService, OutOfService and the statuses in `also` do."""
    endpoint, arn = ENDPOINTS.require(context, name), ENDPOINTS.arn(context, name)

    def how(current: Resource) -> Resource:
        if current.status in CHANGING:
            raise ValidationException(f'Cannot update in-progress endpoint "{arn}".')
        if current.status not in {EndpointStatus.IN_SERVICE, EndpointStatus.OUT_OF_SERVICE, *also}:
            raise ValidationException(f'Cannot update endpoint "{arn}" in the status {current.status}.')
        after = change(RolloutState.read(current.status, current.document))
        return replace(current, status=str(after.status), document=after.document())

    check = None if also else endpoint_check(context, name)
    if resources.alter(context.store, endpoint.id, how, also=check) is None:
        raise ENDPOINTS.missing(arn)
    context.engine.wake(ENDPOINT, endpoint.id)
    return {"EndpointArn": arn}


def _components(context: Context, name: str) -> list[str]:
    """Returns the names of the inference components on an endpoint. The endpoint's row is locked, so that none is created
    meanwhile."""
    endpoint = ENDPOINTS.require(context, name)
    return [one.name for one in resources.children(context.store, endpoint.id) if one.kind == COMPONENT]


def _check_components(context: Context, name: str, state: RolloutState, fleet: Fleet) -> None:
    """Raises ValidationException for a configuration that leaves no room for the endpoint's inference components."""
    present = {one.name for old in state.fleets if old.share for one in old.variants if one.hosts_components}
    desired = {one.name for one in fleet.variants if one.hosts_components}
    if bool(present) != bool(desired):
        raise ValidationException(
            f"Endpoint {name} {'hosts' if present else 'does not host'} inference components, and the variants of "
            f"{fleet.config} {'do' if desired else 'do not'}: create another endpoint."
        )
    if (gone := sorted(present - desired)) and (left := _components(context, name)):
        raise ValidationException(
            f"The endpoint configuration {fleet.config} has no variant {gone[0]}, and the endpoint hosts inference components: "
            f"{', '.join(left)}."
        )


def fleet_of(context: Context, config_name: str) -> Fleet:
    """Returns the desired fleet of an endpoint configuration, with its models in their current state. Raises
    ValidationException."""
    document = CONFIGS.require(context, config_name).document
    variants = [_variant(context, document, one) for one in document["ProductionVariants"]]
    variants += [
        _variant(context, document, one, shadow=True) for one in document.get("ShadowProductionVariants") or ()
    ]
    return Fleet(
        id=uuid.uuid4().hex[:8],
        config=config_name,
        variants=variants,
        capture=document.get("DataCaptureConfig"),
        asynchronous=document.get("AsyncInferenceConfig"),
    )


def _variant(context: Context, config: dict[str, Any], requested: dict[str, Any], *, shadow: bool = False) -> Variant:
    if "ModelName" not in requested:
        return _hosting_variant(context, config, requested)
    model = model_of(context, requested)
    serverless = requested.get("ServerlessConfig")
    isolated = bool(model.get("EnableNetworkIsolation") or config.get("EnableNetworkIsolation"))
    return Variant(
        name=requested["VariantName"],
        weight=float(requested.get("InitialVariantWeight", 1.0)),
        desired=1 if serverless else requested["InitialInstanceCount"],
        instance_type=SERVERLESS_TYPE if serverless else requested["InstanceType"],
        containers=model["Containers"],
        model=requested["ModelName"],
        role=role_of(model, context.account),
        mode=(model.get("InferenceExecutionConfig") or {}).get("Mode", "Serial"),
        isolated=isolated,
        shadow=shadow,
        start_s=float(requested.get("ContainerStartupHealthCheckTimeoutInSeconds", START_S)),
        routing=_routing(requested),
        serverless=serverless,
        explainer=None if shadow else explainer_container(config, model, isolated),
    )


def _hosting_variant(context: Context, config: dict[str, Any], requested: dict[str, Any]) -> Variant:
    """Returns a variant whose instances host copies of inference components."""
    return Variant(
        name=requested["VariantName"],
        weight=float(requested.get("InitialVariantWeight", 1.0)),
        desired=requested["InitialInstanceCount"],
        instance_type=requested["InstanceType"],
        containers=[],
        model="",
        role=role_of(config, context.account),
        isolated=bool(config.get("EnableNetworkIsolation")),
        start_s=float(requested.get("ContainerStartupHealthCheckTimeoutInSeconds", START_S)),
        routing=_routing(requested),
        hosts_components=True,
        scaling=requested.get("ManagedInstanceScaling"),
    )


def _routing(requested: dict[str, Any]) -> str:
    strategy: str = (requested.get("RoutingConfig") or {}).get("RoutingStrategy", "LEAST_OUTSTANDING_REQUESTS")
    return strategy


def _weighted(variant: Variant, requested: dict[str, Any] | None) -> Variant:
    if requested is None:
        return variant
    count = requested.get("DesiredInstanceCount")
    if count is not None and variant.serverless:
        raise ValidationException(f'The variant "{variant.name}" is serverless: it has no DesiredInstanceCount.')
    if requested.get("ServerlessUpdateConfig") and not variant.serverless:
        raise ValidationException(
            f'The variant "{variant.name}" is not serverless: it accepts no ServerlessUpdateConfig.'
        )
    serverless = variant.serverless and {**variant.serverless, **(requested.get("ServerlessUpdateConfig") or {})}
    weight = requested.get("DesiredWeight")
    return replace(
        variant,
        weight=variant.weight if weight is None else float(weight),
        desired=variant.desired if count is None else count,
        serverless=serverless,
    )


def _retained(fleet: Fleet, state: RolloutState, excluded: set[str]) -> Fleet:
    """Returns the fleet with the current weights, counts and capture of variants of the same name, except those in `excluded`."""
    present = {variant.name: variant for one in state.fleets if one.share for variant in one.variants}
    capture = next((one.capture for one in state.fleets if one.share), None)

    def retained(variant: Variant) -> Variant:
        now = present.get(variant.name)
        if now is None:
            return variant
        return replace(
            variant,
            weight=variant.weight if "DesiredWeight" in excluded else now.weight,
            desired=variant.desired if "DesiredInstanceCount" in excluded or variant.serverless else now.desired,
        )

    kept = fleet.capture if "DataCaptureConfig" in excluded or capture is None else capture
    return replace(fleet, variants=[retained(one) for one in fleet.variants], capture=kept)


def _deployment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Raises ValidationException for policies that exclude each other, and for alarms that do not exist."""
    deployment: dict[str, Any] = request.get("DeploymentConfig") or {}
    if "BlueGreenUpdatePolicy" in deployment and "RollingUpdatePolicy" in deployment:
        raise ValidationException("BlueGreenUpdatePolicy and RollingUpdatePolicy exclude each other; both are given.")
    routing = (deployment.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    for kind, member in (("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")):
        if routing.get("Type") == kind and member not in routing:
            raise ValidationException(f"TrafficRoutingConfiguration of the Type {kind} needs {member}.")
        if routing.get("Type") != kind and member in routing:
            raise ValidationException(f"{member} needs TrafficRoutingConfiguration of the Type {kind}.")
    check_alarms(context, deployment)
    return deployment


def check_alarms(context: Context, deployment: dict[str, Any]) -> None:
    """Raises ValidationException for roll-back alarms of a deployment that lack a name or do not exist."""
    for alarm in (deployment.get("AutoRollbackConfiguration") or {}).get("Alarms") or ():
        name = alarm.get("AlarmName")
        if name is None:
            raise ValidationException("Each of the Alarms of AutoRollbackConfiguration must have an AlarmName.")
        if resources.find(context.store, ResourceScope(ALARMS, context.account, context.region), name) is None:
            raise ValidationException(f"Could not find the alarm {name} of AutoRollbackConfiguration.")


def _configs(context: Context) -> ResourceScope:
    return ResourceScope(CONFIGS.kind, context.account, context.region)
