"""Finds the function of an operator; its module is imported on first use."""

from __future__ import annotations

from importlib import import_module

from sagewright.wrangler.operators.step import RUNS, Run

_MODULES = {
    "columns.manage_columns": ("manage_columns",),
    "columns.types": ("infer_and_cast_type", "cast_single_data_type"),
    "cleaning.handle_missing": ("handle_missing",),
}
MODULES = {name: module for module, names in _MODULES.items() for name in names}
"""The module of an operator, by its id without `sagemaker.spark.` and the version."""


def plain_name(operator: str) -> str:
    """Returns `handle_missing` for `sagemaker.spark.handle_missing_0.1`."""
    return operator.rpartition("_")[0].rpartition(".")[2]


def find(operator: str) -> Run | None:
    name = plain_name(operator)
    if name not in MODULES:
        return None
    import_module(f"sagewright.wrangler.operators.{MODULES[name]}")
    return RUNS[name]
