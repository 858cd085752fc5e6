"""The queue of the index: a subject that changed several times is described once, and no later change is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.model.settings import load_settings
from sagewright.services.context import Platform
from sagewright.services.sagemaker.experiments import job_components, trial_component_shapes
from sagewright.services.sagemaker.jobs import training_jobs
from sagewright.services.sagemaker.search import indexing
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Event, Job, JobDraft, ResourceScope
from sagewright.store.resources import properties, property_queries
from sagewright.store.resources.conditions import Holding
from sagewright.store.resources.property_queries import PropertyOrder

SCOPE = ResourceScope(training_jobs.KIND.name, "000000000000", "us-east-1")
REQUEST: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "RoleArn": "arn:aws:iam::000000000000:role/r",
}


def platform(store: Database) -> Platform:
    return cast(Platform, SimpleNamespace(store=store, settings=load_settings({})))


def created(store: Database, name: str) -> Job:
    return jobs.create(store, SCOPE, JobDraft(name, {"TrainingJobName": name, **REQUEST}))


def names_with(store: Database, status: str) -> set[str]:
    condition = Holding("SecondaryStatus", status)
    hits = property_queries.search(store, "training/000000000000/us-east-1", condition, PropertyOrder("", False), 100)
    found = (jobs.get(store, hit.ref) for hit in hits)
    return {job.name for job in found if job is not None}


def test_a_subject_is_described_once_for_all_its_changes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[str] = []
    plain = indexing.properties

    def counted(document: dict[str, Any]) -> Any:
        described.append(document["TrainingJobName"])
        return plain(document)

    monkeypatch.setattr(indexing, "properties", counted)
    for number in range(5):
        job = created(database, f"job-{number}")
        jobs.move(database, job.id, Event(SecondaryStatus.DOWNLOADING))
        jobs.move(database, job.id, Event(SecondaryStatus.FAILED, ended=True))
    assert indexing.take_in(platform(database), 3) == 9
    assert indexing.keep_up(platform(database)) == 6
    assert sorted(described) == [f"job-{number}" for number in range(5)]
    assert properties.waiting(database, 1) == []


def test_what_changes_while_it_is_described_is_indexed_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = created(database, "job")
    plain = indexing.properties

    def meanwhile(document: dict[str, Any]) -> Any:
        monkeypatch.setattr(indexing, "properties", plain)
        jobs.move(database, job.id, Event(SecondaryStatus.DOWNLOADING))
        return plain(document)

    monkeypatch.setattr(indexing, "properties", meanwhile)
    assert indexing.take_in(platform(database), 10) == 1
    assert names_with(database, "Downloading") == set()
    assert indexing.take_in(platform(database), 10) == 1
    assert names_with(database, "Downloading") == {"job"}


def test_a_subject_that_cannot_be_described_is_not_in_the_way(database: Database) -> None:
    created(database, "first")
    jobs.create(database, SCOPE, JobDraft("odd", {"nothing": "of a job"}))
    last = created(database, "last")
    jobs.move(database, last.id, Event(SecondaryStatus.DOWNLOADING))
    assert indexing.keep_up(platform(database)) == 4
    assert names_with(database, "Downloading") == {"last"}


def test_a_component_is_described_once_when_it_comes_after_its_job(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the queue itself until it is in the index, where it then follows its job."""
    monkeypatch.setattr(indexing, "BATCH", 2)
    monkeypatch.setattr(indexing, "AHEAD", 1)
    made = [created(database, f"job-{number}") for number in range(6)]
    with database.write() as connection:
        job_components.make_all_in(connection, made)
    described: list[str] = []
    plain = trial_component_shapes.of_job
    monkeypatch.setattr(job_components, "of_job", lambda job: described.append(job.name) or plain(job))
    indexing.keep_up(platform(database))
    assert sorted(described) == [job.name for job in made]
    jobs.move(database, made[0].id, Event(SecondaryStatus.FAILED, ended=True))
    indexing.keep_up(platform(database))
    assert described[len(made) :] == ["job-0"]
    condition, place = Holding("Status.PrimaryStatus", "Failed"), "trial-component/000000000000/us-east-1"
    assert len(property_queries.search(database, place, condition, PropertyOrder("", False), 100)) == 1
