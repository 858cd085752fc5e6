"""DescribeInferenceComponent's response, built from a component's document."""

from __future__ import annotations

from typing import Any

from sagewright.engine.endpoints.fleets import Fleet, fleet_of
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.model.clock import to_datetime
from sagewright.store.resources.resources import Resource

SPECIFIED = "Specified"
"""Member of a component's document with the specifications of its fleets by fleet id; the last one is the most recently requested.
"""
COPIES = "CopyCount"
"""Number of copies that was requested last."""
Document = dict[str, Any]


def described(component: Resource, endpoint_arn: str) -> Document:
    state = RolloutState.read(component.status, component.document)
    variant = next((one for fleet in state.fleets if fleet.share for one in fleet.variants), None)
    ready = len(variant.ready) if variant else 0
    runtime: Document = {"DesiredCopyCount": desired(state), "CurrentCopyCount": ready}
    if variant and ready:
        runtime["PlacementStatus"] = [{"InstanceType": variant.instance_type, "CurrentCopyCount": ready}]
    description: Document = {
        "EndpointName": component.document["EndpointName"],
        "EndpointArn": endpoint_arn,
        "VariantName": component.document["VariantName"],
        "Specification": _summary(specification(state), component),
        "RuntimeConfig": runtime,
    }
    return description | {
        name: state.rest[name] for name in ("FailureReason", "LastDeploymentConfig") if name in state.rest
    }


def serving(state: RolloutState) -> Fleet | None:
    """Returns the fleet of the copies in service; None before there are any, and after a failure."""
    return next((fleet for fleet in state.fleets if fleet.share), None)


def specification(state: RolloutState) -> Document:
    """Returns the specification of the copies that are, or should have been, in service."""
    specified: dict[str, Document] = state.rest[SPECIFIED]
    fleet = serving(state)
    return specified[fleet.id] if fleet else list(specified.values())[-1]


def desired(state: RolloutState) -> int:
    if state.update is not None and "Fleet" in state.update:
        return fleet_of(state.update["Fleet"]).variants[0].desired
    fleet = serving(state)
    return fleet.variants[0].desired if fleet else int(state.rest[COPIES])


def _summary(specification: Document, component: Resource) -> Document:
    described = {name: value for name, value in specification.items() if name != "Container"}
    if container := specification.get("Container"):
        image = {
            "SpecifiedImage": container["Image"],
            "ResolvedImage": container["Image"],
            "ResolutionTime": to_datetime(component.created_ms),
        }
        more = {name: container[name] for name in ("ArtifactUrl", "Environment") if name in container}
        described["Container"] = {"DeployedImage": image} | more
    return described
