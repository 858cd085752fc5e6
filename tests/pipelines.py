"""Shared by tests of pipelines: definitions of small steps, and waiting for an end."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from tests.conftest import ROLE, SHELL_IMAGE

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "pipes"
LIVE = {"Executing", "Stopping"}


def step(name: str, type_: str, arguments: Any, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": type_, "Arguments": arguments, **members}


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def job(name: str, shell: str = "true", **members: Any) -> dict[str, Any]:
    """A processing step that runs a line of bash, and has one output, `out`, with what it leaves in /opt/ml/processing/out."""
    place = {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}", get("Execution.PipelineExecutionId"), name]}}
    output = {"S3Uri": place, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    arguments = {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": SHELL_IMAGE, "ContainerEntrypoint": ["bash", "-c", shell]},
        "RoleArn": ROLE,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }
    return step(name, "Processing", arguments | members.pop("arguments", {}), **members)


def condition(name: str, held: Any, then: list[Any], other: list[Any] = [], **members: Any) -> dict[str, Any]:  # noqa: B006
    return step(name, "Condition", {"Conditions": [held], "IfSteps": then, "ElseSteps": other}, **members)


def equal(left: Any, right: Any) -> dict[str, Any]:
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def document(*steps: Any, **members: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Steps": list(steps), **members})


def token() -> str:
    return uuid.uuid4().hex


class Pipelines:
    """Pipelines of one server, by boto3."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.sagemaker = server, server.boto("sagemaker")
        s3 = server.boto("s3")
        if BUCKET not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)

    def create(self, name: str, *steps: Any, parameters: Any = (), **members: Any) -> str:
        """The name."""
        text = document(*steps, Parameters=list(parameters))
        self.sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken=token(), **members
        )
        return name

    def start(self, name: str, **members: Any) -> str:
        """The execution's ARN."""
        made = self.sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken=token(), **members)
        return str(made["PipelineExecutionArn"])

    def wait(self, arn: str, timeout_s: float = 120) -> dict[str, Any]:
        until = time.monotonic() + timeout_s
        while (described := self.describe(arn))["PipelineExecutionStatus"] in LIVE:
            assert time.monotonic() < until, f"{described}\n{self.steps(arn)}\n{self.server.log()}"
            time.sleep(0.05)
        return described

    def run(self, name: str, **members: Any) -> dict[str, Any]:
        return self.wait(self.start(name, **members))

    def describe(self, arn: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return described

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        """By name, in the order in which they began."""
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        return {one["StepName"]: one for page in pages for one in page["PipelineExecutionSteps"]}

    def statuses(self, arn: str) -> dict[str, str]:
        return {name: one["StepStatus"] for name, one in self.steps(arn).items()}
