"""Warm pools, seen by boto3: kept, reused with their cache, updated, released, and there after a restart."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

CACHE = "/opt/ml/sagemaker/warmpoolcache"
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def kept(seconds: int, **changes: Any) -> dict[str, Any]:
    return {"ResourceConfig": RESOURCES | {"KeepAlivePeriodInSeconds": seconds}, **changes}


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.environ["SAGEWRIGHT_CAPACITY_CPUS"] = "2"
    own_server.start()
    return own_server


def pool(server: RunningServer, job: str) -> dict[str, Any]:
    described: dict[str, Any] = server.boto("sagemaker").describe_training_job(TrainingJobName=job)
    found: dict[str, Any] = described.get("WarmPoolStatus", {})
    return found


def becomes(server: RunningServer, job: str, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (found := pool(server, job)).get("Status") != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def listed(server: RunningServer, status: str) -> list[str]:
    found = server.boto("sagemaker").list_training_jobs(WarmPoolStatusEquals=status)["TrainingJobSummaries"]
    assert all(job["WarmPoolStatus"]["Status"] == status for job in found)
    return [job["TrainingJobName"] for job in found]


def test_a_pool_is_reused_and_its_cache_is_there(running: RunningServer) -> None:
    running.run_shell("first", f"echo up; sleep 4; echo left > {CACHE}/note", **kept(600))
    running.when_logged("first", "up")
    assert pool(running, "first") == {"Status": "InUse"}
    running.wait("first")
    assert becomes(running, "first", "Available") == {"Status": "Available"}
    running.run_shell("second", f"cat {CACHE}/note", **kept(600))
    assert running.wait("second")["TrainingJobStatus"] == "Completed"
    assert "left" in running.lines("second")
    reused = pool(running, "first")
    ready = running.boto("sagemaker").describe_training_job(TrainingJobName="first")["TrainingEndTime"]
    assert (reused["Status"], reused["ReusedByJob"]) == ("Reused", "second")
    assert 0 <= reused["ResourceRetainedBillableTimeInSeconds"] <= (datetime.now(UTC) - ready).total_seconds() + 1
    assert listed(running, "Available") == ["second"]
    assert listed(running, "Reused") == ["first"]
    release(running, "second")
    assert not list((running.data / "pools").iterdir())


def test_a_pool_gives_way_to_a_job_that_it_does_not_fit_and_keeps_its_cache(running: RunningServer) -> None:
    """As on AWS, where such a job gets other machines: a pool for an hour is no reason to wait for an hour."""
    running.run_shell("first", f"echo left > {CACHE}/note", **kept(3600))
    running.wait("first")
    becomes(running, "first", "Available")
    running.run_shell("other", "echo other", ResourceConfig=RESOURCES | {"VolumeSizeInGB": 2})
    assert running.wait("other")["TrainingJobStatus"] == "Completed"
    assert pool(running, "first") == {"Status": "Available"}
    running.end(9)
    running.start()
    running.run_shell("second", f"cat {CACHE}/note")
    assert running.wait("second")["TrainingJobStatus"] == "Completed"
    assert "left" in running.lines("second")
    assert becomes(running, "first", "Reused")["ReusedByJob"] == "second"


def release(server: RunningServer, job: str) -> None:
    server.boto("sagemaker").update_training_job(TrainingJobName=job, ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    ended = server.boto("sagemaker").describe_training_job(TrainingJobName=job)["TrainingEndTime"]
    retained = becomes(server, job, "Terminated")["ResourceRetainedBillableTimeInSeconds"]
    assert 0 <= retained <= (datetime.now(UTC) - ended).total_seconds() + 1


def test_a_pool_that_nobody_takes_ends(running: RunningServer) -> None:
    running.run_shell("short", "echo hi", **kept(1))
    running.wait("short")
    assert becomes(running, "short", "Terminated")["ResourceRetainedBillableTimeInSeconds"] in {1, 2}
    running.run_shell("next", "echo hi")
    assert running.wait("next")["TrainingJobStatus"] == "Completed"
    assert pool(running, "next") == {}


@pytest.mark.parametrize("kill", [False, True])
def test_a_pool_survives_a_restart_of_the_server(running: RunningServer, kill: bool) -> None:
    running.run_shell("first", f"echo left > {CACHE}/note; exit 3", **kept(600))
    assert running.wait("first")["TrainingJobStatus"] == "Failed"  # by its own fault: the hosts are as good as before
    becomes(running, "first", "Available")
    running.end(9 if kill else 15)
    running.start()
    running.run_shell("other", "echo other", ResourceConfig=RESOURCES | {"VolumeSizeInGB": 2})
    running.run_shell("second", f"cat {CACHE}/note")
    assert running.wait("second")["TrainingJobStatus"] == "Completed"
    assert "left" in running.lines("second")
    assert becomes(running, "first", "Reused")["ReusedByJob"] == "second"
    assert becomes(running, "second", "Terminated")  # it asked for no pool of its own
    assert running.wait("other")["TrainingJobStatus"] == "Completed"


def test_what_is_refused(running: RunningServer) -> None:
    sagemaker = running.boto("sagemaker")
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 9},
    }
    group = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "g"}
    hetero = {"ResourceConfig": {"InstanceGroups": [group], "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 5}}
    for changes in (kept(5, **spot), hetero, kept(21_601)):
        with pytest.raises(ClientError) as refused:
            running.run_shell("never", "echo never", **changes)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    running.run_shell("one", "echo up; sleep 1", **kept(600))
    update = {"TrainingJobName": "one", "ResourceConfig": {"KeepAlivePeriodInSeconds": 10}}
    running.when_logged("one", "up")
    with pytest.raises(ClientError, match="only while its warm pool is Available; it is InUse"):
        sagemaker.update_training_job(**update)
    running.wait("one")
    becomes(running, "one", "Available")
    with pytest.raises(ClientError, match="has a warm pool that is Available"):
        sagemaker.delete_training_job(TrainingJobName="one")
    sagemaker.update_training_job(**update)
    described = sagemaker.describe_training_job(TrainingJobName="one")
    assert described["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 10
    release(running, "one")
    sagemaker.delete_training_job(TrainingJobName="one")


def test_an_infrastructure_fault_leaves_no_pool(running: RunningServer) -> None:
    running.run_shell("lost", "echo up; sleep 100", **kept(600))
    running.when_logged("lost", "up")
    (agent,) = running.agents()
    os.kill(agent, 9)
    assert running.wait("lost")["TrainingJobStatus"] == "Failed"
    assert pool(running, "lost")["Status"] == "Terminated"
