"""Jobs on the servers of two checkouts, in turn: what a change costs a start. `python bench/compare.py OTHER [--rounds 40]`.

Each kind prints a line: a shell command, the same with a channel in File mode, a script in script mode. The times are from
CreateTrainingJob to the job's first line of output, and to its end as Describe tells it; medians of alternating jobs.
"""

from __future__ import annotations

import argparse
import configparser
import io
import os
import signal
import statistics
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).parent.parent
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
GROUP = "/aws/sagemaker/TrainingJobs"
KINDS = ("shell", "file", "script")
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

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="a checkout in which `make setup` was run")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        servers = {
            "other": Server(options.other.absolute(), Path(scratch) / "other"),
            "this": Server(ROOT, Path(scratch) / "this"),
        }
        try:
            for kind in KINDS:
                times: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
                for number in range(options.rounds + WARM):
                    for name in servers if number % 2 else reversed(servers):
                        times[name].append(servers[name].run(kind))
                shown = [
                    f"{name}: first line {statistics.median(first for first, _ in times[name][WARM:]):.1f} ms, "
                    f"end {statistics.median(total for _, total in times[name][WARM:]):.1f} ms"
                    for name in servers
                ]
                print(f"{kind:7}", *shown, sep="   ")
        finally:
            for server in servers.values():
                server.end()


if __name__ == "__main__":
    main()
