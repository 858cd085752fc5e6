"""Clarify jobs that cannot clean up: killed, stopped, or with a server that dies. No endpoint outlives them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2"))
CONFIG = {
    "dataset_type": "text/csv",
    "headers": ["a", "b", "c"],
    "methods": {"shap": {"baseline": [[0, 0, 0]]}},
    "predictor": {
        "model_name": "slow",
        "instance_type": "ml.m5.large",
        "initial_instance_count": 1,
        "content_type": "text/csv",
        "accept_type": "text/csv",
    },
}
SLOW = """
import io, time
import numpy

def model_fn(folder):
    return None

def input_fn(body, content_type):
    return numpy.loadtxt(io.StringIO(body), delimiter=",", ndmin=2)

def predict_fn(rows, model):
    time.sleep(0.2)
    return rows.sum(axis=1)

def output_fn(scores, accept):
    return "".join(f"{score}\\n" for score in scores)
"""


@pytest.fixture
def running(tmp_path: Path, server_class: type[RunningServer]) -> Iterator[RunningServer]:
    started = server_class(tmp_path)
    started.start()
    _prepare(started)
    yield started
    started.kill_everything()


def _prepare(running: RunningServer) -> None:
    s3 = running.boto("s3")
    s3.create_bucket(Bucket="kills")
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(SLOW)
        tar.addfile(info, io.BytesIO(SLOW.encode()))
    s3.put_object(Bucket="kills", Key="model.tar.gz", Body=body.getvalue())
    s3.put_object(Bucket="kills", Key="in/analysis_config.json", Body=json.dumps(CONFIG).encode())
    rows = "".join(f"{n},{n % 7},{n % 3}\n" for n in range(1, 60_000))
    s3.put_object(Bucket="kills", Key="data/data.csv", Body=rows.encode())
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": SKLEARN, "ModelDataUrl": "s3://kills/model.tar.gz", "Environment": environment}
    running.boto("sagemaker").create_model(ModelName="slow", PrimaryContainer=container, ExecutionRoleArn=ROLE)


def create(running: RunningServer, name: str) -> None:
    places = (("analysis_config", "in/", "config"), ("dataset", "data/", "data"))
    output = {"S3Uri": "s3://kills/out", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    running.boto("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE},
        ProcessingInputs=[
            {
                "InputName": input_name,
                "S3Input": {
                    "S3Uri": f"s3://kills/{key}",
                    "LocalPath": f"/opt/ml/processing/input/{folder}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for input_name, key, folder in places
        ],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "analysis_result", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )


def temporary(running: RunningServer) -> list[str]:
    client = running.boto("sagemaker")
    endpoints = [one["EndpointName"] for one in client.list_endpoints(NameContains="sm-clarify")["Endpoints"]]
    configs = client.list_endpoint_configs(NameContains="sm-clarify")["EndpointConfigs"]
    return [*endpoints, *(one["EndpointConfigName"] for one in configs)]


def until(condition: Any, said: str, running: RunningServer) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, said + running.log()[-3000:]
        time.sleep(0.05)


def programs() -> list[psutil.Process]:
    """Clarify's programs, of this test alone: it runs beside no other."""
    return [one for one in psutil.process_iter(["cmdline"]) if "sagewright.clarify" in (one.info["cmdline"] or ())]


def kill_programs() -> None:
    for program in programs():
        with contextlib.suppress(psutil.NoSuchProcess):
            program.kill()


@pytest.mark.alone
@pytest.mark.parametrize("way", ["kill", "stop", "server"])
def test_no_endpoint_outlives_its_job(running: RunningServer, way: str) -> None:
    for number in range(KILLS if way == "kill" else 1):
        name = f"{way}-{number}"
        create(running, name)
        until(lambda: temporary(running), "no endpoint was made", running)
        time.sleep(random.random() * 1.5)
        if way == "kill":
            kill_programs()
        elif way == "stop":
            running.boto("sagemaker").stop_processing_job(ProcessingJobName=name)
        else:
            running.end(signal.SIGKILL)
            kill_programs()
            running.start()
        until(lambda name=name: _ended(running, name), "the job has not ended", running)
        until(lambda: not temporary(running), "an endpoint is left", running)


def _ended(running: RunningServer, name: str) -> bool:
    found = running.boto("sagemaker").describe_processing_job(ProcessingJobName=name)
    return found["ProcessingJobStatus"] in {"Failed", "Stopped"}
