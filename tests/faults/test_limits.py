"""Limits under creates that arrive together, at two servers on one store, and when one of them is killed: never exceeded, and
nothing is left of what a killed server had begun."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
MOST, AT_ONCE = 5, 20
ONCE = Config(retries={"max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=20)


@pytest.fixture
def pair(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RunningServer]]:
    """Two servers on one store."""
    url, made = postgres.new_database(), []
    for name in ("one", "other"):
        environ = {"SAGEWRIGHT_DATABASE": url, "SAGEWRIGHT_MASTER_KEY": "5a" * 32, "SAGEWRIGHT_CAPACITY_CPUS": "2"}
        made.append(server_class(tmp_path_factory.mktemp(name), environ))
        made[-1].start()
    yield made
    for one in made:
        one.kill_everything()


def limit(server: RunningServer, value: int) -> None:
    words = ["quotas", "set", "Number of instances across all training jobs", str(value), "--data", str(server.data)]
    subprocess.run([COMMAND, *words], check=True)


def create(server: RunningServer, name: str) -> str:
    """How it ended: created, the code of an error, or `lost` where no answer came."""
    try:
        server.boto("sagemaker", config=ONCE).create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": "sagewright/sagemaker-base-python:py3",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/bash", "-c"],
                "ContainerArguments": ["sleep 100"],
            },
            RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
            OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 200},
        )
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except BotoCoreError:
        return "lost"
    return "created"


def at_once(servers: Sequence[RunningServer], prefix: str, meanwhile: Callable[[], Any] = lambda: None) -> Counter[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(create, servers[n % len(servers)], f"{prefix}-{n}") for n in range(AT_ONCE)]
        meanwhile()
        return Counter(one.result() for one in answers)


def in_progress(server: RunningServer) -> list[str]:
    found = server.boto("sagemaker").list_training_jobs(StatusEquals="InProgress", MaxResults=100)
    return [one["TrainingJobName"] for one in found["TrainingJobSummaries"]]


def end_all(server: RunningServer) -> None:
    sagemaker = server.boto("sagemaker")
    deadline = time.monotonic() + 60
    while names := in_progress(server):
        assert time.monotonic() < deadline, server.log()
        for name in names:
            try:
                sagemaker.stop_training_job(TrainingJobName=name)
            except ClientError:
                continue
        time.sleep(0.3)
    while sagemaker.list_training_jobs(StatusEquals="Stopping")["TrainingJobSummaries"]:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.3)


def test_creates_at_two_servers_exceed_no_limit(pair: list[RunningServer]) -> None:
    limit(pair[0], MOST)
    assert at_once(pair, "a") == {"created": MOST, "ResourceLimitExceeded": AT_ONCE - MOST}
    assert len(in_progress(pair[1])) == MOST
    assert create(pair[1], "one-more") == "ResourceLimitExceeded"
    end_all(pair[0])
    one, other = pair
    found = at_once(pair, "b", lambda: (time.sleep(0.05), one.end(signal.SIGKILL)))
    running = len(in_progress(other))
    assert found["created"] <= running <= min(MOST, found["created"] + found["lost"]), found
    one.start()
    end_all(other)
    assert at_once(pair, "c")["created"] == MOST, "what was killed has left nothing behind"


def test_creates_at_one_server_exceed_no_limit(own_server: RunningServer) -> None:
    own_server.start()
    limit(own_server, MOST)
    assert at_once([own_server], "a") == {"created": MOST, "ResourceLimitExceeded": AT_ONCE - MOST}
