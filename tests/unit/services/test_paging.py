"""Pages of lists that are put together in memory: by key, whatever comes and goes between two of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.errors import ValidationException
from sagewright.model.row_tokens import row_token, rows_before
from sagewright.services import paging
from sagewright.services.aws.resourcegroups import groups

NAMES = st.sets(st.text(max_size=3), max_size=20)


@given(entries=NAMES, gone=NAMES, come=NAMES, size=st.integers(1, 5))
def test_what_stays_is_told_once_and_in_order(entries: set[str], gone: set[str], come: set[str], size: int) -> None:
    seen: list[str] = []
    token: str | None = None
    now = set(entries)
    while True:
        page, token = paging.page_of(now, lambda name: [name], paging.decode(token), size)
        assert len(page) <= size
        seen += page
        if token is None:
            break
        now = (now - gone) | come
    assert seen == sorted(set(seen))
    assert (entries - gone) <= set(seen) <= entries | come


@given(entries=NAMES, rows=st.integers(0, 25), size=st.integers(1, 5))
def test_a_page_begins_at_a_row(entries: set[str], rows: int, size: int) -> None:
    page, token = paging.page_of(entries, lambda name: [name], paging.decode(row_token(rows)), size)
    assert page == sorted(entries)[rows : rows + size]
    if token is not None:
        rest, _ = paging.page_of(entries, lambda name: [name], paging.decode(token), len(entries))
        assert page + rest == sorted(entries)[rows:]


@pytest.mark.parametrize("rows", [-1, 1.0, "1", None, True, 2**31])
def test_a_row_is_a_number_of_rows(rows: object) -> None:
    assert rows_before([{"rows": rows}]) is None
    assert rows_before([{"rows": 5}, 1]) is None


def test_a_list_by_name_begins_behind_a_name_or_at_a_row() -> None:
    assert paging.begin_by_name(None) == ("", 0)
    assert paging.begin_by_name(paging.encode(["a"])) == ("a", 0)
    assert paging.begin_by_name(row_token(7)) == ("", 7)
    for token in ("x", paging.encode([1]), paging.encode(["a", "b"]), paging.encode([{"rows": -1}])):
        with pytest.raises(ValidationException):
            paging.begin_by_name(token)


@pytest.mark.parametrize("token", ["x", "e30=", "bnVsbA=="])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(ValidationException):
        paging.decode(token)


@given(st.text())
def test_tokens_of_resource_groups_are_plain_base64(name: str) -> None:
    token = groups._next(paging.encode([name]))["NextToken"]
    assert re.fullmatch(r"[a-zA-Z0-9+/]*={0,2}", token)
    assert paging.decode(token) == [name]
