"""DependsOn of a step: the steps it waits for, and the outcome of each that lets it run.

Source: SDK v3's StepDependency, whose entries are `{"Step": name, "Trigger": outcome}`; a plain name means Completed.
"""

from __future__ import annotations

from typing import Any

from sagewright.pipelines.errors import BadDefinition

COMPLETED = "Completed"
TRIGGERS = (COMPLETED, "Failed", "Stopped", "Any")


def read_dependencies(step: str, entries: list[Any]) -> dict[str, str]:
    """Returns the trigger of each named step, in order. Raises BadDefinition."""
    found: dict[str, str] = {}
    for entry in entries:
        name, trigger = (entry.get("Step"), entry.get("Trigger", COMPLETED)) if isinstance(entry, dict) else (entry, "")
        if not isinstance(name, str):
            raise BadDefinition(f"DependsOn of step '{step}' must name steps, got {str(entry)[:100]!r}.")
        if isinstance(entry, dict) and (unknown := sorted(map(str, set(entry) - {"Step", "Trigger"}))):
            raise BadDefinition(f"Unknown member '{unknown[0]}' in DependsOn of step '{step}'.")
        trigger = trigger or COMPLETED
        if trigger not in TRIGGERS:
            raise BadDefinition(
                f"DependsOn of step '{step}': the Trigger of '{name}' must be one of {list(TRIGGERS)}, "
                f"got {str(trigger)[:100]!r}."
            )
        if found.setdefault(name, trigger) != trigger:
            raise BadDefinition(f"Step '{step}' depends on '{name}' with the triggers {found[name]} and {trigger}.")
    return found
