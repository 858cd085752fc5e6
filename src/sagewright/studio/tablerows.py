"""Rows of a list as HTML. A page has thousands of cells: templates would take most of its time for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from markupsafe import Markup, escape

from sagewright.studio import wording
from sagewright.studio.tables import Listing, Row, TableCell, TableColumn

NONE = '<span class="none">–</span>'
NAME_END, MONO_END = 12, 22
"""Characters of a name's end that stay where the name is cut in its middle."""
_Write = Callable[[TableCell, datetime], str]


def table_rows(listing: Listing, now: datetime, pick: bool) -> Markup:
    """Returns the `tr` elements of a list; `pick`: with a checkbox each."""
    looks = [_look(column) for column in listing.columns]
    return Markup("".join(_row(row, looks, now, pick=pick) for row in listing.rows))  # noqa: S704 - its parts are escaped


def _row(row: Row, looks: list[str], now: datetime, *, pick: bool) -> str:
    name = escape(row.name)
    parts = [f'<tr tabindex="-1" id="r-{name}">' if name else '<tr tabindex="-1">']
    if pick and not name:
        parts.append('<td class="pick f-pick"></td>')
    elif pick:
        parts.append(
            '<td class="pick f-pick"><label class="box"><input type="checkbox" form="chosen" name="pick" '
            f'value="{name}" aria-label="Choose {name}"></label></td>'
        )
    first, *others = row.cells
    parts.append(f'<th scope="row" class="name f-name">{cell(first, now)}</th>')
    for one, look in zip(others, looks[1:], strict=True):
        parts.append(f'<td class="{look}{escape(one.look)}">{cell(one, now)}</td>')
    return "".join([*parts, "</tr>\n"])


def _look(column: TableColumn) -> str:
    """Returns the classes of a column's cells. A phone shows one time of a row: that of a column which is always there."""
    state = {"status": "f-state ", "time": "" if column.rank else "f-when "}.get(column.kind, "")
    return f"{'n ' if column.right else ''}{f'p{column.rank} ' if column.rank else ''}{state}"


def cell(one: TableCell, now: datetime) -> str:
    """Returns a cell's content."""
    if one.value is None or one.value == "":
        return str(one.drawing) or NONE
    return _KINDS.get(one.kind, _text)(one, now)


def _text(one: TableCell, _now: datetime) -> str:
    return _linked(one, str(escape(one.value)))


def _linked(one: TableCell, content: str) -> str:
    return f'<a href="{escape(one.link)}">{content}</a>' if one.link else content


def _name(one: TableCell, _now: datetime) -> str:
    return f'<a href="{escape(one.link)}">{cut(str(one.value), NAME_END)}</a>'


def _mono(one: TableCell, _now: datetime) -> str:
    content = cut(str(one.value), MONO_END)
    return (
        f'<a class="mono" href="{escape(one.link)}">{content}</a>'
        if one.link
        else f'<span class="mono">{content}</span>'
    )


def cut(text: str, end: int) -> str:
    """Returns a name of which the middle gives way, where it is long."""
    if len(text) <= end + 6:
        return str(escape(text))
    return f'<span class="mid" title="{escape(text)}"><span>{escape(text[:-end])}</span><span>{escape(text[-end:])}</span></span>'


@lru_cache(maxsize=256)
def status(value: str) -> str:
    word = wording.status_word(value)
    title = f' title="{escape(value)}"' if word != value else ""
    return f'<span class="st mk {wording.look(value)}"{title}>{escape(word)}</span>'


def _status(one: TableCell, _now: datetime) -> str:
    return status(str(one.value))


def _time(one: TableCell, now: datetime) -> str:
    at: datetime = one.value
    since = wording.ago((now - at).total_seconds())
    moment = at.astimezone(UTC)
    iso = f"{moment:%Y-%m-%dT%H:%M:%S}Z"
    return f'<time datetime="{iso}">{wording.clock(at, now)}</time> <span class="dim rel">{since}</span>'


def _number(one: TableCell, _now: datetime) -> str:
    text = wording.number(one.value)
    return f'<span class="with-spark">{one.drawing}<span>{text}</span></span>' if one.drawing else text


_KINDS: dict[str, _Write] = {
    "status": _status,
    "time": _time,
    "name": _name,
    "mono": _mono,
    "number": _number,
    "duration": lambda one, _now: wording.duration(one.value),
    "size": lambda one, _now: wording.size(one.value),
}
