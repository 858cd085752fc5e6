"""Rollouts: the next state of an endpoint, as a pure function of its document, the observations and the time.

New fleets are launched beside the serving ones and take over traffic in the shares of the deployment's configuration; then the old
ones are removed. Source: AWS's developer guide, "Deployment guardrails".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.fleets import Fleet, Instance, InstanceState, Variant
from sagewright.model.jobs.state_machines import EndpointStatus

DRAIN_MS = 2_000
"""Grace period of an instance that gets no more requests before it is asked to end: by then, every front knows about it."""
KNOWN_MS = 250
"""Minimum time for which an endpoint stays Updating after its traffic was redistributed: a client that then reads InService is
served by the new fleets, as every front knows of them.
"""
OUT_MS = 15_000
"""Time without any answering instance after which an endpoint is OutOfService: a replacement takes a few seconds."""
RETRY_MS = 1_000
MOST_RETRY_MS = 60_000
UNSERVED, UNSERVED_REASON = "UnservedSinceMs", "UnservedReason"
"""Members of an endpoint's document while no instance answers: since when, and why the last one ended."""
LAUNCH, WAIT, RESIZE = "launch", "wait", "resize"
"""The phases of an update."""


@dataclass(frozen=True)
class ObservedInstance:
    """The observed state of one instance. `gone`: True if none of its jobs is still running."""

    state: InstanceState
    servers: list[str]
    reason: str = ""
    gone: bool = False


@dataclass(frozen=True)
class Observation:
    """A snapshot of an endpoint. `alarm`: name of a firing alarm of the update, or ""."""

    at_ms: int
    seen: Mapping[str, ObservedInstance]
    alarm: str = ""


@dataclass(frozen=True)
class RolloutState:
    """The parsed document of an endpoint, or of an inference component. `update`: the update in progress, None if there is none;
    see `start`.
    """

    status: str
    fleets: list[Fleet]
    update: dict[str, Any] | None
    rest: dict[str, Any]

    @classmethod
    def read(cls, status: str, document: Mapping[str, Any]) -> RolloutState:
        rest = {name: value for name, value in document.items() if name not in {"Fleets", "Update"}}
        return cls(status, fleets.read(dict(document)), document.get("Update"), rest)

    def document(self) -> dict[str, Any]:
        return {**self.rest, "Fleets": fleets.written(self.fleets), "Update": self.update}

    @property
    def finished(self) -> bool:
        """Returns True if the endpoint is to be deleted and all of its instances are gone."""
        return self.status == EndpointStatus.DELETING and not any(True for _ in fleets.instances(self.fleets))


def resize(at_ms: int) -> dict[str, Any]:
    """Returns an update to weights and counts that the fleets already have."""
    return {"Phase": RESIZE, "StartedMs": at_ms, "UntilMs": at_ms + KNOWN_MS, "Deployment": {}}


def start(fleet: Fleet, deployment: Mapping[str, Any], at_ms: int) -> dict[str, Any]:
    """Returns an update to `fleet`, which has no instances yet."""
    return {
        "Phase": LAUNCH,
        "Fleet": fleets.written([fleet])[0],
        "Deployment": dict(deployment),
        "Step": 0,
        "StartedMs": at_ms,
        "UntilMs": 0,
    }


def given_up(state: RolloutState, observation: Observation, reason: str) -> RolloutState:
    """Returns the state after a desired instance cannot be created."""
    if state.update is None:
        return replace(state, rest={**state.rest, "FailureReason": reason})
    return _as_it_is(state, reason) if state.update["Phase"] == RESIZE else _rolled_back(state, observation, reason)


def advance(state: RolloutState, observation: Observation) -> RolloutState:
    """Returns the next state of the endpoint; the same state if there is nothing to do."""
    state = _noticed(state, observation)
    if state.status == EndpointStatus.DELETING:
        return replace(state, update=None, fleets=[fleets.emptied(one, observation.at_ms) for one in state.fleets])
    if state.status == EndpointStatus.FAILED:
        return replace(state, fleets=[fleets.emptied(one, observation.at_ms) for one in state.fleets])
    if state.update is None:
        return _kept(state, observation)
    return _resized(state, observation) if state.update["Phase"] == RESIZE else _updated(state, observation)


def due_ms(state: RolloutState) -> int | None:
    """Returns when to reconcile again even if nothing happens; None for never."""
    times = [one.leaving_ms + DRAIN_MS for _, one in fleets.instances(state.fleets) if one.leaving_ms is not None]
    times += [
        since + OUT_MS for since in [state.rest.get(UNSERVED, 0)] if since and state.status == EndpointStatus.IN_SERVICE
    ]
    times += [one.retry_ms for fleet in state.fleets for one in fleet.variants if one.retry_ms]
    if state.update is not None:
        times += [int(state.update.get("UntilMs") or 0), _deadline_ms(state.update)]
    return min((time for time in times if time), default=None)


def may_stop(instance: Instance, at_ms: int) -> bool:
    """True if a leaving instance has had enough time to answer its remaining requests."""
    return instance.leaving_ms is not None and (not instance.servers or at_ms >= instance.leaving_ms + DRAIN_MS)


def _noticed(state: RolloutState, observation: Observation) -> RolloutState:
    target = (state.update or {}).get("Fleet", {}).get("id")
    noticed = (_noticed_fleet(fleet, observation, new=fleet.id == target) for fleet in state.fleets)
    return replace(state, fleets=[one for one in noticed if one.variants])


def _noticed_fleet(fleet: Fleet, observation: Observation, *, new: bool) -> Fleet:
    variants = [_noticed_variant(variant, observation) for variant in fleet.variants]
    over = not new and not fleet.share and all(variant.desired == 0 and not variant.instances for variant in variants)
    return replace(fleet, variants=[] if over else variants)


def _noticed_variant(variant: Variant, observation: Observation) -> Variant:
    listed: list[Instance] = []
    failures, retry_ms = variant.failures, variant.retry_ms
    for instance in variant.instances:
        seen = observation.seen.get(instance.id)
        if seen is None:
            listed.append(instance)
            continue
        if instance.leaving_ms is not None:
            if not seen.gone:
                listed.append(instance)
        elif seen.state is InstanceState.OVER:
            failures += 0 if instance.servers else 1
            retry_ms = observation.at_ms + (min(MOST_RETRY_MS, RETRY_MS << min(failures, 10)) if failures else 0)
            listed.append(replace(instance, leaving_ms=observation.at_ms, servers=[]))
        elif seen.state is InstanceState.READY and instance.servers != seen.servers:
            failures, retry_ms = 0, 0
            listed.append(replace(instance, servers=seen.servers))
        else:
            listed.append(instance)
    return replace(variant, instances=listed, failures=failures, retry_ms=retry_ms)


def _kept(state: RolloutState, observation: Observation) -> RolloutState:
    """Returns the state with the desired number of instances: lost ones are replaced, with a delay if they fail repeatedly."""
    refilled = replace(state, fleets=[_refilled(fleet, observation.at_ms) for fleet in state.fleets])
    return refilled if state.update else _judged(refilled, observation)


def _judged(state: RolloutState, observation: Observation) -> RolloutState:
    """Sets OutOfService once no instance has answered for a while, and InService again when one does."""
    served = [one for fleet in state.fleets if fleet.share for one in fleet.variants if one.desired and not one.shadow]
    down = bool(served) and not any(one.ready or one.component or one.hosts_components for one in served)
    since, reason = state.rest.get(UNSERVED), _lost_reason(state.fleets, observation)
    if down:
        rest = {**state.rest, UNSERVED: since or observation.at_ms}
        rest |= {UNSERVED_REASON: reason[:1024]} if reason else {}
        if state.status == EndpointStatus.OUT_OF_SERVICE:
            return replace(state, rest=rest)
        if since is None or observation.at_ms < since + OUT_MS:
            return replace(state, rest=rest)
        rest["FailureReason"] = rest.get(UNSERVED_REASON) or "No instance of the endpoint answers to /ping."
        return replace(state, status=EndpointStatus.OUT_OF_SERVICE, rest=rest)
    if since is None:
        return state
    out = state.status == EndpointStatus.OUT_OF_SERVICE
    left = {UNSERVED, UNSERVED_REASON, "FailureReason"} if out else {UNSERVED, UNSERVED_REASON}
    rest = {name: value for name, value in state.rest.items() if name not in left}
    return replace(state, status=EndpointStatus.IN_SERVICE if out else state.status, rest=rest)


def _lost_reason(concerned: list[Fleet], observation: Observation) -> str:
    """Returns why an instance ended, or ""."""
    for _variant, instance in fleets.instances(concerned):
        seen = observation.seen.get(instance.id)
        if seen is not None and seen.state is InstanceState.OVER and seen.reason:
            return seen.reason
    return ""


def _refilled(fleet: Fleet, at_ms: int) -> Fleet:
    due = all(variant.retry_ms <= at_ms for variant in fleet.variants)
    return fleets.sized(fleet, at_ms) if due else fleet


def _resized(state: RolloutState, observation: Observation) -> RolloutState:
    assert state.update is not None
    refilled = _kept(state, observation)
    if observation.at_ms < (state.update.get("UntilMs") or 0):
        return refilled
    if all(fleet.whole for fleet in refilled.fleets if fleet.share):
        return replace(refilled, update=None, status=EndpointStatus.IN_SERVICE)
    reason = _failed_reason(state.fleets, observation)
    if reason or observation.at_ms > _deadline_ms(state.update):
        return _as_it_is(state, reason or "The instances did not start in time.")
    return replace(refilled, update={**state.update, "UntilMs": 0})


def _as_it_is(state: RolloutState, reason: str) -> RolloutState:
    """Returns the state with its present instances as the desired ones; a component and an asynchronous fleet may have none."""

    def kept_of(fleet: Fleet) -> Fleet:
        least = 0 if fleet.asynchronous else 1
        variants = [replace(one, desired=max(0 if one.component else least, len(one.ready))) for one in fleet.variants]
        return replace(fleet, variants=variants)

    kept = [kept_of(fleet) for fleet in state.fleets]
    rest = {**state.rest, "FailureReason": reason}
    return replace(state, fleets=kept, rest=rest, update=None, status=EndpointStatus.IN_SERVICE)


def _updated(state: RolloutState, observation: Observation) -> RolloutState:
    update = state.update
    assert update is not None
    target = fleets.fleet_of(update["Fleet"])
    at = next((number for number, one in enumerate(state.fleets) if one.id == target.id), None)
    if at is None:
        if update["Step"] or update["Phase"] != LAUNCH:
            return _rolled_back(state, observation, "The new instances were lost.")
        first = fleets.sized(_part(target, *_progress(update, 1)), observation.at_ms)
        return replace(state, fleets=[*state.fleets, first])
    if reason := _failed_reason([state.fleets[at]], observation):
        return _rolled_back(state, observation, reason)
    if observation.alarm:
        return _rolled_back(state, observation, f"The alarm {observation.alarm} is in the state ALARM.")
    if observation.at_ms > _deadline_ms(update):
        return _rolled_back(state, observation, _too_late(state.fleets[at]))
    if update["Phase"] == LAUNCH:
        return (
            _shifted(state, observation, at)
            if state.fleets[at].whole
            else _with(state, at, _refilled(state.fleets[at], observation.at_ms))
        )
    return _waited(state, observation, at)


def _shifted(state: RolloutState, observation: Observation, at: int) -> RolloutState:
    """Shifts the next part of the traffic to the new fleet."""
    update = state.update
    assert update is not None
    shares = _shares(update)
    step = min(update["Step"], len(shares) - 1)
    others = [fleet for number, fleet in enumerate(state.fleets) if number != at and fleet.share]
    share = shares[step] if others else 100.0
    moved = _with(state, at, replace(state.fleets[at], share=share))
    moved = replace(
        moved,
        fleets=[
            replace(fleet, share=100.0 - share) if number != at and fleet in others else fleet
            for number, fleet in enumerate(moved.fleets)
        ],
    )
    last = share >= 100.0
    if last and not others:
        return _done(moved, observation, at)
    wait_ms = _wait_ms(update, last=last)
    return replace(moved, update={**update, "Phase": WAIT, "UntilMs": observation.at_ms + wait_ms})


def _waited(state: RolloutState, observation: Observation, at: int) -> RolloutState:
    update = state.update
    assert update is not None
    if observation.at_ms < update["UntilMs"]:
        return _kept_apart(state, observation)
    shares = _shares(update)
    step = update["Step"] + 1
    if step >= len(shares):
        return _done(state, observation, at)
    target = fleets.fleet_of(update["Fleet"])
    grown = replace(state.fleets[at], variants=_grown(state.fleets[at], _part(target, *_progress(update, step + 1))))
    moved = _with(state, at, fleets.sized(grown, observation.at_ms))
    if "RollingUpdatePolicy" in update["Deployment"]:
        update = {"Before": _counts(state, target.id), **update}
        moved = _counted(moved, update["Before"], *_progress(update, step), observation.at_ms)
    return replace(moved, update={**update, "Phase": LAUNCH, "Step": step, "UntilMs": 0})


def _counts(state: RolloutState, target: str) -> dict[str, dict[str, int]]:
    """Returns the desired instances of each variant of the fleets before the update, which a rollback restores."""
    return {
        fleet.id: {one.name: one.desired for one in fleet.variants}
        for fleet in state.fleets
        if fleet.share and fleet.id != target
    }


def _counted(
    state: RolloutState, before: Mapping[str, Mapping[str, int]], numerator: int, denominator: int, at_ms: int
) -> RolloutState:
    """Returns the state with the old fleets' instances reduced by the part that the new fleet has taken over."""

    def counted(fleet: Fleet) -> Fleet:
        if fleet.id not in before:
            return fleet
        left = [
            replace(one, desired=math.ceil(before[fleet.id][one.name] * (denominator - numerator) / denominator))
            for one in fleet.variants
        ]
        return fleets.sized(replace(fleet, variants=left), at_ms)

    return replace(state, fleets=[counted(fleet) for fleet in state.fleets])


def _kept_apart(state: RolloutState, observation: Observation) -> RolloutState:
    """Replaces lost instances of both fleets while the update waits."""
    return replace(
        state, fleets=[_refilled(fleet, observation.at_ms) if fleet.share else fleet for fleet in state.fleets]
    )


def _done(state: RolloutState, observation: Observation, at: int) -> RolloutState:
    update = state.update
    assert update is not None
    new = state.fleets[at]
    old = [fleets.emptied(fleet, observation.at_ms) for number, fleet in enumerate(state.fleets) if number != at]
    rest = {name: value for name, value in state.rest.items() if name != "FailureReason"}
    rest |= {"EndpointConfigName": new.config} if new.config else {}
    if update["Deployment"]:
        rest["LastDeploymentConfig"] = update["Deployment"]
    return RolloutState(EndpointStatus.IN_SERVICE, [replace(new, share=100.0), *old], None, rest)


def _rolled_back(state: RolloutState, observation: Observation, reason: str) -> RolloutState:
    """Returns the state after a rollback: the old fleet serves as before; a new endpoint has none, and has failed."""
    update = state.update
    assert update is not None
    target = update["Fleet"]["id"]
    state = _counted(state, update.get("Before") or {}, 0, 1, observation.at_ms)
    old = [fleet for fleet in state.fleets if fleet.id != target]
    serving = [fleet for fleet in old if fleet.share]
    back = [replace(fleet, share=100.0) if fleet in serving else fleet for fleet in old]
    gone = [fleets.emptied(fleet, observation.at_ms) for fleet in state.fleets if fleet.id == target]
    status = EndpointStatus.IN_SERVICE if serving else EndpointStatus.FAILED
    rest = {**state.rest, "FailureReason": reason}
    return RolloutState(status, [*back, *gone], None, rest)


def _failed_reason(concerned: list[Fleet], observation: Observation) -> str:
    """Returns why a launched instance failed to start, or ""."""
    for variant, instance in fleets.instances(concerned):
        seen = observation.seen.get(instance.id)
        if seen is not None and seen.state is InstanceState.OVER and not instance.servers and seen.reason:
            return failure_reason(variant, seen.reason)
    return ""


def failure_reason(variant: Variant, reason: str) -> str:
    """Returns the reason in AWS's words, followed by the local details. Source: the contract's errors.md, section 5."""
    fault, _, text = reason.partition(": ")
    if text.startswith("Data download failed"):
        uri = next((one.get("ModelDataUrl") or "" for one in variant.containers), "")
        return f'Failed to download model data for container "container_1" from URL: "{uri}". {text}'[:1024]
    if fault == "ClientError" and not text.startswith("ping"):
        whose, _ = _whose(variant)
        return f"Please make sure all images included in the model for the {whose} exist: {text}"[:1024]
    whose, what = _whose(variant)
    return (
        f"The primary container for {whose} did not pass the ping health check. "
        f"Please check CloudWatch logs for this {what}. ({text or reason})"
    )[:1024]


def _whose(variant: Variant) -> tuple[str, str]:
    if variant.component:
        return f"inference component {variant.component}", "inference component"
    return f"production variant {variant.name}", "endpoint"


def _too_late(fleet: Fleet) -> str:
    late = [one for one in fleet.variants if len(one.ready) < one.desired] or fleet.variants
    whose, what = _whose(late[0])
    if len(late) > 1:
        whose = f"production variant {', '.join(one.name for one in late)}"
    return (
        f"The primary container for {whose} did not pass the ping health check. "
        f"Please check CloudWatch logs for this {what}."
    )


def _with(state: RolloutState, at: int, fleet: Fleet) -> RolloutState:
    return replace(state, fleets=[fleet if number == at else one for number, one in enumerate(state.fleets)])


def _part(target: Fleet, numerator: int, denominator: int) -> Fleet:
    """Returns the fleet with that part of its instances, at least one of each variant that has any."""
    return replace(
        target,
        variants=[replace(one, desired=math.ceil(one.desired * numerator / denominator)) for one in target.variants],
    )


def _grown(present: Fleet, desired: Fleet) -> list[Variant]:
    counts = {variant.name: variant.desired for variant in desired.variants}
    return [replace(variant, desired=counts.get(variant.name, variant.desired)) for variant in present.variants]


def _progress(update: Mapping[str, Any], step: int) -> tuple[int, int]:
    """Returns the part of the new fleet's instances that exists at a step: all, unless the update is rolling."""
    if "RollingUpdatePolicy" not in update["Deployment"]:
        return 1, 1
    steps = len(_shares(update))
    return min(step, steps), steps


def _shares(update: Mapping[str, Any]) -> list[float]:
    """Returns the percentages of the traffic that the new fleet gets, step by step."""
    deployment = update["Deployment"]
    total = sum(one["wanted"] for one in update["Fleet"]["variants"]) or 1
    if rolling := deployment.get("RollingUpdatePolicy"):
        batch = min(total, max(1, _instances(rolling["MaximumBatchSize"], total)))
        steps = math.ceil(total / batch)
        return [100.0 * (number + 1) / steps for number in range(steps)]
    routing = (deployment.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
    if routing.get("Type") == "CANARY":
        return [_percent(routing.get("CanarySize"), total), 100.0]
    if routing.get("Type") == "LINEAR":
        size = _percent(routing.get("LinearStepSize"), total)
        steps = math.ceil(100.0 / size)
        return [min(100.0, size * (number + 1)) for number in range(steps)]
    return [100.0]


def _instances(size: Mapping[str, Any], total: int) -> int:
    return (
        int(size["Value"])
        if size["Type"] in {"INSTANCE_COUNT", "COPY_COUNT"}
        else math.floor(total * size["Value"] / 100)
    )


def _percent(size: Mapping[str, Any] | None, total: int) -> float:
    if not size:
        return 10.0
    if size["Type"] == "CAPACITY_PERCENT":
        return min(100.0, max(1.0, float(size["Value"])))
    return float(min(100.0, max(1.0, 100.0 * size["Value"] / total)))


def _wait_ms(update: Mapping[str, Any], *, last: bool) -> int:
    deployment = update["Deployment"]
    rolling = deployment.get("RollingUpdatePolicy")
    blue_green = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = rolling or blue_green.get("TrafficRoutingConfiguration") or {}
    seconds = int(routing.get("WaitIntervalInSeconds") or 0)
    if last:
        seconds += int(blue_green.get("TerminationWaitInSeconds") or 0)
    return max(seconds * 1000, KNOWN_MS if last else 0)


def _deadline_ms(update: Mapping[str, Any]) -> int:
    """Returns when the update fails if it is not over."""
    deployment = update.get("Deployment") or {}
    policy = deployment.get("RollingUpdatePolicy") or deployment.get("BlueGreenUpdatePolicy") or {}
    seconds = policy.get("MaximumExecutionTimeoutInSeconds")
    if seconds is None:
        variants = (update.get("Fleet") or {}).get("variants") or [{}]
        waits = sum(_wait_ms(update, last=True) for _ in _shares(update)) / 1000 if update.get("Fleet") else 0
        seconds = max(one.get("start_s", 480) for one in variants) + 3600 + waits
    return int(update["StartedMs"] + seconds * 1000)
