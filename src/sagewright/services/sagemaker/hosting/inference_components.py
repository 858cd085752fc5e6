"""Inference components: Create, Describe, List, Update, UpdateRuntimeConfig, Delete.

Source: AWS's API reference, CreateInferenceComponent, UpdateInferenceComponent and UpdateInferenceComponentRuntimeConfig. SDKs look
for the error texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.engine.endpoints import rollout
from sagewright.engine.endpoints.components import FAILURE, WAITING
from sagewright.engine.endpoints.fleets import Variant, fleet_of
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.kinds.serving import COMPONENT
from sagewright.model.clock import now_ms
from sagewright.model.errors import ValidationException
from sagewright.model.jobs.state_machines import CHANGING, EndpointStatus
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.hosting import inference_component_specifications as specifications
from sagewright.services.sagemaker.hosting.endpoints import ENDPOINTS, check_alarms
from sagewright.services.sagemaker.hosting.inference_component_shapes import (
    COPIES,
    SPECIFIED,
    described,
    desired,
    serving,
    specification,
)
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource
from sagewright.store.schema.resources import resources as table

COMPONENTS = ResourceType(
    kind=COMPONENT,
    noun="InferenceComponent",
    arn_type=COMPONENT,
    missing=lambda arn: ValidationException(f'Could not find inference component "{arn}".'),
    taken=lambda arn: ValidationException(f'Cannot create already existing inference component "{arn}".'),
    listed=ListSpec(
        "InferenceComponents",
        {"Name": "name", "CreationTime": "created_ms", "Status": "status"},
        descending=True,
    ),
    status_member="InferenceComponentStatus",
    tells_modified=True,
).declared()
HOSTS = frozenset(
    {EndpointStatus.CREATING, EndpointStatus.UPDATING, EndpointStatus.IN_SERVICE, EndpointStatus.ROLLING_BACK}
)
"""Statuses of an endpoint that accepts inference components; they wait while it is Creating."""
NONE: frozenset[EndpointStatus] = frozenset()
ABOUT_FAILURE = frozenset({FAILURE, WAITING})
"""Members of a component's document that its next update removes."""


@operation("sagemaker", "CreateInferenceComponent")
def create_inference_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name, arn = request["InferenceComponentName"], COMPONENTS.arn(context, request["InferenceComponentName"])
    requested = specifications.given(request)
    if requested is None:
        raise ValidationException("Specification must be given.")
    for member in ("VariantName", "RuntimeConfig"):
        if member not in request:
            raise ValidationException(
                f"{member} must be given: Sagewright doesn't support adapter inference components."
            )
    copies = request["RuntimeConfig"]["CopyCount"]
    endpoint = ENDPOINTS.require(context, request["EndpointName"])
    hosting = _hosting(endpoint, request["VariantName"])
    fleet = specifications.fleet_of(context, requested, name, hosting, copies)
    document = {
        "EndpointName": endpoint.name,
        "VariantName": hosting.name,
        SPECIFIED: {fleet.id: requested},
        COPIES: copies,
        "PlacementStrategy": specifications.strategy(requested),
        "Fleets": [],
        "Update": rollout.start(fleet, {}, now_ms()),
    }
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    status, principal = EndpointStatus.CREATING, context.principal.arn
    new = New(name, document, arn, pairs, parent=endpoint.id, status=status, principal=principal)
    context.engine.wake(COMPONENT, _created(context, new, endpoint).id)
    return {"InferenceComponentArn": arn}


@operation("sagemaker", "DescribeInferenceComponent", quick=True)
def describe_inference_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    component = COMPONENTS.require(context, request["InferenceComponentName"])
    endpoint_arn = ENDPOINTS.arn(context, component.document["EndpointName"])
    return COMPONENTS.shape(replace(component, document=described(component, endpoint_arn)))


@operation("sagemaker", "ListInferenceComponents")
def list_inference_components(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    conditions: list[Condition] = [
        table.c.document[member].as_string() == request[filter_]
        for filter_, member in (("EndpointNameEquals", "EndpointName"), ("VariantNameEquals", "VariantName"))
        if filter_ in request
    ]

    def summaries(rows: Sequence[Resource]) -> list[dict[str, Any]]:
        described = []
        for row in rows:
            named = {member: row.document[member] for member in ("EndpointName", "VariantName")}
            named["EndpointArn"] = ENDPOINTS.arn(context, row.document["EndpointName"])
            described.append(COMPONENTS.shape(replace(row, document=named)))
        return described

    scope = ResourceScope(COMPONENT, context.account, context.region)
    return COMPONENTS.listed.answer(
        request, lambda page: resources.page(context.store, scope, page, *conditions), summaries
    )


@operation("sagemaker", "UpdateInferenceComponent")
def update_inference_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested, deployment = specifications.given(request), request.get("DeploymentConfig") or {}
    copies: int | None = (request.get("RuntimeConfig") or {}).get("CopyCount")
    if requested is None and copies is None:
        raise ValidationException("An update of an inference component needs a Specification or a RuntimeConfig.")
    if requested is None and deployment:
        raise ValidationException(
            "DeploymentConfig needs a Specification: it says how copies with the new specification take over."
        )
    check_alarms(context, deployment)
    component = COMPONENTS.require(context, request["InferenceComponentName"])
    endpoint = ENDPOINTS.require(context, component.document["EndpointName"])
    hosting = _hosting(endpoint, component.document["VariantName"])

    def change(state: RolloutState) -> RolloutState:
        if requested is None:
            return _sized(state, copies or 0)
        present, old = specification(state), serving(state)
        after = specifications.changed(present, requested)
        count = desired(state) if copies is None else copies
        fleet = specifications.fleet_of(context, after, component.name, hosting, count)
        specified = ({old.id: present} if old else {}) | {fleet.id: after}
        rest = state.rest | {SPECIFIED: specified, COPIES: count, "PlacementStrategy": specifications.strategy(after)}
        return replace(state, rest=rest, update=rollout.start(fleet, deployment, now_ms()))

    also = frozenset({EndpointStatus.FAILED}) if requested is not None else NONE
    return _changed(context, component.name, change, also)


@operation("sagemaker", "UpdateInferenceComponentRuntimeConfig")
def update_inference_component_runtime_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    copies = request["DesiredRuntimeConfig"]["CopyCount"]
    return _changed(context, request["InferenceComponentName"], lambda state: _sized(state, copies))


@operation("sagemaker", "DeleteInferenceComponent")
def delete_inference_component(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def change(state: RolloutState) -> RolloutState:
        return replace(state, status=EndpointStatus.DELETING, update=None)

    also = frozenset({EndpointStatus.FAILED, EndpointStatus.DELETING})
    _changed(context, request["InferenceComponentName"], change, also)
    return {}


def _created(context: Context, new: New, endpoint: Resource) -> Resource:
    """Raises ValidationException for a name that is in use, and for an endpoint that can't host the component or was deleted
    meanwhile."""
    scope = ResourceScope(COMPONENT, context.account, context.region)
    try:
        with context.store.write() as connection:
            current = resources.locked_in(connection, endpoint.id)
            if current is None:
                raise ENDPOINTS.missing(ENDPOINTS.arn(context, endpoint.name))
            if current.status not in HOSTS:
                raise ValidationException(
                    f'Cannot create an inference component on endpoint "{ENDPOINTS.arn(context, endpoint.name)}" in the status '
                    f"{current.status}."
                )
            return resources.create_in(connection, scope, new)
    except IntegrityError:
        if resources.find(context.store, scope, new.name) is None:
            raise
        raise COMPONENTS.taken(new.arn) from None


def _hosting(endpoint: Resource, name: str) -> Variant:
    """Returns the current variant of an endpoint, or the first one of an endpoint that is being created. Raises
    ValidationException."""
    state = RolloutState.read(endpoint.status, endpoint.document)
    fleet = serving(state)
    if fleet is None and state.update is not None:
        fleet = fleet_of(state.update["Fleet"])
    variants = fleet.variants if fleet else []
    found = next((one for one in variants if one.name == name), None)
    if found is None:
        raise ValidationException(
            f'Variant "{name}" is not part of the endpoint {endpoint.name}, which has {sorted(one.name for one in variants)}.'
        )
    if not found.hosts_components:
        raise ValidationException(
            f"The variant {name} of the endpoint {endpoint.name} serves the model {found.model}; inference components need a "
            "variant without a ModelName."
        )
    return found


def _sized(state: RolloutState, copies: int) -> RolloutState:
    fleets = [
        replace(fleet, variants=[replace(one, desired=copies) for one in fleet.variants]) if fleet.share else fleet
        for fleet in state.fleets
    ]
    return replace(state, fleets=fleets, rest=state.rest | {COPIES: copies}, update=rollout.resize(now_ms()))


def _changed(
    context: Context, name: str, change: Callable[[RolloutState], RolloutState], also: frozenset[EndpointStatus] = NONE
) -> dict[str, Any]:
    """Applies `change` to the component in one transaction; its status becomes Updating unless `change` sets another. Raises
    ValidationException if the component's status does not allow it: InService and the statuses in `also` do."""
    component, arn = COMPONENTS.require(context, name), COMPONENTS.arn(context, name)

    def how(current: Resource) -> Resource:
        if current.status in CHANGING:
            raise ValidationException(f'Cannot update in-progress inference component "{arn}".')
        if current.status not in {EndpointStatus.IN_SERVICE, *also}:
            raise ValidationException(f'Cannot update inference component "{arn}" in the status {current.status}.')
        state = RolloutState.read(current.status, current.document)
        state = replace(state, rest={key: value for key, value in state.rest.items() if key not in ABOUT_FAILURE})
        after = change(state)
        status = EndpointStatus.UPDATING if after.update is not None else after.status
        return replace(current, status=str(status), document=after.document())

    if resources.alter(context.store, component.id, how) is None:
        raise COMPONENTS.missing(arn)
    context.engine.wake(COMPONENT, component.id)
    return {"InferenceComponentArn": arn}
