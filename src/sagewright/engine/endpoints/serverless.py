"""Serverless variants: start instances on a request, and stop them after an idle period.

Source: AWS's developer guide, "Deploy models with Amazon SageMaker Serverless Inference".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sagewright.engine.endpoints.fleets import Fleet, Variant
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store.database import Database
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

Wanted = Callable[[Variant], int]
"""Returns the desired number of instances of a serverless variant."""


def awake(variant: Variant) -> int:
    """Returns the number of instances while there are requests."""
    return max(1, variant.desired)


def asleep(variant: Variant) -> int:
    """Returns the number of instances without requests: provisioned ones stay."""
    return 1 if (variant.serverless or {}).get("ProvisionedConcurrency") else 0


def scale(store: Database, endpoint_id: str, desired: Wanted, names: frozenset[str] | None = None) -> bool:
    """Sets the desired instances of an in-service endpoint's serverless variants (or of those in `names`); True if that changes
    any."""

    def how(current: Resource) -> Resource | None:
        if current.status != EndpointStatus.IN_SERVICE:
            return None
        state = RolloutState.read(current.status, current.document)
        scaled = replace(
            state, fleets=[_scaled(fleet, desired, names) if fleet.share else fleet for fleet in state.fleets]
        )
        return None if scaled == state else replace(current, document=scaled.document())

    return resources.alter(store, endpoint_id, how) is not None


def _scaled(fleet: Fleet, desired: Wanted, names: frozenset[str] | None) -> Fleet:
    return replace(
        fleet,
        variants=[
            replace(one, desired=desired(one)) if one.serverless and (names is None or one.name in names) else one
            for one in fleet.variants
        ],
    )
