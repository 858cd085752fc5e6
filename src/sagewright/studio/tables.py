"""Lists: columns, filters, chips and views in the URL, rows of cells, and the same as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from markupsafe import Markup

from sagewright.model.row_tokens import MOST_ROWS, row_token
from sagewright.studio.buttons import Button
from sagewright.studio.visit import Visit

Entry = TypeVar("Entry")
ROWS = 100
CALLS = 4
"""Calls that fill one page, of an operation that returns few rows at once."""


@dataclass(frozen=True)
class TableCell:
    """A value and how it is shown.

    `kind`: text, name, mono, status, number, time, duration, size, tags or drawing. `value`: the value itself, in JSON and CSV.
    """

    value: Any
    kind: str = "text"
    link: str = ""
    look: str = ""
    drawing: Markup = field(default=Markup(""), repr=False)


@dataclass(frozen=True)
class TableColumn:
    """A column. `sort`: the value of `sort` in the URL that orders by it; `rank`: 1 to 3, the highest goes first on small
    screens; 0 always stays."""

    label: str
    kind: str = "text"
    sort: str = ""
    rank: int = 0
    title: str = ""

    @property
    def right(self) -> bool:
        return self.kind in ("number", "duration", "size", "time")


@dataclass(frozen=True)
class Row:
    """A row; `name` is the value that its checkbox sends."""

    name: str
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class Chip:
    """A filter that applies; `off` is the URL without it."""

    label: str
    value: str
    off: str


@dataclass(frozen=True)
class ListTab:
    """A tab of the list: a named set of filters."""

    label: str
    link: str
    current: bool = False
    count: str = ""


@dataclass(frozen=True)
class Choice:
    """A filter that offers fixed values."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    value: str = ""


@dataclass(frozen=True)
class EmptyState:
    """Content of an empty page: a sentence, and the lines that make the first one."""

    sentence: str
    code: str


@dataclass(frozen=True)
class Listing:
    """A list page.

    `total`: words for the number of all matches; `more`: the URL of the following rows; `first`: the number of the first row
    shown, 0 if the list can't begin at a row's number; `count`: the number of all rows, 0 if it is not known; `same`: values that
    all rows share; `acts`: buttons for chosen rows; `compare`: the page that compares chosen rows.
    """

    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[Row, ...]
    start: EmptyState
    total: str = ""
    more: str = ""
    first: int = 0
    count: int = 0
    crumb: str = ""
    chips: tuple[Chip, ...] = ()
    views: tuple[ListTab, ...] = ()
    choices: tuple[Choice, ...] = ()
    same: tuple[tuple[str, str], ...] = ()
    acts: tuple[Button, ...] = ()
    heads: tuple[Button, ...] = ()
    compare: str = ""
    hint: str = "Name contains…"
    q: str = ""
    sorted_by: tuple[str, bool] = ("", True)
    """The order: a column's `sort`, and whether it is descending."""
    new: tuple[str, str] | None = None
    """Label and URL of the button that creates a new one."""
    aside: str = ""
    sdk_code: tuple[tuple[str, str], ...] = ()

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        head = [column.label for column in self.columns]
        return head, [[cell.value for cell in row.cells] for row in self.rows]


@dataclass(frozen=True)
class ListSource:
    """A List operation as a page reads it.

    `operation`, `member`: the operation and the member of its response with the rows, or several members. `orders`: values of
    SortBy by the page's `sort`. `name_filter`: the member that filters by name, "" without one, and `named`: the words of its chip.
    `statuses`: the values of `status_filter`. `each`: the most rows that one call returns; `size`, `after`, `then`: the members of
    that number ("" without one) and of the position, in the request and in the response.
    """

    operation: str
    member: str | tuple[str, ...]
    orders: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    name_filter: str = "NameContains"
    statuses: tuple[str, ...] = ()
    service: str = "sagemaker"
    each: int = ROWS
    named: str = "Name contains"
    status_filter: str = "StatusEquals"
    size: str = "MaxResults"
    after: str = "NextToken"
    then: str = "NextToken"


@dataclass(frozen=True)
class Read:
    """Rows of a List operation, the number of the first one, and the URL of those that follow.

    `count`: the number of all rows, 0 if it is not known.
    """

    rows: list[dict[str, Any]]
    more: str
    chips: tuple[Chip, ...]
    sorted_by: tuple[str, bool]
    first: int
    count: int = 0

    @property
    def position(self) -> dict[str, Any]:
        """The list's fields about its position."""
        return {"more": self.more, "first": self.first, "count": self.count}


def begin(visit: Visit) -> tuple[int, str | None]:
    """Returns the number of the page's first row, and the token of the page."""
    asked = visit.query.get("start", "")
    first = min(max(1, int(asked)), MOST_ROWS) if asked.isascii() and asked.isdigit() else 1
    return first, visit.query.get("after") or (row_token(first - 1) if first > 1 else None)


def following(visit: Visit, token: str | None, first: int, rows: int) -> str:
    """Returns the URL of the page after one with `rows` rows; "" without a token."""
    return visit.link(after=token, start=str(first + rows)) if token else ""


def counted(visit: Visit, resource: str, expression: dict[str, Any], hits: dict[str, Any]) -> int:
    """Returns the number of a Search's matches, which the response counts only so far; 0 if it is not quickly known."""
    if hits["Relation"] == "EqualTo":
        return int(hits["Value"])
    return visit.client.readings.matches(resource, expression) or 0


def read(visit: Visit, source: ListSource, **fixed: Any) -> Read:
    """Reads one page of a list, with the filters, order and position in the URL. Raises AwsError."""
    query = visit.query
    sort, descending = order(visit, source.default, tuple(source.orders))
    first, after = begin(visit)
    request = {name: value for name, value in fixed.items() if value is not None}
    if source.orders:
        request |= {"SortBy": source.orders[sort], "SortOrder": "Descending" if descending else "Ascending"}
    chips = []
    if query.get("q") and source.name_filter:
        request[source.name_filter] = query["q"]
        chips.append(Chip(source.named, query["q"], visit.link(q=None)))
    if query.get("status") in source.statuses:
        request[source.status_filter] = query["status"]
        chips.append(Chip("Status", query["status"], visit.link(status=None)))
    rows, token = _rows(visit, source, request, first, after)
    more = following(visit, token, first, len(rows))
    whole = first - 1 + len(rows) if rows and not more else 0
    count = whole or visit.client.readings.rows(source.operation, request) or 0
    return Read(rows, more, tuple(chips), (sort, descending), first, count)


def _rows(
    visit: Visit, source: ListSource, request: dict[str, Any], first: int, token: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Returns the rows of a page, and the token of those that follow. An operation may return fewer or more than a page at once."""
    rows: list[dict[str, Any]] = []
    call = visit.client.call
    for _ in range(CALLS):
        size = {source.size: min(source.each, ROWS - len(rows))} if source.size else {}
        found = call(source.service, source.operation, **request, **size, **{source.after: token})
        members = (source.member,) if isinstance(source.member, str) else source.member
        rows += [row for member in members for row in found.get(member, [])]
        token = found.get(source.then)
        if not token or len(rows) >= ROWS:
            break
        call = visit.client.aside  # the page's code shows one call
    return (rows[:ROWS], row_token(first - 1 + ROWS)) if len(rows) > ROWS else (rows, token)


def sliced(visit: Visit, rows: Sequence[Entry]) -> tuple[Sequence[Entry], dict[str, Any]]:
    """Returns the page's rows of a list that is in memory, and the list's fields about its position."""
    first, _ = begin(visit)
    shown = rows[first - 1 : first - 1 + ROWS]
    rest = first - 1 + len(shown) < len(rows)
    more = visit.link(start=str(first + ROWS)) if rest and shown else ""
    return shown, {"more": more, "first": first, "count": len(rows)}


def order(visit: Visit, default: str, allowed: Sequence[str]) -> tuple[str, bool]:
    """Returns the order in the URL, `-name` for descending; `default` if it is not allowed."""
    asked = visit.query.get("sort", "")
    name = asked.removeprefix("-")
    if name in allowed:
        return name, asked.startswith("-")
    return default.removeprefix("-"), default.startswith("-")


def status_choice(visit: Visit, statuses: Iterable[str]) -> Choice:
    options = (("", "Any status"), *((one, one) for one in statuses))
    return Choice("status", "Status", options, visit.query.get("status", ""))


def text(value: Any, link: str = "", look: str = "") -> TableCell:
    return TableCell(value, "text", link, look)


def name(value: str, link: str) -> TableCell:
    return TableCell(value, "name", link)


def status(value: str) -> TableCell:
    return TableCell(value, "status")


def time(value: datetime | None) -> TableCell:
    return TableCell(value, "time")


def count(value: float | int | None) -> TableCell:
    return TableCell(value, "number")


def parameter(value: str | None) -> TableCell:
    """A hyperparameter: a number where it reads as one."""
    try:
        return TableCell(float(value) if value is not None else None, "number")
    except ValueError:
        return TableCell(value)


def seconds(value: float | None) -> TableCell:
    return TableCell(value, "duration")
