"""Progress of a rule's deployments. AWS has no such operation, since its rules can't target endpoints."""

from __future__ import annotations

from typing import Any

from sagewright.engine.events.targets import service_of
from sagewright.services.aws.events.rules import require_rule
from sagewright.services.context import Context
from sagewright.store.messages import deliveries, deployments

DESCRIBED = ("package", "asked_ms", "asked_by", "status", "message", "deployed")


def deployment_states(context: Context, name: str) -> list[dict[str, Any]]:
    """Returns the state of each target that is an endpoint. `waiting`: number of events still to be sent to it.

    Raises ResourceNotFoundException.
    """
    rule = require_rule(context, name)
    states: list[dict[str, Any]] = []
    for target in rule.targets.values():
        if service_of(target["Arn"]) != "endpoint":
            continue
        subject = f"{rule.id}/{target['Id']}"
        found = deployments.find(context.store, subject)
        state = {member: getattr(found, member) for member in DESCRIBED} if found else {}
        states.append({"target": target["Arn"], "waiting": deliveries.waiting(context.store, subject), **state})
    return states
