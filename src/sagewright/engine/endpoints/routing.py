"""Routing tables of fronts: endpoint documents converted to the front's format (`front.invocations.routes`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.fleets import Fleet, Variant
from sagewright.engine.endpoints.tracking_documents import TrackingDocument
from sagewright.kinds.tracking import TRACKER
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.aws.regions import routed_name
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store.resources.resources import Resource

CSV_TYPES, JSON_TYPES = ["text/csv"], ["application/json"]
"""Content types of captured data without CaptureContentTypeHeader. Source: AWS's guide."""
_SERVES = frozenset(
    {EndpointStatus.IN_SERVICE, EndpointStatus.OUT_OF_SERVICE, EndpointStatus.UPDATING, EndpointStatus.ROLLING_BACK}
)


def routes_of(
    endpoints: Iterable[Resource], components: Iterable[Resource], account: str, region: str
) -> dict[str, Any]:
    """Returns the routes of an account's endpoints; `region` is the server's own, whose endpoints are called by name alone.
    `components`: the inference components on them.
    """
    hosted: dict[str, list[Resource]] = defaultdict(list)
    for one in components:
        hosted[one.parent].append(one)
    routed = [
        _endpoint(one, hosted[one.id]) | {"name": routed_name(one.region, one.name, region)}
        for one in endpoints
        if one.account == account
    ]
    return {"account": account, "region": region, "endpoints": routed}


def trackers_of(trackers: Iterable[Resource], account: str) -> list[dict[str, Any]]:
    """Returns the tracking servers of an account, as `front.tracking.Tracker`."""
    return [
        {
            "id": one.id,
            "name": one.name,
            "arn": sagemaker_arn(one.region, account, TRACKER, one.name),
            "status": one.status,
            "directory": TrackingDocument.read(one.document).directory,
        }
        for one in trackers
        if one.account == account
    ]


def _endpoint(resource: Resource, components: list[Resource]) -> dict[str, Any]:
    serves = resource.status in _SERVES
    found = [fleet for fleet in fleets.read(resource.document) if fleet.share] if serves else []
    return {
        "id": resource.id,
        "name": resource.name,
        "status": resource.status,
        "asynchronous": any(fleet.asynchronous for fleet in found),
        "fleets": [_fleet(fleet) for fleet in found],
        "components": [described for one in components if (described := _component(one)) is not None]
        if any(variant.hosts_components for fleet in found for variant in fleet.variants)
        else None,
    }


def _component(resource: Resource) -> dict[str, Any] | None:
    """Returns the component as a variant whose instances are its copies; None if it does not serve yet, or no longer."""
    serving = [fleet for fleet in fleets.read(resource.document) if fleet.share]
    if not serving or resource.status not in _SERVES:
        return None
    variants = [variant for fleet in serving for variant in fleet.variants]
    copies = [{"id": one.id, "servers": one.servers} for variant in variants for one in variant.ready]
    desired = sum(variant.desired for variant in variants)
    return _variant(variants[0]) | {"instances": copies, "component": resource.name, "desired": desired}


def _fleet(fleet: Fleet) -> dict[str, Any]:
    shadow = next((one for one in fleet.variants if one.shadow), None)
    return {
        "share": fleet.share,
        "variants": [_variant(one) for one in fleet.variants if not one.shadow],
        "shadow": _variant(shadow) if shadow else None,
        "capture": _capture(fleet.capture),
    }


def _variant(variant: Variant) -> dict[str, Any]:
    serverless = variant.serverless
    return {
        "name": variant.name,
        "weight": variant.weight,
        "containers": [
            {"name": fleets.container_name(variant, number), "multi_model": one.get("Mode") == "MultiModel"}
            for number, one in enumerate(variant.containers)
        ],
        "instances": [{"id": one.id, "servers": one.servers} for one in variant.ready if not variant.hosts_components],
        "direct": variant.mode == "Direct",
        "random": variant.routing == "RANDOM",
        "concurrency": serverless["MaxConcurrency"] if serverless else 0,
        "scales_from_zero": bool(serverless),
        "explains": variant.explainer is not None,
    }


def _capture(capture: dict[str, Any] | None) -> dict[str, Any] | None:
    if not capture or not capture.get("EnableCapture"):
        return None
    modes = {one["CaptureMode"] for one in capture["CaptureOptions"]}
    named = capture.get("CaptureContentTypeHeader") or {}
    return {
        "percent": capture["InitialSamplingPercentage"],
        "destination": capture["DestinationS3Uri"],
        "input": bool(modes & {"Input", "InputAndOutput"}),
        "output": bool(modes & {"Output", "InputAndOutput"}),
        "csv_types": named.get("CsvContentTypes") or CSV_TYPES,
        "json_types": named.get("JsonContentTypes") or JSON_TYPES,
    }
