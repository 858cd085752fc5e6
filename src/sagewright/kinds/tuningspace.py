"""Parses ParameterRanges into the searcher's space, checking every rule of AWS.

Source: AWS's developer guide, "Define hyperparameter ranges", "Hyperparameter scaling".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sagewright.tuning.space import Categorical, Continuous, Integer, Parameter, Scaling, Space, auto_scaling

MOST_PARAMETERS = 30
LARGEST = 2**63 - 1


class BadRanges(ValueError):
    """A range is invalid; the text names the hyperparameter and the error."""


def read_space(ranges: Mapping[str, Any]) -> Space:
    """Parses the ranges. Raises BadRanges."""
    parameters: tuple[Parameter, ...] = (
        *(_integer(one) for one in ranges.get("IntegerParameterRanges") or ()),
        *(_continuous(one) for one in ranges.get("ContinuousParameterRanges") or ()),
        *(_categorical(one) for one in ranges.get("CategoricalParameterRanges") or ()),
    )
    names = [one.name for one in parameters]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadRanges(f"Hyperparameter {repeated[0]} has more than one range.")
    if len(names) > MOST_PARAMETERS:
        raise BadRanges(f"At most {MOST_PARAMETERS} hyperparameters can be tuned, got {len(names)}.")
    return Space(parameters)


def holds(space: Space, values: Mapping[str, str]) -> bool:
    """True if the values are a point of the space; other values are ignored."""
    return all(one.name in values and _has(one, values[one.name]) for one in space.parameters)


def _has(parameter: Parameter, text: str) -> bool:
    if isinstance(parameter, Categorical):
        return text in parameter.values
    try:
        return parameter.low <= float(text.strip('"')) <= parameter.high
    except ValueError:
        return False


def _integer(one: Mapping[str, str]) -> Integer:
    low, high = (_whole(one["Name"], member, one[member]) for member in ("MinValue", "MaxValue"))
    if one.get("ScalingType") == Scaling.REVERSE_LOGARITHMIC:
        raise BadRanges(f"Hyperparameter {one['Name']}: ReverseLogarithmic is for continuous ranges only.")
    return Integer(one["Name"], low, high, _scaling(one, low, high))


def _continuous(one: Mapping[str, str]) -> Continuous:
    low, high = (_number(one["Name"], member, one[member]) for member in ("MinValue", "MaxValue"))
    return Continuous(one["Name"], low, high, _scaling(one, low, high))


def _categorical(one: Mapping[str, Any]) -> Categorical:
    values = tuple(one["Values"])
    if len(set(values)) != len(values):
        raise BadRanges(f"Hyperparameter {one['Name']} has a value more than once: {list(values)}.")
    return Categorical(one["Name"], values)


def _scaling(one: Mapping[str, str], low: float, high: float) -> Scaling:
    name, requested = one["Name"], one.get("ScalingType", "Auto")
    if low > high:
        raise BadRanges(f"Hyperparameter {name}: MinValue {low} is above MaxValue {high}.")
    if requested == Scaling.LOGARITHMIC and low <= 0:
        raise BadRanges(f"Hyperparameter {name}: Logarithmic scaling needs values above 0, got MinValue {low}.")
    if requested == Scaling.REVERSE_LOGARITHMIC and not (low >= 0 and high < 1):
        raise BadRanges(
            f"Hyperparameter {name}: ReverseLogarithmic scaling needs 0 <= MinValue and MaxValue < 1, got {low} and {high}."
        )
    return auto_scaling(low, high) if requested == "Auto" else Scaling(requested)


def _whole(name: str, member: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise BadRanges(f"Hyperparameter {name}: {member} must be an integer, got '{text}'.") from None
    if abs(value) > LARGEST:
        raise BadRanges(f"Hyperparameter {name}: {member} must be within ±{LARGEST}, got {text}.")
    return value


def _number(name: str, member: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadRanges(f"Hyperparameter {name}: {member} must be a number, got '{text}'.")
    return value
