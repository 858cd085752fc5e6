"""A server killed while it launches a job, at each step and at random: what it had accepted completes, and no line is lost.

SAGEWRIGHT_TEST_KILLS: how many kills at random (4; `make soak` 60); SAGEWRIGHT_TEST_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

IMAGE = "python:3.11"
LINES = 20
WORK = f"for i in $(seq 1 {LINES}); do echo line $i; sleep 0.03; done; echo done > /opt/ml/model/m"
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
STEPS = [
    "sagewright.engine.jobs.plan_files:keep:before:1",
    "sagewright.store.jobs.hosts:create:before:1",
    "sagewright.store.jobs.hosts:create:after:1",
    "sagewright.compute.local:_write_document:after:1",
    "sagewright.compute.local:LocalBackend._start:before:1",
    "sagewright.compute.local:LocalBackend._start:after:1",
    "sagewright.compute.local:LocalBackend._start:after:2",
    "sagewright.store.jobs.hosts:set_handles:before:1",
    "sagewright.store.jobs.hosts:set_handles:after:1",
]
KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "4"))
SEED = int(os.environ.get("SAGEWRIGHT_TEST_SEED", str(random.SystemRandom().getrandbits(32))))


def assert_complete(running: RunningServer, name: str, hosts: int) -> int:
    """How many lines the job has logged, each once."""
    job = running.wait(name, timeout_s=180)
    assert job["TrainingJobStatus"] == "Completed", (name, job.get("FailureReason"))
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert not {"Restarting", "Interrupted", "Failed"} & {*steps}, (name, steps)
    lines = [line for line in running.lines(name) if line.startswith("line ")]
    assert lines == [f"line {i}" for i in range(1, LINES + 1)] * hosts, name
    return len(lines)


def fails(log: str) -> list[str]:
    return [line for line in log.splitlines() if "InternalServerError" in line or "vanished" in line]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("step", STEPS)
def test_a_server_killed_at_a_step_of_a_launch(own_server: RunningServer, tmp_path: Path, step: str) -> None:
    own_server.environ |= {
        "PYTHONPATH": str(Path(__file__).parent / "dying"),
        "DIE_AT": step,
        "DIED": str(tmp_path / "died"),
        "SAGEWRIGHT_CAPACITY_CPUS": "8",
        "SAGEWRIGHT_CAPACITY_MEMORY_GB": "32",
    }
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket="outputs")
    own_server.run_shell("gang", WORK, image=IMAGE, ResourceConfig=TWO)
    assert own_server.process
    assert own_server.process.wait(timeout=30) == -signal.SIGKILL
    own_server.start()
    assert_complete(own_server, "gang", 2)
    assert fails(own_server.log()) == []


class Submitter(threading.Thread):
    """Creates jobs one after another as a client does that tries again until it has an answer. `accepted`: hosts by name."""

    def __init__(self, running: RunningServer, chance: random.Random, about_to: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._running, self._chance, self._about_to = running, chance, about_to
        self.accepted: dict[str, int] = {}
        self.ending, self.pausing = threading.Event(), threading.Event()
        self.idle = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        number = 0
        while not self.ending.is_set():
            hosts = self._chance.choice([1, 1, 1, 2])
            try:
                self._create(f"job-{number}", hosts)
            except BaseException as error:
                self.failure = error
                return
            number += 1
            time.sleep(self._chance.uniform(0.05, 0.4))
            while self.pausing.is_set():
                self.idle.set()
                time.sleep(0.05)
            self.idle.clear()

    def _create(self, name: str, hosts: int) -> None:
        changes: dict[str, Any] = {"ResourceConfig": TWO} if hosts == 2 else {}
        while not self.ending.is_set():
            try:
                self._running.run_shell(name, WORK, image=IMAGE, **changes)
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"ResourceInUse", "ServiceUnavailable"}:
                    raise
                if error.response["Error"]["Code"] == "ServiceUnavailable":
                    continue
            except (BotoCoreError, OSError):  # the server is being killed or has not yet started again
                time.sleep(0.05)
                continue
            self.accepted[name] = hosts
            self._about_to()
            return


def test_kills_at_random(own_server: RunningServer) -> None:
    print(f"seed {SEED}, {KILLS} kills")  # noqa: T201 - repeats the run
    chance = random.Random(SEED)
    own_server.environ |= {"SAGEWRIGHT_CAPACITY_CPUS": "16", "SAGEWRIGHT_CAPACITY_MEMORY_GB": "64"}
    own_server.start()
    created = threading.Event()
    submitter = Submitter(own_server, random.Random(SEED + 1), created.set)
    submitter.start()
    checked: dict[str, int] = {}
    for number in range(1, KILLS + 1):
        created.clear()
        if chance.random() < 0.8:  # right after a job was accepted: while it is launched
            created.wait(timeout=20)
            time.sleep(chance.choice([0, chance.uniform(0, 0.01), chance.uniform(0, 0.05)]))
        else:
            time.sleep(chance.uniform(0, 1))
        own_server.end(signal.SIGKILL)
        own_server.start()
        if number % 10 == 0 or number == KILLS:
            submitter.pausing.set()
            assert submitter.idle.wait(60), submitter.failure
            new = {name: hosts for name, hosts in submitter.accepted.items() if name not in checked}
            checked |= {name: assert_complete(own_server, name, hosts) for name, hosts in new.items()}
            print(f"{number} kills, {len(checked)} jobs, {sum(checked.values())} lines, none lost", flush=True)  # noqa: T201
            submitter.pausing.clear()
    submitter.ending.set()
    submitter.join(timeout=60)
    assert submitter.failure is None
    assert fails(own_server.log()) == []
    assert own_server.boto("sts", config=Config()).get_caller_identity()
