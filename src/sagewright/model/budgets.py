"""Budgets for documents that are made from others: joins, filled templates, step rows, pages of lists, metric math.

A size is counted while the document is made and before its memory is taken, so that a small request makes no large one. Sizes are
those of JSON, with a minimum for each value that stands for what the value takes in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

SCALAR, CONTAINER = 16, 64
"""Bytes that a value counts at least."""
_ESCAPED = 6


class OverBudget(ValueError):
    """The text names the thing, its limit, and how much there was when counting stopped."""


class Budget:
    """How much of something may be made. What is spent here is spent `within` a larger budget as well."""

    def __init__(self, thing: str, most: int, unit: str = "bytes", within: Budget | None = None) -> None:
        self._thing, self._most, self._unit, self._within = thing, most, unit, within
        self.used = 0

    @property
    def room(self) -> int:
        own = max(0, self._most - self.used)
        return own if self._within is None else min(own, self._within.room)

    def spend(self, amount: int) -> None:
        """Raises OverBudget, and then nothing is spent."""
        if self.used + amount > self._most:
            raise OverBudget(f"{self._thing} is larger than {self._most} {self._unit}: at least {self.used + amount}")
        if self._within is not None:
            self._within.spend(amount)
        self.used += amount

    def spend_text(self, text: str) -> None:
        """Raises OverBudget."""
        self.spend(text_size(text))

    def spend_value(self, value: Any) -> None:
        """Counts no further than the room that is left. Raises OverBudget."""
        self.spend(size_of(value, self.room))


class Ledger:
    """Sizes by name, each within a limit of its own and all of them within another."""

    def __init__(self, thing: str, most_each: int, most: int) -> None:
        self._thing, self._most_each, self._most = thing, most_each, most
        self._sizes: dict[str, int] = {}
        self.total = 0

    def note(self, name: str, size: int) -> None:
        """Records a size that is not refused any more."""
        self.total += size - self._sizes.get(name, 0)
        self._sizes[name] = size

    def put(self, name: str, size: int) -> None:
        """Raises OverBudget, and then `name` keeps the size that it had."""
        if size > self._most_each:
            raise OverBudget(f"{self._thing} '{name}' is larger than {self._most_each} bytes: at least {size}")
        total = self.total + size - self._sizes.get(name, 0)
        if total > self._most:
            raise OverBudget(f"{self._thing} '{name}' makes the total larger than {self._most} bytes: {total}")
        self.note(name, size)


def text_size(text: str) -> int:
    """Bytes of a text in JSON."""
    if text.isascii() and text.isprintable():
        return len(text) + 2
    try:
        return len(orjson.dumps(text))
    except TypeError:  # a lone surrogate
        return _ESCAPED * len(text) + 2


def kept_size(value: Any) -> int:
    """Bytes that a value which is in memory already takes there, about: a tenth of the time of `size_of`."""
    return text_memory(orjson.dumps(value, default=_inner))


def text_memory(data: bytes) -> int:
    """Bytes that the values of a text of JSON take in memory, about."""
    return len(data) + CONTAINER * data.count(b"[") + 3 * CONTAINER * data.count(b"{") + SCALAR * data.count(b",")


def _inner(value: Any) -> Any:
    return getattr(value, "__dict__", None) or str(value)


def size_of(value: Any, most: int) -> int:
    """Bytes of a value in JSON; counting stops soon after `most`. An object that is no JSON counts as its attributes."""
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
