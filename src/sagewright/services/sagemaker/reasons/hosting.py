"""The reason for an endpoint's status: its FailureReason, or the reason why its instances wait."""

from __future__ import annotations

from typing import Any

from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.model.nearest import sentences
from sagewright.services.context import Context
from sagewright.services.sagemaker.hosting.endpoints import ENDPOINTS, describe_endpoint
from sagewright.services.sagemaker.reasons.reason import Reason

_SAID = 3


def endpoint_reason(context: Context, name: str) -> Reason | None:
    if ENDPOINTS.find(context, name) is None:
        return None
    found = describe_endpoint(context, {"EndpointName": name})
    return Reason("endpoint", name, found["EndpointStatus"], _text(found, name))


def _text(found: dict[str, Any], name: str) -> str:
    if found.get("FailureReason"):
        return str(found["FailureReason"])
    if found["EndpointStatus"] == EndpointStatus.IN_SERVICE:
        return ""
    pending = found.get("PendingDeploymentSummary") or {}
    said = [
        f"{variant['VariantName']}: {status['StatusMessage']}"
        for variant in (*(pending.get("ProductionVariants") or ()), *(found.get("ProductionVariants") or ()))
        for status in variant.get("VariantStatus") or ()
        if status.get("StatusMessage")
    ]
    stage = f"It deploys {pending['EndpointConfigName']}" if pending.get("EndpointConfigName") else ""
    return sentences(stage, *dict.fromkeys(said[:_SAID]), f"Its log: sagewright endpoints logs {name}")
