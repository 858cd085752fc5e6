"""Conditions on names that are paths, and notes without events, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

SCOPE = ResourceScope("space", "000000000000", "us-east-1")
DOMAIN, OTHER = "d-abcdefghijkl", "d-zbcdefghijkl"
NAMES = [
    f"{DOMAIN}/one",
    f"{DOMAIN}/one-more",
    f"{OTHER}/one",
    f"{DOMAIN}/abc",
    f"{DOMAIN}/a_c",
    f"{DOMAIN}/one/jupyterlab/default",
]


@pytest.fixture
def store(database: Database) -> Database:
    for name in NAMES:
        resources.create(database, SCOPE, New(name, {}, "arn", {}, status="InService"))
    return database


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (resources.name_begins(f"{OTHER}/"), [NAMES[2]]),
        (resources.name_begins("d_abc"), []),
        (resources.name_has_after_slash("ne-m"), [NAMES[1]]),
        (resources.name_has_after_slash("defg"), []),  # part of the domain's id alone
        (resources.name_has_after_slash("a_c"), [NAMES[4]]),
        (resources.name_has_after_slash("%"), []),
        (resources.name_begins_below_domain("one/"), [NAMES[5]]),
        (resources.name_begins_below_domain("one"), [NAMES[0], NAMES[1], NAMES[5], NAMES[2]]),
    ],
)
def test_names_are_found_by_their_parts(store: Database, condition: Condition, found: list[str]) -> None:
    page = resources.page(store, SCOPE, PageRequest(sort_by="name", descending=False, limit=100), condition)
    assert sorted(one.name for one in page) == sorted(found)


def test_those_in_other_statuses_are_counted(store: Database) -> None:
    with store.write() as connection:
        assert resources.count_unlike_in(connection, SCOPE, ("Deleted",)) == len(NAMES)
        assert resources.count_unlike_in(connection, SCOPE, ("InService",)) == 0


def test_a_note_changes_the_document_alone(store: Database) -> None:
    before = resources.find(store, SCOPE, NAMES[0])
    assert before is not None
    resources.note(store, before.id, lambda one: replace(one, document={"seen": 1}, status="ignored"))
    after = resources.get(store, before.id)
    assert after == replace(before, document={"seen": 1})
    resources.note(store, before.id, lambda _one: None)
    resources.note(store, "nothing", lambda one: one)
    assert resources.find(store, SCOPE, NAMES[0]) == after
