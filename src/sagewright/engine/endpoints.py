"""The reconciler of endpoints: it carries out what `rollout` says, and finds out what `rollout` has to know."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine import fleets, rollout
from sagewright.engine.fleets import Fleets, Instance, Variant
from sagewright.engine.machinery import Machinery
from sagewright.engine.rollout import Look, Seen, State
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.model.lives import EndpointStatus
from sagewright.store import resources
from sagewright.store.resources import Resource

log = logging.getLogger("sagewright.engine.endpoints")
SOON_MS = 2_000
"""What is due later is seen by a sweep."""
Alarmed = Callable[[Resource, list[str]], str]
"""The first of an account's alarms, by name, that is in ALARM; "" if none is."""


class Endpoints:
    """See engine.control.Reconciler for the guarantees. Every step may be repeated, and taken by two servers at once: what is
    decided is decided in one transaction on the endpoint's document, and what is made has names from there."""

    kinds: tuple[str, ...] = (ENDPOINT,)

    def __init__(self, machinery: Machinery, alarmed: Alarmed = lambda _endpoint, _names: "") -> None:
        self._m, self._fleets, self._alarmed = machinery, Fleets(machinery), alarmed

    def recover(self) -> None:
        """Nothing: all stands in the documents."""

    def active(self) -> list[tuple[str, str]]:
        return [(ENDPOINT, one.id) for one in resources.of_kind(self._m.store, ENDPOINT)]

    def reconcile(self, endpoint_id: str) -> None:
        endpoint = resources.get(self._m.store, endpoint_id)
        if endpoint is None:
            return
        state = State.read(endpoint.status, endpoint.document)
        look = self._look(endpoint, state)
        if rollout.advance(state, look) != state:
            resources.alter(self._m.store, endpoint_id, lambda current: _moved(current, look))
        current = resources.get(self._m.store, endpoint_id)
        if current is not None:
            self._carry_out(current, State.read(current.status, current.document), look.at_ms)

    def _look(self, endpoint: Resource, state: State) -> Look:
        seen = {}
        for variant, instance in fleets.instances(state.fleets):
            seen[instance.id] = self._seen(endpoint, variant, instance)
        return Look(now_ms(), seen, self._alarm(endpoint, state))

    def _seen(self, endpoint: Resource, variant: Variant, instance: Instance) -> Seen:
        how, made = self._fleets.look(endpoint, variant, instance)
        reason = next((job.failure_reason or job.status for job in made if job.ended), "")
        gone = instance.leaving_ms is not None and all(job.ended for job in made)
        return Seen(how, self._fleets.directories(made) if how is fleets.InstanceState.READY else [], reason, gone)

    def _alarm(self, endpoint: Resource, state: State) -> str:
        deployment: dict[str, Any] = (state.update or {}).get("Deployment") or {}
        alarms = (deployment.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
        return self._alarmed(endpoint, [one["AlarmName"] for one in alarms]) if alarms else ""

    def _carry_out(self, endpoint: Resource, state: State, at_ms: int) -> None:
        """Make the jobs of the instances that are there, and end those of the instances that are leaving."""
        for variant, instance in fleets.instances(state.fleets):
            if instance.leaving_ms is None:
                self._fleets.make(endpoint, variant, instance)
            elif rollout.may_stop(instance, at_ms) or state.status == EndpointStatus.DELETING:
                self._end(endpoint, variant, instance)
        if state.finished:
            self._remove(endpoint)
            return
        due = rollout.due_ms(state)
        if due is not None and due < at_ms + SOON_MS:
            self._m.wake_after(max(0.01, (due - at_ms) / 1000), ENDPOINT, endpoint.id)

    def _end(self, endpoint: Resource, variant: Variant, instance: Instance) -> None:
        if self._fleets.stop(endpoint, variant, instance):
            self._m.wake(ENDPOINT, endpoint.id)

    def _remove(self, endpoint: Resource) -> None:
        arn = sagemaker_arn(endpoint.region, endpoint.account, "endpoint", endpoint.name)
        resources.remove(self._m.store, endpoint, arn)


def _moved(current: Resource, look: Look) -> Resource | None:
    before = State.read(current.status, current.document)
    after = rollout.advance(before, look)
    if after == before:
        return None
    if after.status != before.status:
        log.info("endpoint %s: %s", current.name, after.status)
    return replace(current, status=str(after.status), document=after.document())
