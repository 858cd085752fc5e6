"""Jobs that behave badly: the server answers others meanwhile, the job ends as it should, and nothing of it is left."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from sagewright.sandbox.cgroups import find_cgroups

if TYPE_CHECKING:
    from conftest import RunningServer

LOG_MB = int(os.environ.get("SAGEWRIGHT_TEST_LOG_MB", "50"))  # 10,000 for the whole of it
LONG: dict[str, Any] = {"StoppingCondition": {"MaxRuntimeInSeconds": 900}}
SLOWEST_S = 5.0  # for any answer while a job misbehaves, on a machine that is busy
MEMORY_MB = 600
SANDBOXES = pytest.mark.parametrize("sandbox", ["bwrap", "plain"])
Begin = Callable[..., "RunningServer"]


@pytest.fixture
def begin(own_server: RunningServer) -> Iterator[Begin]:
    """Starts the server with these settings; at the end it looks for what jobs have left."""

    def start(**settings: str) -> RunningServer:
        own_server.environ |= {f"SAGEWRIGHT_{name.upper()}": value for name, value in settings.items()}
        own_server.start()
        return own_server

    yield start
    assert own_server.agents() == []
    assert left_processes(own_server.data) == []
    assert str(own_server.data) not in Path("/proc/self/mountinfo").read_text()
    assert left_groups(own_server) == []


def left_groups(server: RunningServer) -> list[str]:
    """Control groups of hosts of this server."""
    groups = [find_cgroups().group(handle["host_id"]) for handle in server.handles()]
    return [str(place) for group in groups for place in group.directories.values() if place.exists()]


def left_processes(data: Path) -> list[str]:
    """Processes that work below the directory of the server's jobs, or whose environment names it."""
    found = []
    for process in psutil.process_iter():
        try:
            environ = process.environ()
            if "TRAINING_JOB_NAME" in environ and str(data) in (process.cwd(), *environ.values()):
                found.append(f"{process.pid} {process.cmdline()}")
            if process.cwd().startswith(str(data / "jobs")):
                found.append(f"{process.pid} {process.cmdline()}")
        except psutil.Error:
            continue
    return found


class Watch:
    """How long the server takes to answer others, and how much memory it takes, while something happens."""

    def __init__(self, server: RunningServer) -> None:
        self._server, self._end = server, threading.Event()
        self.slowest_s, self.memory_mb, self.spool_mb = 0.0, 0.0, 0.0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        assert self._server.process is not None
        client, process = self._server.boto("sagemaker"), psutil.Process(self._server.process.pid)
        while not self._end.wait(0.05):
            began = time.monotonic()
            client.list_training_jobs()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.memory_mb = max(self.memory_mb, process.memory_info().rss / 2**20)
            with suppress(FileNotFoundError):  # a job that is over loses its directory while it is looked at
                spools = [file.stat().st_size for file in self._server.data.glob("jobs/*/*/*/reports.spool")]
                self.spool_mb = max([self.spool_mb, *(size / 2**20 for size in spools)])


def ended(server: RunningServer, job: str, shell: str, timeout_s: float = 120, **changes: Any) -> dict[str, Any]:
    """The job's end; until then the server has answered others promptly."""
    server.run_shell(job, shell, **changes)
    with Watch(server) as watch:
        found = server.wait(job, timeout_s=timeout_s)
    assert watch.slowest_s < SLOWEST_S
    assert watch.memory_mb < MEMORY_MB
    assert watch.spool_mb < 100
    return found


def test_gigabytes_of_log(begin: Begin, job_name: str) -> None:
    server = begin(log_limit_mb="20")
    line = "epoch 12 step 3456 loss=0.123456 accuracy=0.9876 throughput=12345 samples/s"
    job = ended(
        server, job_name, f"yes '{line}' | head -n {LOG_MB * 2**20 // (len(line) + 1)}; echo the end", 900, **LONG
    )
    assert job["TrainingJobStatus"] == "Completed"
    lines = server.lines(job_name)
    kept = sum(text == line for text in lines)
    assert 20 * 2**20 <= sum(len(text) + 1 for text in lines) < 22 * 2**20
    assert lines[-1] == "the end"
    assert any(text.startswith("This host has logged 20 MiB") for text in lines)
    (left_out,) = [int(found[1]) for text in lines if (found := re.match(r"(\d+) lines were left out", text))]
    assert kept + left_out == LOG_MB * 2**20 // (len(line) + 1)


def test_a_log_that_is_faster_than_the_server_waits_for_it(begin: Begin, job_name: str) -> None:
    server = begin(log_limit_mb="0")
    shell = (
        f"seq -f 'line number %.0f of a log in which none is lost {'x' * 180}' 1 200000"  # more than an agent lets wait
    )
    assert ended(server, job_name, shell, 300)["TrainingJobStatus"] == "Completed"
    assert sum(text.startswith("line number") for text in server.lines(job_name)) == 200_000


def test_lines_of_a_megabyte_and_bytes_that_are_no_text(begin: Begin, job_name: str) -> None:
    server = begin()
    long = "for i in 1 2 3; do head -c 1000000 /dev/zero | tr '\\0' x; echo; done"
    job = ended(server, job_name, f"{long}; head -c 3000000 /dev/urandom; echo; echo the end")
    assert job["TrainingJobStatus"] == "Completed"
    lines = server.lines(job_name)
    assert lines[-1] == "the end"
    assert sum(text.count("x") for text in lines if len(text) > 1000 and set(text) == {"x"}) == 3_000_000
    assert max(len(text) for text in lines) <= 256 * 1024


@pytest.mark.sampled(1)
@SANDBOXES
def test_a_fork_bomb(begin: Begin, job_name: str, sandbox: str) -> None:
    if "pids" not in find_cgroups().places:
        pytest.skip(f"nothing holds a bomb here: {find_cgroups().reason}")
    server = begin(sandbox=sandbox, stop_grace_s="1")
    bomb = "bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 60"
    job = ended(server, job_name, bomb, StoppingCondition={"MaxRuntimeInSeconds": 2})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.sampled(1)
@SANDBOXES
def test_one_that_ignores_sigterm(begin: Begin, job_name: str, sandbox: str) -> None:
    server = begin(sandbox=sandbox, stop_grace_s="1")
    server.run_shell(job_name, "trap '' TERM; echo up; while :; do sleep 0.1; done")
    server.when_logged(job_name, "up")
    server.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    assert server.wait(job_name, timeout_s=30)["TrainingJobStatus"] == "Stopped"


LEAVERS = {
    "background": "sleep 1000 & exit 0",
    "setsid": "setsid sleep 1000 & sleep 0.2",
    "double fork": "(setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &) ; sleep 0.2",
    "nohup, stdout kept": "nohup sleep 1000 & sleep 0.2",
}


@pytest.mark.sampled(3)
@SANDBOXES
@pytest.mark.parametrize("how", LEAVERS)
def test_one_that_ends_while_its_children_live(begin: Begin, job_name: str, sandbox: str, how: str) -> None:
    server = begin(sandbox=sandbox)
    assert ended(server, job_name, LEAVERS[how], timeout_s=30)["TrainingJobStatus"] == "Completed"


def test_one_that_closes_its_output(begin: Begin, job_name: str) -> None:
    server = begin()
    job = ended(server, job_name, "echo before; exec >&- 2>&-; sleep 2; exit 3")
    assert job["FailureReason"] == "AlgorithmError: , exit code: 3"
    assert "before" in server.lines(job_name)


@pytest.mark.sampled(1)
@SANDBOXES
def test_one_that_fills_its_disk(begin: Begin, job_name: str, sandbox: str) -> None:
    server = begin(sandbox=sandbox)
    fill = 'for i in $(seq 100); do head -c 100M /dev/zero > "${SAGEWRIGHT_ML_ROOT:-$PWD}/model/$i"; sleep 0.1; done'
    job = ended(server, job_name, fill)
    assert re.fullmatch(
        r"ClientError: Insufficient disk space: host algo-1 needs 1\.\d GiB or more, and VolumeSizeInGB is 1\.",
        job["FailureReason"],
    )


def test_data_that_does_not_fit_fails_before_it_is_downloaded(begin: Begin, job_name: str) -> None:
    server = begin()
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="in/0", Body=bytes(30 << 20))
    for number in range(1, 40):
        s3.copy_object(Bucket="data", Key=f"in/{number}", CopySource={"Bucket": "data", "Key": "in/0"})
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in/", "S3DataDistributionType": "FullyReplicated"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    job = ended(server, job_name, "echo never", InputDataConfig=[channel])
    assert job["FailureReason"].startswith("ClientError: Data download failed:Insufficient disk space")
    assert "never" not in server.lines(job_name)


def test_a_failure_file_of_hundreds_of_megabytes(begin: Begin, job_name: str) -> None:
    server = begin(limits="off")
    write = "(echo -n 'it broke '; head -c 300M /dev/zero | tr '\\0' y) > /opt/ml/output/failure; exit 1"
    job = ended(server, job_name, write)
    assert job["FailureReason"].startswith("AlgorithmError: it broke yyy")
    assert job["FailureReason"].endswith(", exit code: 1")
    assert len(job["FailureReason"]) == 1024


@pytest.mark.sampled(1)
@SANDBOXES
def test_one_that_needs_more_memory_than_it_has(begin: Begin, job_name: str, sandbox: str) -> None:
    if "memory" not in find_cgroups().places:
        pytest.skip(f"nothing limits memory here: {find_cgroups().reason}")
    server = begin(sandbox=sandbox, capacity_memory_gb="1")
    job = ended(server, job_name, "exec python -c 'print(len(bytearray(3 << 30)))'")
    assert job["FailureReason"].startswith(
        "AlgorithmError: Out of memory: the job used more than the 1 GiB that it may"
    )
    assert job["FailureReason"].endswith(", exit code: 137")
    assert server.lines(job_name)[-1].startswith(
        "Out of memory: the job used more than the 1 GiB that it may use of ml.m5"
    )


def test_groups_of_a_killed_agent_and_server_are_removed(begin: Begin, job_name: str) -> None:
    server = begin()
    server.run_shell(job_name, "echo up; sleep 1000")
    server.when_logged(job_name, "up")
    (agent,) = server.agents()
    server.end(9)
    os.kill(agent, 9)
    server.start()
    assert server.wait(job_name, timeout_s=30)["FailureReason"].startswith("InternalServerError: ")
