"""Jobs on the servers of two checkouts, in turn: what a change costs a start. `python bench/compare.py OTHER [--rounds 40]`.

Each kind prints a line: a shell command, the same with a channel in File mode, a script in script mode. The times are from
CreateTrainingJob to the job's first line of output, and to its end as Describe tells it. `processing`: a processing job that does
nothing, to its end; `step`: a pipeline of one such step; `chain`: each step of a chain of ten. Medians and ranges of alternating
jobs.
"""

from __future__ import annotations

import argparse
import configparser
import io
import json
import os
import signal
import statistics
import subprocess
import tarfile
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).parent.parent
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
GROUP = "/aws/sagemaker/TrainingJobs"
KINDS = ("shell", "file", "script")
CHAINS = {"processing": 0, "step": 1, "chain": 10}
WARM = 2  # first jobs of a kind that don't count


class Server:
    """A checkout's server on a directory of its own, with the environments of this checkout."""

    def __init__(self, checkout: Path, data: Path) -> None:
        data.mkdir()
        environ = {**os.environ, "SAGEWRIGHT_ENVIRONMENTS": str(ROOT / ".cache" / "environments")}
        command = [str(checkout / ".venv" / "bin" / "sagewright"), "up", "--data", str(data), "--port", "0"]
        with (data / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        while not (data / "endpoint").exists():
            time.sleep(0.02)
        keys = configparser.ConfigParser()
        keys.read(data / "credentials")
        own = {name: keys["default"][name] for name in ("aws_access_key_id", "aws_secret_access_key")}
        self._keys = own | {"region_name": "us-east-1"}
        self._keys["endpoint_url"] = (data / "endpoint").read_text().strip()
        self._sagemaker, self._logs, self._number = self._client("sagemaker"), self._client("logs"), 0
        s3 = self._client("s3")
        s3.create_bucket(Bucket="bench")
        s3.put_object(Bucket="bench", Key="data/x", Body=b"x" * 1000)
        s3.put_object(Bucket="bench", Key="code.tar.gz", Body=_code())

    def _client(self, service: str) -> Any:
        return boto3.client(service, **self._keys)

    def run(self, kind: str) -> tuple[float, float]:
        """Milliseconds to the first line, and to the end."""
        self._number += 1
        name = f"{kind}-{self._number}"
        began, at_ms = time.perf_counter(), time.time() * 1000
        self._sagemaker.create_training_job(TrainingJobName=name, **_request(kind))
        while (job := self._sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
            time.sleep(0.004)
        total = time.perf_counter() - began
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        (stream,) = self._logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
        events = self._logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        first = next(event["timestamp"] for event in events if event["message"] == "hello")
        return first - at_ms, total * 1000

    def idle(self, steps: int) -> float:
        """Milliseconds of a processing job that does nothing, or of each step of a chain of them."""
        self._number += 1
        name = f"idle-{self._number}"
        began = time.perf_counter()
        if steps:
            chain = [_idle_step(number) for number in range(steps)]
            definition = json.dumps({"Version": "2020-12-01", "Steps": chain})
            self._sagemaker.create_pipeline(
                PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken=uuid.uuid4().hex
            )
            began = time.perf_counter()
            arn = self._sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
            ask, given, member = (
                self._sagemaker.describe_pipeline_execution,
                {"PipelineExecutionArn": arn},
                "PipelineExecutionStatus",
            )
        else:
            self._sagemaker.create_processing_job(ProcessingJobName=name, **IDLE)
            ask, given, member = (
                self._sagemaker.describe_processing_job,
                {"ProcessingJobName": name},
                "ProcessingJobStatus",
            )
        while (status := ask(**given)[member]) in {"InProgress", "Executing"}:
            time.sleep(0.004)
        assert status in {"Completed", "Succeeded"}, status
        return (time.perf_counter() - began) * 1000 / max(1, steps)

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


IDLE = {
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
    "RoleArn": ROLE,
}


def _idle_step(number: int) -> dict[str, Any]:
    after = {"DependsOn": [f"s{number - 1}"]} if number else {}
    return {"Name": f"s{number}", "Type": "Processing", "Arguments": IDLE, **after}


def _code() -> bytes:
    out, script = io.BytesIO(), b"print('hello', flush=True)\n"
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.size = len(script)
        tar.addfile(member, io.BytesIO(script))
    return out.getvalue()


def _request(kind: str) -> dict[str, Any]:
    specification: dict[str, Any] = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    request: dict[str, Any] = {
        "AlgorithmSpecification": specification,
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bench/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 100},
    }
    if kind == "script":
        code = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://bench/code.tar.gz"}
        return request | {"HyperParameters": code}
    specification |= {"ContainerEntrypoint": ["/bin/bash", "-c"], "ContainerArguments": ["echo hello"]}
    if kind == "file":
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/data/"}}
        request["InputDataConfig"] = [{"ChannelName": "data", "DataSource": source}]
    return request


def _shown(name: str, times: list[tuple[float, ...]]) -> str:
    words = ("first line", "end") if len(times[0]) > 1 else ("end",)
    columns = zip(words, zip(*times, strict=True), strict=True)
    shown = [
        f"{word} {statistics.median(column):.1f} ms ({min(column):.1f}-{max(column):.1f})" for word, column in columns
    ]
    return f"{name}: {', '.join(shown)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="a checkout in which `make setup` was run")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each job, in which nothing is asked")
    parser.add_argument("--kinds", nargs="*", default=[*KINDS, *CHAINS], choices=[*KINDS, *CHAINS])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        servers = {
            "other": Server(options.other.absolute(), Path(scratch) / "other"),
            "this": Server(ROOT, Path(scratch) / "this"),
        }
        try:
            for kind in options.kinds:
                times: dict[str, list[tuple[float, ...]]] = {name: [] for name in servers}
                for number in range(options.rounds + WARM):
                    for name in servers if number % 2 else reversed(servers):
                        time.sleep(options.pause)
                        server = servers[name]
                        times[name].append((server.idle(CHAINS[kind]),) if kind in CHAINS else server.run(kind))
                print(f"{kind:10}", *(_shown(name, times[name][WARM:]) for name in servers), sep="   ", flush=True)
        finally:
            for server in servers.values():
                server.end()


if __name__ == "__main__":
    main()
