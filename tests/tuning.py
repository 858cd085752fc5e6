"""Shared by tests of tuning jobs: a training script whose objective is known, requests, and waiting for an end."""

from __future__ import annotations

import io
import tarfile
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "tuning"
ENDED = {"Completed", "Failed", "Stopped"}
SCRIPT = """
import json, os, pathlib, sys, time

given = json.load(open("/opt/ml/input/config/hyperparameters.json"))
read = {name: text.strip('"') for name, text in given.items()}
x, kind = float(read.get("x", 0)), read.get("kind", "good")
kept = pathlib.Path("/opt/ml/checkpoints/epoch")
if kind == "bad":
    sys.exit("a bad kind")
begun = int(kept.read_text()) if kept.exists() else 0
for epoch in range(begun, int(read.get("epochs", 1))):
    time.sleep(float(read.get("pause", 0)))
    if kind != "silent":
        print(f"loss={(x - 0.7) ** 2 + 1 / (epoch + 1):.9f};", flush=True)
    if kept.parent.is_dir():
        kept.write_text(str(epoch + 1))
"""


class Tuners:
    """Tuning jobs of one server, by boto3."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.sagemaker, s3 = server, server.boto("sagemaker"), server.boto("s3")
        if BUCKET not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
                info = tarfile.TarInfo("train.py")
                info.size = len(SCRIPT)
                tar.addfile(info, io.BytesIO(SCRIPT.encode()))
            s3.put_object(Bucket=BUCKET, Key="sourcedir.tar.gz", Body=buffer.getvalue())

    def create(self, name: str, **changes: Any) -> str:
        """See `request`. The name."""
        self.sagemaker.create_hyper_parameter_tuning_job(**request(name, **changes))
        return name

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return found

    def wait(self, name: str, timeout_s: float = 150) -> dict[str, Any]:
        """Describe once it has ended."""
        until = time.monotonic() + timeout_s
        while (found := self.describe(name))["HyperParameterTuningJobStatus"] not in ENDED:
            assert time.monotonic() < until, f"{found}\n{self.server.log()}"
            time.sleep(0.05)
        return found

    def run(self, name: str, **changes: Any) -> dict[str, Any]:
        return self.wait(self.create(name, **changes))

    def children(self, name: str, **asked: Any) -> list[dict[str, Any]]:
        found, token = [], {}
        while True:
            page = self.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name, **asked, **token
            )
            found += page["TrainingJobSummaries"]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    def refusal(self, name: str, **changes: Any) -> str:
        """Code and message of what Create answers."""
        try:
            self.create(name, **changes)
        except ClientError as error:
            return "{Code}: {Message}".format(**error.response["Error"])
        raise AssertionError(f"{name} was taken")


def values(name: str, *members: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(members)}


def between(name: str, low: str, high: str, scaling: str = "Auto") -> dict[str, Any]:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling}


X = {"ContinuousParameterRanges": [between("x", "0", "1")]}


def definition(static: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
    """A TrainingJobDefinition that runs SCRIPT."""
    own = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"s3://{BUCKET}/sourcedir.tar.gz"'}
    return {
        "StaticHyperParameters": own | (static or {}),
        "AlgorithmSpecification": {
            "TrainingImage": SHELL_IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
    } | members


def config(strategy: str, jobs: int | None, parallel: int, **members: Any) -> dict[str, Any]:
    """A HyperParameterTuningJobConfig. `members` replace its own; None leaves one out."""
    limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
    made = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ResourceLimits": limits,
        "ParameterRanges": X,
        "RandomSeed": 7,
    } | members
    return {name: member for name, member in made.items() if member is not None}


def request(
    name: str,
    strategy: str = "Random",
    jobs: int | None = 3,
    parallel: int = 2,
    *,
    static: dict[str, str] | None = None,
    configured: dict[str, Any] | None = None,
    defined: dict[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """CreateHyperParameterTuningJob's. `configured` and `defined` replace members of its configuration and definition."""
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": config(strategy, jobs, parallel, **(configured or {})),
        "TrainingJobDefinition": definition(static, **(defined or {})),
    } | members
