"""Finds the function of an operator; its module is imported on first use."""

from __future__ import annotations

from importlib import import_module

from sagewright.wrangler.operators.places import MODULES, plain_name
from sagewright.wrangler.operators.step import RUNS, Run


def find(operator: str) -> Run | None:
    name = plain_name(operator)
    if name not in MODULES:
        return None
    import_module(f"sagewright.wrangler.operators.{MODULES[name]}")
    return RUNS[name]
