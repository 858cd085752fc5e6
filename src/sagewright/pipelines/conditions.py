"""Conditions of condition steps. Source: AWS's guide, "Condition step", and SDK v2's workflow.conditions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sagewright.pipelines.errors import BadReference
from sagewright.pipelines.references import Known, resolve, text_of

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def hold(conditions: list[dict[str, Any]], known: Known) -> bool:
    """Whether all of them do. Raises BadReference, also for values that can't be compared."""
    return all(_holds(one, known) for one in conditions)


def _holds(condition: dict[str, Any], known: Known) -> bool:
    kind = condition.get("Type", "")
    if kind == "Not":
        return not _holds(condition["Expression"], known)
    if kind == "Or":
        return any(_holds(one, known) for one in condition["Conditions"])
    if kind == "In":
        value = resolve(condition["QueryValue"], known)
        return any(_equal(value, resolve(one, known)) for one in resolve(condition["Values"], known))
    left, right = (resolve(condition[side], known) for side in ("LeftValue", "RightValue"))
    if kind == "Equals":
        return _equal(left, right)
    return _COMPARED[kind](*_numbers(kind, left, right))


def _equal(left: Any, right: Any) -> bool:
    """A number is equal to its text: what another step tells may come as either."""
    if type(left) is type(right):
        return bool(left == right)
    number = _number(left), _number(right)
    return number[0] == number[1] if None not in number else text_of(left) == text_of(right)


def _numbers(kind: str, left: Any, right: Any) -> tuple[Any, Any]:
    found = _number(left), _number(right)
    if None in found:
        if isinstance(left, str) and isinstance(right, str):
            return left, right
        raise BadReference(f"{kind} compares numbers, got {left!r} and {right!r}")
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


KINDS = frozenset({*_COMPARED, "Equals", "In", "Not", "Or"})
