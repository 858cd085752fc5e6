"""A server that dies anywhere between a job's queue and its hosts' handles costs the job nothing."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.inline import SERVERS, InlineBackend, InlineServer, Killed
from sagewright.engine.jobs import launch_plan, plan_files
from sagewright.model.settings import Settings
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import DesiredState, JobDraft, ResourceScope

HOSTS = 3
REQUEST: dict[str, Any] = {
    "TrainingJobName": "job",
    "RoleArn": "arn:aws:iam::000000000000:role/r",
    "AlgorithmSpecification": {"TrainingImage": "python:3.11"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": HOSTS, "VolumeSizeInGB": 1},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "RetryStrategy": {"MaximumRetryAttempts": 1},
}


class Site:
    """A data directory, and servers on it one after another."""

    def __init__(self, directory: Path, database: Database) -> None:
        self.settings = Settings(data=directory)
        self.store, self.agents = database, InlineBackend()
        self.job = jobs.create(
            database, ResourceScope("training", "000000000000", "us-east-1"), JobDraft("job", REQUEST)
        )

    def server(self) -> InlineServer:
        return InlineServer(self.settings.data, self.store, self.agents)

    def sweep(self, server: InlineServer) -> None:
        server.sweep()

    def placed(self) -> list[hosts.Host]:
        return hosts.of_job(self.store, self.job.id)


@pytest.fixture
def launch_context(tmp_path: Path, database: Database) -> Site:
    return Site(tmp_path / "data", database)


def dying(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, before: bool) -> None:
    """The next call of a function kills the server, before or after it is done."""
    own = getattr(module, name)

    def die(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(module, name, own)
        if not before:
            own(*arguments, **named)
        raise Killed

    monkeypatch.setattr(module, name, die)


POINTS = [
    (plan_files, "keep"),
    (hosts, "create"),
    (hosts, "set_handles"),
    (plan_files, "drop"),
    (launch_plan, "_credentials"),
]


def assert_as_if_nothing_had_happened(launch_context: Site) -> None:
    placed = launch_context.placed()
    assert [(host.attempt, host.handle) for host in placed] == [(1, {"host_id": host.id}) for host in placed]
    assert len(placed) == HOSTS
    assert Counter(launch_context.agents.launched) == Counter(host.id for host in placed)
    assert {event.step for event in jobs.transitions(launch_context.store, launch_context.job.id)} == {"Starting"}
    assert not list(launch_plan.attempt_directory(launch_context.settings, launch_context.job.id, 1).glob("plan.json*"))


@pytest.mark.sampled(8)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("module", "name"), POINTS)
def test_a_server_killed_at_a_step_of_a_launch(
    launch_context: Site, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, before: bool
) -> None:
    dying(monkeypatch, module, name, before=before)
    with pytest.raises(Killed):
        launch_context.sweep(launch_context.server())
    launch_context.sweep(launch_context.server())
    if (name, before) in {("drop", True), ("set_handles", False)}:  # a plan that outlives its launch does no harm
        plan_files.drop(launch_plan.attempt_directory(launch_context.settings, launch_context.job.id, 1))
    assert_as_if_nothing_had_happened(launch_context)


@pytest.mark.parametrize("started", range(HOSTS + 1))
def test_a_server_killed_while_a_gang_is_launched(launch_context: Site, started: int) -> None:
    launch_context.agents.dies_after = started
    with pytest.raises(Killed):
        launch_context.sweep(launch_context.server())
    launch_context.agents.dies_after = None
    launch_context.sweep(launch_context.server())
    assert_as_if_nothing_had_happened(launch_context)


def test_an_agent_knows_all_servers_before_any_has_answered_it(launch_context: Site) -> None:
    launch_context.sweep(launch_context.server())
    listed = [host.plan.document["servers"] for host in launch_context.agents.hosts.values()]
    assert listed == [SERVERS] * HOSTS


def test_servers_killed_one_after_another(launch_context: Site) -> None:
    for started in [0, 1, 0, 2, 3, 1]:
        launch_context.agents.dies_after = started
        with pytest.raises(Killed):
            launch_context.sweep(launch_context.server())
    launch_context.agents.dies_after = None
    launch_context.sweep(launch_context.server())
    assert_as_if_nothing_had_happened(launch_context)


def test_rows_without_a_plan_are_placed_again_and_no_attempt_is_counted(
    launch_context: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a power cut, or in the store of an earlier version."""
    dying(monkeypatch, hosts, "create", before=False)
    with pytest.raises(Killed):
        launch_context.sweep(launch_context.server())
    shutil.rmtree(launch_plan.attempt_directory(launch_context.settings, launch_context.job.id, 1))
    first = {host.id for host in launch_context.placed()}
    assert len(first) == HOSTS
    launch_context.sweep(launch_context.server())
    assert not first & {host.id for host in launch_context.placed()}
    assert_as_if_nothing_had_happened(launch_context)


def test_a_backend_that_is_away_is_asked_again(launch_context: Site) -> None:
    launch_context.agents.unreachable = True
    server = launch_context.server()
    launch_context.sweep(server)
    assert len(launch_context.placed()) == HOSTS
    launch_context.agents.unreachable = False
    launch_context.sweep(server)
    assert_as_if_nothing_had_happened(launch_context)


def test_a_job_that_is_stopped_meanwhile_is_stopped(launch_context: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    dying(monkeypatch, hosts, "create", before=False)
    with pytest.raises(Killed):
        launch_context.sweep(launch_context.server())
    shutil.rmtree(launch_plan.attempt_directory(launch_context.settings, launch_context.job.id, 1))
    jobs.set_desired(launch_context.store, launch_context.job.id, DesiredState.STOP)
    launch_context.sweep(launch_context.server())
    found = jobs.get(launch_context.store, launch_context.job.id)
    assert found
    assert found.status == "Stopped"


def test_the_window_of_a_requeued_spot_job(launch_context: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    server = launch_context.server()
    launch_context.sweep(server)
    for host in launch_context.placed():
        hosts.mark(launch_context.store, host.id, {"phase": hosts.LOST, "failure": "InternalServerError: lost"})
    dying(monkeypatch, hosts, "create", before=False)
    with pytest.raises(Killed):
        launch_context.sweep(server)
    launch_context.sweep(launch_context.server())
    placed = launch_context.placed()
    assert [host.attempt for host in placed] == [2] * HOSTS
    assert all(host.handle for host in placed)


def test_a_host_that_has_not_reported_does_not_hide_what_failed(launch_context: Site) -> None:
    server = launch_context.server()
    launch_context.sweep(server)
    first, *others = launch_context.agents.hosts.values()
    server.report(first, failed="ClientError: no such table", finished=True)
    launch_context.sweep(server)
    while any(host.id in launch_context.agents.hosts and host.alive and not host.exited for host in others):
        for host in others:
            server.advance(host)
        launch_context.sweep(server)
    job = jobs.get(launch_context.store, launch_context.job.id)
    assert job is not None
    assert (job.status, job.failure_reason) == ("Failed", "ClientError: algo-1: no such table")
