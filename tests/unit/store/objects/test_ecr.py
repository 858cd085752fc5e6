"""Rows of the container registry, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagewright.store.database import Database
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Manifest, Repository, TagTaken

REPOSITORY = Repository("team/churn", 1, {"imageTagMutability": "MUTABLE"})
FIRST = Manifest("team/churn", "sha256:1", "type", "{}", 3_000_000_000, ["sha256:a", "sha256:b"], 10)
SECOND = replace(FIRST, digest="sha256:2", layers=["sha256:b", "sha256:c"], pushed_ms=20)


def test_a_repository_is_made_once_changed_and_listed(database: Database) -> None:
    assert ecr.create(database, REPOSITORY)
    assert not ecr.create(database, REPOSITORY)
    ecr.create(database, replace(REPOSITORY, name="other"))
    ecr.change(database, "team/churn", {"policy": "{}"})

    assert ecr.find(database, "team/churn") == replace(REPOSITORY, policy="{}")
    assert [found.name for found in ecr.page(database, "", 10)] == ["other", "team/churn"]
    assert [found.name for found in ecr.page(database, "other", 10)] == ["team/churn"]
    assert ecr.find(database, "none") is None


def test_a_tag_moves_and_the_image_before_it_stays_untagged(database: Database) -> None:
    assert ecr.put(database, FIRST, "latest", immutable=False)
    assert not ecr.put(database, FIRST, "latest", immutable=False)
    assert ecr.put(database, SECOND, "latest", immutable=False)

    assert ecr.tags(database, "team/churn") == {"latest": "sha256:2"}
    assert ecr.manifest_of(database, "team/churn", "latest") == SECOND
    assert ecr.manifests(database, "team/churn") == [FIRST, SECOND]
    assert ecr.needed_layers(database) == {"sha256:a", "sha256:b", "sha256:c"}


def test_tags_that_do_not_move(database: Database) -> None:
    ecr.put(database, FIRST, "v1", immutable=True)
    ecr.put(database, FIRST, "v1", immutable=True)
    with pytest.raises(TagTaken):
        ecr.put(database, SECOND, "v1", immutable=True)

    assert ecr.manifest_of(database, "team/churn", SECOND.digest) is None


def test_what_is_removed(database: Database) -> None:
    ecr.create(database, REPOSITORY)
    for tag in ("a", "b"):
        ecr.put(database, FIRST, tag, immutable=False)
    ecr.untag(database, "team/churn", ["a"])
    assert ecr.tags(database, "team/churn") == {"b": "sha256:1"}
    assert not ecr.remove(database, "team/churn", force=False)
    ecr.remove_manifest(database, "team/churn", "sha256:1")
    assert ecr.tags(database, "team/churn") == {}
    ecr.put(database, SECOND, "c", immutable=False)
    assert ecr.remove(database, "team/churn", force=True)
    assert (ecr.find(database, "team/churn"), ecr.manifests(database, "team/churn")) == (None, [])


def test_a_pull_is_noted(database: Database) -> None:
    ecr.put(database, FIRST, None, immutable=False)
    ecr.note_pull(database, FIRST)

    found = ecr.manifest_of(database, "team/churn", FIRST.digest)
    assert found is not None
    assert found.pulled_ms is not None
