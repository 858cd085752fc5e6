"""Faults that only a cluster has: a lost node, a gang that waits, a driver that dies, a missing cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.hosting import Hosting

from backend.agents import agents_of, directory_of, gang, until
from sagewright.compute.backend import Backend, BackendUnreachable
from sagewright.compute.ray.backend import RayBackend
from sagewright.model.settings import load_settings

if TYPE_CHECKING:
    from backend.conftest import Launch, Place
    from backend.raycluster import RayCluster
    from conftest import RunningServer

PAIR = ("algo-1", "algo-2")
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
WAIT = (
    "echo begun; cd /opt/ml/checkpoints; [ -e $HOSTNAME ] && echo again && exit 0; touch $HOSTNAME; "
    "trap 'echo told; exit 1' TERM; sleep 100 & wait"
)


@pytest.fixture(scope="module")
def backend(on_ray: Place, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return on_ray.backend(tmp_path_factory.mktemp("data"))


@pytest.fixture
def second_node(ray_cluster: RayCluster) -> Iterator[RayCluster]:
    """The cluster, whose second node a test may kill."""
    yield ray_cluster
    if ray_cluster.nodes[1].process is None:
        ray_cluster.start_second()


def test_a_gang_waits_until_there_is_room_for_all(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (first,) = launch(gang(tmp_path, "algo-1", cpus=2))
    until(lambda: agents_of(first))
    waiting = launch(gang(tmp_path, *PAIR, cpus=2))
    never = launch(gang(tmp_path, *PAIR, cpus=2))
    time.sleep(2)
    assert agents_of(*waiting, *never) == []  # though there is room for one
    assert all(backend.poll(handle) for handle in [*waiting, *never])
    backend.stop(never[0])
    until(lambda: not any(backend.poll(handle) for handle in never))
    backend.kill(first)
    until(lambda: len(agents_of(*waiting)) == 2)


def test_more_hosts_than_nodes_share_one(launch: Launch, tmp_path: Path) -> None:
    handles = launch(gang(tmp_path, *(f"algo-{i}" for i in range(1, 5))))
    until(lambda: len(agents_of(*handles)) == 4)


def test_what_a_dead_actor_leaves_is_ended(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (handle,) = launch(gang(tmp_path, "algo-1"))
    until(lambda: agents_of(handle))
    (agent,) = agents_of(handle)
    psutil.Process(agent).parent().kill()
    until(lambda: not backend.poll(handle))
    assert agents_of(handle) == [agent]
    backend.kill(handle)
    assert agents_of(handle) == []
    assert not directory_of(handle).exists()


@pytest.mark.sampled(1, of="a dead driver of Ray's")
def test_the_driver_may_die(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (handle,) = launch(gang(tmp_path, "algo-1"))
    until(lambda: agents_of(handle))
    drivers = [p for p in psutil.Process().children() if "sagewright.compute.ray.driver" in " ".join(p.cmdline())]
    for driver in drivers:
        driver.kill()
    with pytest.raises(BackendUnreachable):
        backend.stop(handle)
    until(lambda: _answers(backend, handle))
    assert backend.poll(handle)
    backend.kill(handle)
    assert agents_of(handle) == []


def test_a_node_with_another_version_is_said(
    backend: Backend, launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewright.compute.orders.version", lambda _package: "99.9")
    (handle,) = launch(gang(tmp_path, "algo-1"))
    until(lambda: not backend.poll(handle))
    assert "is installed there, and the server is 99.9" in backend.poll(handle).reason


def test_a_gang_that_nobody_knows_gives_back_what_it_holds(
    on_ray: Place, backend: Backend, launch: Launch, tmp_path: Path
) -> None:
    """As after a server that died between the launch and its note of it."""
    forgetful = RayBackend(load_settings({"data": tmp_path, **on_ray.settings}), forgotten_s=2)
    handles = forgetful.launch(gang(tmp_path, *PAIR, cpus=2))
    forgetful.close()
    until(lambda: len(agents_of(*handles)) == 2)
    waiting = launch(gang(tmp_path, *PAIR, cpus=2))
    time.sleep(3)
    assert len(agents_of(*handles)) == 2  # what runs is not forgotten
    assert agents_of(*waiting) == []
    for agent in agents_of(*handles):
        os.kill(agent, signal.SIGKILL)
    until(lambda: len(agents_of(*waiting)) == 2)
    assert not any(directory_of(handle).exists() for handle in handles)


@pytest.mark.sampled(1, of="a dead driver of Ray's")
def test_a_job_goes_on_while_nobody_answers_for_the_cluster(ray_server: RunningServer, job_name: str) -> None:
    ray_server.run_shell(job_name, "echo begun; sleep 4; echo m > /opt/ml/model/m", ResourceConfig=TWO)
    ray_server.when_logged(job_name, "begun")
    assert ray_server.process is not None
    own = [one for one in psutil.process_iter(["ppid", "cmdline"]) if one.info["ppid"] == ray_server.process.pid]
    (driver,) = [one for one in own if "sagewright.compute.ray.driver" in (one.info["cmdline"] or ())]
    driver.kill()
    job = ray_server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def _answers(backend: Backend, handle: dict[str, Any]) -> bool:
    try:
        return bool(backend.poll(handle))
    except BackendUnreachable:
        return False


def test_input_comes_over_the_network(ray_server: RunningServer, job_name: str) -> None:
    """Not as a link to the store's file, which this machine's nodes could see."""
    s3, bucket = ray_server.boto("s3"), job_name.lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="data/file", Body=b"x" * 100)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    ray_server.run_shell(job_name, "stat -c 'links %h' /opt/ml/input/data/train/file", InputDataConfig=[channel])
    assert ray_server.wait(job_name)["TrainingJobStatus"] == "Completed"
    assert "links 1" in ray_server.lines(job_name)


def test_hosts_are_on_nodes_of_their_own(ray_server: RunningServer, ray_cluster: RayCluster, job_name: str) -> None:
    shell = "getent hosts algo-1 algo-2; cat /opt/ml/input/config/resourceconfig.json"
    ray_server.run_shell(job_name, shell, ResourceConfig=TWO)
    assert ray_server.wait(job_name)["TrainingJobStatus"] == "Completed"
    lines = ray_server.lines(job_name)
    known = {line.split()[0] for line in lines if line.endswith(("algo-1", "algo-2"))}
    assert known == {node.address for node in ray_cluster.nodes}


@pytest.mark.sampled(1, of="a lost node of Ray's")
def test_a_lost_node_fails_the_job_with_its_name(
    ray_server: RunningServer, second_node: RayCluster, job_name: str
) -> None:
    ray_server.run_shell(job_name, "echo begun; sleep 100", ResourceConfig=TWO)
    until(lambda: _lines(ray_server, job_name).count("begun") == 2)
    lost = second_node.nodes[1]
    lost.kill_raylet()
    job = ray_server.wait(job_name, timeout_s=60)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: algo-")
    assert f"its node {lost.address} was lost" in job["FailureReason"]
    until(lambda: agents_of(*ray_server.handles()) == [])  # one that goes on where Ray is gone is told to end
    assert "Traceback" not in ray_server.log()
    lost.kill()


@pytest.mark.sampled(1, of="a lost node of Ray's")
def test_a_spot_job_goes_on_without_the_lost_node(
    ray_server: RunningServer, second_node: RayCluster, job_name: str
) -> None:
    """It is interrupted, and resumes from its checkpoints on what is left: both hosts on one node."""
    s3, bucket = ray_server.boto("s3"), job_name.lower()
    s3.create_bucket(Bucket=bucket)
    ray_server.run_shell(
        job_name,
        WAIT,
        ResourceConfig=TWO,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 200, "MaxWaitTimeInSeconds": 400},
        CheckpointConfig={"S3Uri": f"s3://{bucket}/checkpoints"},
    )
    until(lambda: _lines(ray_server, job_name).count("begun") == 2)
    until(lambda: s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2)  # a host that begins late gets the other's only
    second_node.nodes[1].kill()
    job = ray_server.wait(job_name, timeout_s=90)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert "Interrupted" in steps
    lines = _lines(ray_server, job_name)
    assert lines.count("again") == 2
    assert lines.count("told") == 1  # the host that was left could end in order


@pytest.mark.sampled(1, of="a lost node of Ray's")
def test_an_endpoint_outlives_a_node(ray_server: RunningServer, second_node: RayCluster, job_name: str) -> None:
    """The instance on the node that is left answers; the other one comes back with a node."""
    name, lost = job_name.lower(), second_node.nodes[1]
    with Hosting(ray_server) as hosting:
        hosting.config(name, hosting.variant("all", hosting.model(name), InitialInstanceCount=2))
        hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        hosting.settled(name, timeout_s=240)
        lost.kill()
        for _ in range(20):
            assert hosting.ask(name) == f"{name} x"
        until(lambda: len(agents_of(*ray_server.handles())) == 1)
        second_node.start_second()
        until(lambda: len(agents_of(*ray_server.handles())) == 2, 240)
        until(lambda: _instances(hosting, name) == 2, 240)
        assert hosting.ask(name) == f"{name} x"
    until(lambda: agents_of(*ray_server.handles()) == [])


def _instances(hosting: Hosting, name: str) -> int:
    (variant,) = hosting.sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    return int(variant["CurrentInstanceCount"])


def _lines(server: RunningServer, job: str) -> list[str]:
    """None before the job has its streams."""
    try:
        return server.lines(job)
    except ClientError:
        return []


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SAGEWRIGHT_RAY_ADDRESS": "ray://127.0.0.1:1"}, "No Ray cluster can be reached at ray://127.0.0.1:1"),
        ({"SAGEWRIGHT_RAY_ADDRESS": ""}, "ray_address='': must be"),
        ({"RAY_AUTH_TOKEN": ""}, "couldn't find an authentication token"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_said_at_once(
    on_ray: Place, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    environ = {**os.environ, **on_ray.environ(), **changes}
    command = [str(Path(sys.executable).parent / "sagewright"), "up", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
