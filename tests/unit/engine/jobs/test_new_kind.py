"""A kind of job is one class: a toy, registered by nothing but its name, is queued, launched, described and ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.inline import InlineBackend, InlineServer
from sagewright.kinds import table
from sagewright.kinds.base import Demand, Failure, Kind, NamedJob
from sagewright.model.jobs import state_machines
from sagewright.model.jobs.brief import Brief, HostGroup, Program, Purpose
from sagewright.model.jobs.state_machines import StateMachine
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, job_lists, jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope
from sagewright.store.listing import PageRequest

SCOPE = ResourceScope("rehearsal", "000000000000", "us-east-1")


class RehearsalKind(Kind):
    state_machine = StateMachine("rehearsal", {"Starting": "Preparing the stage"})
    resource = "rehearsal"
    log_group = namespace = "/aws/sagemaker/Rehearsals"
    dimension = "RehearsalName"

    def demand(self, request: dict[str, Any]) -> Demand:
        return Demand(
            "arn:aws:iam::000000000000:role/r", request["Image"], Purpose.PROCESS, "ml.c5.large", request["Hosts"]
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        program = Program(image=request["Image"], purpose=Purpose.PROCESS, entrypoint=["true"])
        group = HostGroup("all", "ml.c5.large", ["algo-1"])
        return Brief(self.name, job.name, job.arn, program, [group], "input/config/resourceconfig.json")

    def failure_reason(self, failure: Failure) -> str:
        return f"Rehearsal failed with {failure.code}"


@pytest.fixture
def toy() -> Iterator[Kind]:
    yield table.register(RehearsalKind())
    del table.KINDS["rehearsal"], state_machines.STATE_MACHINES["rehearsal"]


@pytest.mark.parametrize(
    ("code", "status", "reason"), [(0, "Completed", None), (3, "Failed", "Rehearsal failed with 3")]
)
def test_a_new_kind_runs_end_to_end(
    tmp_path: Path, database: Database, toy: Kind, code: int, status: str, reason: str | None
) -> None:
    server = InlineServer(tmp_path / "data", database, InlineBackend())
    made = jobs.create(database, SCOPE, JobDraft("first", {"Image": "python:3.11", "Hosts": 1}, "Preparing the stage"))
    server.sweep()
    (host,) = server.backend.hosts.values()
    assert (host.plan.document["brief"]["kind"], host.plan.document["host"]) == (toy.name, "algo-1")
    while host.id in server.backend.hosts:
        server.advance(host, code)
        server.sweep(1)
    server.sweep()
    job = jobs.get(database, made.id)
    assert job is not None
    assert (job.status, job.failure_reason) == (status, reason)
    assert [one.name for one in job_lists.page(database, SCOPE, PageRequest())] == ["first"]
    assert jobs.transitions(database, job.id)[0].message == "Preparing the stage"
    assert all(one.over for one in hosts.of_job(database, job.id))
    assert toy.arn("us-east-1", "000000000000", "first") == "arn:aws:sagemaker:us-east-1:000000000000:rehearsal/first"


def test_a_name_is_registered_once(toy: Kind) -> None:
    with pytest.raises(RuntimeError, match="registered twice"):
        table.register(toy)
