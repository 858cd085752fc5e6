"""The plan of an execution: which steps run next, and when it is over. A pure function of the definition and the steps' states.

Source: AWS's guide, "Pipeline steps", "Selective execution of pipeline steps".
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum

from sagewright.pipelines.definition import PipelineDefinition, PipelineStep


class StepStatus(StrEnum):
    """Source: botocore's StepStatus."""

    STARTING = "Starting"  # its arguments are known, and it is about to be requested
    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


LIVE = frozenset({StepStatus.STARTING, StepStatus.EXECUTING, StepStatus.STOPPING})


@dataclass(frozen=True)
class StepState:
    """State of a step that was reached. `outcome`: a condition's result."""

    status: str
    outcome: bool | None = None


@dataclass(frozen=True)
class Next:
    """`start`: the steps to begin now. `over`: nothing is running and nothing is left. `failed`: some step has failed. `handled`:
    each failed step has another one that ran because of it."""

    start: tuple[PipelineStep, ...]
    over: bool
    failed: bool
    handled: bool = False


ENDS = {
    "Completed": frozenset({StepStatus.SUCCEEDED}),
    "Failed": frozenset({StepStatus.FAILED}),
    "Stopped": frozenset({StepStatus.STOPPED}),
    "Any": frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.STOPPED}),
}
"""The final states of a step that release its dependents, by trigger."""


@dataclass(frozen=True)
class _Lack:
    """A pending dependency: a step's required end, and its required outcome if it branches."""

    name: str
    outcome: bool | None = None
    trigger: str = "Completed"

    def is_met_by(self, state: StepState) -> bool:
        if state.status not in ENDS[self.trigger]:
            return False
        return self.outcome is None or state.outcome is self.outcome


class Frontier:
    """The progress of an execution. A step's change costs time in proportion to its dependents, however many steps there are.

    `selected`: the steps that are executed, None for all.
    """

    def __init__(self, definition: PipelineDefinition, selected: frozenset[str] | None) -> None:
        self._states: dict[str, StepState] = {}
        self._live: dict[str, None] = {}
        self._failed: set[str] = set()
        self._ends = {one.name for one in definition.steps if one.type == "Fail"}
        self._gave_up = False
        self._steps = {one.name: (place, one) for place, one in enumerate(definition.steps)}
        chosen = [one for one in definition.steps if selected is None or one.name in selected]
        self._lacks = {one.name: _lacks(one, selected) for one in chosen}
        self._waiting: dict[str, list[str]] = {}
        for name, lacks in self._lacks.items():
            for other in dict.fromkeys(lack.name for lack in lacks):
                self._waiting.setdefault(other, []).append(name)
        self._ready = {name for name, lacks in self._lacks.items() if not lacks}

    def note(self, name: str, state: StepState) -> None:
        """Records the new state of a step that was reached."""
        self._states[name] = state
        self._ready.discard(name)
        if state.status in LIVE:
            self._live[name] = None
        else:
            self._live.pop(name, None)
        if state.status == StepStatus.FAILED:
            self._failed.add(name)
        else:
            self._failed.discard(name)
        self._gave_up = self._gave_up or name in self._ends
        for other in self._waiting.get(name, ()):
            if other not in self._states and self._is_ready(other):
                self._ready.add(other)
            else:
                self._ready.discard(other)

    def _is_ready(self, name: str) -> bool:
        lacks = self._lacks[name]
        return all(lack.name in self._states and lack.is_met_by(self._states[lack.name]) for lack in lacks)

    @property
    def live(self) -> list[str]:
        """Returns the steps that have begun and not ended, in the order in which they began."""
        return list(self._live)

    def next(self, most: int | None) -> Next:
        """Returns what runs next. `most`: maximum number of concurrent steps, None for any number."""
        if self._gave_up:  # a Fail step was reached: no step begins after it
            return Next((), not self._live, True)
        room = len(self._ready) if most is None else max(0, most - len(self._live))
        first = heapq.nsmallest(room, (self._steps[name][0] for name in self._ready))
        steps = {self._steps[name][0]: self._steps[name][1] for name in self._ready} if first else {}
        over = not self._live and not self._ready
        return Next(tuple(steps[place] for place in first), over, bool(self._failed), over and self._handled())

    def _handled(self) -> bool:
        """True if every failure was handled. Dependents of a failure that failed themselves count as failures like any other."""
        return bool(self._failed) and all(self._ran_for(name) for name in self._failed)

    def _ran_for(self, failed: str) -> bool:
        return any(
            other in self._states and any(lack.name == failed for lack in self._lacks[other])
            for other in self._waiting.get(failed, ())
        )


def _lacks(step: PipelineStep, selected: frozenset[str] | None) -> tuple[_Lack, ...]:
    """Returns the dependencies of a selected step. Unselected steps are already decided, or refer to an earlier execution."""
    branches = {name: outcome for name, outcome in step.branch if selected is None or name in selected}
    others = (name for name in step.needs if name not in branches and (selected is None or name in selected))
    return (
        *(_Lack(name, outcome) for name, outcome in branches.items()),
        *(_Lack(name, trigger=step.triggers.get(name, "Completed")) for name in others),
    )


def missing_between(definition: PipelineDefinition, selected: frozenset[str]) -> list[str]:
    """Returns unselected steps between two selected ones: those must be selected too."""
    behind = {one.name: _reach(definition, one.name) for one in definition.steps if one.name in selected}
    return [
        one.name
        for one in definition.steps
        if one.name not in selected
        and any(one.name in reached for reached in behind.values())
        and any(_needs(definition, name, one.name) for name in selected)
    ]


def _reach(definition: PipelineDefinition, name: str) -> set[str]:
    """Returns all steps that wait for it, directly or indirectly."""
    found: set[str] = set()
    fresh = {name}
    while fresh:
        fresh = {one.name for one in definition.steps if fresh & set(one.needs)} - found
        found |= fresh
    return found


def _needs(definition: PipelineDefinition, name: str, other: str) -> bool:
    return name in _reach(definition, other)


def sources(definition: PipelineDefinition, selected: frozenset[str]) -> list[str]:
    """Returns unselected steps that a selected one refers to or waits for."""
    return list(
        dict.fromkeys(
            name for one in definition.steps if one.name in selected for name in one.needs if name not in selected
        )
    )
