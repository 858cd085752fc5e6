"""A pipeline's definition as a graph: its steps, on which they depend, and the resources that they made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r'"Steps\.([^."\[]+)')
ICONS = {
    "Training": "train",
    "Processing": "process",
    "Transform": "process",
    "Tuning": "tune",
    "Model": "registry",
    "RegisterModel": "registry",
    "Condition": "pipeline",
    "Fail": "s-fail",
    "Lambda": "code",
    "Callback": "code",
    "ClarifyCheck": "clarify",
    "QualityCheck": "clarify",
}
PATHS = {
    "TrainingJob": ("Training", "/studio/jobs"),
    "ProcessingJob": ("Processing", "/studio/processing"),
    "TransformJob": ("Transform", "/studio/transform"),
    "TuningJob": ("Tuning", "/studio/tuning"),
    "Model": ("Model", "/studio/model"),
    "Lambda": ("Lambda", "/studio/functions"),
}


@dataclass(frozen=True)
class Step:
    """`after`: names of the steps on which it depends; `caches`: results of equal steps replace it."""

    name: str
    type: str
    after: tuple[str, ...]
    description: str = ""
    caches: bool = False


def steps_of(document: Mapping[str, Any]) -> tuple[Step, ...]:
    """Returns all steps of a definition, those in the branches of a condition after it."""
    found: list[Step] = []
    _gather(document.get("Steps", []), (), found)
    return tuple(found)


def _gather(steps: Sequence[Mapping[str, Any]], within: tuple[str, ...], found: list[Step]) -> None:
    for one in steps:
        arguments = one.get("Arguments", {})
        inner = [*arguments.get("IfSteps", []), *arguments.get("ElseSteps", [])] if one["Type"] == "Condition" else []
        text = json.dumps({key: value for key, value in arguments.items() if key not in ("IfSteps", "ElseSteps")})
        after = dict.fromkeys([*within, *_REFERENCE.findall(text), *one.get("DependsOn", [])])
        caches = bool((one.get("CacheConfig") or {}).get("Enabled"))
        found.append(Step(one["Name"], one["Type"], tuple(after), one.get("Description", ""), caches))
        _gather(inner, (one["Name"],), found)


def edges_of(steps: Sequence[Step]) -> list[tuple[str, str]]:
    names = {one.name for one in steps}
    return [(other, one.name) for one in steps for other in one.after if other in names and other != one.name]


def following(steps: Sequence[Step], first: str) -> list[str]:
    """Returns a step and all that depend on it, in the order of `steps`."""
    chosen, grown = {first}, True
    while grown:
        more = {one.name for one in steps if one.name not in chosen and not chosen.isdisjoint(one.after)}
        chosen, grown = chosen | more, bool(more)
    return [one.name for one in steps if one.name in chosen]


def icon_of(kind: str) -> str:
    return ICONS.get(kind, "pipeline")


def parameters_of(document: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Returns name, type and default of each parameter."""
    return tuple((one["Name"], one["Type"], str(one.get("DefaultValue", ""))) for one in document.get("Parameters", []))


def resource_of(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the kind of the resource that a step made, and its page."""
    for member, (kind, path) in PATHS.items():
        if arn := (metadata.get(member) or {}).get("Arn"):
            return kind, f"{path}/{arn.rpartition('/')[2].rpartition(':')[2]}"
    if arn := (metadata.get("RegisterModel") or {}).get("Arn"):
        return "RegisterModel", f"/studio/models/{arn.partition('/')[2]}"
    return next(iter(metadata), ""), ""
