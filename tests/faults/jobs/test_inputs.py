"""Faults while a job's input is prepared and read: another file system, a killed server, a full pipe."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "faults"
RUN = "import json;exec(json.loads(json.load(open('/opt/ml/input/config/hyperparameters.json'))['script']))"


def create(server: RunningServer, name: str, script: str, *modes: str) -> None:
    """A job with a channel for each mode, named as the mode."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}
    channels = [
        {"ChannelName": mode.lower(), "InputMode": mode, "DataSource": {"S3DataSource": source}} for mode in modes
    ]
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11", "TrainingInputMode": "File", "ContainerEntrypoint": ["python", "-c", RUN],
        },
        "HyperParameters": {"script": json.dumps("import os, time\nos.chdir('/opt/ml/input/data')\n" + script)},
        "RoleArn": "arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
        "InputDataConfig": channels,
    }  # fmt: skip
    server.boto("sagemaker").create_training_job(**request)


def filled(server: RunningServer, content: bytes) -> RunningServer:
    server.start()
    server.boto("s3").create_bucket(Bucket=BUCKET)
    server.boto("s3").put_object(Bucket=BUCKET, Key="data/object", Body=content)
    return server


def when_logged(server: RunningServer, name: str, text: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if text in server.lines(name):
                return
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        time.sleep(0.05)
    raise AssertionError(f"{name} did not log {text!r}\n{server.log()}")


@pytest.fixture
def elsewhere(tmp_path: Path, other_disk: Path) -> Path:
    """The jobs' directory on another file system than the objects'."""
    (tmp_path / "jobs").symlink_to(other_disk)
    return other_disk


def test_across_file_systems_the_data_is_copied_and_the_log_says_so(
    own_server: RunningServer, elsewhere: Path, job_name: str
) -> None:
    assert elsewhere.is_dir()
    server = filled(own_server, b"content")
    script = "print('>', open('file/object').read(), os.stat('file/object').st_nlink, open('pipe_0').read())"
    create(server, job_name, script, "File", "Pipe")
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed", server.lines(job_name)
    lines = server.lines(job_name)
    assert "> content 1 content" in lines
    assert any("Channel file: File mode by copying (no hard links from the object store" in line for line in lines)


READ = """
import hashlib
digest, read = hashlib.sha256(), 0
with open('pipe_0', 'rb', buffering=0) as pipe:
    while data := pipe.read(1 << 16):
        digest.update(data)
        read += len(data)
        if read == 1 << 20:
            print('begun', flush=True)
            while not os.path.exists('/opt/ml/go'):
                time.sleep(0.01)
print('>', read, digest.hexdigest())
"""


@pytest.mark.parametrize("beside", ["true", "false"])
def test_a_pipe_goes_on_when_the_server_was_killed(own_server: RunningServer, job_name: str, beside: str) -> None:
    own_server.environ["SAGEWRIGHT_LINK_CHANNELS"] = beside
    content = os.urandom(1 << 20) * 40
    server = filled(own_server, content)
    create(server, job_name, READ, "Pipe")
    when_logged(server, job_name, "begun")
    address = urlsplit(server.endpoint)
    server.end(signal.SIGKILL)
    with socket.create_server((address.hostname, address.port)) as nobody:
        nobody.settimeout(60)
        (ml,) = server.data.glob("jobs/*/*/algo-1/ml")
        (ml / "go").touch()
        nobody.accept()[0].close()  # the host has asked in vain
    server.start()
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed", server.lines(job_name)
    assert f"> {len(content)} {hashlib.sha256(content).hexdigest()}" in server.lines(job_name)


def test_a_stop_while_a_pipe_is_full_ends_the_job(own_server: RunningServer, job_name: str) -> None:
    server = filled(own_server, bytes(8 << 20))
    create(server, job_name, "pipe = open('pipe_0', 'rb')\nprint('open', flush=True)\ntime.sleep(600)", "Pipe")
    when_logged(server, job_name, "open")
    server.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    assert server.wait(job_name, timeout_s=30)["TrainingJobStatus"] == "Stopped"
    deadline = time.monotonic() + 60
    while server.left_of_jobs():  # tidied up once the status is told
        assert time.monotonic() < deadline
        time.sleep(0.05)
