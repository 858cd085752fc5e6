"""How endpoints get from one configuration to another, tried on every order of what may happen to their instances."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from sagewright.engine.endpoints import fleets, rollout
from sagewright.engine.endpoints.fleets import Fleet, InstanceState, Variant
from sagewright.engine.endpoints.rollout import Observation, ObservedInstance, RolloutState
from sagewright.model.jobs.state_machines import CHANGING, EndpointStatus

CONTAINER = {"Image": "sklearn", "ModelDataUrl": "s3://b/m.tar.gz"}
CANARY = {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}, "WaitIntervalInSeconds": 5}
LINEAR = {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 40}, "WaitIntervalInSeconds": 5}
ROLLING = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 5}
DEPLOYMENTS: list[dict[str, Any]] = [
    {},
    {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": CANARY, "TerminationWaitInSeconds": 3}},
    {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": LINEAR}},
    {"RollingUpdatePolicy": ROLLING},
]


def fleet(name: str, count: int = 2) -> Fleet:
    variant = Variant("v", 1.0, count, "ml.m5.large", [CONTAINER], "m", "arn:aws:iam::000000000000:role/r")
    return Fleet(name, f"{name}-config", [variant])


class Machine:
    """An endpoint whose instances do as requested. Time passes a second a step."""

    def __init__(self, state: RolloutState) -> None:
        self.state, self.at_ms = state, 1_000_000
        self.states: dict[str, InstanceState] = {}
        self.alarm = ""

    def step(self, passing_ms: int = 1000) -> None:
        self.at_ms += passing_ms
        seen = {}
        for _variant, instance in fleets.instances(self.state.fleets):
            how = self.states.setdefault(instance.id, InstanceState.STARTING)
            gone = instance.leaving_ms is not None and rollout.may_stop(instance, self.at_ms)
            places = [f"/{instance.id}"] if how is InstanceState.READY else []
            seen[instance.id] = ObservedInstance(
                how, places, "AlgorithmError: it ended" if how is InstanceState.OVER else "", gone
            )
        self.state = rollout.advance(self.state, Observation(self.at_ms, seen, self.alarm))
        self.check()

    def settle(self, how: InstanceState = InstanceState.READY, steps: int = 60) -> None:
        for _ in range(steps):
            for _variant, instance in fleets.instances(self.state.fleets):
                if self.states.get(instance.id) in {None, InstanceState.STARTING}:
                    self.states[instance.id] = how
            self.step()

    def check(self) -> None:
        """Whatever happens, all of the traffic goes to fleets that have instances, once there were some."""
        serving = [one for one in self.state.fleets if one.share]
        if self.state.status in {EndpointStatus.IN_SERVICE, EndpointStatus.UPDATING}:
            assert sum(one.share for one in serving) == pytest.approx(100.0)
        read = RolloutState.read(self.state.status, self.state.document())
        assert read == self.state, "a document says all of it"

    def update(self, desired: Fleet, deployment: dict[str, Any]) -> None:
        started = rollout.start(desired, deployment, self.at_ms)
        self.state = replace(self.state, status=EndpointStatus.UPDATING, update=started)


def in_service() -> Machine:
    document = {
        "EndpointConfigName": "blue-config",
        "Fleets": [],
        "Update": rollout.start(fleet("blue"), {}, 1_000_000),
    }
    machine = Machine(RolloutState.read(EndpointStatus.CREATING, document))
    machine.settle()
    assert machine.state.status == EndpointStatus.IN_SERVICE
    return machine


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_an_update_ends_with_the_new_fleet_alone(deployment: dict[str, Any]) -> None:
    machine = in_service()
    machine.update(fleet("green"), deployment)
    machine.settle()
    assert machine.state.status == EndpointStatus.IN_SERVICE
    assert machine.state.rest["EndpointConfigName"] == "green-config"
    assert [(one.id, one.share) for one in machine.state.fleets] == [("green", 100.0)]
    assert len(machine.state.fleets[0].variants[0].ready) == 2


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_an_update_whose_instances_end_leaves_the_old_fleet(deployment: dict[str, Any]) -> None:
    machine = in_service()
    machine.update(fleet("green"), deployment)
    machine.settle(InstanceState.OVER)
    assert machine.state.status == EndpointStatus.IN_SERVICE
    assert machine.state.rest["EndpointConfigName"] == "blue-config"
    assert "ping health check" in machine.state.rest["FailureReason"]
    assert [(one.id, one.share) for one in machine.state.fleets] == [("blue", 100.0)]


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_who_reads_in_service_is_answered_by_the_new_fleet(deployment: dict[str, Any]) -> None:
    """The fronts receive these shares; they get to know within `KNOWN_MS`."""
    machine, since = in_service(), 0
    machine.update(fleet("green"), deployment)
    while machine.state.status == EndpointStatus.UPDATING:
        for _variant, instance in fleets.instances(machine.state.fleets):
            machine.states[instance.id] = InstanceState.READY
        machine.step(10)
        alone = [one.id for one in machine.state.fleets if one.share] == ["green"]
        since = since or (machine.at_ms if alone else 0)
    assert machine.at_ms - since >= rollout.KNOWN_MS


def test_who_reads_in_service_is_answered_by_the_new_weights() -> None:
    machine = in_service()
    begin_ms = machine.at_ms
    weighted = [replace(one, variants=[replace(one.variants[0], weight=3.0)]) for one in machine.state.fleets]
    update = rollout.resize(begin_ms)
    machine.state = replace(machine.state, status=EndpointStatus.UPDATING, fleets=weighted, update=update)
    assert rollout.due_ms(machine.state) == begin_ms + rollout.KNOWN_MS
    while machine.state.status == EndpointStatus.UPDATING:
        machine.step(10)
    assert machine.at_ms == begin_ms + rollout.KNOWN_MS


def test_a_canary_gets_its_part_until_its_time_is_over() -> None:
    machine = in_service()
    machine.update(fleet("green"), DEPLOYMENTS[1])
    shares = set()
    for _ in range(30):
        machine.settle(steps=1)
        shares.add(tuple(sorted((one.id, one.share) for one in machine.state.fleets if one.share)))
    assert shares == {(("blue", 100.0),), (("blue", 90.0), ("green", 10.0)), (("green", 100.0),)}


def counts(machine: Machine) -> dict[str, int]:
    return {one.id: len(one.variants[0].kept) for one in machine.state.fleets}


def test_a_rolling_update_gives_up_a_batch_of_the_old_for_each_of_the_new() -> None:
    machine, most = in_service(), 0
    machine.update(fleet("green", 2), {"RollingUpdatePolicy": ROLLING})
    seen = []
    for _ in range(40):
        machine.settle(steps=1)
        most = max(most, sum(counts(machine).values()))
        if not seen or seen[-1] != counts(machine):
            seen.append(counts(machine))
    assert seen[0] == {"blue": 2, "green": 1}
    assert {"blue": 1, "green": 2} in seen
    assert (seen[-1], most) == ({"green": 2}, 3), "never more than one batch beside what is there"


def test_a_rolling_update_that_is_taken_back_has_all_of_the_old_again() -> None:
    machine = in_service()
    machine.update(fleet("green", 2), {"RollingUpdatePolicy": ROLLING})
    while counts(machine).get("blue") != 1:
        machine.settle(steps=1)
    machine.alarm = "guard"
    machine.settle()
    assert (counts(machine), machine.state.status) == ({"blue": 2}, EndpointStatus.IN_SERVICE)


def copies(count: int) -> Fleet:
    made = fleet("copies", count)
    return replace(made, config="", variants=[replace(made.variants[0], component="c")])


def test_a_component_may_have_no_copies() -> None:
    machine = Machine(
        RolloutState.read(EndpointStatus.CREATING, {"Fleets": [], "Update": rollout.start(copies(0), {}, 1)})
    )
    machine.at_ms = 2
    machine.settle()
    assert (machine.state.status, counts(machine)) == (EndpointStatus.IN_SERVICE, {"copies": 0})
    assert "EndpointConfigName" not in machine.state.rest
    for desired in (2, 0):
        changed = [replace(one, variants=[replace(one.variants[0], desired=desired)]) for one in machine.state.fleets]
        update = rollout.resize(machine.at_ms)
        machine.state = replace(machine.state, status=EndpointStatus.UPDATING, fleets=changed, update=update)
        machine.settle()
        assert (machine.state.status, counts(machine)) == (EndpointStatus.IN_SERVICE, {"copies": desired})


def test_an_alarm_takes_an_update_back_while_it_waits() -> None:
    machine = in_service()
    machine.update(fleet("green"), DEPLOYMENTS[1])
    machine.settle(steps=3)
    machine.alarm = "guard"
    machine.settle()
    assert machine.state.rest["EndpointConfigName"] == "blue-config"
    assert "guard" in machine.state.rest["FailureReason"]


def test_a_new_endpoint_whose_instances_end_has_failed() -> None:
    document = {"EndpointConfigName": "c", "Fleets": [], "Update": rollout.start(fleet("blue"), {}, 1_000_000)}
    machine = Machine(RolloutState.read(EndpointStatus.CREATING, document))
    machine.settle(InstanceState.OVER)
    assert machine.state.status == EndpointStatus.FAILED
    assert not any(True for _ in fleets.instances(machine.state.fleets)), "nothing is left of it"


def test_an_endpoint_whose_instances_can_not_be_replaced_is_out_of_service_until_one_answers() -> None:
    machine = in_service()
    for one in list(machine.states):
        machine.states[one] = InstanceState.OVER
    machine.settle(InstanceState.OVER, steps=5)
    assert machine.state.status == EndpointStatus.IN_SERVICE, "a replacement may take some seconds"
    machine.settle(InstanceState.OVER, steps=20)
    assert machine.state.status == EndpointStatus.OUT_OF_SERVICE
    assert machine.state.rest["FailureReason"] == "AlgorithmError: it ended"
    machine.settle(InstanceState.READY, steps=70)
    assert machine.state.status == EndpointStatus.IN_SERVICE
    assert "FailureReason" not in machine.state.rest and not any("Unserved" in name for name in machine.state.rest)


def test_an_endpoint_with_one_of_two_instances_stays_in_service() -> None:
    machine = in_service()
    machine.states[next(iter(machine.states))] = InstanceState.OVER
    machine.settle(InstanceState.OVER, steps=40)
    assert machine.state.status == EndpointStatus.IN_SERVICE


def test_a_lost_instance_is_replaced_later_each_time() -> None:
    machine = in_service()
    lost = machine.state.fleets[0].variants[0].instances[0].id
    machine.states[lost] = InstanceState.OVER
    machine.step()
    made = {one.id for one in machine.state.fleets[0].variants[0].kept}
    assert lost not in made and len(made) == 2
    times = []
    for _ in range(300):
        before = {one.id for one in machine.state.fleets[0].variants[0].instances}
        for instance in machine.state.fleets[0].variants[0].kept:
            if machine.states.get(instance.id) is not InstanceState.READY:
                machine.states[instance.id] = InstanceState.OVER
        machine.step()
        if {one.id for one in machine.state.fleets[0].variants[0].instances} - before:
            times.append(machine.at_ms)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits == sorted(waits) and waits[-1] > 10_000, waits


HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(["ready", "over", "time", "update", "delete"]), st.integers(0, 9)), max_size=40
)


@settings(max_examples=examples(40))
@given(HAPPENINGS, st.sampled_from(DEPLOYMENTS))
def test_whatever_happens_it_comes_to_an_end(happenings: list[tuple[str, int]], deployment: dict[str, Any]) -> None:
    machine = in_service()
    for number, (what, which) in enumerate(happenings):
        known = [instance.id for _variant, instance in fleets.instances(machine.state.fleets)]
        if what in {"ready", "over"} and known:
            chosen = known[which % len(known)]
            if what == "over" or machine.states.get(chosen) is not InstanceState.OVER:
                machine.states[chosen] = InstanceState.READY if what == "ready" else InstanceState.OVER
        elif what == "update" and machine.state.status == EndpointStatus.IN_SERVICE and machine.state.update is None:
            machine.update(fleet(f"new-{number}", 1 + which % 3), deployment)
        elif what == "delete" and which == 9:
            machine.state = replace(machine.state, status=EndpointStatus.DELETING, update=None)
        machine.step(1000 if what != "time" else 1000 * (1 + which))
    machine.settle(steps=200)
    assert machine.state.status not in CHANGING
    if machine.state.status == EndpointStatus.DELETING:
        assert machine.state.finished
    elif machine.state.status == EndpointStatus.IN_SERVICE:
        (serving,) = machine.state.fleets
        assert serving.share == 100.0 and serving.whole
