"""Rows of lists as HTML: what each kind of cell shows, and that nothing in them is markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from sagewright.studio.tablerows import NONE, cell, table_rows
from sagewright.studio.tables import EmptyState, Listing, Row, TableCell, TableColumn

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KINDS = ("name", "status", "number", "time", "duration", "size", "mono", "text", "tags")
COLUMNS = tuple(TableColumn(kind, kind, rank=at % 4) for at, kind in enumerate(KINDS))


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (TableCell(None, "number"), NONE),
        (TableCell("", "name", "/x"), NONE),
        (TableCell(None, "number", drawing=Markup("<svg/>")), "<svg/>"),
        (TableCell(1234.5, "number"), "1,234.5"),
        (TableCell(-2, "number", drawing=Markup("<svg/>")), '<span class="with-spark"><svg/><span>−2</span></span>'),
        (TableCell(0, "number"), "0"),
        (TableCell(467, "duration"), "7 min 47 s"),
        (TableCell(1_500_000, "size"), "1.5 MB"),
        (TableCell("a<b", "name", "/x?a&b"), '<a href="/x?a&amp;b">a&lt;b</a>'),
        (
            TableCell("a-name-that-is-too-long", "name", "/x"),
            '<a href="/x"><span class="mid" title="a-name-that-is-too-long"><span>a-name-that</span>'
            "<span>-is-too-long</span></span></a>",
        ),
        (TableCell("s3://b/k", "mono"), '<span class="mono">s3://b/k</span>'),
        (TableCell("s3://b/k", "mono", "/b"), '<a class="mono" href="/b">s3://b/k</a>'),
        (TableCell("x&y"), "x&amp;y"),
        (TableCell(3, "text", "/3"), '<a href="/3">3</a>'),
        (
            TableCell(NOW - timedelta(minutes=8), "time"),
            '<time datetime="2026-05-04T11:52:00Z">11:52:00</time> <span class="dim rel">8 min</span>',
        ),
        (
            TableCell("InProgress", "status"),
            '<span class="st mk run" title="InProgress">In progress</span>',
        ),
    ],
)
def test_a_cell_shows(one: TableCell, shown: str) -> None:
    assert cell(one, NOW) == shown


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.data += data


def row(text: str) -> Row:
    values: dict[str, Any] = {"number": 1.5, "time": NOW, "duration": 2.0, "size": 3}
    return Row(text, tuple(TableCell(values.get(kind, text), kind, text, text) for kind in KINDS))


def read(text: str) -> Elements:
    elements = Elements()
    listing = Listing("t", COLUMNS, (row(text),), EmptyState("", ""))
    elements.feed(str(table_rows(listing, NOW, pick=True)))
    return elements


@given(st.text("<>&'\"=/ ax", min_size=1, max_size=12))
def test_no_text_of_a_row_is_markup(text: str) -> None:
    found, plain = read(text), read("x" * len(text))
    assert found.tags == plain.tags
    assert found.names == plain.names
    assert text in found.data


def test_a_checkbox_stands_before_the_name_where_rows_are_chosen() -> None:
    listing = Listing("t", COLUMNS, (row("x"), row("y")), EmptyState("", ""))
    with_box, without = (str(table_rows(listing, NOW, pick=pick)) for pick in (True, False))
    assert (with_box.count('name="pick"'), without.count('name="pick"')) == (2, 0)
    assert '<td class="n p2 ' in without
    assert 'f-state x">' in without
