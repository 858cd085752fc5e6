"""The owner of a job, such as a pipeline's execution, is reconciled when the job makes progress, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.inline import InlineBackend, InlineServer
from sagewright.engine.control import Subject
from sagewright.engine.jobs.hostreports import Exited
from sagewright.engine.jobs.queue import QUEUE
from sagewright.kinds.base import OWNER
from sagewright.model.jobs.brief import EndCause, Phase
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope

EXECUTION = Subject("pipeline-execution", "execution")
REQUEST: dict[str, Any] = {
    "TrainingJobName": "job",
    "RoleArn": "arn:aws:iam::000000000000:role/r",
    "AlgorithmSpecification": {"TrainingImage": "python:3.11"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    OWNER: {"Kind": EXECUTION.kind, "Id": EXECUTION.id},
}


def woken(server: InlineServer) -> int:
    """How often the owner is woken until the engine rests."""
    count = 0
    while server.engine.waiting:
        count += next(iter(server.engine.waiting)) == EXECUTION
        server.engine.step()
    return count


def test_a_launch_does_not_wake_the_owner_and_an_end_does(tmp_path: Path, database: Database) -> None:
    backend = InlineBackend()
    server = InlineServer(tmp_path / "data", database, backend)
    job = jobs.create(database, ResourceScope("training", "000000000000", "us-east-1"), JobDraft("job", REQUEST))
    server.engine.wake(job.kind, job.id)
    assert woken(server) == 0
    (host,) = backend.hosts.values()
    server.report(host, phase=Phase.RUNNING)
    assert woken(server) == 1
    server.report(host, phase=Phase.UPLOADING, exited=Exited(0, EndCause.EXIT, None), finished=True)
    assert woken(server) == 1
    ended = jobs.get(database, job.id)
    assert ended is not None
    assert ended.ended


def test_a_launch_that_fails_wakes_the_owner(tmp_path: Path, database: Database) -> None:
    backend = InlineBackend()
    backend.fails = True
    server = InlineServer(tmp_path / "data", database, backend)
    job = jobs.create(database, ResourceScope("training", "000000000000", "us-east-1"), JobDraft("job", REQUEST))
    server.engine.wake(job.kind, job.id)
    assert woken(server) == 1


def test_an_end_in_the_queue_wakes_the_owner(tmp_path: Path, database: Database) -> None:
    """Whoever's pass ends the job: its own step may have left that to another one."""
    server = InlineServer(tmp_path / "data", database, InlineBackend())
    image = "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-chainer:5.0.0-cpu-py3"
    request = REQUEST | {"AlgorithmSpecification": {"TrainingImage": image}}
    jobs.create(database, ResourceScope("training", "000000000000", "us-east-1"), JobDraft("job", request))
    server.engine.wake(QUEUE, "")
    assert woken(server) == 1


@pytest.mark.parametrize("finished", [True, False])
def test_an_end_waits_for_an_agent_unless_it_has_finished(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    backend = InlineBackend()
    server = InlineServer(tmp_path / "data", database, backend)
    job = jobs.create(database, ResourceScope("training", "000000000000", "us-east-1"), JobDraft("job", REQUEST))
    server.engine.wake(job.kind, job.id)
    woken(server)
    (host,) = backend.hosts.values()
    seen: list[bool] = []

    def kill(_handle: Any) -> None:
        found = jobs.get(database, job.id)
        seen.append(found is not None and found.ended)

    monkeypatch.setattr(backend, "kill", kill)
    if finished:
        earlier = [(Phase.DOWNLOADING, 1), (Phase.RUNNING, 2)]
        server.report(
            host, earlier=earlier, phase=Phase.UPLOADING, exited=Exited(0, EndCause.EXIT, None), finished=True
        )
    else:
        server.report(host, failed="AlgorithmError: x", finished=True)
    assert woken(server) == 1
    assert seen == [finished]
