"""One column of a data set, observed value by value in constant memory."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sagewright.monitor.features.kll import KllSketch

MAX_DISTINCT = 1000
"""Distinct values that are counted exactly; beyond, their number is estimated and their counts are not kept."""
MAX_VALUE = 256
"""Characters of a value that are kept."""
_REGISTERS_BITS = 11
_INTEGRAL, _FRACTIONAL = re.compile(r"[+-]?\d{1,300}"), re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")


class InferredType(StrEnum):
    """Source: the developer guide, "Schema for constraints"."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
    UNKNOWN = "Unknown"


@dataclass
class Moments:
    """Count, mean and spread of numbers, updated by Welford's formula."""

    count: int = 0
    total: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        delta = value - self.mean
        self.mean += delta / self.count
        self.squares += delta * (value - self.mean)
        self.low, self.high = min(self.low, value), max(self.high, value)

    @property
    def deviation(self) -> float:
        return math.sqrt(max(0.0, self.squares / self.count)) if self.count else 0.0


@dataclass
class Distinct:
    """An estimate of the number of distinct values. Source: Flajolet et al., "HyperLogLog" (2007)."""

    registers: bytearray = field(default_factory=lambda: bytearray(1 << _REGISTERS_BITS))

    def add(self, value: str) -> None:
        hashed = int.from_bytes(hashlib.blake2b(value.encode(errors="replace"), digest_size=8).digest())
        at, rest = hashed >> (64 - _REGISTERS_BITS), hashed & ((1 << (64 - _REGISTERS_BITS)) - 1)
        self.registers[at] = max(self.registers[at], 64 - _REGISTERS_BITS - rest.bit_length() + 1)

    def estimate(self) -> int:
        size = len(self.registers)
        raw = 0.7213 / (1 + 1.079 / size) * size * size / sum(2.0**-one for one in self.registers)
        empty = self.registers.count(0)
        return round(size * math.log(size / empty) if raw <= 2.5 * size and empty else raw)


class FeatureColumn:
    """Values of one column. `counts`: of its values, None once there are too many."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.types: dict[InferredType, int] = dict.fromkeys(InferredType, 0)
        self.numbers, self.sketch = Moments(), KllSketch()
        self.counts: dict[str, int] | None = {}
        self._distinct = Distinct()

    def add(self, value: Any) -> None:
        """Adds a value: a text of CSV, or a scalar of JSON. None, an empty text and NaN are missing."""
        type_, number = _classified(value)
        self.types[type_] += 1
        if type_ is InferredType.UNKNOWN:
            return
        if number is not None:
            self.numbers.add(number)
            self.sketch.add(number)
        text = str(value)[:MAX_VALUE]
        self._distinct.add(text)
        if self.counts is not None:
            self.counts[text] = self.counts.get(text, 0) + 1
            if len(self.counts) > MAX_DISTINCT:
                self.counts = None

    def skip(self, count: int) -> None:
        """Counts rows without the column as missing values."""
        self.types[InferredType.UNKNOWN] += count

    @property
    def missing(self) -> int:
        return self.types[InferredType.UNKNOWN]

    @property
    def present(self) -> int:
        return sum(self.types.values()) - self.missing

    @property
    def completeness(self) -> float:
        return self.present / max(1, self.present + self.missing)

    @property
    def distinct(self) -> int:
        return self._distinct.estimate() if self.counts is None else len(self.counts)

    @property
    def type(self) -> InferredType:
        """Returns the narrowest type of all values."""
        if self.types[InferredType.STRING]:
            return InferredType.STRING
        if self.types[InferredType.FRACTIONAL]:
            return InferredType.FRACTIONAL
        return InferredType.INTEGRAL if self.types[InferredType.INTEGRAL] else InferredType.UNKNOWN

    def share_of(self, type_: str) -> float:
        """Returns the share of the present values that have the type; an integer is a fractional number too, and all are texts."""
        if not self.present or type_ not in {InferredType.INTEGRAL, InferredType.FRACTIONAL}:
            return 1.0
        fitting = self.types[InferredType.INTEGRAL]
        if type_ == InferredType.FRACTIONAL:
            fitting += self.types[InferredType.FRACTIONAL]
        return fitting / self.present


def _classified(value: Any) -> tuple[InferredType, float | None]:
    if value is None or value == "":
        return InferredType.UNKNOWN, None
    if isinstance(value, bool):
        return InferredType.STRING, None
    if isinstance(value, int | float):
        return _of_number(value)
    text = str(value).strip()
    if _INTEGRAL.fullmatch(text):
        return InferredType.INTEGRAL, float(text)
    if _FRACTIONAL.fullmatch(text):
        return _of_number(float(text))
    if text.lower() in {"nan", "null"}:
        return InferredType.UNKNOWN, None
    return InferredType.STRING, None


def _of_number(value: float) -> tuple[InferredType, float | None]:
    try:
        number = float(value)
    except OverflowError:
        return InferredType.STRING, None
    if math.isnan(number):
        return InferredType.UNKNOWN, None
    if math.isinf(number):
        return InferredType.STRING, None
    return (InferredType.INTEGRAL if isinstance(value, int) else InferredType.FRACTIONAL), number
