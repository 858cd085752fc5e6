"""Lists of jobs by a part of their name: through the index, beside it, and along the order they find the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sagewright.model.settings import load_settings
from sagewright.services.context import Platform
from sagewright.services.sagemaker.jobs.training_jobs import KIND
from sagewright.services.sagemaker.search import indexing
from sagewright.store.database import Database
from sagewright.store.jobs import job_lists, jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope
from sagewright.store.listing import Bound, Comparison, PageRequest
from sagewright.store.resources import job_names

HERE = ResourceScope(KIND.name, "000000000000", "us-east-1")
ELSEWHERE = ResourceScope(KIND.name, "000000000000", "eu-west-1")
REQUEST: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "RoleArn": "arn:aws:iam::000000000000:role/r",
}


def indexed(store: Database) -> None:
    indexing.keep_up(cast(Platform, SimpleNamespace(store=store, settings=load_settings({}))))


def create(store: Database, names: Sequence[str], scope: ResourceScope = HERE) -> None:
    for name in names:
        jobs.create(store, scope, JobDraft(name, {"TrainingJobName": name, **REQUEST}))


def requested(part: str, **more: Any) -> PageRequest:
    return PageRequest((Bound("name", Comparison.CONTAINS, part),), **more)


def listed(store: Database, page: PageRequest) -> list[str]:
    """By the index; that it leads to them is part of the test."""
    conditions = job_names.few_named(store, HERE, page)
    assert conditions is not None
    return [job.name for job in job_lists.page(store, None, page, *conditions)]


def test_the_index_finds_what_the_order_finds(database: Database) -> None:
    drawn = random.Random(1130)
    names = sorted({"".join(drawn.choices("abA-", k=drawn.randint(1, 9))).strip("-") or "x" for _ in range(60)})
    create(database, names)
    create(database, ["aba-elsewhere"], ELSEWHERE)
    indexed(database)
    create(database, ["late-aba", "late-bbb"])  # they wait for the index
    parts = ["aba", "ABA", "b-a", "nowhere", "late", "aba-", "b-ab", "%b%", "a_a"]
    for part in parts:
        for descending in (True, False):
            page = requested(part, limit=5, descending=descending, sort_by="name")
            assert listed(database, page) == [job.name for job in job_lists.page(database, HERE, page)], part
            if after := listed(database, page)[1:2]:
                rest = requested(part, descending=descending, sort_by="name", after=(after[0], after[0]))
                assert listed(database, rest) == [job.name for job in job_lists.page(database, HERE, rest)], part


def test_a_deleted_job_is_not_listed(database: Database) -> None:
    create(database, ["job-one", "job-two"])
    indexed(database)
    gone = jobs.find(database, HERE, "job-one")
    assert gone is not None
    jobs.remove(database, gone.id)
    assert listed(database, requested("job")) == ["job-two"]


def test_kinds_that_search_does_not_know_take_the_order(database: Database) -> None:
    processing = ResourceScope("processing", "000000000000", "us-east-1")
    jobs.create(database, processing, JobDraft("job-one", {"ProcessingJobName": "job-one"}))
    create(database, ["job-two"])
    assert job_names.few_named(database, processing, requested("job")) is None


def test_short_parts_frequent_ones_and_a_long_queue_take_the_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(database, [f"job-{number}" for number in range(8)])
    indexed(database)
    assert job_names.few_named(database, HERE, requested("jo")) is None
    assert job_names.few_named(database, HERE, PageRequest()) is None
    assert listed(database, requested("job-3")) == ["job-3"]
    create(database, ["more-1", "more-2", "more-3"])
    assert len(listed(database, requested("more"))) == 3
    monkeypatch.setattr(job_names, "FEW", 2)
    assert job_names.few_named(database, HERE, requested("more")) is None, "three wait for the index"
    indexed(database)
    assert job_names.few_named(database, HERE, requested("job")) is None, "eight have that name"
