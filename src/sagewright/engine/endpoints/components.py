"""The reconciler of inference components: copies of a model on the instances of an endpoint.

A component's document is a small endpoint document: fleets with one variant, whose instances are copies and follow `rollout`. In
addition each copy has a placement, which is decided with the endpoint's row locked, so that no two components get the same room.
Source: AWS's API reference, CreateInferenceComponent and UpdateInferenceComponent.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints import placement, rollout
from sagewright.engine.endpoints.instances import Alarmed, Instances
from sagewright.engine.endpoints.rollout import Observation, RolloutState
from sagewright.kinds.serving import COMPONENT, ENDPOINT
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

log = logging.getLogger("sagewright.engine.endpoints.components")
FAILURE, WAITING = "FailureReason", "WaitsForRoom"
"""Members of a component's document. The second records that existing copies had to be removed, and return once there is room."""


@dataclass(frozen=True)
class Decision:
    """The next state of a component and of its endpoint."""

    component: Resource
    endpoint: Resource | None


class ComponentReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (COMPONENT,)

    def __init__(self, dependencies: Dependencies, alarmed: Alarmed = lambda _component, _names: "") -> None:
        self._dependencies, self._instances = dependencies, Instances(dependencies, alarmed)

    def active(self) -> list[tuple[str, str]]:
        return [(COMPONENT, one.id) for one in resources.of_kind(self._dependencies.store, COMPONENT)]

    def reconcile(self, component_id: str) -> None:
        component = resources.get(self._dependencies.store, component_id)
        if component is None:
            return
        observation = self._instances.observe(component, RolloutState.read(component.status, component.document))
        endpoint = resources.get(self._dependencies.store, component.parent)
        if (
            decided(component, endpoint, resources.children(self._dependencies.store, component.parent), observation)
            is not None
        ):
            self._decide(component, observation)
        current = resources.get(self._dependencies.store, component_id)
        if current is None:
            return
        state = RolloutState.read(current.status, current.document)
        self._instances.carry_out(current, state, observation.at_ms)
        if state.finished:
            arn = sagemaker_arn(current.region, current.account, COMPONENT, current.name)
            resources.remove(self._dependencies.store, current, arn)

    def _decide(self, component: Resource, observation: Observation) -> None:
        with self._dependencies.store.write() as connection:
            endpoint = resources.locked_in(connection, component.parent)
            current = resources.locked_in(connection, component.id)
            if current is None:
                return
            siblings = resources.children_in(connection, component.parent)
            decision = decided(current, endpoint, siblings, observation)
            if decision is None:
                return
            resources.change_in(connection, decision.component)
            if decision.endpoint is not None:
                resources.change_in(connection, decision.endpoint)
        if decision.component.status != current.status:
            log.info("inference component %s: %s", component.name, decision.component.status)
        if decision.endpoint is not None:
            self._dependencies.wake(ENDPOINT, decision.endpoint.id)


def decided(
    component: Resource, endpoint: Resource | None, siblings: Sequence[Resource], observation: Observation
) -> Decision | None:
    """Returns the next state; None if there is nothing to do. `siblings`: all components of the endpoint."""
    before = RolloutState.read(component.status, component.document)
    if endpoint is None or endpoint.status == EndpointStatus.FAILED:
        after, host = rollout.advance(_without_host(before), observation), None
    elif endpoint.status == EndpointStatus.CREATING and before.status != EndpointStatus.DELETING:
        return None  # it has no instances yet
    else:
        others = [one for one in siblings if one.kind == COMPONENT and one.id != component.id]
        after, host = _placed(rollout.advance(before, observation), endpoint, others, observation)
    if after == before and host is None:
        return None
    changed = replace(component, status=str(after.status), document=after.document())
    return Decision(changed, host)


def _without_host(state: RolloutState) -> RolloutState:
    """Returns the state after the endpoint was deleted: its components are deleted with it."""
    return replace(state, status=EndpointStatus.DELETING, update=None)


def _placed(
    state: RolloutState, endpoint: Resource, others: Sequence[Resource], observation: Observation
) -> tuple[RolloutState, Resource | None]:
    host = RolloutState.read(endpoint.status, endpoint.document)
    around = [RolloutState.read(one.status, one.document) for one in others]
    placed = placement.place(state, host, around, observation.at_ms)
    if placed.missing:
        given_up = rollout.given_up(placed.state, observation, placed.reason)
        if state.update is None:
            given_up = replace(given_up, rest={**given_up.rest, WAITING: True})
        placed = replace(placement.place(given_up, host, around, observation.at_ms), reason=placed.reason)
    elif WAITING in state.rest:
        kept = {name: value for name, value in placed.state.rest.items() if name not in {FAILURE, WAITING}}
        placed = replace(placed, state=replace(placed.state, rest=kept))
    if placed.host == host:
        return placed.state, None
    return placed.state, replace(endpoint, document=placed.host.document())
