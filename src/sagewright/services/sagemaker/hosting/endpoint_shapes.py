"""DescribeEndpoint's response, built from an endpoint's document."""

from __future__ import annotations

from typing import Any

from sagewright.engine.endpoints.fleets import Fleet, Variant, fleet_of
from sagewright.engine.endpoints.rollout import RESIZE, RolloutState
from sagewright.model.aws.statuses import CaptureStatus, VariantStatus
from sagewright.model.clock import to_datetime
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store.resources.resources import Resource


def described(endpoint: Resource, arn: str, config: dict[str, Any]) -> dict[str, Any]:
    """`config`: the document of the configuration in service, {} if it was deleted."""
    state = RolloutState.read(endpoint.status, endpoint.document)
    shown: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointArn": arn,
        "EndpointConfigName": state.rest["EndpointConfigName"],
        "EndpointStatus": endpoint.status,
        "CreationTime": to_datetime(endpoint.created_ms),
        "LastModifiedTime": to_datetime(endpoint.modified_ms),
    }
    shown |= {name: state.rest[name] for name in ("FailureReason", "LastDeploymentConfig") if name in state.rest}
    serving = [fleet for fleet in state.fleets if fleet.share]
    target = _target(state)
    if serving:
        shown |= _variants(endpoint, serving[0], state)
        shown |= _told_of(serving[0], endpoint.status)
    if target is not None and (serving or endpoint.status == EndpointStatus.CREATING):
        shown["PendingDeploymentSummary"] = {
            "EndpointConfigName": target.config,
            "StartTime": to_datetime((state.update or {})["StartedMs"]),
            **_variants(endpoint, target, state, pending=True),
        }
    if config.get("ExplainerConfig"):
        shown["ExplainerConfig"] = config["ExplainerConfig"]
    return shown


def _target(state: RolloutState) -> Fleet | None:
    """Returns the fleet that an update has reached so far."""
    if state.update is None or state.update["Phase"] == RESIZE:
        return None
    requested = fleet_of(state.update["Fleet"])
    return next((one for one in state.fleets if one.id == requested.id), requested)


def _told_of(fleet: Fleet, status: str) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if fleet.capture:
        enabled, serves = bool(fleet.capture.get("EnableCapture")), status == EndpointStatus.IN_SERVICE
        described["DataCaptureConfig"] = {
            "EnableCapture": enabled,
            "CaptureStatus": (CaptureStatus.STARTED if enabled and serves else CaptureStatus.STOPPED).value,
            "CurrentSamplingPercentage": fleet.capture["InitialSamplingPercentage"],
            "DestinationS3Uri": fleet.capture["DestinationS3Uri"],
            "KmsKeyId": fleet.capture.get("KmsKeyId", ""),
        }
    if fleet.asynchronous:
        described["AsyncInferenceConfig"] = fleet.asynchronous
    return described


def _variants(endpoint: Resource, fleet: Fleet, state: RolloutState, *, pending: bool = False) -> dict[str, Any]:
    shown = {}
    for member, shadow in (("ProductionVariants", False), ("ShadowProductionVariants", True)):
        chosen = [one for one in fleet.variants if one.shadow is shadow]
        if chosen or not shadow:
            shown[member] = [_variant(endpoint, one, state, pending=pending) for one in chosen]
    return shown


def _variant(endpoint: Resource, variant: Variant, state: RolloutState, *, pending: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": [
            {
                "SpecifiedImage": one["Image"],
                "ResolvedImage": one["Image"],
                "ResolutionTime": to_datetime(endpoint.created_ms),
            }
            for one in variant.containers
        ],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
    }
    if variant.hosts_components:
        shown.pop("DeployedImages")
        shown["RoutingConfig"] = {"RoutingStrategy": variant.routing}
        if variant.scaling:
            shown["ManagedInstanceScaling"] = variant.scaling
    if variant.serverless:
        shown |= {"CurrentServerlessConfig": variant.serverless, "DesiredServerlessConfig": variant.serverless}
    else:
        shown |= {"CurrentInstanceCount": len(variant.ready), "DesiredInstanceCount": variant.desired}
    if pending:
        shown["InstanceType"] = variant.instance_type
    if (status := _status(variant, state)) is not None:
        shown["VariantStatus"] = [
            {**status, "StartTime": to_datetime((state.update or {}).get("StartedMs") or endpoint.modified_ms)}
        ]
    return shown


def _status(variant: Variant, state: RolloutState) -> dict[str, str] | None:
    """Returns the current activity of a variant, None if there is none. Source: the contract's hosting.md, "Status"."""
    missing = variant.desired - len(variant.ready)
    if state.status == EndpointStatus.DELETING:
        return {
            "Status": VariantStatus.DELETING.value,
            "StatusMessage": f"Deleting {len(variant.instances)} instance(s).",
        }
    if missing > 0 and not variant.serverless:
        creating = state.status == EndpointStatus.CREATING
        word = (VariantStatus.CREATING if creating else VariantStatus.UPDATING).value
        return {"Status": word, "StatusMessage": f"Launching {missing} instance(s)."}
    if state.update is not None and state.update["Phase"] != RESIZE and state.update["UntilMs"]:
        return {"Status": VariantStatus.BAKING.value, "StatusMessage": "Waiting before the next step of the update."}
    return None
