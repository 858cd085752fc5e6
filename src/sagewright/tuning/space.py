"""The search space: the ranges of a tuning job, and the mapping between a value and its place in the unit interval.

A value is the string that a training job receives. `place` maps it to [0, 1] under its scaling, so that equal distances are equally
likely to matter; `value` is the inverse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

_WIDE = 30.0
"""Minimum ratio of a range's ends, or of their distances to 1, for searching it logarithmically, if the scaling is `Auto`."""


class Scaling(StrEnum):
    LINEAR = "Linear"
    LOGARITHMIC = "Logarithmic"
    REVERSE_LOGARITHMIC = "ReverseLogarithmic"


def auto_scaling(low: float, high: float) -> Scaling:
    """The scaling that `Auto` selects for a range: logarithmic if its ends differ by a factor of `_WIDE`, reverse logarithmic if
    their distances to 1 do, otherwise linear."""
    if low > 0 and high >= _WIDE * low:
        return Scaling.LOGARITHMIC
    if 0 <= low < high < 1 and (1 - low) >= _WIDE * (1 - high):
        return Scaling.REVERSE_LOGARITHMIC
    return Scaling.LINEAR


def _bend(value: float, scaling: Scaling) -> float:
    if scaling is Scaling.LOGARITHMIC:
        return math.log(value)
    if scaling is Scaling.REVERSE_LOGARITHMIC:
        return -math.log1p(-value)
    return value


def _unbend(bent: float, scaling: Scaling) -> float:
    if scaling is Scaling.LOGARITHMIC:
        return math.exp(bent)
    if scaling is Scaling.REVERSE_LOGARITHMIC:
        return -math.expm1(-bent)
    return bent


def _between(low: float, high: float, value: float, scaling: Scaling) -> float:
    """The relative position of the value between low and high. Raises ValueError if the scaling doesn't cover it."""
    start, end = _bend(low, scaling), _bend(high, scaling)
    # Halves keep the difference finite if the range spans all floating-point numbers.
    return 0.5 if end <= start else (_bend(value, scaling) / 2 - start / 2) / (end / 2 - start / 2)


def _along(low: float, high: float, place: float, scaling: Scaling) -> float:
    start, end = _bend(low, scaling), _bend(high, scaling)
    return _unbend(start * (1 - place) + end * place, scaling)


def decimal_text(value: float) -> str:
    """The shortest decimal that is this number, written out unless it is very large or very small."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text and 1e-12 <= abs(value) < 1e17 else text


@dataclass(frozen=True)
class Continuous:
    name: str
    low: float
    high: float
    scaling: Scaling = Scaling.LINEAR

    @property
    def size(self) -> int | None:
        return 1 if self.low >= self.high else None

    def value(self, place: float) -> str:
        along = _along(self.low, self.high, min(max(place, 0.0), 1.0), self.scaling)
        return decimal_text(min(max(along, self.low), self.high))

    def place(self, value: str) -> float:
        """Outside [0, 1] for values outside the range. Raises ValueError for a value that isn't a number or isn't on the scale."""
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{self.name} is {value}")
        return _between(self.low, self.high, number, self.scaling)


@dataclass(frozen=True)
class Integer:
    name: str
    low: int
    high: int
    scaling: Scaling = Scaling.LINEAR

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    def value(self, place: float) -> str:
        """Each integer owns the part of [0, 1] that is nearest to it."""
        if self.size > 2**52:
            return str(min(max(self.low + int((self.high - self.low) * place), self.low), self.high))
        along = _along(self.low - 0.5, self.high + 0.5, min(max(place, 0.0), 1.0), self.scaling)
        return str(min(max(round(along), self.low), self.high))

    def place(self, value: str) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{self.name} is {value}")
        return _between(self.low - 0.5, self.high + 0.5, number, self.scaling)


@dataclass(frozen=True)
class Categorical:
    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    def value(self, place: float) -> str:
        return self.values[min(max(int(place * len(self.values)), 0), len(self.values) - 1)]

    def place(self, value: str) -> float:
        """Raises ValueError for a value that isn't among them."""
        return (self.values.index(value) + 0.5) / len(self.values)


Parameter = Continuous | Integer | Categorical


@dataclass(frozen=True)
class Space:
    parameters: tuple[Parameter, ...]

    def size(self) -> int | None:
        """The number of points; None if it is infinite."""
        sizes = [each.size for each in self.parameters]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def values(self, places: tuple[float, ...] | list[float]) -> dict[str, str]:
        return {each.name: each.value(place) for each, place in zip(self.parameters, places, strict=True)}

    def places(self, values: Mapping[str, str]) -> tuple[float, ...] | None:
        """None for values outside this space's domain: a name is missing, or a value is of another kind."""
        try:
            return tuple(each.place(values[each.name]) for each in self.parameters)
        except (KeyError, ValueError, OverflowError):
            return None

    def document(self) -> list[dict[str, Any]]:
        return [
            {"name": each.name, "values": list(each.values)}
            if isinstance(each, Categorical)
            else {
                "name": each.name,
                "low": each.low,
                "high": each.high,
                "scaling": each.scaling.value,
                "integer": isinstance(each, Integer),
            }
            for each in self.parameters
        ]

    @classmethod
    def read(cls, document: list[dict[str, Any]]) -> Space:
        return cls(tuple(_read(each) for each in document))


def _read(document: dict[str, Any]) -> Parameter:
    if "values" in document:
        return Categorical(document["name"], tuple(document["values"]))
    kind = Integer if document["integer"] else Continuous
    return kind(document["name"], document["low"], document["high"], Scaling(document["scaling"]))
