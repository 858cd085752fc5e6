"""The instances of an endpoint, or the copies of an inference component: observes them, and creates and ends their jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints import fleets, rollout
from sagewright.engine.endpoints.fleets import Fleets, Instance, Variant
from sagewright.engine.endpoints.rollout import Observation, ObservedInstance, RolloutState
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.clock import now_ms
from sagewright.model.jobs.brief import FaultClass
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.model.nearest import sentences
from sagewright.store.resources.resources import Resource

REASON_CHARACTERS = 700
"""Characters of an instance's reason, so that the endpoint's FailureReason has room for the rest."""
SOON_MS = 2_000
"""Horizon of timers: anything due later is found by the sweep."""
Alarmed = Callable[[Resource, list[str]], str]
"""Returns the first of an account's alarms, by name, that is in ALARM, or ""."""


class Instances:
    """Every step can be repeated, and run by two servers at once: names come from the owner's document."""

    def __init__(self, dependencies: Dependencies, alarmed: Alarmed) -> None:
        self._dependencies, self._fleets, self._alarmed = dependencies, Fleets(dependencies), alarmed

    def observe(self, owner: Resource, state: RolloutState) -> Observation:
        seen = {}
        for variant, instance in fleets.instances(state.fleets):
            seen[instance.id] = self._seen(owner, variant, instance)
        return Observation(now_ms(), seen, self._alarm(owner, state))

    def carry_out(self, owner: Resource, state: RolloutState, at_ms: int) -> None:
        """Creates the jobs of existing instances, and ends those of instances that are leaving."""
        for variant, instance in fleets.instances(state.fleets):
            if instance.leaving_ms is None:
                self._fleets.make(owner, variant, instance)
            elif rollout.may_stop(instance, at_ms) or state.status == EndpointStatus.DELETING:
                self._end(owner, variant, instance)
        due = rollout.due_ms(state)
        if due is not None and due < at_ms + SOON_MS:
            self._dependencies.wake_after(max(0.01, (due - at_ms) / 1000), owner.kind, owner.id)

    def _seen(self, owner: Resource, variant: Variant, instance: Instance) -> ObservedInstance:
        how, made = self._fleets.observe(owner, variant, instance)
        reason = next((job.failure_reason or job.status for job in made if job.ended), "")
        if reason.startswith(FaultClass.ALGORITHM) and owner.kind == ENDPOINT:
            reason = sentences(reason[:REASON_CHARACTERS], f"See: sagewright endpoints logs {owner.name}")
        gone = instance.leaving_ms is not None and all(job.ended for job in made)
        return ObservedInstance(
            how, self._fleets.servers(made) if how is fleets.InstanceState.READY else [], reason, gone
        )

    def _alarm(self, owner: Resource, state: RolloutState) -> str:
        deployment: dict[str, Any] = (state.update or {}).get("Deployment") or {}
        alarms = (deployment.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
        return self._alarmed(owner, [one["AlarmName"] for one in alarms]) if alarms else ""

    def _end(self, owner: Resource, variant: Variant, instance: Instance) -> None:
        if self._fleets.stop(owner, variant, instance):
            self._dependencies.wake(owner.kind, owner.id)
