"""Jobs and their event log: status is projected, illegal moves are refused, pages are stable."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.jobs import job_lists, jobs
from sagewright.store.jobs.jobs import Event, JobDraft, JobNameTaken, ResourceScope
from sagewright.store.listing import Bound, Comparison, PageRequest
from sagewright.store.resources import tags

SCOPE = ResourceScope("training", "000000000000", "us-east-1")
S = SecondaryStatus


def make(database: Database, name: str = "job", **request: Any) -> jobs.Job:
    return jobs.create(
        database, SCOPE, JobDraft(name, {"TrainingJobName": name, **request}, "Starting the training job")
    )


def test_create_find_get(database: Database) -> None:
    job = make(database, "a", HyperParameters={"k": "ü"})
    assert jobs.find(database, SCOPE, "a") == jobs.get(database, job.id) == job
    assert (job.status, job.secondary_status) == ("InProgress", "Starting")
    assert jobs.find(database, ResourceScope("training", "000000000000", "eu-west-1"), "a") is None


def test_names_are_unique(database: Database) -> None:
    first = make(database)
    with pytest.raises(JobNameTaken) as caught:
        make(database)
    assert caught.value.job.id == first.id


def test_concurrent_creates_of_one_name_make_one_job(database: Database) -> None:
    outcomes: list[str] = []

    def create() -> None:
        try:
            make(database)
            outcomes.append("made")
        except JobNameTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["taken"] * 7


def test_moves_append_events_and_project_status(database: Database) -> None:
    job = make(database)
    jobs.move(database, job.id, Event(S.DOWNLOADING, "Downloading input data", started=True, at_ms=1000))
    jobs.move(database, job.id, Event(S.RUNNING, "Training", started=True, at_ms=2000))
    jobs.move(database, job.id, Event(S.FAILED, "failed", "AlgorithmError: x", ended=True, at_ms=3000))
    moved = jobs.get(database, job.id)
    assert moved
    assert (moved.status, moved.started_ms, moved.ended_ms) == ("Failed", 1000, 3000)
    assert moved.failure_reason == "AlgorithmError: x"
    assert [e.step for e in jobs.transitions(database, job.id)] == [
        "Starting",
        "Downloading",
        "Training",
        "Failed",
    ]


def test_a_late_report_cannot_complete_a_stopped_job(database: Database) -> None:
    job = make(database)
    for secondary in (S.STOPPING, S.STOPPED):
        assert jobs.move(database, job.id, Event(secondary))
    assert jobs.move(database, job.id, Event(S.COMPLETED, ended=True)) is None
    assert jobs.move(database, "nobody", Event(S.COMPLETED)) is None
    found = jobs.get(database, job.id)
    assert found
    assert found.status == "Stopped"
    assert len(jobs.transitions(database, job.id)) == 3


def test_stopping_stays_stopping_while_it_uploads(database: Database) -> None:
    job = make(database)
    for secondary in (S.RUNNING, S.STOPPING, S.UPLOADING):
        moved = jobs.move(database, job.id, Event(secondary))
    assert moved
    assert (moved.status, moved.secondary_status) == ("Stopping", "Uploading")


@pytest.mark.parametrize("sort_by", ["name", "created_ms", "status"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_hold_every_job_once(database: Database, sort_by: str, descending: bool) -> None:
    for i in range(23):
        make(database, f"Job-{i:02}")
    seen: list[str] = []
    after = None
    while True:
        page = job_lists.page(database, SCOPE, PageRequest((), sort_by, descending, 5, after))
        if not page:
            break
        seen += [job.name for job in page]
        after = (getattr(page[-1], sort_by), page[-1].name)
    assert len(seen) == len(set(seen)) == 23
    if sort_by == "name":
        assert seen == sorted(seen, reverse=descending)


def test_filters(database: Database) -> None:
    first = make(database, "alpha_1%")
    make(database, "beta")
    jobs.move(database, first.id, Event(S.FAILED, ended=True))

    def names(column: str, test: Comparison, value: Any) -> list[str]:
        return [job.name for job in job_lists.page(database, SCOPE, PageRequest((Bound(column, test, value),)))]

    assert names("name", Comparison.CONTAINS, "LPHA") == ["alpha_1%"]
    assert names("name", Comparison.CONTAINS, "_1%") == ["alpha_1%"]
    assert names("name", Comparison.CONTAINS, "a_a") == []
    assert names("status", Comparison.IS, "Failed") == ["alpha_1%"]
    assert names("created_ms", Comparison.AT_LEAST, first.created_ms + 3_600_000) == []
    assert len(names("created_ms", Comparison.AT_MOST, first.created_ms + 3_600_000)) == 2
    assert len(names("modified_ms", Comparison.AT_LEAST, first.created_ms)) == 2
    assert names("modified_ms", Comparison.AT_MOST, first.created_ms - 1) == []


def test_what_belongs_to_several_jobs_is_what_belongs_to_each(database: Database) -> None:
    first, second = make(database, "a"), make(database, "b")
    jobs.move(database, first.id, Event(S.RUNNING))
    with database.write() as connection:
        jobs.put_metric(connection, second.id, "auc", 0.5, 7)
    ids = [second.id, "nobody", first.id]
    assert [job.name for job in job_lists.several(database, ids)] == ["b", "a"]
    for one in (first.id, second.id):
        assert events.of_several(database, ids)[one] == jobs.transitions(database, one)
        assert job_lists.final_metrics(database, ids).get(one, []) == jobs.final_metrics(database, one)


def test_change_and_remove(database: Database) -> None:
    job = make(database)
    jobs.change_request(database, job.id, {"TrainingJobName": "job", "X": 1})
    with database.write() as connection:
        jobs.put_metric(connection, job.id, "acc", 0.5, 1)
        jobs.put_metric(connection, job.id, "acc", 0.75, 2)
    assert [tuple(row) for row in jobs.final_metrics(database, job.id)] == [("acc", 0.75, 2)]
    jobs.remove(database, job.id)
    assert jobs.find(database, SCOPE, "job") is None
    assert jobs.transitions(database, job.id) == []
    assert make(database).id != job.id


def test_tags(database: Database) -> None:
    tags.add(database, "arn", {"b": "1", "a": "2"})
    tags.add(database, "arn", {"b": "3"})
    assert tags.of(database, "arn") == {"b": "3", "a": "2"}
    tags.remove(database, "arn", ["a"])
    assert tags.of(database, "arn") == {"b": "3"}
    tags.remove(database, "arn")
    assert tags.of(database, "arn") == {}
