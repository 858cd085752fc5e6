"""Solutions as a user runs them. `make test` runs churn whole; `make soak` runs all, twice, and bad data."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import CLIENTS

from sagewright.cli.examples.runs import environ_of
from sagewright.cli.solutions.running import run_solution
from sagewright.cli.solutions.templates import find_solution
from sagewright.door.environment import applied, find_target, variables
from sagewright.model.guide.solutions import SOLUTIONS, TAG

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
BUCKET = "sagemaker-us-east-1-000000000000"


def command(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    arguments = [SAGEWRIGHT, "solutions", *words, "--data", str(server.data)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=300)


def run_here(server: RunningServer, name: str) -> tuple[bool, list[str]]:
    """Runs it in the tests' environment of the SDK, which `sagewright solutions run` would make for itself."""
    target = find_target(server.data, "us-east-1", "000000000000")
    environ = environ_of(applied(variables(target, server.data, os.environ), os.environ))
    lines: list[str] = []
    python = CLIENTS / "sdk-v2" / "bin" / "python"
    return run_solution(find_solution(name), python, environ, 3000, lines.append), lines


def check(server: RunningServer, name: str, done: bool, lines: list[str]) -> None:
    assert done, "\n".join(lines)
    pipeline, endpoint, report = lines[-1].split(", ")[-3:]
    assert f"/studio/pipelines/solution-{name}/" in pipeline
    assert endpoint.endswith(f"/studio/endpoints/{name}")
    page = server.boto("s3").get_object(Bucket=BUCKET, Key=f"solutions/{name}/report/report.html")
    assert page["ContentType"].startswith("text/html")
    text = page["Body"].read().decode()
    assert "<svg" in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert report.endswith(f"/studio/open?bucket={BUCKET}&key=solutions/{name}/report/report.html")


def made(server: RunningServer, name: str) -> dict[str, list[str]]:
    """Returns the names that there are of a solution, by their kinds."""
    client: Any = server.boto("sagemaker")
    found = {
        "endpoints": [one["EndpointName"] for one in client.list_endpoints(NameContains=name)["Endpoints"]],
        "configurations": [
            one["EndpointConfigName"] for one in client.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
        ],
        "served": [one["ModelName"] for one in client.list_models(NameContains=f"{name}-")["Models"]],
        "scoring": [one["ModelName"] for one in client.list_models(NameContains="pipelines-")["Models"]],
        "pipelines": [
            one["PipelineName"]
            for one in client.list_pipelines(PipelineNamePrefix=f"solution-{name}")["PipelineSummaries"]
        ],
    }
    try:
        group = client.list_model_packages(ModelPackageGroupName=f"solution-{name}")
        found["versions"] = [one["ModelPackageArn"] for one in group["ModelPackageSummaryList"]]
    except ClientError:
        found["versions"] = []
    return found


def test_churn_runs_from_nothing_and_goes_without_a_trace(server: RunningServer) -> None:
    check(server, "churn", *run_here(server, "churn"))
    here = made(server, "churn")
    assert {kind: len(each) for kind, each in here.items() if kind != "scoring"} == {
        "endpoints": 1, "configurations": 1, "served": 1, "pipelines": 1, "versions": 1,
    }  # fmt: skip
    client: Any = server.boto("sagemaker")
    tags = client.list_tags(ResourceArn=client.describe_endpoint(EndpointName="churn")["EndpointArn"])["Tags"]
    assert {"Key": TAG, "Value": "churn"} in tags
    removed = command(server, "remove", "churn", "--data-too")
    assert removed.returncode == 0, removed.stderr
    assert "deleted   endpoint churn" in removed.stdout
    left = made(server, "churn")
    assert not set(left.pop("scoring")) & set(here["scoring"])
    assert not any(left.values()), left
    assert not server.boto("s3").list_objects_v2(Bucket=BUCKET, Prefix="solutions/churn/").get("Contents")
    assert "Nothing of the solution churn is there." in command(server, "remove", "churn").stdout


def test_an_endpoint_of_others_is_left_alone(server: RunningServer) -> None:
    """One of the same name, without the tag, is neither updated nor deleted."""
    client: Any = server.boto("sagemaker")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    role = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
    client.create_model_package_group(ModelPackageGroupName="solution-anomalies")
    client.create_model(ModelName="anomalies-own", PrimaryContainer={"Image": image}, ExecutionRoleArn=role)
    done, lines = run_here(server, "anomalies")
    assert not done
    assert "The model package group solution-anomalies was not made by the solution" in lines[-1]
    removed = command(server, "remove", "anomalies")
    assert "Nothing of the solution anomalies is there." in removed.stdout
    assert made(server, "anomalies")["served"] == ["anomalies-own"]
    client.delete_model(ModelName="anomalies-own")
    client.delete_model_package_group(ModelPackageGroupName="solution-anomalies")


def failure_with_limit(server: RunningServer, limit: float) -> str:
    """Starts an execution of churn's pipeline by itself, and returns the reason of the step that failed."""
    client: Any = server.boto("sagemaker")
    started = client.start_pipeline_execution(
        PipelineName="solution-churn", PipelineParameters=[{"Name": "Limit", "Value": str(limit)}]
    )
    arn = started["PipelineExecutionArn"]
    while client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing":
        time.sleep(0.5)
    steps = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    (failed,) = [step for step in steps if step["StepStatus"] == "Failed"]
    return str(failed["FailureReason"])


@pytest.mark.soak
def test_a_second_run_doubles_nothing_and_bad_data_says_why(server: RunningServer) -> None:
    for _ in range(2):
        check(server, "churn", *run_here(server, "churn"))
    here = made(server, "churn")
    assert [len(here[kind]) for kind in ("endpoints", "configurations", "served", "pipelines", "versions")] == [
        1
    ] * 4 + [2]
    assert (
        failure_with_limit(server, 0.999)
        == "The measure is not at least 0.999; evaluation.json of the step Evaluate has it."
    )
    assert len(made(server, "churn")["versions"]) == 2
    server.boto("s3").put_object(Bucket=BUCKET, Key="solutions/churn/data/customers.csv", Body=b"a,b\n1,2\n")
    done, lines = run_here(server, "churn")
    assert not done
    assert any("The step Prepare failed" in line for line in lines)
    assert any("The customers need a column churn of yes and no; the columns are a, b." in line for line in lines)
    client: Any = server.boto("sagemaker")
    assert client.describe_endpoint(EndpointName="churn")["EndpointStatus"] == "InService"
    assert command(server, "remove", "churn", "--data-too").returncode == 0


@pytest.mark.soak
@pytest.mark.parametrize("name", [each.name for each in SOLUTIONS if each.name != "churn"])
def test_a_solution_ends_with_its_result(server: RunningServer, name: str) -> None:
    check(server, name, *run_here(server, name))
    assert command(server, "remove", name, "--data-too").returncode == 0
