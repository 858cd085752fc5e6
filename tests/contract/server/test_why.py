"""`sagewright why`: one sentence for each resource, the same in the status message that SDKs print and in the command."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import ROLE

if TYPE_CHECKING:
    from conftest import RunningServer

HELD = "Queued: needs 2 CPUs; 2 of 2 CPUs are held by holder."


@pytest.fixture(scope="module")
def busy(server_with: Callable[..., RunningServer]) -> RunningServer:
    """A server whose two CPUs are held by a job, with two more jobs in the queue."""
    server = server_with(SAGEWRIGHT_CAPACITY_CPUS="2")
    server.run_shell("holder", "echo up; sleep 300")
    server.when_logged("holder", "up")
    for name in ("second", "third"):
        server.run_shell(name, "true")
    return server


def why(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "sagewright"), "why", *words, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def told(server: RunningServer, *words: str) -> list[dict[str, Any]]:
    done = why(server, *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def last_message(server: RunningServer, name: str) -> str:
    described = server.boto("sagemaker").describe_training_job(TrainingJobName=name)
    message: str = described["SecondaryStatusTransitions"][-1]["StatusMessage"]
    return message


def test_a_queued_job_says_what_it_needs_and_who_holds_it(busy: RunningServer) -> None:
    deadline = time.monotonic() + 60
    while last_message(busy, "third") != HELD and time.monotonic() < deadline:
        time.sleep(0.2)
    assert last_message(busy, "second") == last_message(busy, "third") == HELD
    (second,), (third,) = told(busy, "second"), told(busy, "third", "--kind", "training-job")
    assert second["reason"] == f"{HELD} It is number 1 in the queue."
    assert third == {
        "kind": "training-job",
        "name": "third",
        "status": "InProgress",
        "reason": f"{HELD} It is number 2 in the queue.",
    }
    arn = busy.boto("sagemaker").describe_training_job(TrainingJobName="third")["TrainingJobArn"]
    assert told(busy, arn) == [third]


def test_a_pipeline_names_the_step_and_what_its_job_waits_for(busy: RunningServer) -> None:
    sagemaker = busy.boto("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName="third")
    members = ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
    step = {"Name": "fit", "Type": "Training", "Arguments": {name: job[name] for name in members}}
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    sagemaker.create_pipeline(
        PipelineName="flow", PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken="w" * 32
    )
    assert told(busy, "flow")[0]["reason"] == "It has no execution: start one."
    arn = sagemaker.start_pipeline_execution(PipelineName="flow", ClientRequestToken="x" * 32)["PipelineExecutionArn"]
    deadline = time.monotonic() + 60
    while "number 3" not in (said := told(busy, arn)[0]["reason"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert said.startswith("The step fit waits for its training job pipelines-")
    assert "It is number 3 in the queue." in said
    assert told(busy, "flow")[0]["reason"].endswith(said)


def test_a_version_that_waits_for_approval_names_the_command(busy: RunningServer) -> None:
    sagemaker = busy.boto("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    sagemaker.create_model_package(
        ModelPackageGroupName="churn", ModelApprovalStatus="PendingManualApproval", SourceUri="s3://outputs/model/"
    )
    (found,) = told(busy, "churn/1")
    assert found["reason"] == "It waits for approval: sagewright models approve churn/1"


def test_a_name_that_does_not_exist_gets_the_nearest(busy: RunningServer) -> None:
    done = why(busy, "secnod")
    assert done.returncode == 1
    assert "There is no resource named secnod in us-east-1. Did you mean second?" in done.stdout + done.stderr
    done = why(busy, "second", "--kind", "job")
    assert "There is no reason of the kind 'job'. Kinds: any, training-job, " in done.stdout + done.stderr


def test_a_failed_job_says_its_failure_reason(busy: RunningServer) -> None:
    """The last test here: it ends the job that holds the machine."""
    sagemaker = busy.boto("sagemaker")
    sagemaker.stop_training_job(TrainingJobName="holder")
    busy.wait("third")
    busy.run_shell("broken", "kill -9 $$")
    described = busy.wait("broken")
    (found,) = told(busy, "broken")
    assert found["status"] == "Failed"
    assert found["reason"] == described["FailureReason"]
    assert "Exit code 137" in found["reason"]
    done = why(busy, "third")
    assert done.stdout.startswith("training-job third: Completed")
