"""Resources: unique names, tags in the same transaction, pages by keyset, and nothing left of what is removed."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Bound, Comparison, PageRequest
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, ResourceNameTaken

SCOPE = ResourceScope("model", "000000000000", "us-east-1")


def new(name: str, **changes: Any) -> New:
    return New(
        name,
        {"Image": "own:latest"},
        f"arn:aws:sagemaker:us-east-1:000000000000:model/{name}",
        **({"pairs": {}} | changes),
    )


def test_create_find_change(database: Database) -> None:
    made = resources.create(database, SCOPE, new("a", pairs={"k": "v"}, status="Ready"))
    assert resources.find(database, SCOPE, "a") == made
    assert tags.of(database, new("a").arn) == {"k": "v"}
    resources.change(database, replace(made, document={"Image": "other"}), "arn:someone")
    found = resources.find(database, SCOPE, "a")
    assert found is not None
    assert (found.document, found.status) == ({"Image": "other"}, "Ready")
    assert found.modified_ms >= made.modified_ms
    assert resources.several(database, ["nobody", made.id]) == [found]
    resources.remove(database, found, new("a").arn)
    log = [(entry.step, entry.principal) for entry in events.of(database, made.id)]
    assert log == [("Created", ""), ("Changed", "arn:someone"), ("Deleted", "")]


def test_a_name_is_taken_once_and_its_tags_stay(database: Database) -> None:
    resources.create(database, SCOPE, new("a", pairs={"k": "first"}))
    with pytest.raises(ResourceNameTaken):
        resources.create(database, SCOPE, new("a", pairs={"k": "second"}))
    assert tags.of(database, new("a").arn) == {"k": "first"}
    resources.create(database, SCOPE, new("a", version=1))
    resources.create(database, ResourceScope("model", "000000000000", "eu-west-1"), new("a"))
    resources.create(database, ResourceScope("pipeline", "000000000000", "us-east-1"), new("a"))


def test_remove(database: Database) -> None:
    made = resources.create(database, SCOPE, new("a", pairs={"k": "v"}))
    assert resources.remove(database, made, new("a").arn)
    assert not resources.remove(database, made, new("a").arn)
    assert resources.find(database, SCOPE, "a") is None
    assert tags.of(database, new("a").arn) == {}
    again = resources.create(database, SCOPE, new("a"))
    assert resources.find(database, SCOPE, "a") == again


@pytest.mark.parametrize("sort_by", ["name", "created_ms", "status"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_hold_every_resource_once(database: Database, sort_by: str, descending: bool) -> None:
    for number in range(11):
        resources.create(database, SCOPE, new(f"m-{number:02}", status="ab"[number % 2]))
    seen: list[str] = []
    after = None
    while page := resources.page(database, SCOPE, PageRequest((), sort_by, descending, 3, after)):
        seen += [one.name for one in page]
        after = (getattr(page[-1], sort_by), page[-1].name)
    assert len(seen) == len(set(seen)) == 11
    assert sort_by != "name" or seen == sorted(seen, reverse=descending)
    contained = resources.page(
        database, SCOPE, PageRequest((Bound("name", Comparison.CONTAINS, "M-0"),), "name", descending)
    )
    assert len(contained) == 10


def test_tags_have_pages(database: Database) -> None:
    pairs = {f"key-{number:02}": str(number) for number in range(7)}
    tags.add(database, "arn", pairs)
    tags.add(database, "arn", {"later": "x"})  # the same position as the first
    seen: list[str] = []
    after = None
    while page := tags.page(database, "arn", 3, after):
        seen += [tag.key for tag in page]
        after = (page[-1].position, page[-1].key)
    assert sorted(seen) == sorted([*pairs, "later"])
    assert seen == list(tags.of(database, "arn"))
    assert tags.of_all(database, ["arn", "nobody"]) == {"arn": tags.of(database, "arn")}


def test_alterations_at_the_same_time_lose_none(database: Database) -> None:
    """Each sees what the one before it has made."""
    made = resources.create(database, SCOPE, New("counted", {"count": 0}, "arn:counted", {}))

    def count() -> None:
        for _ in range(20):
            resources.alter(
                database, made.id, lambda one: replace(one, document={"count": one.document["count"] + 1}), "counted"
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = resources.get(database, made.id)
    assert found is not None and found.document == {"count": 80}
    assert resources.find(database, SCOPE, "counted") == found
    assert [one.id for one in resources.of_kind(database, SCOPE.kind)] == [made.id]


def test_an_alteration_that_makes_nothing_changes_nothing(database: Database) -> None:
    made = resources.create(database, SCOPE, New("kept", {"a": 1}, "arn:kept", {}))
    before = len(events.of(database, made.id))
    assert resources.alter(database, made.id, lambda _one: None) is None
    assert resources.alter(database, "nobody", lambda one: one) is None
    assert resources.get(database, made.id) == made
    assert len(events.of(database, made.id)) == before
