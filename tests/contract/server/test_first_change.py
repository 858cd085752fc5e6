"""A server has what jobs need from the first request that changes something."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from sagewright.model import titles

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
SETTLED_S = 1.0
FORKED_S = 30.0


def fork_servers(server: RunningServer) -> list[int]:
    return [one.pid for one in titles.running(server.data) if one.kind == titles.FORK_SERVER]


def await_fork_server(server: RunningServer) -> None:
    deadline = time.monotonic() + FORKED_S
    while not fork_servers(server):
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


def test_the_fork_server_comes_with_the_first_change(own_server: RunningServer) -> None:
    own_server.start()
    sagemaker, s3 = own_server.boto("sagemaker"), own_server.boto("s3")
    sagemaker.list_training_jobs()
    sagemaker.search(Resource="TrainingJob")
    own_server.boto("sts").get_caller_identity()
    s3.list_buckets()
    with pytest.raises(sagemaker.exceptions.ClientError, match="not found"):
        sagemaker.describe_training_job(TrainingJobName="absent")
    stranger = own_server.boto("s3", config=Config(signature_version=UNSIGNED))
    with pytest.raises(ClientError, match="AccessDenied"):
        stranger.create_bucket(Bucket="first-change")
    time.sleep(SETTLED_S)
    assert fork_servers(own_server) == []
    s3.create_bucket(Bucket="first-change")
    await_fork_server(own_server)


def test_a_job_can_be_the_first_change(own_server: RunningServer) -> None:
    own_server.start()
    assert fork_servers(own_server) == []
    own_server.run_shell("first-job", "echo m > /opt/ml/model/m")
    await_fork_server(own_server)
    job = own_server.wait("first-job")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
