"""What of an execution runs next, and when it is over: a pure function of the definition and the steps' states.

Source: AWS's guide, "Pipeline steps", "Selective execution of pipeline steps".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sagewright.pipelines.definition import Definition, Step


class StepStatus(StrEnum):
    """Source: botocore's StepStatus."""

    STARTING = "Starting"  # its arguments are known, and it is about to be asked for
    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


LIVE = frozenset({StepStatus.STARTING, StepStatus.EXECUTING, StepStatus.STOPPING})


@dataclass(frozen=True)
class State:
    """Of a step that was reached. `outcome`: of a condition."""

    status: str
    outcome: bool | None = None


@dataclass(frozen=True)
class Next:
    """`start`: the steps to begin now. `over`: nothing runs and nothing is to come. `failed`: some step has failed."""

    start: tuple[Step, ...]
    over: bool
    failed: bool


def next_steps(
    definition: Definition, states: Mapping[str, State], selected: frozenset[str] | None, most: int | None
) -> Next:
    """`selected`: the steps that are executed, None for all; `most`: how many at a time, None for any number."""
    live = sum(one.status in LIVE for one in states.values())
    failed = any(one.status == StepStatus.FAILED for one in states.values())
    if _gave_up(definition, states):
        return Next((), live == 0, True)
    ready = [one for one in definition.steps if one.name not in states and _is_ready(one, states, selected)]
    room = len(ready) if most is None else max(0, most - live)
    start = tuple(ready[:room])
    return Next(start, live == 0 and not ready, failed)


def _gave_up(definition: Definition, states: Mapping[str, State]) -> bool:
    """Whether a Fail step was reached: nothing begins after it."""
    return any(one.type == "Fail" and one.name in states for one in definition.steps)


def _is_ready(step: Step, states: Mapping[str, State], selected: frozenset[str] | None) -> bool:
    if selected is not None and step.name not in selected:
        return False
    for condition, outcome in step.branch:
        if selected is not None and condition not in selected:
            continue  # the step itself was chosen
        state = states.get(condition)
        if state is None or state.status != StepStatus.SUCCEEDED or state.outcome is not outcome:
            return False
    for name in step.needs:
        if selected is not None and name not in selected:
            continue  # what it tells comes from an earlier execution
        state = states.get(name)
        if state is None or state.status != StepStatus.SUCCEEDED:
            return False
    return True


def missing_between(definition: Definition, selected: frozenset[str]) -> list[str]:
    """Steps that are not selected and lie between two that are: those have to be selected too."""
    behind = {one.name: _reach(definition, one.name) for one in definition.steps if one.name in selected}
    return [
        one.name
        for one in definition.steps
        if one.name not in selected
        and any(one.name in reached for reached in behind.values())
        and any(_needs(definition, name, one.name) for name in selected)
    ]


def _reach(definition: Definition, name: str) -> set[str]:
    """All steps that wait for it, directly or not."""
    found: set[str] = set()
    fresh = {name}
    while fresh:
        fresh = {one.name for one in definition.steps if fresh & set(one.needs)} - found
        found |= fresh
    return found


def _needs(definition: Definition, name: str, other: str) -> bool:
    return name in _reach(definition, other)


def sources(definition: Definition, selected: frozenset[str]) -> list[str]:
    """Steps that are not selected and that a selected one refers to or waits for."""
    return list(
        dict.fromkeys(
            name for one in definition.steps if one.name in selected for name in one.needs if name not in selected
        )
    )
