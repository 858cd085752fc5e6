"""Budgets for derived documents: joins, filled templates, step rows, pages of lists, metric math.

Sizes are counted during construction and before memory is allocated, so that a small request cannot create a large document. Sizes
are those of JSON, with a minimum for each value that reflects its memory use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

SCALAR, CONTAINER = 16, 64
"""Minimum bytes counted for a value."""
_ESCAPED = 6


class OverBudget(ValueError):
    """A limit was exceeded; the text names the thing, its limit, and the size when counting stopped."""


class Budget:
    """A limit on how much of something may be produced. Amounts spent here also count towards a larger budget, `within`."""

    def __init__(self, thing: str, most: int, unit: str = "bytes", within: Budget | None = None) -> None:
        self._thing, self._most, self._unit, self._within = thing, most, unit, within
        self.used = 0

    @property
    def room(self) -> int:
        own = max(0, self._most - self.used)
        return own if self._within is None else min(own, self._within.room)

    def spend(self, amount: int) -> None:
        """Spends an amount. Raises OverBudget, and then nothing is spent."""
        if self.used + amount > self._most:
            raise OverBudget(f"{self._thing} is larger than {self._most} {self._unit}: at least {self.used + amount}")
        if self._within is not None:
            self._within.spend(amount)
        self.used += amount

    def spend_text(self, text: str) -> None:
        """Spends a text's size. Raises OverBudget."""
        self.spend(text_size(text))

    def spend_value(self, value: Any) -> None:
        """Spends a value's size, counting no further than the remaining room. Raises OverBudget."""
        self.spend(size_of(value, self.room))


class Ledger:
    """Sizes by name, with a limit for each and another one for their sum."""

    def __init__(self, thing: str, most_each: int, most: int) -> None:
        self._thing, self._most_each, self._most = thing, most_each, most
        self._sizes: dict[str, int] = {}
        self.total = 0

    def note(self, name: str, size: int) -> None:
        """Records a size unconditionally."""
        self.total += size - self._sizes.get(name, 0)
        self._sizes[name] = size

    def put(self, name: str, size: int) -> None:
        """Records a size. Raises OverBudget, and then `name` keeps its previous size."""
        if size > self._most_each:
            raise OverBudget(f"{self._thing} '{name}' is larger than {self._most_each} bytes: at least {size}")
        total = self.total + size - self._sizes.get(name, 0)
        if total > self._most:
            raise OverBudget(f"{self._thing} '{name}' makes the total larger than {self._most} bytes: {total}")
        self.note(name, size)


def text_size(text: str) -> int:
    """Returns the bytes of a text in JSON."""
    if text.isascii() and text.isprintable():
        return len(text) + 2
    try:
        return len(orjson.dumps(text))
    except TypeError:  # a lone surrogate
        return _ESCAPED * len(text) + 2


def kept_size(value: Any) -> int:
    """Returns the approximate bytes of memory that a value takes; ten times as fast as `size_of`."""
    return text_memory(orjson.dumps(value, default=_inner))


def text_memory(data: bytes) -> int:
    """Returns the approximate bytes of memory that the values of a JSON text take."""
    return len(data) + CONTAINER * data.count(b"[") + 3 * CONTAINER * data.count(b"{") + SCALAR * data.count(b",")


def _inner(value: Any) -> Any:
    return getattr(value, "__dict__", None) or str(value)


def size_of(value: Any, most: int) -> int:
    """Returns the bytes of a value in JSON; counting stops soon after `most`. Other objects count as their attributes."""
    size, left = 0, [value]
    while left and size <= most:
        one = left.pop()
        if isinstance(one, str):
            size += text_size(one)
        elif isinstance(one, bytes):
            size += len(one)
        elif isinstance(one, Mapping):
            size += CONTAINER + SCALAR * len(one)
            if size <= most:
                size += sum(text_size(key) for key in one if isinstance(key, str))
                left.extend(one.values())
        elif isinstance(one, list | tuple | set | frozenset):
            size += CONTAINER
            if size + SCALAR * len(one) > most:
                return size + SCALAR * len(one)
            left.extend(one)
        elif hasattr(one, "__dict__"):
            left.append(vars(one))
        else:
            size += SCALAR
    return size
