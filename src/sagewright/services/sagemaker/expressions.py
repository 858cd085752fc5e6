"""Search expressions, evaluated on documents in the form that Describe gives.

Source: the SearchExpression, Filter and NestedFilters shapes of botocore's SageMaker model.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sagewright.model.errors import ValidationException

Document = dict[str, Any]
MAX_VALUES_IN = 100


def matches(expression: dict[str, Any], document: Document) -> bool:
    """Whether a document satisfies a SearchExpression. Raises ValidationException for a value that cannot be compared."""
    results = [
        *(filter_matches(one, document) for one in expression.get("Filters") or ()),
        *(_nested(one, document) for one in expression.get("NestedFilters") or ()),
        *(matches(one, document) for one in expression.get("SubExpressions") or ()),
    ]
    return any(results) if expression.get("Operator") == "Or" and results else all(results)


def _nested(nested: dict[str, Any], document: Document) -> bool:
    """One element of the list must satisfy all filters, whose names go on from the list's."""
    prefix = nested["NestedPropertyName"]
    elements = [e for value in lookup(document, prefix) for e in (value if isinstance(value, list) else [value])]
    inner = [{**one, "Name": one["Name"].removeprefix(f"{prefix}.")} for one in nested["Filters"]]
    return any(isinstance(e, dict) and all(filter_matches(one, e) for one in inner) for e in elements)


def filter_matches(one: dict[str, Any], document: Document) -> bool:
    operator: str = one.get("Operator", "Equals")
    wanted = one.get("Value")
    found = [value for value in lookup(document, one["Name"]) if value is not None]
    if operator in {"Exists", "NotExists"}:
        return bool(found) == (operator == "Exists")
    if wanted is None:
        raise ValidationException(f"Filter on {one['Name']} with operator {operator} needs a Value.")
    if operator == "NotEquals":
        return not any(_equal(value, wanted) for value in found)
    test: Callable[[Any, str], bool] = _OPERATORS[operator]
    return any(test(value, wanted) for value in found)


def lookup(document: Document, name: str) -> list[Any]:
    """The values at a property path; lists on the way are looked through, `Metrics.x` and `Tags.x` by their names."""
    head, _, rest = name.partition(".")
    if head == "Metrics" and rest:
        return [m["Value"] for m in document.get("FinalMetricDataList", []) if m["MetricName"] == rest]
    if head == "Tags" and rest:
        return [t["Value"] for t in document.get("Tags", []) if t["Key"] == rest]
    return _walk(document, name)


def _walk(value: Any, path: str) -> list[Any]:
    if isinstance(value, list):
        return [found for element in value for found in _walk(element, path)]
    if not path:
        return [value]
    if not isinstance(value, dict):
        return []
    if path in value:  # hyperparameters have dots in their names
        return _walk(value[path], "")
    head, _, rest = path.partition(".")
    return _walk(value[head], rest) if head in value else []


def comparable(value: Any, text: str) -> tuple[Any, Any]:
    """`value` and `text` as things of one kind: times, numbers or strings. Raises ValidationException."""
    if isinstance(value, datetime):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationException(f"'{text}' is not an ISO 8601 time.") from None
        return value, moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return float(value), float(text)
    except (TypeError, ValueError):
        return str(value), text


def _equal(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == text.lower()
    left, right = comparable(value, text)
    return bool(left == right)


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    return lambda value, text: bool(test(*comparable(value, text)))


_OPERATORS: dict[str, Callable[[Any, str], bool]] = {
    "Equals": _equal,
    "Contains": lambda value, text: text.lower() in str(value).lower(),
    "In": lambda value, text: any(_equal(value, one.strip()) for one in text.split(",")[:MAX_VALUES_IN]),
    "GreaterThan": _compare(lambda a, b: a > b),
    "GreaterThanOrEqualTo": _compare(lambda a, b: a >= b),
    "LessThan": _compare(lambda a, b: a < b),
    "LessThanOrEqualTo": _compare(lambda a, b: a <= b),
}


def property_names(expression: dict[str, Any]) -> set[str]:
    """The first parts of all property paths that an expression looks at."""
    names = {one["Name"] for one in expression.get("Filters") or ()}
    names |= {one["NestedPropertyName"] for one in expression.get("NestedFilters") or ()}
    heads = {name.split(".", 1)[0] for name in names}
    return heads.union(*(property_names(inner) for inner in expression.get("SubExpressions") or ()))
