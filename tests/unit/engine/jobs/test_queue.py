"""The order of starts: jobs pass one that doesn't fit, and none waits forever for those that pass it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine.inline import InlineBackend, InlineHost, InlineServer
from sagewright.engine.jobs import queue
from sagewright.engine.jobs.environment_builds import BuildFailed
from sagewright.model.errors import ServiceUnavailable
from sagewright.runtimes.images import Image
from sagewright.store import identity, quotas
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import Job, JobClaim, JobDraft, ResourceScope
from sagewright.store.logs import log_events, logs

SCOPE = ResourceScope("training", "000000000000", "us-east-1")
HALF, WHOLE, QUARTER = "ml.c5.xlarge", "ml.c5.2xlarge", "ml.c5.large"
"""Demand out of the machine's 8 CPUs and 16 GiB."""
UNRUNNABLE = "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-chainer:5.0.0-cpu-py3"


class Line:
    """Jobs in the queue of one server."""

    def __init__(self, directory: Path, store: Database, builds: Any = None) -> None:
        self.store = store
        self.server = InlineServer(directory, store, InlineBackend(), builds=builds)

    def add(self, name: str, instance_type: str, *, spot: bool = False, image: str = "python:3.11") -> None:
        self.create(name, instance_type, spot=spot, image=image)
        self.server.sweep()

    def create(
        self,
        name: str,
        instance_type: str,
        *,
        spot: bool = False,
        image: str = "python:3.11",
        claim: JobClaim = JobClaim(),  # noqa: B008 - frozen
    ) -> Job:
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": "arn:aws:iam::000000000000:role/r",
            "AlgorithmSpecification": {"TrainingImage": image},
            "ResourceConfig": {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 1},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 3600},
            "EnableManagedSpotTraining": spot,
        }
        time.sleep(0.002)  # so that jobs differ in age
        return jobs.create(self.store, SCOPE, JobDraft(name, request, spot=spot, claim=claim))

    def running(self) -> list[str]:
        """By name, those that have hosts."""
        names = {job.id: job.name for name in "abcdefgh" if (job := jobs.find(self.store, SCOPE, name))}
        return sorted(names[id_] for id_ in names if any(not one.over for one in hosts.of_job(self.store, id_)))

    def end(self, name: str) -> None:
        job = jobs.find(self.store, SCOPE, name)
        assert job is not None
        for host in self._hosts(job.id):
            while host.id in self.server.backend.hosts:
                self.server.advance(host)
                self.server.sweep(1)
        self.server.sweep()

    def _hosts(self, job_id: str) -> list[InlineHost]:
        ids = {one.id for one in hosts.of_job(self.store, job_id)}
        return [one for one in self.server.backend.hosts.values() if one.id in ids]


@pytest.fixture
def line(tmp_path: Path, database: Database) -> Line:
    return Line(tmp_path / "data", database)


def test_small_jobs_pass_a_large_one_that_does_not_fit(line: Line) -> None:
    line.add("a", HALF)
    line.add("b", WHOLE)
    line.add("c", WHOLE)
    line.add("d", QUARTER)
    line.add("e", QUARTER)
    assert line.running() == ["a", "d", "e"]
    for name in "ade":
        line.end(name)
    assert line.running() == ["b"], "the oldest comes next"
    line.end("b")
    assert line.running() == ["c"]


def test_nothing_passes_a_job_that_waits_for_those_that_passed_it(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.add("a", HALF)
    line.add("b", WHOLE)
    monkeypatch.setattr(queue, "PATIENCE_MS", 0)
    line.add("c", HALF)
    assert line.running() == ["a", "c"], "it is the earlier job that keeps the large one waiting"
    line.add("d", HALF)
    line.end("a")
    assert line.running() == ["c"], "now it would be the later ones"
    line.end("c")
    assert line.running() == ["b"]
    line.end("b")
    assert line.running() == ["d"]


def test_a_stream_of_small_jobs_starves_no_large_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "PATIENCE_MS", 0)
    line.add("a", HALF)
    line.add("b", WHOLE)
    ran = ["a"]
    for name in "cdefgh":
        line.add(name, HALF)
        line.end(ran[-1])
        ran += [one for one in line.running() if one not in ran]
        if "b" in ran:
            break
    assert ran.index("b") <= 2


def test_owners_take_turns(line: Line) -> None:
    """One job of bob's, the last of all, waits for one of ann's, since turns count from when there are two; then ann's go on."""
    for name in "abcd":
        line.create(name, WHOLE, claim=JobClaim("user/ann"))
    line.server.sweep()
    line.create("e", WHOLE, claim=JobClaim("user/bob"))
    line.server.sweep()
    order = []
    while running := line.running():
        order += running
        line.end(running[0])
    assert order == ["a", "b", "e", "c", "d"]


def test_weights_and_priorities_decide(line: Line) -> None:
    quotas.set_limit(line.store, SCOPE.account, "user/bob", "SW-WEIGHT", 3)
    for name, owner in zip("abcdef", ["ann", "ann", "bob", "bob", "bob", "bob"], strict=True):
        line.create(name, QUARTER, claim=JobClaim(f"user/{owner}"))
    line.create("g", QUARTER, claim=JobClaim("user/ann", rank=-1))
    line.server.sweep()
    assert line.running() == ["c", "d", "e", "g"], "the urgent one of ann's, then three of bob's until they are even"


def test_a_limit_holds_the_jobs_of_its_user_alone(line: Line) -> None:
    quotas.set_limit(line.store, SCOPE.account, "user/ann", "SW-JOBS", 1)
    for number, name in enumerate("abcd"):
        line.create(name, QUARTER, claim=JobClaim("user/bob" if number == 3 else "user/ann"))
    line.server.sweep()
    assert line.running() == ["a", "d"]
    held = jobs.find(line.store, SCOPE, "b")
    assert held is not None
    assert jobs.transitions(line.store, held.id)[-1].message == (
        "Queued: the limit of user ann is 1 jobs running at once, of which 1 are in use."
    )
    line.end("a")
    assert line.running() == ["b", "d"]
    quotas.unset_limit(line.store, SCOPE.account, "user/ann", "SW-JOBS")
    line.server.sweep()
    assert line.running() == ["b", "c", "d"]


def test_jobs_far_behind_are_found(line: Line) -> None:
    line.add("a", HALF)
    for number in range(20):
        line.add(f"large-{number}", WHOLE)
    line.add("b", HALF)
    assert line.running() == ["a", "b"]


class Builds:
    """Environments by the images that lack one, or can't have any."""

    def __init__(self, missing: set[str], failed: set[str]) -> None:
        self.lacking, self.failed, self.doing = missing, failed, ""

    def progress(self, _key: str) -> str:
        return self.doing

    def missing(self, image: Image, _since_ms: int) -> str:
        if image.uri in self.failed:
            raise BuildFailed("no such version")
        return "an-environment" if image.uri in self.lacking else ""


def test_a_job_whose_environment_is_made_holds_nothing(tmp_path: Path, database: Database) -> None:
    """Others start meanwhile, and it tells what it waits for."""
    builds = Builds({"python:3.11"}, set())
    line = Line(tmp_path / "data", database, builds)
    line.add("a", WHOLE)
    line.add("b", WHOLE, image="python:3.12")
    assert line.running() == ["b"]
    job = jobs.find(database, SCOPE, "a")
    assert job is not None
    described = jobs.transitions(database, job.id)
    assert [one.message for one in described][-1].startswith("Preparing the environment an-environment")
    assert sum("Preparing" in one.message for one in described) == 1
    builds.doing = "4 s: getting 10 packages"
    line.server.sweep()
    builds.doing = ""
    line.server.sweep()
    told = jobs.transitions(database, job.id)[-1].message
    assert told == "Preparing the environment an-environment; it is kept for later jobs. 4 s: getting 10 packages."
    assert _logged(database) == [
        "Preparing the environment an-environment; it is kept for later jobs.", "4 s: getting 10 packages.",
    ]  # fmt: skip
    builds.lacking.clear()
    line.end("b")
    assert line.running() == ["a"]
    job = jobs.find(database, SCOPE, "a")
    assert job is not None
    (host,) = hosts.of_all_attempts(database, job.id)
    assert [one.name for one in _streams(database)] == [host.log_stream], "its host continues the stream"


def _streams(database: Database) -> list[logs.LogStream]:
    return logs.streams(database, logs.LogScope(SCOPE.account, SCOPE.region), "/aws/sagemaker/TrainingJobs", "a/")


def _logged(database: Database) -> list[str]:
    (stream,) = _streams(database)
    return [one.message for one in log_events.read(database, stream, log_events.Window())]


def test_an_environment_that_cannot_be_made_fails_the_job(tmp_path: Path, database: Database) -> None:
    line = Line(tmp_path / "data", database, Builds(set(), {"python:3.11"}))
    line.add("a", WHOLE)
    job = jobs.find(database, SCOPE, "a")
    assert job is not None
    assert job.failure_reason == "ClientError: Cannot build an environment for the image python:3.11: no such version"


def test_jobs_that_cannot_run_end_together(line: Line) -> None:
    made = [line.create(f"odd-{number}", WHOLE, image=UNRUNNABLE) for number in range(2 * queue.BATCH)]
    line.add("a", WHOLE)
    assert line.running() == ["a"]
    for job in made:
        assert [one.status for one in jobs.transitions(line.store, job.id)] == ["InProgress", "Failed"]
    if (before := line.store.version) is not None:
        made = [line.create(f"later-{number}", WHOLE, image=UNRUNNABLE) for number in range(2 * queue.BATCH)]
        created = line.store.version
        _queue_of(line).place_jobs()
        assert (created, line.store.version) == (before + len(made), before + len(made) + 2)


def test_an_end_that_fails_is_repeated(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a server that is killed between a pass and the ends that it found due."""
    made = [line.create(f"odd-{number}", WHOLE, image=UNRUNNABLE) for number in range(3)]
    queueing = _queue_of(line)
    monkeypatch.setattr(identity, "delete_job_keys", _busy)
    with pytest.raises(ServiceUnavailable):
        queueing.place_jobs()
    assert {found.status for one in made if (found := jobs.get(line.store, one.id))} == {"InProgress"}
    monkeypatch.undo()
    queueing.place_jobs()
    for job in made:
        assert [one.status for one in jobs.transitions(line.store, job.id)] == ["InProgress", "Failed"]


def test_jobs_that_cannot_run_end_though_the_pass_fails(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [line.create(f"odd-{number}", WHOLE, image=UNRUNNABLE) for number in range(3)]
    line.create("a", WHOLE)
    queueing = _queue_of(line)
    monkeypatch.setattr(queueing, "_reserve", _busy)
    with pytest.raises(ServiceUnavailable):
        queueing.place_jobs()
    assert {found.status for one in made if (found := jobs.get(line.store, one.id))} == {"Failed"}


def _queue_of(line: Line) -> queue.JobQueue:
    return next(one for one in line.server.engine.reconcilers if isinstance(one, queue.JobQueue))


def _busy(*_: object) -> None:
    raise ServiceUnavailable("The store is busy.")


def test_spot_jobs_do_not_pass_the_others(line: Line) -> None:
    line.add("a", HALF)
    line.add("b", WHOLE)
    line.add("c", QUARTER, spot=True)
    assert line.running() == ["a"]
    line.add("d", QUARTER)
    assert line.running() == ["a", "d"]


class CountingLock:
    """A lock that counts requests for it."""

    def __init__(self) -> None:
        self.asked, self._lock = 0, threading.Lock()

    def __enter__(self) -> None:
        self.asked += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_one_pass_serves_all_that_wait_for_it(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each caller is served by a pass that began after its job was created; one waits for it, and keeps no thread of the others."""
    queueing = next(one for one in line.server.engine.reconcilers if isinstance(one, queue.JobQueue))
    passes, begun, go, lock = [0], threading.Event(), threading.Event(), CountingLock()
    plain = queueing._place_all

    def slow(placed: set[str]) -> None:
        passes[0] += 1
        begun.set()
        assert go.wait(30)
        plain(placed)

    monkeypatch.setattr(queueing, "_place_all", slow)
    monkeypatch.setattr(queueing, "_lock", lock)
    first = threading.Thread(target=queueing.place_jobs)
    first.start()
    assert begun.wait(30)
    ids = [line.create(name, QUARTER).id for name in "abcd"]
    others = [threading.Thread(target=queueing.place_jobs, args=(id_,)) for id_ in ids]
    for other in others:
        other.start()
    while sum(other.is_alive() for other in others) > 1 or lock.asked < 2:
        time.sleep(0.001)
    go.set()
    for thread in (first, *others):
        thread.join(30)
    assert (passes[0], lock.asked) == (2, 2)
    line.server.sweep()
    assert line.running() == ["a", "b", "c", "d"]
