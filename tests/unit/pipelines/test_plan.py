"""The next steps: in every order of ends, each step once, after all its dependencies, and never more than may run at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sagewright.pipelines.definition import PipelineDefinition, read_definition
from sagewright.pipelines.plan import LIVE, Frontier, Next, StepState, StepStatus, missing_between, sources


def next_steps(
    steps: PipelineDefinition, states: Mapping[str, StepState], selected: frozenset[str] | None, most: int | None
) -> Next:
    """The answer of a frontier that learnt all the states at once."""
    frontier = Frontier(steps, selected)
    for name, state in states.items():
        frontier.note(name, state)
    return frontier.next(most)


def definition(*steps: dict[str, Any]) -> PipelineDefinition:
    return read_definition(json.dumps({"Version": "2020-12-01", "Steps": list(steps)}))


def step(name: str, *needs: str, type_: str = "Processing", **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": type_, "Arguments": arguments, "DependsOn": list(needs)}


DIAMOND = definition(
    step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"),
    step("if", "d", type_="Condition", Conditions=[], IfSteps=[step("yes"), step("more", "yes")], ElseSteps=[step("no")]),
    step("beside"),
)  # fmt: skip


@given(st.data())
def test_any_order_of_ends(data: st.DataObject) -> None:
    most = data.draw(st.sampled_from([None, 1, 2]))
    outcome = data.draw(st.booleans())
    fails = data.draw(st.sets(st.sampled_from(["a", "b", "c", "d", "yes"]), max_size=1))
    states: dict[str, StepState] = {}
    while True:
        found = next_steps(DIAMOND, states, None, most)
        for one in found.start:
            assert one.name not in states
            assert all(states[name].status == StepStatus.SUCCEEDED for name in one.needs)
            states[one.name] = StepState(StepStatus.EXECUTING)
        live = [name for name, state in states.items() if state.status == StepStatus.EXECUTING]
        assert most is None or len(live) <= most
        if found.over:
            break
        ended = data.draw(st.sampled_from(sorted(live)))
        status = StepStatus.FAILED if ended in fails else StepStatus.SUCCEEDED
        states[ended] = StepState(status, outcome if ended == "if" else None)
    failed = fails & set(states)
    assert next_steps(DIAMOND, states, None, most).failed is bool(failed)
    assert "beside" in states
    if not fails:
        assert set(states) == {"a", "b", "c", "d", "if", "beside"} | ({"yes", "more"} if outcome else {"no"})


@given(st.data())
def test_step_by_step_comes_to_the_same_as_all_at_once(data: st.DataObject) -> None:
    """Also where a step that has failed is tried again, and where some steps alone are selected."""
    names = [one.name for one in DIAMOND.steps]
    selected = data.draw(st.sampled_from([None, frozenset({"d", "if", "yes"}), frozenset(names)]))
    frontier, states = Frontier(DIAMOND, selected), dict[str, StepState]()
    for _ in range(data.draw(st.integers(0, 30))):
        name = data.draw(st.sampled_from(names))
        status = data.draw(st.sampled_from(sorted(StepStatus)))
        states[name] = StepState(status, data.draw(st.booleans()) if name == "if" else None)
        frontier.note(name, states[name])
        most = data.draw(st.sampled_from([None, 1, 3]))
        assert frontier.next(most) == next_steps(DIAMOND, states, selected, most)
        assert set(frontier.live) == {key for key, state in states.items() if state.status in LIVE}
        ready = {
            one.name
            for one in DIAMOND.steps
            if one.name not in states
            and (selected is None or one.name in selected)
            and all(_done(states, key) for key in one.needs if selected is None or key in selected)
            and all(_done(states, key, outcome) for key, outcome in one.branch if selected is None or key in selected)
        }
        assert {one.name for one in frontier.next(None).start} == ready


def _done(states: dict[str, StepState], name: str, outcome: bool | None = None) -> bool:
    state = states.get(name)
    return state is not None and state.status == StepStatus.SUCCEEDED and outcome in {None, state.outcome}


def test_nothing_begins_after_a_fail_step() -> None:
    found = definition(step("f", type_="Fail"), step("a"), step("b", "a"))
    states = {"f": StepState(StepStatus.FAILED), "a": StepState(StepStatus.EXECUTING)}
    assert next_steps(found, states, None, None).start == ()
    assert not next_steps(found, states, None, None).over
    assert next_steps(found, {**states, "a": StepState(StepStatus.SUCCEEDED)}, None, None).over


def test_selected_steps_run_alone() -> None:
    found = next_steps(DIAMOND, {}, frozenset({"d", "yes"}), None)
    assert [one.name for one in found.start] == ["d", "yes"]


def test_what_lies_between_and_what_is_needed() -> None:
    assert missing_between(DIAMOND, frozenset({"a", "d"})) == ["b", "c"]
    assert missing_between(DIAMOND, frozenset({"b", "d"})) == []
    assert sources(DIAMOND, frozenset({"d"})) == ["b", "c"]
