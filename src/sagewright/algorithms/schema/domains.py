"""The sets that hyperparameter values come from: each parses a string, tests membership and prints itself for messages.

`str(domain)` is the range shown in `Hyperparameter eta: 2.0 is not in [0, 1]`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

Kind = Literal["Integer", "Continuous", "Categorical", "FreeText"]
"""The types of botocore's ParameterType."""

_INTERVAL = re.compile(r"([\[(])\s*([^,\s]+)\s*,\s*([^,\s\])]+)\s*([\])])")


class Domain(Protocol):
    """Immutable. `parse` raises ValueError for a text it can't read; it doesn't test membership."""

    @property
    def kind(self) -> Kind: ...

    def parse(self, text: str) -> Any: ...

    def __contains__(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Interval:
    """A set of numbers, written as mathematics writes it: `Interval("(0, 1]")`, `Interval("[1, +inf)")`."""

    text: str

    def __post_init__(self) -> None:
        if not _INTERVAL.fullmatch(self.text):
            raise ValueError(f"not an interval: {self.text!r}")

    @property
    def low(self) -> float:
        return float(self._parts()[1])

    @property
    def high(self) -> float:
        return float(self._parts()[2])

    def _parts(self) -> tuple[str, str, str, str]:
        match = _INTERVAL.fullmatch(self.text)
        assert match is not None
        opening, low, high, closing = match.groups()
        return opening, low, high, closing

    def __contains__(self, value: float) -> bool:
        opening, _, _, closing = self._parts()
        above = value > self.low if opening == "(" else value >= self.low
        below = value < self.high if closing == ")" else value <= self.high
        return above and below

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Integer:
    """Whole numbers: `Integer("[1, +inf)")`."""

    kind: ClassVar[Kind] = "Integer"
    bounds: str = "(-inf, +inf)"

    @property
    def interval(self) -> Interval:
        return Interval(self.bounds)

    def parse(self, text: str) -> int:
        return int(text)

    def __contains__(self, value: int) -> bool:
        return value in self.interval

    def __str__(self) -> str:
        return self.bounds


@dataclass(frozen=True)
class Size:
    """Whole numbers for which a tuner tries a list of values: `Size("[1, +inf)")`. Even numbers only, if `even`."""

    kind: ClassVar[Kind] = "Categorical"
    bounds: str
    even: bool = False

    def parse(self, text: str) -> int:
        return int(text)

    def __contains__(self, value: int) -> bool:
        return value in Interval(self.bounds) and not (self.even and value % 2)

    def __str__(self) -> str:
        return f"the even numbers of {self.bounds}" if self.even else self.bounds


@dataclass(frozen=True)
class Real:
    """Floating-point numbers: `Real("[0, 1]")`. NaN is in no interval."""

    kind: ClassVar[Kind] = "Continuous"
    bounds: str = "(-inf, +inf)"

    @property
    def interval(self) -> Interval:
        return Interval(self.bounds)

    def parse(self, text: str) -> float:
        return float(text)

    def __contains__(self, value: float) -> bool:
        return value in self.interval

    def __str__(self) -> str:
        return self.bounds


@dataclass(frozen=True)
class Choice:
    """One of a fixed set of words."""

    kind: ClassVar[Kind] = "Categorical"
    words: tuple[str, ...]

    def parse(self, text: str) -> str:
        return text

    def __contains__(self, value: str) -> bool:
        return value in self.words

    def __str__(self) -> str:
        return str(list(self.words))


@dataclass(frozen=True)
class Flag:
    """`true` or `false`, in any case; the value is a bool."""

    kind: ClassVar[Kind] = "Categorical"

    def parse(self, text: str) -> bool | str:
        return {"true": True, "false": False}.get(text.strip().lower(), text)

    def __contains__(self, value: bool | str) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return str(["true", "false"])


@dataclass(frozen=True)
class Text:
    """Any text."""

    kind: ClassVar[Kind] = "FreeText"

    def parse(self, text: str) -> str:
        return text

    def __contains__(self, value: str) -> bool:
        return True

    def __str__(self) -> str:
        return "any text"


@dataclass(frozen=True)
class Pattern:
    """Text that matches `regex`; `shown` describes the form in words."""

    kind: ClassVar[Kind] = "FreeText"
    regex: str
    shown: str

    def parse(self, text: str) -> str:
        return text

    def __contains__(self, value: str) -> bool:
        return re.fullmatch(self.regex, value) is not None

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class RealList:
    """`[0.1, 0.5]` or `0.1,0.5`: numbers, at least one, each within `bounds`. The value is a list of float."""

    kind: ClassVar[Kind] = "FreeText"
    bounds: str

    def parse(self, text: str) -> list[float]:
        return [float(part) for part in text.strip().removeprefix("[").removesuffix("]").split(",")]

    def __contains__(self, value: list[float]) -> bool:
        return all(item in Interval(self.bounds) for item in value)

    def __str__(self) -> str:
        return f"numbers in {self.bounds} separated by commas"


@dataclass(frozen=True)
class WordList:
    """Words separated by commas, or a JSON list of them; a word of `with_number` can carry `@` and a number (`ndcg@5`). The value
    is a list.
    """

    kind: ClassVar[Kind] = "FreeText"
    words: tuple[str, ...]
    with_number: tuple[str, ...] = ()

    def parse(self, text: str) -> list[str]:
        if not text.strip().startswith("["):
            return [word.strip() for word in text.split(",")]
        value = _literal(text)
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ValueError("not a list of words")
        return value

    def __contains__(self, value: list[str]) -> bool:
        return all(word in self.words or self._numbered(word) for word in value)

    def _numbered(self, word: str) -> bool:
        name, at, number = word.partition("@")
        return bool(at) and name in self.with_number and re.fullmatch(r"[0-9]*\.?[0-9]+-?", number) is not None

    def __str__(self) -> str:
        return str(list(self.words))


@dataclass(frozen=True)
class IntegerTuple:
    """`(1, 0, -1)`, `[1, 0]` or `1`; every member is one of `members`. The value is a tuple of int."""

    kind: ClassVar[Kind] = "FreeText"
    members: tuple[int, ...]

    def parse(self, text: str) -> tuple[int, ...]:
        value = _literal(text)
        items = value if isinstance(value, (tuple, list)) else (value,)
        return tuple(_whole(item) for item in items)

    def __contains__(self, value: tuple[int, ...]) -> bool:
        return all(item in self.members for item in value)

    def __str__(self) -> str:
        return str(list(self.members))


@dataclass(frozen=True)
class IntegerList:
    """`100,50` or `[100, 50]`: whole numbers, at least one, each within `bounds`. The value is a list of int."""

    kind: ClassVar[Kind] = "FreeText"
    bounds: str

    def parse(self, text: str) -> list[int]:
        return [int(part) for part in text.strip().removeprefix("[").removesuffix("]").split(",")]

    def __contains__(self, value: list[int]) -> bool:
        return all(item in Interval(self.bounds) for item in value)

    def __str__(self) -> str:
        return f"whole numbers in {self.bounds} separated by commas"


@dataclass(frozen=True)
class IntegerLists:
    """`[[0, 1], [2, 3, 4]]`: lists of whole numbers, each within `bounds`. The value is a list of lists of int."""

    kind: ClassVar[Kind] = "FreeText"
    bounds: str

    def parse(self, text: str) -> list[list[int]]:
        value = _literal(text)
        if not isinstance(value, (tuple, list)) or not all(isinstance(item, (tuple, list)) for item in value):
            raise ValueError("not a list of lists")
        return [[_whole(item) for item in group] for group in value]

    def __contains__(self, value: list[list[int]]) -> bool:
        return all(item in Interval(self.bounds) for group in value for item in group)

    def __str__(self) -> str:
        return self.bounds


@dataclass(frozen=True)
class Either:
    """A word such as `auto`, or a member of another domain."""

    words: tuple[str, ...]
    other: Integer | Real | Flag | IntegerList

    @property
    def kind(self) -> Kind:  # a tuner moves within the numbers
        return self.other.kind

    def parse(self, text: str) -> Any:
        return text if text in self.words else self.other.parse(text)

    def __contains__(self, value: Any) -> bool:
        return (isinstance(value, str) and value in self.words) or (not isinstance(value, str) and value in self.other)

    def __str__(self) -> str:
        return f"{', '.join(self.words)} or {self.other}"


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"not a literal: {text[:50]!r}") from error


def _whole(item: Any) -> int:
    if not isinstance(item, int) or isinstance(item, bool):
        raise ValueError(f"not a whole number: {item!r}")
    return item
