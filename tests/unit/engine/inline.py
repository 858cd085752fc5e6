"""An engine and a backend in the test's own process: every step is taken when the test says so, and hosts live in a dict."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.dependencies import dependencies
from sagewright.compute.backend import BackendUnreachable, Handle, HostPlan, LaunchFailed, Pulse
from sagewright.compute.capacity import Machines
from sagewright.engine.control import Reconciler, Recovering, Subject
from sagewright.engine.jobs import reports
from sagewright.engine.jobs.compute import JobCompute
from sagewright.engine.jobs.hostreports import Exited, HostReport
from sagewright.engine.jobs.reservations import Reservations
from sagewright.model.aws.instance_types import Resources
from sagewright.model.jobs.brief import EndCause, Phase
from sagewright.model.settings import Settings
from sagewright.objects.bucketstore import BucketStore
from sagewright.server.parts import add_job_reconcilers
from sagewright.store.database import Database


class Killed(BaseException):
    """Ends the server's work at this point."""


@dataclass
class InlineHost:
    """An agent as the server sees it. `desired`: the last answer that reached it."""

    plan: HostPlan
    seq: int = 0
    exited: bool = False
    alive: bool = True
    desired: str = "run"
    sent: list[HostReport] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.plan.document["host_id"])

    @property
    def merges(self) -> bool:
        """Whether this is the first of several hosts, which uploads for all."""
        return len(self.plan.document["hosts"]) > 1 and self.plan.document["host"] == "algo-1"


SERVERS = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
"""Where those that share a store answer."""


class InlineBackend:
    """Hosts by id, of all servers that share it, which are on one machine. `dies_after`: the server is killed once so many hosts
    of a launch were started; `fails`: no host can be started."""

    def __init__(self) -> None:
        self.hosts: dict[str, InlineHost] = {}
        self.launched: list[str] = []
        self.dies_after: int | None = None
        self.unreachable = False
        self.fails = False

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        if self.unreachable:
            raise BackendUnreachable("away")
        if self.fails:
            raise LaunchFailed("no process can be started")
        for number, plan in enumerate(plans):
            if self.dies_after == number:
                raise Killed
            host_id = str(plan.document["host_id"])
            if host_id not in self.launched:
                self.launched.append(host_id)
                self.hosts[host_id] = InlineHost(plan)
        if self.dies_after == len(plans):
            raise Killed
        return [{"host_id": plan.document["host_id"]} for plan in plans]

    def poll(self, handle: Handle) -> Pulse:
        if self.unreachable:
            raise BackendUnreachable("away")
        host = self.hosts.get(handle["host_id"])
        return Pulse(host is not None and host.alive, "it was killed")

    def stop(self, handle: Handle) -> None:
        host = self.hosts.get(handle["host_id"])
        if host is not None:
            host.desired = "stop"
            host.alive = host.alive and host.seq > 0  # the signal comes before its handler

    def kill(self, handle: Handle) -> None:
        if self.unreachable:
            raise BackendUnreachable("away")
        self.hosts.pop(handle["host_id"], None)


class InlineEngine:
    """Does the work of sagewright.engine.control.Engine, one step after another and in the order of wakes."""

    def __init__(self) -> None:
        self.reconcilers: list[Reconciler] = []
        self.waiting: dict[Subject, None] = {}

    def add(self, reconciler: Reconciler, own_threads: int = 0) -> None:
        self.reconcilers.append(reconciler)

    def wake(self, kind: str, subject_id: str) -> None:
        self.waiting[Subject(kind, subject_id)] = None

    def wake_after(self, _delay_s: float, kind: str, subject_id: str) -> None:
        """Sweeps come often enough in a test."""

    def recover(self) -> None:
        for reconciler in self.reconcilers:
            if isinstance(reconciler, Recovering):
                reconciler.recover()

    def sweep(self) -> None:
        for reconciler in self.reconcilers:
            for kind, subject_id in reconciler.active():
                self.wake(kind, subject_id)

    def step(self) -> bool:
        """The oldest wake; False if there is none."""
        if not self.waiting:
            return False
        subject = next(iter(self.waiting))
        del self.waiting[subject]
        reconciler = next((one for one in self.reconcilers if subject.kind in one.kinds), None)
        if reconciler is None:  # as the engine does: a subject that no reconciler here has
            return True
        reconciler.reconcile(subject.id)
        return True

    def drain(self, most: int = 200) -> None:
        for _ in range(most):
            if not self.step():
                return
        raise AssertionError(f"the engine does not come to rest: {list(self.waiting)}")


class InlineServer:
    """One server on a store and a backend that others may share. `restarted()` is what follows it after a kill."""

    def __init__(
        self, directory: Path, store: Database, backend: InlineBackend, owner: str = "server", builds: Any = None
    ) -> None:
        self.directory, self.store, self.backend, self.owner = directory, store, backend, owner
        self.settings = Settings(data=directory)
        objects = BucketStore(store, directory / "objects", "off", "000000000000", "us-east-1")
        self.engine = InlineEngine()
        reservations = Reservations(store, Machines(lambda: [Resources(8, 16, 0)]), "here")
        given = dependencies(
            store, settings=self.settings, objects=objects, owner=owner, wake=self.engine.wake,
            wake_after=self.engine.wake_after, servers=lambda: SERVERS,
        )  # fmt: skip
        add_job_reconcilers(self.engine, given, JobCompute(backend, reservations, builds))
        self.engine.recover()

    def restarted(self) -> InlineServer:
        return InlineServer(self.directory, self.store, self.backend, self.owner)

    def sweep(self, times: int = 3) -> None:
        for _ in range(times):
            self.engine.sweep()
            self.engine.drain()

    def report(self, host: InlineHost, **content: Any) -> None:
        """The next report of the host, taken in and answered."""
        host.seq += 1
        report = HostReport(host.seq, 1000, **content)
        host.sent.append(report)
        self.deliver(host, report)

    def deliver(self, host: InlineHost, report: HostReport, *, lose_answer: bool = False) -> None:
        """A report, perhaps once more."""
        answer = reports.apply(self.store, host.id, str(host.plan.document["token"]), report)
        if answer.wake and answer.job:
            self.engine.wake(answer.job.kind, answer.job.id)
        if not lose_answer:
            host.desired = str(answer.desired)

    def advance(self, host: InlineHost, code: int = 0) -> None:
        """An agent's next step: download, run, end on request or with `code`, upload, finish."""
        if host.desired in {"gone", "finish"}:
            self.backend.hosts.pop(host.id, None)
        elif host.seq == 0:
            self.report(host, phase=Phase.DOWNLOADING)
        elif host.exited:
            self._deliver_artefacts(host)
        elif host.desired in {"stop", "interrupt"}:
            cause = EndCause.STOP if host.desired == "stop" else EndCause.INTERRUPT
            self._exit(host, Exited(143, cause, None))
        elif host.seq == 1:
            self.report(host, phase=Phase.RUNNING)
        else:
            self._exit(host, Exited(code, EndCause.EXIT, "failure" if code else None))

    def _exit(self, host: InlineHost, exited: Exited) -> None:
        host.exited = True
        if exited.cause is EndCause.INTERRUPT or (exited.cause is EndCause.EXIT and exited.code):
            self.report(host, exited=exited, finished=True)
        elif len(host.plan.document["hosts"]) == 1:
            self.report(host, phase=Phase.UPLOADING, exited=exited)
        else:
            self.report(host, exited=exited, finished=not host.merges)

    def _deliver_artefacts(self, host: InlineHost) -> None:
        if not host.merges:
            self.report(host, finished=True)
        elif host.desired == "collect":
            self.report(host, phase=Phase.UPLOADING)
            self.report(host, finished=True)
        else:
            self.report(host)  # asks what is wanted
