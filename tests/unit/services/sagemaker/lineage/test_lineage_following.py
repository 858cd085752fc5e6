"""Lineage follows the event log: everything once, however many follow at the same time, and whatever is in the way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import delete, select

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.services.context import Platform
from sagewright.services.sagemaker.lineage import job_lineage, lineage_following
from sagewright.services.sagemaker.lineage.lineage_graphs import Graph
from sagewright.store.database import Database
from sagewright.store.events import Logged
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Event, JobDraft, ResourceScope
from sagewright.store.resources import lineage, resources, trials
from sagewright.store.resources.resources import New
from sagewright.store.schema.lineage import lineage_associations, lineage_entities
from sagewright.store.schema.resources import resources as table
from sagewright.store.schema.rules import cursors

SCOPE = ("000000000000", "us-east-1")
JOBS = 8


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage_following, "Load", lambda: SimpleNamespace(pause_s=lambda: 0))


def platform(store: Database) -> Platform:
    return cast(Platform, SimpleNamespace(store=store))


def training(store: Database, name: str, request: dict[str, Any] | None = None) -> jobs.Job:
    whole = {
        "AlgorithmSpecification": {"TrainingImage": "image:1"},
        "InputDataConfig": [
            {"ChannelName": one, "DataSource": {"S3DataSource": {"S3Uri": f"s3://b/{one}"}}} for one in ("a", "b", "a")
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    }
    return jobs.create(store, ResourceScope("training", *SCOPE), JobDraft(name, whole if request is None else request))


def links(store: Database) -> Counter[tuple[str, str, str]]:
    """How many associations there are of each type of source and destination."""
    own = lineage_associations.c
    with store.read() as connection:
        return Counter(
            tuple(row) for row in connection.execute(select(own.source_type, own.type, own.destination_type))
        )


def entities(store: Database) -> Counter[str]:
    with store.read() as connection:
        return Counter(connection.execute(select(lineage_entities.c.type)).scalars())


def begin_again(store: Database) -> None:
    """As a server that was killed before it had kept its cursor."""
    with store.write() as connection:
        connection.execute(delete(cursors))


def test_jobs_share_what_they_were_made_of(database: Database) -> None:
    for number in range(JOBS):
        training(database, f"job-{number}")
    for _ in range(2):
        lineage_following.keep_up(platform(database))
        assert entities(database) == {"DataSet": 2, "Image": 1}
        assert links(database) == {
            ("DataSet", "ContributedTo", "SageMakerTrainingJob"): 2 * JOBS,
            ("Image", "ContributedTo", "SageMakerTrainingJob"): JOBS,
        }
        begin_again(database)


def test_a_model_comes_with_the_jobs_end(database: Database) -> None:
    job = training(database, "job")
    lineage_following.keep_up(platform(database))
    assert entities(database)["Model"] == 0
    for step in (
        SecondaryStatus.DOWNLOADING,
        SecondaryStatus.RUNNING,
        SecondaryStatus.UPLOADING,
        SecondaryStatus.COMPLETED,
    ):
        assert jobs.move(database, job.id, Event(step, ended=step == SecondaryStatus.COMPLETED)) is not None
    lineage_following.keep_up(platform(database))
    assert links(database)["SageMakerTrainingJob", "Produced", "Model"] == 1


def test_the_start_of_a_job_that_has_ended_is_left_to_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_following, "BATCH", 1)  # otherwise the last entry alone is looked at
    described: list[str] = []
    plain = job_lineage.of_job
    monkeypatch.setattr(job_lineage, "of_job", lambda *given: described.append(given[1].status) or plain(*given))
    job = training(database, "job")
    assert jobs.move(database, job.id, Event(SecondaryStatus.FAILED, ended=True)) is not None
    lineage_following.keep_up(platform(database))
    assert described == ["Failed"]
    assert links(database)["Image", "ContributedTo", "SageMakerTrainingJob"] == 1


def test_what_cannot_be_read_is_not_in_the_way(database: Database) -> None:
    training(database, "first")
    training(database, "odd", {"nothing": "of a job"})
    resources.create(database, ResourceScope("model", *SCOPE), New("odd", {"PrimaryContainer": 7}, "", {}))
    training(database, "last")
    lineage_following.keep_up(platform(database))
    assert links(database)["Image", "ContributedTo", "SageMakerTrainingJob"] == 2


def test_a_component_for_each_job_that_has_none(database: Database) -> None:
    """Those of one batch are created together: names that differ in case alone are the same one, and a deleted one stays away."""
    made = [training(database, name) for name in ("job", "JOB", "gone")]
    forgotten = ResourceScope(trials.FORGOTTEN, *SCOPE)
    resources.create(database, forgotten, New("gone", {}, "", {}, parent=made[2].id))
    lineage_following.keep_up(platform(database))
    suffix = "-aws-training-job"
    assert components(database) == {made[0].id: f"job{suffix}", made[1].id: f"job{suffix}-{made[1].id[:8]}"}
    assert links(database)["Image", "ContributedTo", "SageMakerTrainingJob"] == 2
    lineage_following.keep_up(platform(database))
    assert len(components(database)) == 2


def test_a_batch_that_fails_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a server that is killed before the commit: all of it is done again."""
    for number in range(JOBS):
        training(database, f"job-{number}")
    monkeypatch.setattr(lineage, "link_in", _killed)
    with pytest.raises(KeyboardInterrupt):
        lineage_following.keep_up(platform(database))
    assert (components(database), entities(database), links(database)) == ({}, Counter(), Counter())
    monkeypatch.undo()
    lineage_following.keep_up(platform(database))
    assert len(components(database)) == JOBS and sum(links(database).values()) == 3 * JOBS


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_more_jobs_cost_no_more_statements(database: Database) -> None:
    if not database.embedded:
        pytest.skip("SQLite counts its statements")
    counts = []
    for number in (1, lineage_following.TOGETHER):
        for one in range(number):
            training(database, f"job-{number}-{one}")
        statements: list[str] = []
        with database.write() as connection:
            driver: Any = connection.connection.dbapi_connection
        driver.set_trace_callback(lambda text, own=statements: own.append(text.partition(" VALUES ")[0]))
        lineage_following.keep_up(platform(database))
        driver.set_trace_callback(None)
        counts.append(len([text for text in statements if text.startswith("SELECT")]))
    assert counts[1] <= counts[0], counts


def components(store: Database) -> dict[str, str]:
    """Names of trial components by job."""
    own = table.c
    with store.read() as connection:
        found = connection.execute(select(own.parent, own.name).where(own.kind == trials.COMPONENT))
        return {row.parent: row.name for row in found}


def test_several_servers_follow_at_once(database: Database) -> None:
    for number in range(JOBS):
        training(database, f"job-{number}")
    faults: list[BaseException] = []

    def follow() -> None:
        with server(database) as own:
            for _ in range(20):  # what meets another is done again, as the chore is
                try:
                    lineage_following.keep_up(platform(own))
                    return
                except Exception as error:
                    faults.append(error)

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lineage_following.keep_up(platform(database))
    assert entities(database) == {"DataSet": 2, "Image": 1}, faults
    assert sum(links(database).values()) == 3 * JOBS, faults
    assert len(faults) < 20, faults


def test_one_server_at_a_time_describes_a_job(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.embedded:
        pytest.skip("one server has a SQLite store")
    names = {training(database, f"job-{number}").id for number in range(JOBS)}
    described: list[str] = []
    describe = lineage_following._graph

    def graph(platform: Platform, entry: Logged) -> Graph | None:
        described.append(entry.subject.id)
        if len(described) == 1:  # another server begins meanwhile, and leaves the entries to this one
            with server(database) as other:
                lineage_following.keep_up(cast(Platform, SimpleNamespace(store=other)))
        return describe(platform, entry)

    monkeypatch.setattr(lineage_following, "_graph", graph)
    lineage_following.keep_up(platform(database))
    assert sorted(described) == sorted(names)
    assert entities(database) == {"DataSet": 2, "Image": 1}


@contextmanager
def server(database: Database) -> Iterator[Database]:
    """The store of another server. SQLite has only one server, with several threads."""
    if database.embedded:
        yield database
        return
    own = Database(database.engine.url.render_as_string(hide_password=False))
    try:
        yield own
    finally:
        own.close()
