"""The parts of a report, independent of the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Cell: TypeAlias = str | int | float | None
Spec: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Heading:
    """`level`: 2 for a section, 3 and 4 below it."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Item:
    """An item of a list: the name of a facet."""

    text: str


@dataclass(frozen=True)
class Table:
    """`code`: Python that gives the same rows as a pandas DataFrame from `analysis`. `wide`: the column with long texts."""

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    code: str = ""
    wide: int = -1

    def numeric(self, column: int) -> bool:
        return any(isinstance(row[column], int | float) for row in self.rows)


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification. `alternative` describes it in words. `code`: Python that draws the same from `analysis`."""

    spec: Spec
    caption: str
    alternative: str
    code: str = ""


@dataclass(frozen=True)
class Photograph:
    """An encoded picture that the analysis made."""

    data: bytes
    media_type: str
    caption: str
    alternative: str


@dataclass(frozen=True)
class Source:
    """Text in a fixed font."""

    text: str
    caption: str


Block: TypeAlias = Heading | Paragraph | Item | Table | Chart | Photograph | Source


@dataclass(frozen=True)
class Content:
    title: str
    blocks: list[Block] = field(default_factory=list)
