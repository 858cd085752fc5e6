"""Pages by bytes as well as by count: rows are read a few at a time, and a page ends where it is full."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.services import paging
from sagewright.store.listing import Page


@dataclass(frozen=True)
class Row:
    created_ms: int
    name: str
    document: str


def listed(sizes: list[int], limit: int) -> tuple[list[Row], list[int], list[int]]:
    """All rows by pages of `limit`; how many rows were read at a time; and the bytes of each page."""
    rows = [Row(number, str(number), "x" * size) for number, size in enumerate(sizes)]
    reads: list[int] = []
    bytes_: list[int] = []
    found: list[Row] = []

    def fetch(asked: Page) -> list[Row]:
        first = 0 if asked.after is None else asked.after[0] + 1
        reads.append(sum(len(row.document) for row in rows[first : first + asked.limit]))
        return rows[first : first + asked.limit]

    after = None
    while True:
        asked = Page(limit=limit, after=after)
        page, more = paging.read_page(fetch, asked)
        found += page
        bytes_.append(sum(len(row.document) for row in page))
        if not more:
            return found, reads, bytes_
        assert page
        after = paging.position_of(page[-1], asked)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 1000)


@given(st.lists(st.integers(0, 1500), max_size=60), st.integers(1, 100))
def test_every_row_once_and_no_page_beyond_its_bytes(sizes: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "MOST_READ", 1000)
        found, _, bytes_ = listed(sizes, limit)
    assert [len(row.document) for row in found] == sizes
    assert all(one <= 1500 for one in bytes_)


def test_large_rows_are_not_read_by_the_hundred() -> None:
    _, reads, _ = listed([900] * 200, 100)
    assert max(reads) <= 12 * 900


def test_small_rows_take_few_reads() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "MOST_READ", 1 << 20)
        _, reads, bytes_ = listed([1] * 100, 100)
    assert (len(bytes_), len(reads)) == (1, 5)
