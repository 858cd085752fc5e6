"""Metric math: arithmetic over time series and numbers, and the functions that dashboards and alarms use most.

Source: CloudWatch's user guide, "Using math expressions with CloudWatch metrics". Series are joined where both have a period.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from sagewright.model.errors import AwsError

Points = dict[int, float]
"""Values by when their period begins, in milliseconds."""
Value = float | Points | list[Points]

MOST_NODES = 500
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitXor: operator.pow,  # metric math writes powers so
    ast.Pow: operator.pow,
}
_COMPARED: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_EACH: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OVER: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
}


def bad(text: str, why: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression '{text[:200]}': {why}", 400)


class Expression:
    """One expression of a GetMetricData request. `known`: the series that it may name, by their ids."""

    def __init__(self, text: str, known: Mapping[str, Points]) -> None:
        self.text, self._known = text, known
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise bad(text, "it cannot be read") from None
        if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
            raise bad(text, "it is too long")
        self._tree = tree.body

    def points(self) -> Points:
        """Raises ValidationError for what is no time series, or is not served."""
        found = self._value(self._tree)
        if isinstance(found, dict):
            return found
        raise bad(self.text, "it must return a time series")

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                if name not in self._known:
                    raise bad(self.text, f"unknown variable {name}")
                return self._known[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._each(operator.neg, self._value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._both(_BINARY[type(op)], self._value(left), self._value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
                compare = _COMPARED[type(op)]
                return self._both(lambda a, b: float(compare(a, b)), self._value(left), self._value(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        raise bad(self.text, "Sagewright serves numbers, ids, + - * / ^, comparisons and functions")

    def _call(self, name: str, nodes: Sequence[ast.expr]) -> Value:
        if name == "METRICS" and len(nodes) <= 1:
            part = nodes[0].value if nodes and isinstance(nodes[0], ast.Constant) else ""
            return [points for one, points in self._known.items() if str(part) in one]
        values = [self._value(node) for node in nodes]
        if name in _EACH and len(values) == 1:
            return self._each(_EACH[name], values[0])
        if name in _OVER and len(values) == 1:
            return self._over(_OVER[name], values[0])
        if name == "FILL" and len(values) == 2 and isinstance(values[0], dict) and isinstance(values[1], float):
            return self._filled(values[0], values[1])
        if name == "RATE" and len(values) == 1 and isinstance(values[0], dict):
            return _rate(values[0])
        if name == "IF" and len(values) in {2, 3}:
            return self._chosen(*values)
        raise bad(self.text, f"Sagewright does not serve {name} with {len(nodes)} arguments")

    def _each(self, act: Callable[[float], float], value: Value) -> Value:
        if isinstance(value, float):
            return float(act(value))
        if isinstance(value, dict):
            return {at_ms: float(act(one)) for at_ms, one in value.items()}
        return [{at_ms: float(act(one)) for at_ms, one in points.items()} for points in value]

    def _both(self, act: Callable[[float, float], float], left: Value, right: Value) -> Value:
        if isinstance(left, list) or isinstance(right, list):
            raise bad(self.text, "METRICS() must stand in a function such as SUM")
        if isinstance(left, float) and isinstance(right, float):
            return _number(act, left, right) or 0.0
        times = [at for at in (left if isinstance(left, dict) else right) if _at(left, at) is not None]  # type: ignore[union-attr]
        found = {at: _number(act, _at(left, at), _at(right, at)) for at in times if _at(right, at) is not None}
        return {at: value for at, value in found.items() if value is not None}

    def _over(self, act: Callable[[Sequence[float]], float], value: Value) -> Value:
        """Of one series a number; of several a series over their periods."""
        if isinstance(value, float):
            return value
        if isinstance(value, dict):
            return float(act(list(value.values()))) if value else 0.0
        times = sorted({at for points in value for at in points})
        return {at: float(act([points[at] for points in value if at in points])) for at in times}

    def _filled(self, points: Points, filler: float) -> Points:
        """With a value for each period that another series has."""
        times = {at for one in self._known.values() for at in one}
        return {at: points.get(at, filler) for at in sorted(times | set(points))}

    def _chosen(self, condition: Value, then: Value, otherwise: Value | None = None) -> Value:
        if isinstance(condition, float):
            return then if condition else (otherwise if otherwise is not None else {})
        if isinstance(condition, list):
            raise bad(self.text, "the condition of IF must be one time series or a number")
        found = {at: _at(then if yes else otherwise, at) for at, yes in condition.items()}
        return {at: value for at, value in found.items() if value is not None}


def _at(value: Any, at_ms: int) -> float | None:
    return value if isinstance(value, float) else value.get(at_ms) if isinstance(value, dict) else None


def _number(act: Callable[[float, float], float], left: float | None, right: float | None) -> float | None:
    """None for what is no number, such as a division by 0: that period has no value then."""
    if left is None or right is None:
        return None
    try:
        found = act(left, right)
        return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else None
    except (ZeroDivisionError, OverflowError, ValueError):
        return None


def _rate(points: Points) -> Points:
    """Change by second."""
    times = sorted(points)
    return {later: (points[later] - points[before]) / ((later - before) / 1000) for before, later in pairwise(times)}
