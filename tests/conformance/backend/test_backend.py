"""Guarantees of every backend: the same tests on this machine and on clusters of two nodes, of Ray and of Slurm."""

from __future__ import annotations

import io
import os
import signal
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backend.agents import agents_of, directory_of, gang, until
from sagewright.compute.backend import Backend, LaunchFailed

if TYPE_CHECKING:
    from backend.conftest import Launch, Place
    from conftest import RunningServer

PAIR = ("algo-1", "algo-2")
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


@pytest.fixture(scope="module")
def backend(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return place.backend(tmp_path_factory.mktemp("data"))


def test_a_gang_lives_until_it_is_killed(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    first, second = launch(gang(tmp_path, *PAIR))
    until(lambda: len(agents_of(first, second)) == 2)
    assert backend.poll(first)
    assert backend.poll(second)
    document = directory_of(first) / "host.json"
    assert document.stat().st_mode & 0o777 == 0o600
    backend.kill(first)
    assert not backend.poll(first)
    assert backend.poll(second)
    assert len(agents_of(first, second)) == 1
    backend.kill(second)
    assert not backend.poll(second)
    assert agents_of(first, second) == []


def test_another_server_finds_the_hosts_again(place: Place, backend: Backend, launch: Launch, tmp_path: Path) -> None:
    handles = launch(gang(tmp_path, *PAIR))
    restarted = place.open(tmp_path / "data")
    assert [bool(restarted.poll(handle)) for handle in handles] == [True, True]
    until(lambda: len(agents_of(*handles)) == 2)
    for handle in handles:
        restarted.kill(handle)
    assert agents_of(*handles) == []
    until(lambda: not any(backend.poll(handle) for handle in handles))


def test_a_launch_that_is_repeated_starts_nothing_twice(
    place: Place, backend: Backend, launch: Launch, tmp_path: Path
) -> None:
    """As by a server that found no handles of what another one had launched before it was killed."""
    plans = gang(tmp_path, *PAIR)
    handles = launch(plans)
    until(lambda: len(agents_of(*handles)) == 2)
    agents = set(agents_of(*handles))
    again = place.open(tmp_path / "data").launch(plans)
    assert [bool(backend.poll(handle)) for handle in again] == [True, True]
    assert set(agents_of(*again)) == agents
    for handle in again:
        backend.kill(handle)
    assert agents_of(*handles) == []
    until(lambda: not any(backend.poll(handle) for handle in handles))


def test_a_killed_agent_is_seen_and_said(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (handle,) = launch(gang(tmp_path, "algo-1"))
    until(lambda: agents_of(handle))
    os.kill(agents_of(handle)[0], signal.SIGKILL)
    until(lambda: not backend.poll(handle))
    assert "killed or crashed" in backend.poll(handle).reason
    backend.kill(handle)


def test_calls_on_what_has_ended_do_nothing(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (handle,) = launch(gang(tmp_path, "algo-1"))
    for _twice in range(2):
        backend.kill(handle)
        backend.stop(handle)
        assert not backend.poll(handle)
    assert agents_of(handle) == []


def test_a_host_that_cannot_be_started_is_not_said_to_live(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    """Its directory has too long a name, on whatever machine."""
    try:
        handles = launch(gang(tmp_path, "algo-1", "x" * 300))
    except LaunchFailed:
        return
    until(lambda: not backend.poll(handles[1]))
    assert "could not be started" in backend.poll(handles[1]).reason
    for handle in handles:
        backend.kill(handle)
    assert agents_of(handles[0]) == []


def test_a_whole_job(server_at: RunningServer, job_name: str) -> None:
    """Channel in; log lines, a metric and the model out; nothing left where it ran."""
    s3, bucket = server_at.boto("s3"), job_name.lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="data/deep/one.txt", Body=b"one")
    s3.put_object(Bucket=bucket, Key="data/two.bin", Body=bytes(3_000_000))
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    shell = (
        "cd /opt/ml/input/data/train; cat deep/one.txt; echo; stat -c 'two %s' two.bin; echo 'loss=0.25;'; "
        "cp -r . /opt/ml/model; echo o > /opt/ml/output/data/other"
    )
    metric = {"Name": "loss", "Regex": "loss=([0-9.]+);"}
    algorithm = {
        "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash", "-c"],
        "ContainerArguments": [shell],
        "MetricDefinitions": [metric],
    }
    server_at.run_shell(job_name, "", AlgorithmSpecification=algorithm, InputDataConfig=[channel])
    job = server_at.wait(job_name)
    lines = server_at.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines)
    assert {"one", "two 3000000"} <= set(lines)
    assert job["FinalMetricDataList"][0]["Value"] == 0.25
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert names_of(server_at, job) == {"deep/one.txt", "two.bin"}
    left = [directory_of(handle) for handle in server_at.handles()]
    until(lambda: not any(directory.exists() for directory in left))


def names_of(server: RunningServer, job: dict[str, Any]) -> set[str]:
    """The files of the job's model."""
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    body = server.boto("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {member.name.removeprefix("./") for member in archive.getmembers() if member.isfile()}


TALK = """
import json, socket, threading, time
hosts = json.load(open("/opt/ml/input/config/resourceconfig.json"))
me = hosts["current_host"]
server = socket.create_server(("0.0.0.0", 7777)) if me == "algo-1" else None
if server:
    connection, peer = server.accept()
    print("heard", connection.recv(100).decode())
else:
    for _ in range(300):
        try:
            with socket.create_connection(("algo-1", 7777), timeout=5) as connection:
                connection.sendall(b"hello from " + me.encode())
            break
        except OSError:
            time.sleep(0.1)
open("/opt/ml/model/" + me, "w").write(me)
"""


def test_two_hosts_talk_and_their_models_are_one(server_at: RunningServer, job_name: str) -> None:
    s3, bucket = server_at.boto("s3"), job_name.lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="code/talk.py", Body=TALK.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/code/"}
    code = {"ChannelName": "code", "DataSource": {"S3DataSource": source}}
    shell = "exec python3 /opt/ml/input/data/code/talk.py"
    server_at.run_shell(job_name, shell, ResourceConfig=TWO, InputDataConfig=[code])
    job = server_at.wait(job_name)
    lines = server_at.lines(job_name)
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines)
    assert "heard hello from algo-2" in lines
    assert names_of(server_at, job) == {"algo-1", "algo-2"}


def test_a_stopped_job_ends_and_keeps_its_model(server_at: RunningServer, job_name: str) -> None:
    shell = "trap 'echo told; echo m > /opt/ml/model/m; exit 0' TERM; echo begun; while true; do sleep 0.1; done"
    server_at.run_shell(job_name, shell)
    server_at.when_logged(job_name, "begun")
    server_at.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    job = server_at.wait(job_name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert "told" in server_at.lines(job_name)
    assert names_of(server_at, job) == {"m"}


def test_a_job_outlives_its_server(server_at: RunningServer, job_name: str) -> None:
    server_at.run_shell(job_name, "echo begun; sleep 5; echo m > /opt/ml/model/m; echo went on")
    server_at.when_logged(job_name, "begun")
    server_at.end(signal.SIGKILL)
    server_at.start()
    job = server_at.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = server_at.lines(job_name)
    assert (lines.count("begun"), lines.count("went on")) == (1, 1)


def test_a_job_can_be_stopped_by_the_next_server(server_at: RunningServer, job_name: str) -> None:
    server_at.run_shell(job_name, "echo begun; sleep 100", ResourceConfig=TWO)
    server_at.when_logged(job_name, "begun")
    server_at.end(signal.SIGKILL)
    server_at.start()
    server_at.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    assert server_at.wait(job_name)["TrainingJobStatus"] == "Stopped"
    assert agents_of(*server_at.handles()) == []


def test_a_killed_agent_fails_the_job_with_the_hosts_name(server_at: RunningServer, job_name: str) -> None:
    server_at.run_shell(job_name, "echo begun; sleep 100", ResourceConfig=TWO)
    server_at.when_logged(job_name, "begun")

    def second() -> list[int]:
        return [
            pid for found in server_at.handles() if directory_of(found).name == "algo-2" for pid in agents_of(found)
        ]

    until(second)
    os.kill(second()[0], signal.SIGKILL)
    job = server_at.wait(job_name, timeout_s=30)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: algo-2: ")
    assert "killed or crashed" in job["FailureReason"]
    assert agents_of(*server_at.handles()) == []
