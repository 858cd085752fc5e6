"""Placement of inference components' copies on instances of an endpoint's variant that have room for their needs.

A pure function of the documents. A copy reserves its resources from the time it is desired until it leaves. It keeps running
when its placement changes: all instances are this machine. Source: AWS's API reference,
InferenceComponentComputeResourceRequirements, InferenceComponentSchedulingConfig and ProductionVariantManagedInstanceScaling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.fleets import Fleet, Instance, Needs, Variant
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.model.aws.instance_types import Resources, resources_of

SPREAD, BINPACK = "SPREAD", "BINPACK"
ENABLED = "ENABLED"
MB = 1024
_EXACT = 1e-9


@dataclass(frozen=True)
class PlacedComponent:
    """`state`: the component's state, without unplaced copies; `host`: the endpoint's state; `missing`: number of unplaced copies,
    and `reason`: the reason."""

    state: RolloutState
    host: RolloutState
    missing: int = 0
    reason: str = ""


@dataclass
class _Spot:
    """An instance of the endpoint: its free resources, and how many copies of the component in question it has."""

    id: str
    cpus: float
    memory_mb: float
    gpus: int
    copies: int = 0
    empty: bool = True

    def fits(self, needs: Needs) -> bool:
        return (
            needs.cpus <= self.cpus + _EXACT and needs.memory_mb <= self.memory_mb + _EXACT and needs.gpus <= self.gpus
        )

    def take(self, needs: Needs) -> None:
        self.cpus -= needs.cpus
        self.memory_mb -= needs.memory_mb
        self.gpus -= needs.gpus
        self.empty = False


def place(state: RolloutState, host: RolloutState, others: Iterable[RolloutState], at_ms: int) -> PlacedComponent:
    """Returns the component with an instance for each of its copies, and the endpoint with the number of instances that requires.

    `others`: the other components of the endpoint. A copy whose instance was removed gets another one, or is leaving.
    """
    variant = next((one for fleet in state.fleets for one in fleet.variants), None)
    if variant is None:
        return PlacedComponent(state, host)
    hosting = hosting_variant(host, variant.name)
    if hosting is None:
        copies = len(_copies(state))
        reason = f"The endpoint has no variant {variant.name} that hosts inference components."
        return PlacedComponent(_with_places(state, {}, at_ms), host, copies, reason if copies else "")
    spots = {one.id: _spot(one.id, resources_of(hosting.instance_type)) for one in hosting.kept}
    for other in others:
        _hold(spots, other)
    kept: dict[str, str] = {}
    for one, needs in _copies(state):
        spot = spots.get(one.place)
        if spot is not None:
            spot.take(needs)
            spot.copies += 1
            kept[one.id] = one.place
    missing: list[Needs] = []
    for one, needs in _copies(state):
        if one.id in kept:
            continue
        found = _found(spots, needs, _strategy(state))
        if found is None and (more := _one_more(hosting)) is not None:
            spot = _spot(more.instances[-1].id, resources_of(hosting.instance_type))
            if spot.fits(needs):
                hosting, found = more, spot
                spots[spot.id] = spot
        if found is None:
            missing.append(needs)
            continue
        found.take(needs)
        found.copies += 1
        kept[one.id] = found.id
    hosting = _without_empty(hosting, [one.id for one in spots.values() if one.empty], at_ms)
    reason = _no_room(missing[0], hosting) if missing else ""
    return PlacedComponent(_with_places(state, kept, at_ms), _hosted(host, hosting), len(missing), reason)


def hosting_variant(host: RolloutState, name: str) -> Variant | None:
    """Returns the endpoint's variant with that name, if its instances can host components."""
    serving = _serving(host)
    variants = serving.variants if serving else []
    return next((one for one in variants if one.name == name and one.hosts_components), None)


def _serving(host: RolloutState) -> Fleet | None:
    """Returns the serving fleet; during an update with several fleets, the one that has served so far."""
    return next((fleet for fleet in host.fleets if fleet.share), None)


def _strategy(state: RolloutState) -> str:
    described: str = state.rest.get("PlacementStrategy") or SPREAD
    return described


def _copies(state: RolloutState) -> list[tuple[Instance, Needs]]:
    return [
        (instance, variant.needs or Needs())
        for variant, instance in fleets.instances(state.fleets)
        if instance.leaving_ms is None
    ]


def _spot(name: str, has: Resources) -> _Spot:
    return _Spot(name, float(has.cpus), has.memory_gb * MB, has.gpus)


def _hold(spots: dict[str, _Spot], other: RolloutState) -> None:
    for one, needs in _copies(other):
        if one.place in spots:
            spots[one.place].take(needs)


def _found(spots: dict[str, _Spot], needs: Needs, strategy: str) -> _Spot | None:
    fitting = [one for one in spots.values() if one.fits(needs)]
    if strategy == BINPACK:
        return min(fitting, key=lambda one: (one.memory_mb, one.cpus), default=None)
    return min(fitting, key=lambda one: (one.copies, -one.memory_mb), default=None)


def _scaling(variant: Variant) -> tuple[int, int] | None:
    """Returns the minimum and maximum instances of managed scaling; None if it is disabled."""
    described = variant.scaling or {}
    if described.get("Status") != ENABLED:
        return None
    least = int(described.get("MinInstanceCount", 1))
    return least, int(described.get("MaxInstanceCount", max(least, variant.desired)))


def _one_more(variant: Variant) -> Variant | None:
    bounds = _scaling(variant)
    if bounds is None or len(variant.kept) >= bounds[1]:
        return None
    made = [*variant.instances, Instance(fleets.new_instance_id())]
    return replace(variant, instances=made, desired=len(variant.kept) + 1)


def _without_empty(variant: Variant, empty: list[str], at_ms: int) -> Variant:
    """Returns the variant without empty instances, which managed scaling releases."""
    bounds = _scaling(variant)
    surplus = max(0, len(variant.kept) - bounds[0]) if bounds else 0
    gone = set(empty[:surplus])
    if not gone:
        return variant
    left = [replace(one, leaving_ms=at_ms) if one.id in gone else one for one in variant.instances]
    return replace(variant, instances=left, desired=len(variant.kept) - len(gone))


def _no_room(needs: Needs, variant: Variant) -> str:
    """Returns the reason why a copy does not fit. The first sentences are AWS's [K]."""
    requested = f"{needs.cpus:g} CPU cores, {needs.memory_mb} MB of memory and {needs.gpus} accelerators"
    has = resources_of(variant.instance_type)
    return (
        "There is not enough hardware resources on the instances to create a copy for this inference component. Update resource "
        "requirements for this inference component, remove existing inference components, or increase the number of instances "
        f"for this endpoint. A copy needs {requested}; each of the {len(variant.kept)} instances of the variant {variant.name}, "
        f"{variant.instance_type}, has {has.cpus} CPU cores, {has.memory_gb * MB:g} MB of memory and {has.gpus} accelerators."
    )[:1024]


def _with_places(state: RolloutState, kept: dict[str, str], at_ms: int) -> RolloutState:
    """Returns the state with placements; copies without one are leaving, or are dropped before they start."""

    def placed(instance: Instance) -> Instance | None:
        if instance.leaving_ms is not None:
            return instance
        if instance.id in kept:
            return replace(instance, place=kept[instance.id])
        return replace(instance, leaving_ms=at_ms) if instance.place else None

    def with_places(variant: Variant) -> Variant:
        listed = (placed(one) for one in variant.instances)
        return replace(variant, instances=[one for one in listed if one is not None])

    return replace(
        state,
        fleets=[replace(fleet, variants=[with_places(one) for one in fleet.variants]) for fleet in state.fleets],
    )


def _hosted(host: RolloutState, hosting: Variant) -> RolloutState:
    serving = _serving(host)
    return replace(
        host,
        fleets=[
            replace(fleet, variants=[hosting if one.name == hosting.name else one for one in fleet.variants])
            if fleet is serving
            else fleet
            for fleet in host.fleets
        ],
    )
