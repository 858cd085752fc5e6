"""Whatever happens to jobs, and in whatever order, each ends once, in a status that its steps lead to, and leaves nothing."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select
from tests.examples import examples

from engine.inline import InlineBackend as Backend
from engine.inline import InlineHost, InlineServer, Killed
from sagewright.kinds.table import KINDS
from sagewright.model.jobs.state_machines import STATE_MACHINES
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs, queue
from sagewright.store.jobs.jobs import DesiredState, Job, JobDraft, ResourceScope
from sagewright.store.schema.identity import access_keys
from sagewright.store.schema.reservations import reservations

SERVERS = ("one", "other")
KIND = st.sampled_from(sorted(KINDS))


def training(hosts: int, spot: bool, retries: int) -> dict[str, Any]:
    return {
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "AlgorithmSpecification": {"TrainingImage": "python:3.11"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "RetryStrategy": {"MaximumRetryAttempts": retries},
        "EnableManagedSpotTraining": spot,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, **({"MaxWaitTimeInSeconds": 86_400} if spot else {})},
    }


def processing(hosts: int, _spot: bool, _retries: int) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1}
    return {
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
        "ProcessingResources": {"ClusterConfig": cluster},
    }


def serving(_hosts: int, _spot: bool, _retries: int) -> dict[str, Any]:
    return {
        "EndpointName": "endpoint",
        "EndpointId": "none",
        "VariantName": "AllTraffic",
        "InstanceId": "i-1",
        "InstanceType": "ml.m5.4xlarge",
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "Container": {"Image": "sagemaker-scikit-learn:1.2-1-cpu-py3"},
        "Isolated": False,
        "StartSeconds": 60,
    }


def transform(hosts: int, _spot: bool, _retries: int) -> dict[str, Any]:
    container = {"Image": "sagemaker-scikit-learn:1.2-1-cpu-py3"}
    return {
        "ModelName": "model",
        "ResolvedModel": {"ExecutionRoleArn": "arn:aws:iam::000000000000:role/r", "PrimaryContainer": container},
        "AccountId": "000000000000",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": hosts},
    }


def function(_hosts: int, _spot: bool, _retries: int) -> dict[str, Any]:
    return {
        "Function": {
            "FunctionName": "f", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "Handler": "app.handler",
            "Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/r", "Timeout": 3, "MemorySize": 128,
            "Environment": {}, "Code": "s3://bucket/code.zip", "LogGroup": "/aws/lambda/f",
        },
        "InvokedArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "RequestId": "r",
        "AtMs": 0,
        "Payload": {},
    }  # fmt: skip


def tracking(_hosts: int, _spot: bool, _retries: int) -> dict[str, Any]:
    return {
        "TrackingServerName": "tracker",
        "TrackingServerId": "none",
        "Folder": "/none",
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "ArtifactStoreUri": "s3://bucket/artifacts",
        "TrackingServerSize": "Small",
        "MlflowVersion": "",
    }


def interactive(_hosts: int, _spot: bool, _retries: int) -> dict[str, Any]:
    return {
        "Name": "app",
        "Title": "app",
        "Subject": ["app", "none"],
        "Role": "arn:aws:iam::000000000000:role/r",
        "Instance": "ml.t3.medium",
        "Program": "sagewright-jupyter",
        "Command": ["python"],
        "Home": "/none",
        "HomePath": "/home/sagemaker-user",
        "LogStream": "app",
    }


REQUESTS = {
    "training": training,
    "processing": processing,
    "serving": serving,
    "transform": transform,
    "function": function,
    "tracking": tracking,
    "interactive": interactive,
}
TOGETHER = 2
"""Functions at once, in place of Lambda's many."""


class Jobs(RuleBasedStateMachine):
    """Two servers of one machine on one store, and hosts that do what hosts do."""

    def __init__(self) -> None:
        super().__init__()
        self._together, KINDS["function"].together = KINDS["function"].together, TOGETHER
        self._directory = tempfile.TemporaryDirectory(prefix="state-machine-")
        self.base = Path(self._directory.name)
        self.store = Database(f"sqlite:///{self.base / 'store.sqlite'}", "off")
        self.backend = Backend()
        self.servers: dict[str, InlineServer] = {}
        self.ids: list[str] = []
        self.numbers = itertools.count()
        self.wakes: Counter[str] = Counter()

    @initialize()
    def start(self) -> None:
        for name in SERVERS:
            self.servers[name] = InlineServer(self.base / "data", self.store, self.backend, name)

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            KINDS["function"].together = self._together
            self.store.close()
            self._directory.cleanup()

    # What clients do.

    @precondition(lambda self: len(self.ids) < 6)
    @rule(
        kind=KIND,
        count=st.integers(1, 3),
        spot=st.booleans(),
        retries=st.integers(0, 2),
        server=st.sampled_from(SERVERS),
    )
    def create(self, kind: str, count: int, spot: bool, retries: int, server: str) -> None:
        request = REQUESTS[kind](count, spot, retries)
        draft = JobDraft(f"job-{next(self.numbers)}", request, spot=KINDS[kind].demand(request).spot)
        job = jobs.create(self.store, ResourceScope(kind, "000000000000", "us-east-1"), draft)
        self.ids.append(job.id)
        self.servers[server].engine.wake(kind, job.id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), server=st.sampled_from(SERVERS))
    def stop(self, data: st.DataObject, server: str) -> None:
        job = self.job(data.draw(st.sampled_from(self.ids)))
        if not job.ended:
            jobs.set_desired(self.store, job.id, DesiredState.STOP)
            self.servers[server].engine.wake(job.kind, job.id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def interrupt(self, data: st.DataObject) -> None:
        queue.ask_interrupt(self.store, data.draw(st.sampled_from(self.ids)))

    # What servers do.

    @rule(server=st.sampled_from(SERVERS))
    def step(self, server: str) -> None:
        self.servers[server].engine.step()

    @rule(server=st.sampled_from(SERVERS))
    def sweep(self, server: str) -> None:
        self.servers[server].engine.sweep()

    @rule(server=st.sampled_from(SERVERS))
    def kill_between_steps(self, server: str) -> None:
        self.servers[server] = self.servers[server].restarted()

    @rule(server=st.sampled_from(SERVERS), after=st.integers(0, 3))
    def kill_while_launching(self, server: str, after: int) -> None:
        self.backend.dies_after = after
        try:
            self.servers[server].engine.drain()
        except Killed:
            self.servers[server] = self.servers[server].restarted()
        finally:
            self.backend.dies_after = None

    @rule(away=st.booleans())
    def lose_the_backend(self, away: bool) -> None:
        self.backend.unreachable = away

    @rule(fails=st.booleans())
    def let_launches_fail(self, fails: bool) -> None:
        self.backend.fails = fails

    # What hosts do.

    @precondition(lambda self: self.backend.hosts)
    @rule(data=st.data(), code=st.sampled_from([0, 0, 0, 1, 137]), server=st.sampled_from(SERVERS))
    def advance(self, data: st.DataObject, code: int, server: str) -> None:
        host = self.host(data)
        if host.alive:
            self.servers[server].advance(host, code)

    @precondition(lambda self: self.backend.hosts)
    @rule(data=st.data(), server=st.sampled_from(SERVERS))
    def report_again(self, data: st.DataObject, server: str) -> None:
        """Its answer was lost; or it comes late, after others."""
        host = self.host(data)
        if host.sent:
            report = data.draw(st.sampled_from(host.sent))
            self.servers[server].deliver(host, report, lose_answer=True)

    @precondition(lambda self: self.backend.hosts)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.host(data).alive = False

    # What must hold.

    @invariant()
    def steps_are_legal_and_ends_are_ends(self) -> None:
        for job_id in self.ids:
            job = self.job(job_id)
            log = jobs.transitions(self.store, job_id)
            state_machine = STATE_MACHINES[job.kind]
            assert log[0].step == state_machine.first
            for before, after in itertools.pairwise(log):
                assert state_machine.may(before.step, after.step), (before, after)
                assert before.status not in state_machine.ended, (before, after)
            assert (job.status, job.secondary_status) == (log[-1].status, log[-1].step)
            assert (job.ended_ms is not None) == job.ended

    @invariant()
    def no_two_attempts_run_at_once(self) -> None:
        for job_id in self.ids:
            placed = hosts.of_job(self.store, job_id)
            assert len({host.attempt for host in placed}) <= 1

    @invariant()
    def no_more_functions_run_than_may(self) -> None:
        with self.store.read() as connection:
            held = set(connection.execute(select(reservations.c.job_id)).scalars())
        assert sum(self.job(job_id).kind == "function" for job_id in held) <= TOGETHER

    @invariant()
    def no_more_is_held_than_there_is(self) -> None:
        with self.store.read() as connection:
            cpus = connection.execute(select(func.coalesce(func.sum(reservations.c.cpus), 0))).scalar_one()
        assert cpus <= 8

    def job(self, job_id: str) -> Job:
        found = jobs.get(self.store, job_id)
        assert found
        return found

    def host(self, data: st.DataObject) -> InlineHost:
        return self.backend.hosts[data.draw(st.sampled_from(sorted(self.backend.hosts)))]

    def settle(self) -> None:
        """Everything works again and time passes: each job comes to its end, and nothing is left of it."""
        self.backend.unreachable = self.backend.fails = False
        for _ in range(60):
            for server in self.servers.values():
                server.sweep(1)
            for host in list(self.backend.hosts.values()):
                if host.alive:
                    self.servers[SERVERS[0]].advance(host)
            if all(self.job(job_id).ended for job_id in self.ids):
                break
        self.steps_are_legal_and_ends_are_ends()
        statuses = {job_id: self.job(job_id).status for job_id in self.ids}
        assert all(self.job(job_id).ended for job_id in self.ids), statuses
        for server in self.servers.values():
            server.sweep(2)
        with self.store.read() as connection:
            assert connection.execute(select(func.count()).select_from(reservations)).scalar_one() == 0
            left = connection.execute(select(func.count()).where(access_keys.c.job_id.is_not(None))).scalar_one()
        assert left == 0
        assert not [
            host for host in self.backend.hosts.values() if host.alive and host.desired not in {"gone", "finish"}
        ]


# What is left of a job that failed by itself is the same as what is left of any other, so every run ends with `settle`.
TestJobs = Jobs.TestCase
TestJobs.settings = settings(
    max_examples=examples(15),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
