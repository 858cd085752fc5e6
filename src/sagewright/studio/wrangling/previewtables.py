"""A session's answer as a table: columns with their shapes, those that a step brings or takes marked, and rows of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from sagewright.studio.charts import meter, shape
from sagewright.studio.wording import number

MOST_COLUMNS = 80
_NUMERIC = ("long", "float")


@dataclass(frozen=True)
class SampleColumn:
    """`mark`: new, gone, changed or ""; `low`, `high`: words under the shape; `word`: a remark."""

    name: str
    type: str
    mark: str
    low: str
    high: str
    word: str
    right: bool
    missing: int
    distinct: int | None
    top: tuple[tuple[str, int], ...]
    shape: Markup = field(default=Markup(""), repr=False)
    quality: Markup = field(default=Markup(""), repr=False)


@dataclass(frozen=True)
class PreviewTable:
    """`rows`: texts, None where a value is missing; `hidden`: the number of columns that are not shown."""

    columns: tuple[SampleColumn, ...]
    rows: tuple[tuple[str | None, ...], ...]
    count: int
    before: int
    hidden: int
    seconds: float


@dataclass(frozen=True)
class PreviewFault:
    """A step that failed: the node, and where."""

    node_id: str
    operator: str
    reason: str
    column: str
    row: int | None
    value: str
    source: str


def fault_of(answer: Mapping[str, Any]) -> PreviewFault | None:
    found = answer.get("error")
    if not isinstance(found, Mapping):
        return None
    row = found.get("row")

    def text(name: str) -> str:
        return str(found.get(name) or "")

    return PreviewFault(
        text("node_id"),
        text("operator"),
        text("reason"),
        text("column"),
        row if isinstance(row, int) else None,
        text("value"),
        text("source"),
    )


def table_of(answer: Mapping[str, Any], changed_first: bool, sought: str) -> PreviewTable:
    """Lays out a session's preview. `sought`: a part of the names of the columns to show."""
    count = int(answer["count"])
    marks = {name: mark for mark in ("new", "changed") for name in answer.get(mark, ())}
    listed = [(_column(one, count, marks.get(one["name"], "")), number) for number, one in enumerate(answer["columns"])]
    rows: list[list[Any]] = [list(one) for one in answer["rows"]]
    gone = answer.get("gone") or []
    for at, one in enumerate(gone):
        listed.append((_column(one, int(answer["before"]), "gone"), len(answer["columns"]) + at))
    for row, old in zip(rows, answer.get("gone_rows") or [[None] * len(gone)] * len(rows), strict=False):
        row.extend(old)
    if sought:
        listed = [one for one in listed if sought.lower() in one[0].name.lower()]
    if changed_first:
        listed.sort(key=lambda one: ("gone", "new", "changed", "").index(one[0].mark))
    shown = listed[:MOST_COLUMNS]
    return PreviewTable(
        tuple(one for one, _ in shown),
        tuple(tuple(row[at] if at < len(row) else None for _, at in shown) for row in rows),
        count,
        int(answer["before"]),
        len(listed) - len(shown) + int(answer.get("more") or 0),
        float(answer["seconds"]),
    )


def _column(one: Mapping[str, Any], count: int, mark: str) -> SampleColumn:
    numeric = one["type"] in _NUMERIC
    top = tuple((str(value), int(times)) for value, times in one.get("top") or ())
    counts: Sequence[float] = one.get("counts") or [times for _, times in top]
    missing, invalid = int(one.get("missing") or 0), int(one.get("invalid") or 0)
    whole = max(count, 1)
    low, high = _ends(one, top, whole)
    word = f"{missing / whole:.1%} missing" if missing else f"{invalid / whole:.1%} invalid" if invalid else ""
    parts = [(100 * max(whole - missing - invalid, 0) / whole, "b-ok")]
    if invalid:
        parts.append((100 * invalid / whole, "b-fail"))
    label = f"{missing:,} missing, {invalid:,} not of the type, of {count:,}"
    return SampleColumn(
        one["name"],
        one["type"],
        mark,
        low,
        high,
        word,
        numeric,
        missing,
        one.get("distinct"),
        top,
        shape(list(counts)[:24]) if counts else Markup(""),
        meter(parts, label),
    )


def _ends(one: Mapping[str, Any], top: Sequence[tuple[str, int]], whole: int) -> tuple[str, str]:
    low, high = one.get("minimum"), one.get("maximum")
    if low is not None and high is not None:
        return _short(low), _short(high)
    if top and top[0][1] > 1:
        return f"{_cut(top[0][0])} {top[0][1] / whole:.0%}", ""
    distinct = one.get("distinct")
    return (f"{distinct:,} distinct" if isinstance(distinct, int) else ""), ""


def _short(value: Any) -> str:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= 16 else text[:15] + "…"
