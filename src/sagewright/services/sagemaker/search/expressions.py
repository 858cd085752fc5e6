"""Search expressions: their conditions on the index, and on a document.

Source: the SearchExpression, Filter and NestedFilters shapes of botocore's SageMaker model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.services.sagemaker.resources.properties import Document, elements, has_members, properties
from sagewright.store.resources import conditions
from sagewright.store.resources.conditions import ALWAYS, AnyCondition, Both, Condition, Holding, Present, Within
from sagewright.store.resources.sort_keys import as_time, compared, equal

MAX_VALUES_IN = 100
VALUELESS = frozenset({"Exists", "NotExists"})
ORDERS = {
    "GreaterThan": (True, False),
    "GreaterThanOrEqualTo": (True, True),
    "LessThan": (False, False),
    "LessThanOrEqualTo": (False, True),
}
"""Comparison operators: True if greater values match, and True if equal ones do."""


def condition_of(expression: dict[str, Any]) -> Condition:
    """Returns the condition for the index. With nested filters it can match more than the expression: see `is_exact`."""
    parts = [
        *(_filter(one) for one in expression.get("Filters") or ()),
        *(_of_nested(one) for one in expression.get("NestedFilters") or ()),
        *(condition_of(one) for one in expression.get("SubExpressions") or ()),
    ]
    return AnyCondition(tuple(parts)) if parts and expression.get("Operator") == "Or" else Both(tuple(parts))


def is_exact(expression: dict[str, Any]) -> bool:
    """Returns True if `condition_of` is equivalent to the expression."""
    nested = bool(expression.get("NestedFilters"))
    return not nested and all(is_exact(one) for one in expression.get("SubExpressions") or ())


def matches(expression: dict[str, Any], document: Document) -> bool:
    """Returns True if a document satisfies a SearchExpression. Raises ValidationException for a filter without the value it
    needs."""
    filters = expression.get("Filters") or ()
    held = properties(document, {one["Name"] for one in filters}) if filters else {}
    results = [
        *(conditions.holds(_filter(one), held) for one in filters),
        *(_nested_matches(one, document) for one in expression.get("NestedFilters") or ()),
        *(matches(one, document) for one in expression.get("SubExpressions") or ()),
    ]
    return any(results) if results and expression.get("Operator") == "Or" else all(results)


def check(expression: dict[str, Any], is_time: Callable[[str], bool]) -> None:
    """Raises ValidationException for a filter without the value it needs. `is_time`: returns True if the values at a path are
    times."""
    for one in _filters(expression):
        name, operator, value = one["Name"], one.get("Operator", "Equals"), one.get("Value")
        if operator in VALUELESS:
            continue
        if value is None:
            raise ValidationException(f"Filter on {name} with operator {operator} needs a Value.")
        requested = value.split(",") if operator == "In" else [value]
        if operator != "Contains" and is_time(name):
            for text in requested:
                if as_time(text.strip()) is None:
                    raise ValidationException(f"'{text}' is not an ISO 8601 time.")


def names(expression: dict[str, Any]) -> list[str]:
    """Returns the properties that an expression refers to, and the lists of its nested filters."""
    nested = [one["NestedPropertyName"] for one in expression.get("NestedFilters") or ()]
    return [*(one["Name"] for one in _filters(expression)), *nested]


def _filters(expression: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns all filters of an expression, nested ones with their full names."""
    found = list(expression.get("Filters") or ())
    for nested in expression.get("NestedFilters") or ():
        prefix = nested["NestedPropertyName"]
        found += [{**one, "Name": f"{prefix}.{_inner(prefix, one)}"} for one in nested["Filters"]]
    for inner in expression.get("SubExpressions") or ():
        found += _filters(inner)
    return found


def _filter(one: dict[str, Any]) -> Condition:
    path, operator, value = one["Name"], one.get("Operator", "Equals"), one.get("Value")
    if operator in VALUELESS:
        return Present(path, has_members(path), absent=operator == "NotExists")
    if value is None:
        raise ValidationException(f"Filter on {path} with operator {operator} needs a Value.")
    match operator:
        case "Contains":
            return Holding(path, value)
        case "In":
            texts = [text.strip() for text in value.split(",")[:MAX_VALUES_IN]]
            return Within(path, tuple(span for text in texts for span in equal(text)))
        case "Equals" | "NotEquals":
            return Within(path, tuple(equal(value)), absent=operator == "NotEquals")
    greater, inclusive = ORDERS[operator]
    return Within(path, tuple(compared(value, greater=greater, inclusive=inclusive)))


def _of_nested(nested: dict[str, Any]) -> Condition:
    """Returns a necessary condition for one element to satisfy all filters. The index does not distinguish elements."""
    prefix = nested["NestedPropertyName"]
    whole = [_filter({**one, "Name": f"{prefix}.{_inner(prefix, one)}"}) for one in nested["Filters"]]
    if prefix == "Tags":  # stored by their keys
        return ALWAYS
    return Both(tuple(part for part in whole if isinstance(part, Holding) or not getattr(part, "absent", False)))


def _nested_matches(nested: dict[str, Any], document: Document) -> bool:
    """Returns True if one element of the list satisfies all filters, whose names continue the list's."""
    prefix = nested["NestedPropertyName"]
    requested = Both(tuple(_filter({**one, "Name": _inner(prefix, one)}) for one in nested["Filters"]))
    return any(conditions.holds(requested, properties(element)) for element in elements(document, prefix))


def _inner(prefix: str, one: dict[str, Any]) -> str:
    name: str = one["Name"]
    return name.removeprefix(f"{prefix}.")


ROOTS = {"metrics": "Metrics", "parameters": "Parameters"}
STATISTICS = {name.lower(): name for name in ("Max", "Min", "Last", "Count", "Avg", "StdDev")}


def spelled(request: dict[str, Any]) -> dict[str, Any]:
    """Returns the request with metric and parameter names as in the index: notebooks sort by `metrics.test:accuracy.max`."""
    changed = dict(request)
    if "SortBy" in request:
        changed["SortBy"] = _spelled(request["SortBy"])
    if "SearchExpression" in request:
        changed["SearchExpression"] = _spelled_in(request["SearchExpression"])
    return changed


def _spelled_in(expression: dict[str, Any]) -> dict[str, Any]:
    changed = dict(expression)
    if "Filters" in expression:
        changed["Filters"] = [one | {"Name": _spelled(one["Name"])} for one in expression["Filters"]]
    if "SubExpressions" in expression:
        changed["SubExpressions"] = [_spelled_in(one) for one in expression["SubExpressions"]]
    return changed


def _spelled(name: str) -> str:
    root, dot, rest = name.partition(".")
    if root not in ROOTS:
        return name
    inner, last, statistic = rest.rpartition(".")
    if root == "metrics" and statistic.lower() in STATISTICS:
        rest = f"{inner}{last}{STATISTICS[statistic.lower()]}"
    return f"{ROOTS[root]}{dot}{rest}"
