"""A server that is killed while a processing job runs: the job goes on, and what it leaves and says is there once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
GROUP = "/aws/sagemaker/ProcessingJobs"
OUT = "/opt/ml/processing/out"


@pytest.fixture
def running(tmp_path: Path, server_class: type[RunningServer]) -> Iterator[RunningServer]:
    started = server_class(tmp_path)
    started.start()
    started.boto("s3").create_bucket(Bucket="kills")
    yield started
    started.kill_everything()


def create(running: RunningServer, shell: str, mode: str) -> None:
    output = {"S3Uri": "s3://kills/out", "LocalPath": OUT, "S3UploadMode": mode}
    running.boto("sagemaker").create_processing_job(
        ProcessingJobName="job",
        RoleArn=ROLE,
        AppSpecification={"ImageUri": "python:3.11", "ContainerEntrypoint": ["/bin/bash", "-c", shell]},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )


def when(running: RunningServer, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in lines(running):
        assert time.monotonic() < deadline, running.log()
        time.sleep(0.05)


def lines(running: RunningServer) -> list[str]:
    client = running.boto("logs")
    try:
        found = client.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="job/")["logStreams"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [
        event["message"]
        for stream in found
        for event in client.get_log_events(
            logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("mode", ["EndOfJob", "Continuous"])
@pytest.mark.parametrize("code", [0, 7])
def test_a_job_outlives_its_server(running: RunningServer, mode: str, code: int) -> None:
    shell = (
        f"for i in $(seq 1 40); do echo line $i; sleep 0.05; done; echo x > {OUT}/x;"
        f" printf told > /opt/ml/output/message; exit {code}"
    )
    create(running, shell, mode)
    when(running, "line 5")
    running.end(signal.SIGKILL)
    time.sleep(1)
    running.start()
    client, deadline = running.boto("sagemaker"), time.monotonic() + 60
    while (job := client.describe_processing_job(ProcessingJobName="job"))["ProcessingJobStatus"] == "InProgress":
        assert time.monotonic() < deadline, running.log()
        time.sleep(0.1)
    assert job["ProcessingJobStatus"] == ("Failed" if code else "Completed")
    assert job["ExitMessage"] == "told"
    assert [line for line in lines(running) if line.startswith("line ")] == [f"line {i}" for i in range(1, 41)]
    assert [one["Key"] for one in running.boto("s3").list_objects_v2(Bucket="kills")["Contents"]] == ["out/x"]
