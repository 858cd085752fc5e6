"""Scales numbers. The formulas are those of Spark's scalers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from sagewright.wrangler.operators.quantiles import quantiles
from sagewright.wrangler.operators.step import OperatorStep, StepResult, numbers, one, operator


@operator("process_numeric", rowwise=True)
def process_numeric(step: OperatorStep) -> StepResult:
    columns = step.values["input_column"]
    values = dict(zip(columns, numbers(step, columns), strict=True))
    fitted = step.fitted_columns(columns, "center", "scale", "shift")
    if fitted is None:
        fitted = _fitted(step, values)
    scaled = []
    for name, value in values.items():
        entry = fitted[name]
        if entry["scale"] is None:
            raise step.fault("The column has no values to fit on.", name)
        result = (value - entry["center"]) * entry["scale"] + entry["shift"]
        scaled.append(result.alias(step.output(name)))
    state = {"columns": [{**entry, "input_column": name} for name, entry in fitted.items()]}
    return one(step.frame.with_columns(scaled), fitted=state)


def _fitted(step: OperatorStep, values: Mapping[str, pl.Expr]) -> dict[str, Mapping[str, Any]]:
    """Returns center, scale and shift of each column: scaled = (x - center) * scale + shift."""
    given, scaler = step.values, step.values["scaler"]
    bounds = (given.get("lower_quantile", 0.25), given.get("upper_quantile", 0.75))
    if scaler == "Robust scaler" and bounds[0] >= bounds[1]:
        raise step.fault(f"lower_quantile is {bounds[0]}; it has to be less than upper_quantile, {bounds[1]}.")
    if scaler == "Min-max scaler" and given["min"] >= given["max"]:
        raise step.fault(f"min is {given['min']:g}; it has to be less than max, {given['max']:g}.")
    if scaler == "Robust scaler":
        ranked = quantiles(step, list(values.values()), [0.5, *bounds])
        return {name: _entry(step, one) for name, one in zip(values, ranked, strict=True)}
    wanted: dict[str, Any] = {
        "Standard scaler": lambda value: (value.mean(), value.std()),
        "Min-max scaler": lambda value: (value.min(), value.max()),
        "Max absolute scaler": lambda value: (value.abs().max(),),
    }
    asked = {
        name: [one.alias(f"{number} {part}") for part, one in enumerate(wanted[scaler](value))]
        for number, (name, value) in enumerate(values.items())
    }
    found = step.fit(step.frame.select([one for listed in asked.values() for one in listed])).row(0)
    width = len(found) // len(asked)
    return {name: _entry(step, found[number * width : (number + 1) * width]) for number, name in enumerate(asked)}


def _entry(step: OperatorStep, found: tuple[float | None, ...]) -> dict[str, float | None]:
    given, scaler = step.values, step.values["scaler"]
    first, last = found[0], found[-1]
    if first is None:
        return {"center": None, "scale": None, "shift": None}
    center = first if given.get("center") else 0.0
    if scaler == "Standard scaler":
        return {"center": center, "scale": _inverse(last) if given["scale"] else 1.0, "shift": 0.0}
    if scaler == "Robust scaler":
        spread = (last or 0.0) - (found[1] or 0.0)
        return {"center": center, "scale": _inverse(spread) if given["scale"] else 1.0, "shift": 0.0}
    if scaler == "Min-max scaler":
        least, most = given["min"], given["max"]
        spread = (last or 0.0) - first
        middle = (least + most) / 2  # of a column with one value, as Spark has it
        return {
            "center": first,
            "scale": (most - least) / spread if spread else 0.0,
            "shift": least if spread else middle,
        }
    return {"center": 0.0, "scale": _inverse(first), "shift": 0.0}


def _inverse(value: float | None) -> float:
    return 1.0 / value if value else 0.0
