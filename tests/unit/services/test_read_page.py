"""Pages by bytes as well as by count."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sagewright.model.row_tokens import row_token
from sagewright.services import paging
from sagewright.services.paging import ListSpec
from sagewright.store.database import Database
from sagewright.store.decoding import size_read
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import BUFFERED, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

SCOPE = ResourceScope("model", "0", "r")
LIST = ListSpec("Models", {"CreationTime": "created_ms"})
MOST = 100_000


def put(store: Database, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        resources.create(store, SCOPE, New(f"m{number:03}", {"text": "x" * size}, "", {}, created_ms=number + 1))


def pages(store: Database, size: int) -> list[tuple[list[str], int]]:
    """The names on each page, and the bytes that were read for it."""
    found: list[tuple[list[str], int]] = []
    request: dict[str, Any] = {"MaxResults": size}
    while True:
        before = size_read()
        answer = LIST.answer(
            request,
            lambda page: resources.page(store, SCOPE, page),
            lambda rows: [{"Name": row.name} for row in rows],
        )
        found.append(([one["Name"] for one in answer["Models"]], size_read() - before))
        if "NextToken" not in answer:
            return found
        request["NextToken"] = answer["NextToken"]


def test_every_row_once_and_no_page_beyond_its_bytes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_BYTES", MOST)
    sizes = random.Random(7).choices((10, 5_000, 40_000, 150_000), k=90)
    put(database, sizes)
    for size in (1, 7, 100):
        found = pages(database, size)
        assert [name for names, _ in found for name in names] == [f"m{number:03}" for number in range(90)]
        assert all(1 <= len(names) <= size for names, _ in found)
        beyond = 2 if database.embedded else BUFFERED + 1  # rows
        assert all(read <= MOST + beyond * 151_000 for _, read in found)


def test_small_rows_are_cut_by_their_count_alone(database: Database) -> None:
    put(database, [10] * 30)
    assert [len(names) for names, _ in pages(database, 20)] == [20, 10]


def test_whoever_asks_for_all_rows_gets_them(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_BYTES", 1)
    put(database, [10_000] * 30)
    assert len(resources.page(database, SCOPE, PageRequest(limit=100))) == 30


def test_values_count_what_they_take_in_memory(database: Database) -> None:
    resources.create(database, SCOPE, New("lists", {"list": [[] for _ in range(10_000)]}, "", {}))
    before = size_read()
    resources.page(database, SCOPE, PageRequest())
    assert size_read() - before > 10_000 * 64


def test_a_list_begins_at_a_row(database: Database) -> None:
    put(database, [1] * 9)
    request: dict[str, Any] = {"MaxResults": 3, "NextToken": row_token(4)}
    found = []
    while request["NextToken"]:
        answer = LIST.answer(
            request,
            lambda page: resources.page(database, SCOPE, page),
            lambda rows: [{"Name": row.name} for row in rows],
        )
        found.append([one["Name"] for one in answer["Models"]])
        request["NextToken"] = answer.get("NextToken")
    assert found == [["m004", "m005", "m006"], ["m007", "m008"]]
    past = LIST.answer({"NextToken": row_token(9)}, lambda page: resources.page(database, SCOPE, page), lambda _: [])
    assert past == {"Models": []}
