"""Metric math: arithmetic over time series and numbers, and the functions that dashboards and alarms use most.

Source: CloudWatch's user guide, "Using math expressions with CloudWatch metrics". Series are joined where both have a period.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property

from sagewright.model.budgets import Budget, OverBudget
from sagewright.model.errors import AwsError
from sagewright.services.aws.cloudwatch.lines import Act, Arithmetic, Line, number

Points = dict[int, float]
"""Values by the start of their period, in milliseconds."""
Value = float | Line | list[Line]

MOST_NODES = 500
MOST_POINTS = 3_000_000
"""Maximum number of values that the expressions of one request can read, counted per operation; a shared part is computed once."""
OF_NODE = 20
"""Number of values charged for each part of an expression before anything is computed."""
_BINARY: dict[type[ast.operator], Act] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitXor: operator.pow,  # the power operator of metric math
    ast.Pow: operator.pow,
}
_COMPARED: dict[type[ast.cmpop], Act] = {
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
}
_EACH: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OVER: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
}


def bad(text: str, reason: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression '{text[:200]}': {reason}", 400)


def work_budget() -> Budget:
    return Budget("The work of the expressions", MOST_POINTS, "values")


class Calculation:
    """The expressions of one request. `metrics`: the series that they can refer to, by id. Expressions can refer to each other."""

    def __init__(self, metrics: Mapping[str, Line], expressions: Mapping[str, str], budget: Budget) -> None:
        self._lines: dict[str, Line] = dict(metrics)
        self._metrics = dict(metrics)
        self._texts = dict(expressions)
        self._trees: dict[str, ast.expr] = {}
        self._arithmetic = Arithmetic(budget)
        self._numbers: dict[int, int] = {}  # keyed by the identity of nodes, which the trees keep alive
        self._alike: dict[Hashable, int] = {}
        self._parts: dict[int, Value] = {}

    def line(self, query: str) -> Line:
        """Raises ValidationError for a result that is not a time series, for unsupported functions, and for too expensive
        expressions."""
        for name in self._order(query):
            if name not in self._lines:
                self._lines[name] = self._computed(name)
        return self._lines[query]

    def _order(self, query: str) -> list[str]:
        """Returns the ids of the expressions it depends on, followed by its own. Raises ValidationError for cycles."""
        order: list[str] = []
        open_: dict[str, list[str]] = {query: self._needs(query)}
        while open_:
            name, needs = next(reversed(open_.items()))
            if not needs:
                open_.popitem()
                order.append(name)
                continue
            other = needs.pop()
            if other in open_:
                raise bad(self._texts[name], f"{other} needs its own result")
            if other not in self._lines and other not in order:
                open_[other] = self._needs(other)
        return order

    def _needs(self, name: str) -> list[str]:
        if name in self._lines or name not in self._texts:
            return []
        names = (one.id for one in ast.walk(self._tree(name)) if isinstance(one, ast.Name))
        return [one for one in dict.fromkeys(names) if one in self._texts]

    def _tree(self, name: str) -> ast.expr:
        if name not in self._trees:
            text = self._texts[name]
            try:
                tree = ast.parse(text.strip(), mode="eval")
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                raise bad(text, "it cannot be read") from None
            nodes = list(ast.walk(tree.body))
            if len(nodes) > MOST_NODES:
                raise bad(text, f"it is too long: it has more than {MOST_NODES} parts")
            self._number(text, nodes)
            self._trees[name] = tree.body
        return self._trees[name]

    def _number(self, text: str, nodes: list[ast.AST]) -> None:
        """Numbers each part; equal parts of all expressions get the same number."""
        try:
            self._arithmetic.budget.spend(len(nodes) * OF_NODE)
        except OverBudget as error:
            raise bad(text, f"{error}") from None
        for node in reversed(nodes):  # children come first
            own: Hashable = node.id if isinstance(node, ast.Name) else None
            if isinstance(node, ast.Constant):
                own = type(node.value).__name__, node.value
            inner = tuple(self._numbers[id(one)] for one in ast.iter_child_nodes(node))
            self._numbers[id(node)] = self._alike.setdefault((type(node), own, inner), len(self._alike))

    def _computed(self, name: str) -> Line:
        text = self._texts[name]
        try:
            found = Evaluation(self, text).value(self._tree(name))
        except OverBudget as error:
            raise bad(text, f"{error}") from None
        except RecursionError:
            raise bad(text, "it is nested too deep") from None
        if isinstance(found, Line):
            return found
        raise bad(text, "it must return a time series")

    @cached_property
    def times(self) -> tuple[int, ...]:
        """Returns every time at which a metric has a value."""
        several = {id(one.times): one.times for one in self._metrics.values()}
        if len(several) == 1:
            return next(iter(several.values()))
        self._arithmetic.budget.spend(sum(map(len, several.values())))
        return tuple(sorted({at for one in several.values() for at in one}))

    def metrics(self, part: str) -> list[Line]:
        """Returns the metrics whose ids contain `part`; expressions don't count."""
        return [line for name, line in self._metrics.items() if part in name]

    @property
    def arithmetic(self) -> Arithmetic:
        return self._arithmetic

    def named(self, name: str) -> Line | None:
        return self._lines.get(name)

    def once(self, part: ast.expr, compute: Callable[[], Value]) -> Value:
        """Returns the value of the part, computed once for all expressions that contain it."""
        key = self._numbers[id(part)]
        if key not in self._parts:
            self._parts[key] = compute()
        return self._parts[key]


class Evaluation:
    """One expression of a calculation, `text`."""

    def __init__(self, calculation: Calculation, text: str) -> None:
        self._calculation, self._text = calculation, text
        self._arithmetic = calculation.arithmetic

    def value(self, node: ast.expr) -> Value:
        """Raises ValidationError, OverBudget."""
        match node:
            case ast.Constant(value=int() | float() as constant) if not isinstance(constant, bool):
                return float(constant)
            case ast.Name(id=name):
                found = self._calculation.named(name)
                if found is None:
                    raise bad(self._text, f"unknown variable {name}")
                return found
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._each(operator.neg, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._both(_BINARY[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
                return self._both(_COMPARED[type(op)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._calculation.once(node, lambda: self._call(name, arguments))
        raise bad(self._text, "Sagewright serves numbers, ids, + - * / ^, comparisons and functions")

    def _call(self, name: str, nodes: Sequence[ast.expr]) -> Value:
        if name == "METRICS" and len(nodes) <= 1:
            part = nodes[0].value if nodes and isinstance(nodes[0], ast.Constant) else ""
            return self._calculation.metrics(str(part))
        values = [self.value(node) for node in nodes]
        if name in _EACH and len(values) == 1:
            return self._each(_EACH[name], values[0])
        if name in _OVER and len(values) == 1:
            return self._over(_OVER[name], values[0])
        if name == "FILL" and len(values) == 2 and isinstance(values[0], Line) and isinstance(values[1], float):
            return self._arithmetic.filled(values[0], values[1], self._calculation.times)
        if name == "RATE" and len(values) == 1 and isinstance(values[0], Line):
            return self._arithmetic.rate(values[0])
        if name == "IF" and len(values) in {2, 3}:
            return self._chosen(*values)
        raise bad(self._text, f"Sagewright does not serve {name} with {len(nodes)} arguments")

    def _each(self, act: Callable[[float], float], value: Value) -> Value:
        if isinstance(value, float):
            return float(act(value))
        if isinstance(value, Line):
            return self._arithmetic.each(act, value)
        return [self._arithmetic.each(act, one) for one in value]

    def _both(self, act: Act, left: Value, right: Value) -> Value:
        if isinstance(left, list) or isinstance(right, list):
            raise bad(self._text, "METRICS() must be in a function such as SUM")
        if isinstance(left, float) and isinstance(right, float):
            return number(act, left, right) or 0.0
        return self._arithmetic.both(act, left, right)

    def _over(self, act: Callable[[Sequence[float]], float], value: Value) -> Value:
        """Reduces one series to a number, or several to a series over their periods."""
        if isinstance(value, float):
            return value
        if isinstance(value, list):
            return self._arithmetic.over(act, value)
        self._arithmetic.budget.spend(len(value.values))
        return float(act(value.values)) if value.values else 0.0

    def _chosen(self, condition: Value, then: Value, otherwise: Value | None = None) -> Value:
        if isinstance(condition, float):
            return then if condition else (otherwise if otherwise is not None else Line((), []))
        if isinstance(condition, list):
            raise bad(self._text, "the condition of IF must be one time series or a number")
        if isinstance(then, list) or isinstance(otherwise, list):
            raise bad(self._text, "METRICS() must be in a function such as SUM")
        return self._arithmetic.chosen(condition, then, otherwise)


class Expression:
    """A single expression. `known`: the series that it can refer to, by id."""

    def __init__(self, text: str, known: Mapping[str, Points], budget: Budget | None = None) -> None:
        lines = {name: Line(tuple(sorted(one)), [one[at] for at in sorted(one)]) for name, one in known.items()}
        self._calculation = Calculation(lines, {"": text}, budget or work_budget())

    def points(self) -> Points:
        """Raises ValidationError for a result that is not a time series, for unsupported functions, and for too expensive
        expressions."""
        found = self._calculation.line("")
        return dict(zip(found.times, found.values, strict=True))
