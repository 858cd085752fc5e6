"""Maps a type of step to its implementation."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from sagewright.engine.pipelines.steps import light
from sagewright.engine.pipelines.steps.base import StepKind
from sagewright.pipelines.step_types import step_type


@cache
def kind_of(type_: str) -> StepKind:
    """Returns the kind that the type's declaration names, or one whose steps fail and name the missing feature."""
    declared = step_type(type_)
    if not declared.runs:
        return light.unavailable(type_, declared.lacking)
    module, _, name = declared.runs.partition(":")
    kind: StepKind = getattr(import_module(module), name)
    return kind
