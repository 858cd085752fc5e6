"""The reconciler of endpoints: carries out the decisions of `rollout`, and provides its observations."""

from __future__ import annotations

import logging
from dataclasses import replace

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints import rollout
from sagewright.engine.endpoints.instances import Alarmed, Instances
from sagewright.engine.endpoints.rollout import Observation, RolloutState
from sagewright.kinds.serving import COMPONENT, ENDPOINT
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

log = logging.getLogger("sagewright.engine.endpoints.reconciler")


class EndpointReconciler:
    """See engine.control.Reconciler for the guarantees. Every step may be repeated, and run by two servers at once: decisions are
    made in one transaction on the endpoint's document, and names come from there."""

    kinds: tuple[str, ...] = (ENDPOINT,)

    def __init__(self, dependencies: Dependencies, alarmed: Alarmed = lambda _endpoint, _names: "") -> None:
        self._dependencies, self._instances = dependencies, Instances(dependencies, alarmed)

    def active(self) -> list[tuple[str, str]]:
        return [(ENDPOINT, one.id) for one in resources.of_kind(self._dependencies.store, ENDPOINT)]

    def reconcile(self, endpoint_id: str) -> None:
        endpoint = resources.get(self._dependencies.store, endpoint_id)
        if endpoint is None:
            return
        state = RolloutState.read(endpoint.status, endpoint.document)
        observation = self._instances.observe(endpoint, state)
        if rollout.advance(state, observation) != state:
            resources.alter(self._dependencies.store, endpoint_id, lambda current: _moved(current, observation))
        current = resources.get(self._dependencies.store, endpoint_id)
        if current is None:
            return
        after = RolloutState.read(current.status, current.document)
        self._instances.carry_out(current, after, observation.at_ms)
        if after.finished:
            arn = sagemaker_arn(current.region, current.account, "endpoint", current.name)
            resources.remove(self._dependencies.store, current, arn)
        elif after != state and _hosts_components(after):
            self._wake_components(endpoint_id)

    def _wake_components(self, endpoint_id: str) -> None:
        """Wakes the endpoint's components: their copies may have to move."""
        for one in resources.children(self._dependencies.store, endpoint_id):
            if one.kind == COMPONENT:
                self._dependencies.wake(COMPONENT, one.id)


def _hosts_components(state: RolloutState) -> bool:
    return any(variant.hosts_components for fleet in state.fleets for variant in fleet.variants)


def _moved(current: Resource, observation: Observation) -> Resource | None:
    before = RolloutState.read(current.status, current.document)
    after = rollout.advance(before, observation)
    if after == before:
        return None
    if after.status != before.status:
        log.info("endpoint %s: %s", current.name, after.status)
    return replace(current, status=str(after.status), document=after.document())
