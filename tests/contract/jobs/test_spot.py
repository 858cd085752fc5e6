"""Managed spot training on one's own machine: interruptions by schedule, by command and by capacity, seen by boto3."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
COUNT = "cd /opt/ml/checkpoints; n=$(cat n 2>/dev/null || echo 0); echo attempt $n; echo $((n + 1)) > n"
INTERRUPTED = ["Starting", "Downloading", "Training", "Interrupted"]
UNDISTURBED = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.environ |= {"SAGEWRIGHT_CAPACITY_CPUS": "2", "SAGEWRIGHT_STOP_GRACE_S": "3"}
    own_server.start()
    return own_server


def spot(name: str, **changes: Any) -> dict[str, Any]:
    """Members that make a request one for a spot job."""
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200},
        "CheckpointConfig": {"S3Uri": f"s3://outputs/checkpoints/{name}"},
        **changes,
    }


def statuses(job: dict[str, Any]) -> list[str]:
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


def interrupt(server: RunningServer, name: str) -> subprocess.CompletedProcess[str]:
    argv = [SAGEWRIGHT, "jobs", "interrupt", name, "--data", str(server.data)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_a_job_is_interrupted_by_its_schedule_and_goes_on_from_its_checkpoint(
    running: RunningServer, job_name: str
) -> None:
    schedule = {"SAGEWRIGHT_SPOT_INTERRUPTIONS": "after=3,3"}  # on a busy machine, a shell may take a second to start
    changes = spot(job_name, Environment=schedule)
    running.run_shell(job_name, f"{COUNT}; [ $n = 2 ] && echo $n > /opt/ml/model/n || sleep 60", **changes)
    job = running.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job, running.lines(job_name))
    assert statuses(job) == [*INTERRUPTED, *INTERRUPTED, *UNDISTURBED]
    assert [line for line in running.lines(job_name) if line.startswith("attempt")] == [
        "attempt 0",
        "attempt 1",
        "attempt 2",
    ]
    streams = running.boto("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job_name}/"
    )
    assert len(streams["logStreams"]) == 1  # SDKs look for streams until there is one for each host, then no more
    assert 1 <= job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]
    assert running.agents() == []
    deadline = time.monotonic() + 30
    while list((running.data / "jobs").glob("*/*/algo-1")):  # removed behind the engine's back
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_process_that_ignores_the_notice_is_killed_and_what_it_wrote_last_is_there_again(
    running: RunningServer, job_name: str
) -> None:
    stubborn = f"trap 'echo late > late' TERM; {COUNT}; while [ $n = 0 ]; do sleep 0.2; done; cat late"
    running.run_shell(job_name, stubborn, **spot(job_name))
    running.when_logged(job_name, "attempt 0")  # the trap is set by then
    assert interrupt(running, job_name).returncode == 0
    job = running.wait(job_name)
    assert statuses(job) == [*INTERRUPTED, *UNDISTURBED], running.lines(job_name)
    assert "late" in running.lines(job_name)


def test_an_interruption_by_command(running: RunningServer, job_name: str) -> None:
    assert interrupt(running, "nobody").stderr == "sagewright: There is no training job nobody.\n"
    running.run_shell(f"{job_name}-od", "echo up; sleep 60")
    running.when_logged(f"{job_name}-od", "up")
    refused = interrupt(running, f"{job_name}-od")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"sagewright: The training job {job_name}-od is not a spot job (EnableManagedSpotTraining).\n",
    )
    running.boto("sagemaker").stop_training_job(TrainingJobName=f"{job_name}-od")
    running.wait(f"{job_name}-od")

    running.run_shell(job_name, f"{COUNT}; [ $n = 1 ] || sleep 60", **spot(job_name))
    running.when_logged(job_name, "attempt 0")
    done = interrupt(running, job_name)
    assert (done.returncode, done.stdout) == (0, f"{job_name} is being interrupted\n")
    assert statuses(running.wait(job_name)) == [*INTERRUPTED, *UNDISTURBED]
    assert "is in status Completed" in interrupt(running, job_name).stderr


def test_a_job_that_needs_the_machine_takes_it_from_a_spot_job(running: RunningServer, job_name: str) -> None:
    small = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    running.run_shell(job_name, f"{COUNT}; [ $n = 1 ] || sleep 60", ResourceConfig=small, **spot(job_name))
    running.when_logged(job_name, "attempt 0")
    later = f"{job_name}-spot"
    running.run_shell(later, "true", **spot(later))
    running.run_shell(f"{job_name}-od", "sleep 1", ResourceConfig=small)
    urgent, first, second = (running.wait(name) for name in (f"{job_name}-od", job_name, later))
    assert statuses(urgent) == UNDISTURBED
    assert statuses(first) == [*INTERRUPTED, *UNDISTURBED]
    assert statuses(second) == UNDISTURBED
    assert urgent["TrainingEndTime"] < first["TrainingEndTime"] < second["TrainingEndTime"]


def test_a_stop_ends_an_interrupted_job_for_good(running: RunningServer, job_name: str) -> None:
    running.run_shell(job_name, f"{COUNT}; sleep 60", **spot(job_name))
    running.when_logged(job_name, "attempt 0")
    running.run_shell(f"{job_name}-od", "sleep 60")
    running.when_logged(job_name, "attempt 0")
    while running.boto("sagemaker").describe_training_job(TrainingJobName=job_name)["SecondaryStatus"] != "Interrupted":
        assert len(running.agents()) < 2
    running.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    job = running.wait(job_name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    running.boto("sagemaker").stop_training_job(TrainingJobName=f"{job_name}-od")
    assert running.wait(f"{job_name}-od")["TrainingJobStatus"] == "Stopped"


def test_the_longest_wait_counts_waiting_and_running(running: RunningServer, job_name: str) -> None:
    short = {"MaxRuntimeInSeconds": 3, "MaxWaitTimeInSeconds": 4}
    running.run_shell(f"{job_name}-od", "echo up; sleep 60")
    running.when_logged(f"{job_name}-od", "up")
    running.run_shell(job_name, "true", **spot(job_name, StoppingCondition=short))
    waited = running.wait(job_name)
    assert (waited["TrainingJobStatus"], waited["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert statuses(waited) == ["Starting", "Stopping", "MaxWaitTimeExceeded"]
    running.boto("sagemaker").stop_training_job(TrainingJobName=f"{job_name}-od")
    running.wait(f"{job_name}-od")

    ran = f"{job_name}-ran"
    schedule = {"SAGEWRIGHT_SPOT_INTERRUPTIONS": "after=1"}
    running.run_shell(ran, "sleep 2.5", **spot(ran, StoppingCondition=short, Environment=schedule))
    ended = running.wait(ran)
    assert ended["SecondaryStatus"] in {"MaxWaitTimeExceeded", "MaxRuntimeExceeded"}
    assert statuses(ended)[:4] == INTERRUPTED


def test_what_can_not_be_asked_for(running: RunningServer, job_name: str) -> None:
    with pytest.raises(ClientError, match="SAGEWRIGHT_SPOT_INTERRUPTIONS: 'sometimes' is not a schedule"):
        running.run_shell(job_name, "true", Environment={"SAGEWRIGHT_SPOT_INTERRUPTIONS": "sometimes"})
    environ = {"PATH": "/usr/bin:/bin", "SAGEWRIGHT_SPOT_INTERRUPTIONS": "often"}
    argv = [SAGEWRIGHT, "up", "--data", str(running.data / "other"), "--port", "0"]
    refused = subprocess.run(argv, capture_output=True, text=True, env=environ, check=False, timeout=60)
    assert refused.returncode == 2
    assert "spot_interruptions: 'often' is not a schedule of spot interruptions" in refused.stderr


def test_a_spot_job_whose_agent_is_killed_is_interrupted(running: RunningServer, job_name: str) -> None:
    running.run_shell(job_name, f"{COUNT}; sleep 3; [ $n = 1 ] || sleep 60", **spot(job_name))
    running.when_logged(job_name, "attempt 0")
    _until_checkpoint(running, job_name)
    (agent,) = running.agents()
    psutil.Process(agent).send_signal(signal.SIGKILL)
    job = running.wait(job_name)
    assert statuses(job) == [*INTERRUPTED, *UNDISTURBED]


def test_an_internal_error_is_tried_again_as_often_as_asked(running: RunningServer, job_name: str) -> None:
    running.run_shell(
        job_name,
        f"{COUNT}; sleep 60",
        CheckpointConfig={"S3Uri": f"s3://outputs/checkpoints/{job_name}"},
        RetryStrategy={"MaximumRetryAttempts": 1},
    )
    for attempt in range(2):
        running.when_logged(job_name, f"attempt {attempt}")
        _until_checkpoint(running, job_name)
        (agent,) = running.agents()
        psutil.Process(agent).send_signal(signal.SIGKILL)
    job = running.wait(job_name)
    assert job["FailureReason"].startswith("InternalServerError: ")
    assert statuses(job) == [*INTERRUPTED[:3], "Restarting", *INTERRUPTED[:3], "Failed"]


def _until_checkpoint(server: RunningServer, job: str) -> None:
    """Until the newest count is in S3: an agent that is killed sends no last one."""
    s3, lines = server.boto("s3"), server.lines(job)
    due = max(int(line.split()[1]) for line in lines if line.startswith("attempt")) + 1
    while True:
        found = s3.list_objects_v2(Bucket="outputs", Prefix=f"checkpoints/{job}/n")
        if found["KeyCount"]:
            body = s3.get_object(Bucket="outputs", Key=f"checkpoints/{job}/n")["Body"].read()
            if int(body) == due:
                return
