"""Where copies of inference components go, and what becomes of those that don't fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from sagewright.engine.endpoints import fleets, placement
from sagewright.engine.endpoints.fleets import Fleet, Instance, Needs, Variant
from sagewright.engine.endpoints.placement import PlacedComponent, place
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.model.aws.instance_types import resources_of
from sagewright.model.jobs.state_machines import EndpointStatus

TYPE = "ml.m5.xlarge"  # 4 CPU cores, 16 GiB
ROLE = "arn:aws:iam::000000000000:role/r"
NOW = 1_000_000


def host(count: int, scaling: dict[str, Any] | None = None) -> RolloutState:
    instances = [Instance(f"i-{number}") for number in range(count)]
    variant = Variant("v", 1.0, count, TYPE, [], "", ROLE, hosts_components=True, scaling=scaling, instances=instances)
    return RolloutState(EndpointStatus.IN_SERVICE, [Fleet("f", "c", [variant], 100.0)], None, {})


def component(name: str, copies: int, needs: Needs, **rest: Any) -> RolloutState:
    instances = [Instance(f"{name}-{number}") for number in range(copies)]
    variant = Variant("v", 1.0, copies, TYPE, [{}], "m", ROLE, component=name, needs=needs, instances=instances)
    return RolloutState(EndpointStatus.IN_SERVICE, [Fleet(name, "", [variant], 100.0)], None, rest)


def places(state: RolloutState) -> list[str]:
    return [one.place for _, one in fleets.instances(state.fleets) if one.leaving_ms is None]


def kept(placed: PlacedComponent) -> int:
    return len(placed.host.fleets[0].variants[0].kept)


def test_copies_are_spread_or_packed() -> None:
    spread = place(component("a", 2, Needs(memory_mb=1024)), host(2), [], NOW)
    assert sorted(places(spread.state)) == ["i-0", "i-1"]
    packed = place(component("a", 2, Needs(memory_mb=1024), PlacementStrategy="BINPACK"), host(2), [], NOW)
    assert len(set(places(packed.state))) == 1


@pytest.mark.parametrize("needs", [Needs(cpus=2.5), Needs(memory_mb=9000), Needs(gpus=1)])
def test_what_others_hold_is_not_given_again(needs: Needs) -> None:
    first = place(component("a", 1, replace(needs, gpus=0)), host(1), [], NOW)
    second = place(component("b", 1, needs), first.host, [first.state], NOW)
    assert (places(first.state), places(second.state), second.missing) == (["i-0"], [], 1)
    assert second.reason.startswith("There is not enough hardware resources")
    assert not list(fleets.instances(second.state.fleets)), "a copy that never had a place was never there"
    leaving = replace(first.state.fleets[0].variants[0].instances[0], leaving_ms=NOW)
    gone = replace(first.state, fleets=[replace(first.state.fleets[0], variants=[
        replace(first.state.fleets[0].variants[0], instances=[leaving])])])  # fmt: skip
    assert place(component("b", 1, replace(needs, gpus=0)), first.host, [gone], NOW).missing == 0


def test_a_copy_whose_instance_goes_is_somewhere_else_and_runs_on() -> None:
    first = place(component("a", 2, Needs(memory_mb=9000)), host(2), [], NOW)
    fewer = host(1)
    after = place(first.state, fewer, [], NOW)
    (moved, left) = [one for _, one in fleets.instances(after.state.fleets)]
    assert {moved.leaving_ms, left.leaving_ms} == {None, NOW}, "one has no room any more"
    assert after.missing == 1
    other = host(1)
    other = replace(other, fleets=[replace(other.fleets[0], variants=[
        replace(other.fleets[0].variants[0], instances=[Instance("i-9"), Instance("i-8")], desired=2)])])  # fmt: skip
    after = place(first.state, other, [], NOW)
    assert (sorted(places(after.state)), after.missing) == (["i-8", "i-9"], 0)
    assert [one.id for _, one in fleets.instances(after.state.fleets)] == ["a-0", "a-1"], "the same processes"


def test_managed_scaling_takes_instances_and_gives_them_back() -> None:
    scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 3}
    grown = place(component("a", 3, Needs(memory_mb=9000)), host(1, scaling), [], NOW)
    assert (kept(grown), grown.missing) == (3, 0)
    assert grown.host.fleets[0].variants[0].desired == 3
    most = place(component("a", 4, Needs(memory_mb=9000)), host(1, scaling), [], NOW)
    assert (kept(most), most.missing) == (3, 1)
    shrunk = place(component("a", 1, Needs(memory_mb=9000)), grown.host, [], NOW)
    assert kept(shrunk) == 1
    disabled = place(component("a", 2, Needs(memory_mb=9000)), host(1, scaling | {"Status": "DISABLED"}), [], NOW)
    assert (kept(disabled), disabled.missing) == (1, 1)
    never = place(component("a", 1, Needs(memory_mb=99_000)), host(1, scaling), [], NOW)
    assert (kept(never), never.missing) == (1, 1), "no instance would do"


def test_a_variant_that_hosts_none() -> None:
    placed = place(component("a", 1, Needs(memory_mb=128)), replace(host(1), fleets=[]), [], NOW)
    assert placed.missing == 1
    assert "no variant v that hosts" in placed.reason


NEEDS = st.builds(Needs, cpus=st.sampled_from([0.0, 0.25, 1.0, 3.0]), memory_mb=st.integers(128, 12_000))


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), NEEDS), max_size=5), st.integers(0, 3), st.booleans())
def test_no_instance_has_more_than_it_can_hold(requested: list[tuple[int, Needs]], count: int, managed: bool) -> None:
    scaling = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 4} if managed else None
    endpoint, present = host(count, scaling), list[RolloutState]()
    for number, (copies, needs) in enumerate(requested):
        placed = placement.place(component(str(number), copies, needs), endpoint, present, NOW)
        endpoint, present = placed.host, [*present, placed.state]
        assert len(places(placed.state)) + placed.missing == copies
    has = resources_of(TYPE)
    known = {one.id for one in endpoint.fleets[0].variants[0].kept}
    held: dict[str, list[Needs]] = {}
    for state in present:
        for variant, one in fleets.instances(state.fleets):
            held.setdefault(one.place, []).append(variant.needs or Needs())
    assert set(held) <= known, "no copy is on an instance that has been given back"
    for needs in held.values():
        assert sum(one.cpus for one in needs) <= has.cpus + 1e-6
        assert sum(one.memory_mb for one in needs) <= has.memory_gb * 1024
