"""kill -9 of the server, of an agent, of the user's process; many creates at once; a second server on one directory.

SAGEWRIGHT_TEST_CREATES: how many creates (60, by 20 clients; `make soak` 200).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

CREATES = int(os.environ.get("SAGEWRIGHT_TEST_CREATES", "30"))
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket="outputs")
    return own_server


def user_processes(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline()[:2] == ["sleep", mark]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def when_there(mark: str, number: int) -> list[psutil.Process]:
    """The NUMBER processes of a job that just said it is ready: the shell writes its line before it starts them."""
    until(lambda: len(user_processes(mark)) == number)
    return user_processes(mark)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


COUNTING = "for i in $(seq 1 60); do echo line $i; sleep 0.1; done; echo done > /opt/ml/model/m"


def test_the_job_outlives_a_killed_server_and_every_line_is_kept_once(running: RunningServer, job_name: str) -> None:
    running.run_shell(job_name, COUNTING)
    running.when_logged(job_name, "line 5")
    running.end(signal.SIGKILL)
    (spool,) = running.data.glob("jobs/*/*/*/reports.spool")
    until(lambda: b"line 25" in spool.read_bytes())
    running.start()
    job = running.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job
    lines = [line for line in running.lines(job_name) if line.startswith("line ")]
    assert lines == [f"line {i}" for i in range(1, 61)]


def test_a_server_killed_many_times(running: RunningServer, job_name: str) -> None:
    running.run_shell(job_name, COUNTING)
    for line in range(1, 50, 10):
        running.when_logged(job_name, f"line {line}")
        running.end(signal.SIGKILL)
        running.start()
    assert running.wait(job_name)["TrainingJobStatus"] == "Completed"
    lines = [line for line in running.lines(job_name) if line.startswith("line ")]
    assert lines == [f"line {i}" for i in range(1, 61)]


@pytest.mark.parametrize("sandbox", ["bwrap", "plain"])
def test_a_killed_agent_fails_its_job_and_leaves_no_process(
    own_server: RunningServer, job_name: str, sandbox: str
) -> None:
    own_server.environ["SAGEWRIGHT_SANDBOX"] = sandbox
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket="outputs")
    mark = str(100_000 + 2 * os.getpid() + (sandbox == "plain"))
    own_server.run_shell(job_name, f"(sleep {mark} &) ; echo ready; sleep {mark}")
    own_server.when_logged(job_name, "ready")
    when_there(mark, 2)
    (agent,) = own_server.agents()
    os.kill(agent, signal.SIGKILL)
    job = own_server.wait(job_name, timeout_s=30)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: ")
    assert user_processes(mark) == []


def test_a_killed_user_process_fails_its_job(running: RunningServer, job_name: str) -> None:
    mark = str(9_000_000 + os.getpid())
    running.run_shell(job_name, f"echo ready; exec sleep {mark}")
    running.when_logged(job_name, "ready")
    (victim,) = when_there(mark, 1)
    victim.kill()
    job = running.wait(job_name, timeout_s=30)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "AlgorithmError: Exit code 137 stands for SIGKILL, which Sagewright did not send"
    )
    assert job["FailureReason"].endswith(", exit code: 137")


def test_concurrent_creates_are_each_run_once(running: RunningServer) -> None:
    names = [f"many-{i}" for i in range(CREATES)]
    failures: list[Exception] = []

    def work(mine: list[str]) -> None:
        for name in mine:
            try:
                running.run_shell(name, f"echo ran {name}")
            except ClientError as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(names[i::20],)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for name in names:
        job = running.wait(name, timeout_s=240)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    for name in names:
        assert [line for line in running.lines(name) if line.startswith("ran ")] == [f"ran {name}"]


def test_a_stop_of_a_queued_job(running: RunningServer) -> None:
    running.run_shell("holder", "echo ready; sleep 100")
    running.when_logged("holder", "ready")
    running.run_shell("queued", "echo never")
    sagemaker = running.boto("sagemaker")
    assert sagemaker.describe_training_job(TrainingJobName="queued")["SecondaryStatus"] == "Starting"
    sagemaker.stop_training_job(TrainingJobName="queued")
    assert running.wait("queued", timeout_s=30)["TrainingJobStatus"] == "Stopped"
    sagemaker.stop_training_job(TrainingJobName="holder")
    assert running.wait("holder", timeout_s=30)["TrainingJobStatus"] == "Stopped"


def test_two_servers_cannot_share_a_directory(running: RunningServer) -> None:
    command = [str(Path(sys.executable).parent / "sagewright"), "up", "--data", str(running.data), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert str(running.data) in done.stderr
    assert "Use it, stop it" in done.stderr


def test_sigterm_ends_the_server_cleanly_and_its_key_stays(running: RunningServer) -> None:
    key = running.key()
    assert (running.data / "credentials").stat().st_mode & 0o777 == 0o600
    assert running.end(signal.SIGTERM) == 0
    assert not (running.data / "endpoint").exists()
    running.start()
    assert running.key() == key
    assert running.boto("sts").get_caller_identity()["Account"] == "000000000000"
