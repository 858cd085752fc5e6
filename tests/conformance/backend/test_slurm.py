"""Faults that only a Slurm cluster has: a gang that waits, a lost node, a cancelled job, a controller that does not answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from backend.agents import agents_of, directory_of, gang, until
from sagewright.compute.backend import Backend, BackendUnreachable, LaunchFailed, NoBackend
from sagewright.compute.nodehosts import BEAT
from sagewright.compute.slurm.backend import SlurmBackend, placement
from sagewright.compute.slurm.commands import SlurmNode
from sagewright.model.aws.instance_types import Resources
from sagewright.model.settings import load_settings

if TYPE_CHECKING:
    from backend.conftest import Launch, Place
    from backend.slurmcluster import SlurmCluster
    from conftest import RunningServer

PAIR = ("algo-1", "algo-2")
SAVED_S = 6.0
"""Within 5 s Slurm's controller saves what has changed; killed before, it forgets that a job runs, and ends it on its node."""
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


@pytest.fixture(scope="module")
def backend(on_slurm: Place, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return on_slurm.backend(tmp_path_factory.mktemp("data"))


@pytest.fixture
def second_node(slurm_cluster: SlurmCluster) -> Iterator[SlurmCluster]:
    """The cluster, whose second node a test may lose."""
    yield slurm_cluster
    if slurm_cluster.states().get("n2") != "idle":
        slurm_cluster.start_node("n2")
        slurm_cluster.until(lambda: slurm_cluster.states()["n2"] == "idle", 90)


def test_a_gang_waits_until_there_is_room_for_all(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (first,) = launch(gang(tmp_path, "algo-1", cpus=4))
    until(lambda: agents_of(first))
    waiting = launch(gang(tmp_path, *PAIR, cpus=4))
    never = launch(gang(tmp_path, *PAIR, cpus=4))
    time.sleep(2)
    assert agents_of(*waiting, *never) == []  # though there is room for one
    assert all(backend.poll(handle) for handle in [*waiting, *never])
    backend.stop(never[0])
    until(lambda: not any(backend.poll(handle) for handle in never))
    assert "CANCELLED" in backend.poll(never[1]).reason
    backend.kill(first)
    until(lambda: len(agents_of(*waiting)) == 2)


def test_hosts_get_gpus_of_their_own(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    """The numbers are Slurm's, not those of the server's own reservations. No machine here has GPUs: agents only read them."""
    assert [one.gpus for one in backend.machines()] == [0, 2]  # type: ignore[attr-defined]
    handles = [launch(gang(tmp_path, "algo-1", gpus=1, gpu_indexes=[7]))[0] for _ in range(2)]
    until(lambda: len(agents_of(*handles)) == 2)
    documents = [json.loads((directory_of(one) / "host.json").read_bytes()) for one in handles]
    assert sorted(one["gpu_indexes"] for one in documents) == [[0], [1]]
    pair = launch(gang(tmp_path, *PAIR, gpus=1, gpu_indexes=[7]))
    time.sleep(1)
    assert agents_of(*pair) == [], "both GPUs are taken"
    for one in handles:
        backend.kill(one)
    until(lambda: len(agents_of(*pair)) == 2)
    documents = [json.loads((directory_of(one) / "host.json").read_bytes()) for one in pair]
    assert [one["gpu_indexes"] for one in documents] == [[0], [1]]


def test_more_hosts_than_nodes_share_one(launch: Launch, tmp_path: Path) -> None:
    handles = launch(gang(tmp_path, *(f"algo-{i}" for i in range(1, 5))))
    until(lambda: len(agents_of(*handles)) == 4)


@pytest.mark.sampled(2, of="ends on Slurm")
def test_what_a_dead_step_leaves_is_ended(backend: Backend, launch: Launch, tmp_path: Path) -> None:
    (handle,) = launch(gang(tmp_path, "algo-1"))
    until(lambda: agents_of(handle))
    (agent,) = agents_of(handle)
    psutil.Process(agent).parent().kill()
    until(lambda: not backend.poll(handle))
    assert "killed or crashed" in backend.poll(handle).reason
    until(lambda: agents_of(handle) == [])
    backend.kill(handle)


@pytest.mark.sampled(2, of="ends on Slurm")
def test_a_job_that_somebody_cancels_is_seen(
    backend: Backend, launch: Launch, tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    handles = launch(gang(tmp_path, *PAIR))
    until(lambda: len(agents_of(*handles)) == 2)
    slurm_cluster.command("scancel", handles[0]["job"])
    until(lambda: not any(backend.poll(handle) for handle in handles))
    until(lambda: agents_of(*handles) == [])
    left = [directory_of(handle) for handle in handles if directory_of(handle).exists()]
    for directory in left:  # as if it had been a while ago
        os.utime(directory / BEAT, (0, 0))
    again = launch(gang(tmp_path, *PAIR))
    until(lambda: len(agents_of(*again)) == 2)
    assert [str(directory) for directory in left if directory.exists()] == []


def test_nodes_with_another_version_and_wrong_options_are_said(
    on_slurm: Place, backend: Backend, launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewright.compute.orders.version", lambda _package: "99.9")
    (handle,) = launch(gang(tmp_path, "algo-1"))
    until(lambda: not backend.poll(handle))
    assert "is installed there, and the server is 99.9" in backend.poll(handle).reason
    wrong = SlurmBackend(load_settings({"data": tmp_path, **on_slurm.settings, "slurm_options": "--partition=no-such"}))
    with pytest.raises(LaunchFailed, match=r"Slurm did not accept the job: .*partition"):
        wrong.launch(gang(tmp_path, "algo-1"))


@pytest.mark.sampled(2, of="ends on Slurm")
def test_what_nobody_asks_for_gives_back_what_it_holds(
    backend: Backend, launch: Launch, tmp_path: Path, slurm_cluster: SlurmCluster
) -> None:
    """An agent that has ended holds its share for as long as a server may fetch its log; a killed batch script ends its hosts."""
    handles = launch(gang(tmp_path, *PAIR, cpus=4))
    until(lambda: len(agents_of(*handles)) == 2)
    for one in psutil.process_iter(["cmdline"]):
        if "sagewright.compute.slurm.gang" in " ".join(one.info["cmdline"] or ()):
            one.kill()
    until(lambda: not any(backend.poll(handle) for handle in handles))
    until(lambda: agents_of(*handles) == [])
    slurm_cluster.until(lambda: slurm_cluster.states() == {"n1": "idle", "n2": "idle"})


def test_a_lost_node_is_seen_and_named(slurm_server: RunningServer, job_name: str, second_node: SlurmCluster) -> None:
    slurm_server.run_shell(job_name, "echo begun; sleep 100", ResourceConfig=TWO)
    slurm_server.when_logged(job_name, "begun")
    until(lambda: len(agents_of(*slurm_server.handles())) == 2)
    second_node.lose_node("n2")
    job = slurm_server.wait(job_name, timeout_s=90)
    assert job["TrainingJobStatus"] == "Failed"
    assert "its node n2 was lost" in job["FailureReason"]
    assert agents_of(*slurm_server.handles()) == []
    for handle in slurm_server.handles():  # what a machine that was switched off keeps
        shutil.rmtree(directory_of(handle), ignore_errors=True)


@pytest.mark.sampled(2, of="ends on Slurm")
def test_jobs_go_on_while_the_controller_does_not_answer(
    backend: Backend, slurm_server: RunningServer, job_name: str, slurm_cluster: SlurmCluster, tmp_path: Path
) -> None:
    slurm_server.run_shell(job_name, "echo begun; sleep 30; echo m > /opt/ml/model/m")
    slurm_server.when_logged(job_name, "begun")
    handle = next(one for one in slurm_server.handles() if agents_of(one))
    time.sleep(SAVED_S)
    controller = slurm_cluster.folder / "slurmctld.pid"
    os.kill(int(controller.read_text()), signal.SIGKILL)
    with pytest.raises(BackendUnreachable):
        SlurmBackend.poll(backend, {"job": "0", "rank": 0})
    with pytest.raises(NoBackend, match="The Slurm cluster cannot be reached"):
        SlurmBackend(load_settings({"data": tmp_path, "backend": "slurm"}))
    slurm_cluster.start_controller()
    job = slurm_server.wait(job_name, timeout_s=90)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert slurm_server.lines(job_name).count("begun") == 1, slurm_cluster.logs()
    until(lambda: not directory_of(handle).exists())


@pytest.mark.parametrize(
    ("count", "needs", "expected"),
    [
        (2, (2, 4, 0), ["--nodes=2", "--ntasks=2", "--cpus-per-task=2", "--mem=4096M"]),
        (3, (2, 4, 0), ["--nodes=1", "--ntasks=1", "--cpus-per-task=4", "--mem=8192M"]),
        (1, (1, 1, 2), ["--nodes=1", "--gres=gpu:2"]),
        (2, (1, 1, 1), ["--nodes=1", "--gres=gpu:2"]),
    ],
)
def test_where_hosts_go(count: int, needs: tuple[int, int, int], expected: list[str]) -> None:
    """The second node has GPUs; more hosts than nodes that fit share the largest one."""
    nodes = [SlurmNode("a", "10.0.0.1", Resources(4, 8, 0)), SlurmNode("b", "10.0.0.2", Resources(4, 8, 2))]
    document = dict(zip(("cpus", "memory_gb", "gpus"), needs, strict=True))
    assert set(expected) <= set(placement(document, count, nodes))
