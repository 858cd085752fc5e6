"""Pipelines of both SDKs and `sagewright pipelines`, as users use them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"
TRIGGERS = ["trigger: cron(0 9 ? * MON *) DISABLED True", "trigger: rate(1 hour) ENABLED True"]


def said(done: subprocess.CompletedProcess[str], server: RunningServer) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    return [
        line.rstrip()
        for line in done.stdout.splitlines()
        if line.startswith(("step:", "first:", "second:", "third:", "trigger:", "job:"))
    ]


def test_a_whole_project_by_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "pipeline_v2.py", str(tmp_path))
    assert said(done, server) == [
        "first: Succeeded",
        "step: Prepare Succeeded run",
        "step: Train Succeeded run",
        "step: Tune Succeeded run",
        "step: Evaluate Succeeded run",
        "step: Check Succeeded run",
        "step: Create-CreateModel Succeeded run",
        "step: Register-RegisterModel Succeeded run",
        "step: Batch Succeeded run",
        "job: as named",
        "second: Failed",
        "step: Prepare Succeeded cached",
        "step: Train Succeeded cached",
        "step: Tune Succeeded cached",
        "step: Evaluate Succeeded run",
        "step: Check Succeeded run",
        "step: TooBad Failed run Execution failed due to MSE > 1.0",
        "third: Succeeded",
        "step: Evaluate Succeeded run",
    ], done.stdout + done.stderr
    sagemaker = server.boto("sagemaker")
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName="pipe-v2")["ModelPackageSummaryList"]
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].endswith("/evaluation.json")


def test_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v3(PROGRAMS / "pipeline_v3.py", str(tmp_path))
    assert said(done, server) == [
        "first: Succeeded",
        "step: Prepare Succeeded run",
        "step: Train Succeeded run",
        "step: Check Succeeded run",
        "step: Register Succeeded run",
    ], done.stdout + done.stderr


@pytest.mark.sampled(1, of="functions of SDK v2 that become jobs")
def test_functions_as_steps(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "pipeline_functions.py", str(tmp_path))
    assert said(done, server) == ["first: Succeeded", "second: 42"], done.stdout + done.stderr


@pytest.mark.sampled(1, of="Lambda functions in pipelines of the SDKs")
def test_lambda_functions_by_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "pipeline_lambda_v2.py", str(tmp_path))
    assert said(done, server) == [
        "first: Succeeded",
        "step: Judge Succeeded run",
        "step: Check Succeeded run",
        "second: Succeeded",
        "step: Judge Succeeded cached",
        "step: Check Succeeded run",
        "third: Failed",
        "step: Judge Succeeded run",
        "step: Check Succeeded run",
        "step: TooFew Failed run",
        *TRIGGERS,
    ], done.stdout + done.stderr


@pytest.mark.sampled(1, of="Lambda functions in pipelines of the SDKs")
def test_lambda_functions_by_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v3(PROGRAMS / "pipeline_lambda_v3.py", str(tmp_path))
    assert said(done, server) == [
        "first: Succeeded",
        "step: Shout Succeeded",
        "step: Check Succeeded",
        "second: Unhandled",
        *TRIGGERS,
    ], done.stdout + done.stderr


@pytest.mark.sampled(1)
@pytest.mark.parametrize("sdk", ["v2", "v3"])
def test_notebook_jobs_as_steps(server: RunningServer, tmp_path: Path, sdk: str) -> None:
    done = getattr(server, f"sdk_{sdk}")(PROGRAMS / "notebook_steps.py", str(tmp_path))
    lines = said(done, server)
    assert lines[:2] == ["step: report Succeeded 3 hello world read beside the notebook yes mine", "first: none"], (
        done.stdout
    )
    assert lines[2].startswith("step: broken Failed 3"), done.stdout
    assert lines[3] == "first: AlgorithmError: [SM-111] Error with executing notebook"


MISSING = {
    "AutoML": "Autopilot's jobs are not built.",
    "EMR": "there are no EMR clusters; a Processing step with a PySparkProcessor runs Spark.",
    "EMRServerless": "there is no EMR Serverless; a Processing step with a PySparkProcessor runs Spark.",
    "Cleanup": "deleting the outputs of other steps is not built.",
    "ForEach": "steps for each item of a list are not built.",
}


def failed(name: str, type_: str) -> str:
    said = f"ClientError: Sagewright does not run steps of the type {type_} yet: {MISSING[type_]}"
    return f"step: {name} Failed {said}"


def test_steps_that_are_not_built_by_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "steps_unavailable_v2.py", str(tmp_path))
    assert said(done, server) == [
        failed("Cluster", "EMR"),
        failed("NewCluster", "EMR"),
        failed("Auto", "AutoML"),
    ], done.stdout + done.stderr


def test_steps_that_are_not_built_by_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v3(PROGRAMS / "steps_unavailable_v3.py", str(tmp_path))
    assert said(done, server) == [
        "first: emr Failed",
        failed("Cluster", "EMR"),
        "first: made Failed",
        failed("Made", "EMRServerless"),
        "first: clean Failed",
        failed("Clean", "Cleanup"),
        failed("Serverless", "EMRServerless"),
        "first: each CompletedWithFailures",
        "step: After Succeeded None",
        failed("Each", "ForEach"),
    ], done.stdout + done.stderr
