"""Time series of one request: arithmetic over all values at once, within a budget.

Series of the same metric share one tuple of times, so most operations walk two lists side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat

from sagewright.model.budgets import Budget

Act = Callable[[float, float], float]


@dataclass(frozen=True)
class Line:
    """`times`: start of each period in milliseconds, ascending."""

    times: tuple[int, ...]
    values: list[float]


@dataclass(frozen=True)
class Arithmetic:
    """Arithmetic on lines. Each operation spends a point per value that it reads. All raise OverBudget."""

    budget: Budget

    def each(self, act: Callable[[float], float], line: Line) -> Line:
        self.budget.spend(len(line.values))
        return Line(line.times, [float(act(one)) for one in line.values])

    def both(self, act: Act, left: Line | float, right: Line | float) -> Line:
        """Combines two values, at least one of them a line. Omits periods that either lacks, and results that are not numbers."""
        if isinstance(left, Line) and isinstance(right, Line):
            left, right = self._joined(left, right)
            return self._of(act, left.times, left.values, right.values)
        if isinstance(left, Line):
            return self._of(act, left.times, left.values, repeat(right))  # type: ignore[arg-type]
        assert isinstance(right, Line)
        return self._of(act, right.times, repeat(left), right.values)

    def _of(self, act: Act, times: tuple[int, ...], lefts: Iterable[float], rights: Iterable[float]) -> Line:
        self.budget.spend(len(times))
        pairs = list(zip(lefts, rights, strict=False))
        try:
            values = [act(left, right) for left, right in pairs]
            if all(map(math.isfinite, values)):
                return Line(times, values)
        except (ArithmeticError, TypeError, ValueError):
            pass
        found = [(at, number(act, *pair)) for at, pair in zip(times, pairs, strict=True)]
        kept = [(at, value) for at, value in found if value is not None]
        return Line(tuple(at for at, _ in kept), [value for _, value in kept])

    def _joined(self, left: Line, right: Line) -> tuple[Line, Line]:
        """Restricts both lines to their common times."""
        if left.times is right.times or left.times == right.times:
            return left, right
        self.budget.spend(len(left.times) + len(right.times))
        of_left, of_right = (dict(zip(one.times, one.values, strict=True)) for one in (left, right))
        times = tuple(at for at in left.times if at in of_right)
        return Line(times, [of_left[at] for at in times]), Line(times, [of_right[at] for at in times])

    def over(self, act: Callable[[Sequence[float]], float], lines: Sequence[Line]) -> Line:
        """Aggregates the values of all lines at each time."""
        self.budget.spend(sum(len(one.values) for one in lines))
        first = lines[0].times if lines else ()
        if all(one.times is first for one in lines):
            columns = zip(*(one.values for one in lines), strict=True)
            return Line(first, [float(act(column)) for column in columns])
        found: dict[int, list[float]] = {}
        for one in lines:
            for at, value in zip(one.times, one.values, strict=True):
                found.setdefault(at, []).append(value)
        times = tuple(sorted(found))
        return Line(times, [float(act(found[at])) for at in times])

    def filled(self, line: Line, filler: float, times: tuple[int, ...]) -> Line:
        """Adds a value at each of the times that the line lacks."""
        if line.times is times:
            return line
        self.budget.spend(len(line.times) + len(times))
        own = dict(zip(line.times, line.values, strict=True))
        merged = times if set(times).issuperset(own) else tuple(sorted({*times, *own}))
        return Line(merged, [own.get(at, filler) for at in merged])

    def chosen(self, condition: Line, then: Line | float, otherwise: Line | float | None) -> Line:
        self.budget.spend(3 * len(condition.times))
        of_then, of_otherwise = self._at(then), self._at(otherwise)
        found = [
            (at, of_then(at) if yes else of_otherwise(at))
            for at, yes in zip(condition.times, condition.values, strict=True)
        ]
        kept = [(at, value) for at, value in found if value is not None]
        return Line(tuple(at for at, _ in kept), [value for _, value in kept])

    def _at(self, value: Line | float | None) -> Callable[[int], float | None]:
        if isinstance(value, Line):
            self.budget.spend(len(value.times))
            return dict(zip(value.times, value.values, strict=True)).get
        return lambda _at: value

    def rate(self, line: Line) -> Line:
        """Returns the change per second."""
        self.budget.spend(len(line.values))
        steps = zip(pairwise(line.times), pairwise(line.values), strict=True)
        values = [(value - last) / ((later - before) / 1000) for (before, later), (last, value) in steps]
        return Line(line.times[1:], values)


def number(act: Act, left: float, right: float) -> float | None:
    """Returns None if the result is not a number, such as a division by 0: that period then has no value."""
    try:
        found = act(left, right)
        return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else None
    except (ArithmeticError, TypeError, ValueError):
        return None
