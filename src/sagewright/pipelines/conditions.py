"""Conditions of condition steps. Source: AWS's guide, "Condition step", and the SDKs' workflow.conditions: the operand of a Not is
its `Expression` in AWS's schema of pipelines, and its `Condition` in the requests of both SDKs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sagewright.model.budgets import Budget
from sagewright.pipelines.errors import BadDefinition, BadReference
from sagewright.pipelines.references import MOST_MADE, ReferenceResolver, resolve, text_of

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


MEMBERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*_COMPARED, "Equals"), ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": (),
    "Or": ("Conditions",),
}
MOST_DEPTH = 20


def check(conditions: Any, depth: int = 0) -> None:
    """Checks a list of conditions. Raises BadDefinition."""
    if not isinstance(conditions, list) or depth > MOST_DEPTH:
        raise BadDefinition(f"Conditions must be a list, nested at most {MOST_DEPTH} deep.")
    for one in conditions:
        kind = one.get("Type") if isinstance(one, dict) else None
        if kind not in MEMBERS:
            raise BadDefinition(f"A condition must have one of the types {sorted(MEMBERS)}, got {kind!r}.")
        if missing := [member for member in MEMBERS[kind] if member not in one]:
            raise BadDefinition(f"A condition of the type {kind} must have {missing[0]}.")
        if kind == "Not":
            check([_denied(one)], depth + 1)
        elif kind == "Or":
            check(one["Conditions"], depth + 1)


def hold(conditions: list[dict[str, Any]], known: ReferenceResolver, budget: Budget | None = None) -> bool:
    """True if all conditions are true. `budget`: see references.resolve; all conditions share it.

    Raises BadReference, also for values that cannot be compared.
    """
    shared = budget or Budget("The output of its references", MOST_MADE)
    return all(_holds(one, known, shared) for one in conditions)


def _holds(condition: dict[str, Any], known: ReferenceResolver, budget: Budget) -> bool:
    kind = condition.get("Type", "")
    if kind == "Not":
        return not _holds(_denied(condition), known, budget)
    if kind == "Or":
        return any(_holds(one, known, budget) for one in condition["Conditions"])
    if kind == "In":
        value = resolve(condition["QueryValue"], known, budget)
        values = resolve(condition["Values"], known, budget)
        return any(_equal(value, one) for one in (values if isinstance(values, list) else [values]))
    left, right = (resolve(condition[side], known, budget) for side in ("LeftValue", "RightValue"))
    if kind == "Equals":
        return _equal(left, right)
    return _COMPARED[kind](*_numbers(kind, left, right))


def _denied(condition: dict[str, Any]) -> Any:
    """Returns the operand of a Not. Raises BadDefinition if it has none, or two."""
    given = [condition[name] for name in ("Expression", "Condition") if name in condition]
    if len(given) != 1:
        raise BadDefinition(
            "A condition of the type Not must have exactly one Expression (or Condition, as the SDKs name it)."
        )
    return given[0]


def _equal(left: Any, right: Any) -> bool:
    """True if the values are equal. A number equals its text: another step's result may be either."""
    if type(left) is type(right):
        return bool(left == right)
    number = _number(left), _number(right)
    return number[0] == number[1] if None not in number else text_of(left) == text_of(right)


def _numbers(kind: str, left: Any, right: Any) -> tuple[Any, Any]:
    found = _number(left), _number(right)
    if None in found:
        if isinstance(left, str) and isinstance(right, str):
            return left, right
        raise BadReference(f"{kind} compares numbers, got {_short(left)} and {_short(right)}")
    return found


def _short(value: Any) -> str:
    return text_of(value)[:100] if not isinstance(value, str) else repr(value[:100])


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
