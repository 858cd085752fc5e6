"""CreateTrainingJob → first line of user code, beside Ray's job server and a bare fork and exec."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import peers
from rows import Row, against, median, spread
from server import CACHE, Sagewright, client, job_request, running, scratch

SECTION = "a"
JOBS = 30
RAY_JOBS = 7
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = peers.PROGRAMS / "first_line.py"
BASH = "echo ${EPOCHREALTIME/./}000"
STAMP = re.compile(r"^\d{19}$")
LIMITS = (
    "processor time, one after the other: an API call, the engine's step, the fork server, the agent, the toolkit with the script; "
    "and the hand-overs between these processes"
)


def measure() -> list[Row]:
    with scratch() as directory, running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        bench = _Bench(server)
        script, bash = bench.times(bench.script_request), bench.times(bench.bash_request)
    python = next((CACHE / "environments").glob("sklearn-*/bin/python"))
    bare = [_bare([str(python), str(SCRIPT)]) for _ in range(JOBS)]
    bare_bash = [_bare(["bash", "-c", BASH]) for _ in range(JOBS)]
    name, ray = _ray()
    own = Row(
        SECTION,
        "Create → first line, script mode",
        median(script),
        "ms",
        name,
        median(ray) if ray else None,
        LIMITS,
        spread(script, "ms"),
    )
    shell = Row(
        SECTION,
        "Create → first line, ContainerEntrypoint bash",
        median(bash),
        "ms",
        name,
        own.theirs,
        "the same with an exec in place of toolkit and script",
        spread(bash, "ms"),
    )
    return [
        own,
        against(own, "fork + exec of the same Python", median(bare)),
        shell,
        against(shell, "fork + exec of bash", median(bare_bash)),
    ]


class _Bench:
    def __init__(self, server: Sagewright) -> None:
        self._sagemaker, self._logs, s3 = (
            client(server.endpoint, server.key(), service) for service in ("sagemaker", "logs", "s3")
        )
        s3.create_bucket(Bucket="bench")
        s3.put_object(Bucket="bench", Key="code.tar.gz", Body=_archive(SCRIPT))

    def script_request(self) -> dict[str, Any]:
        code = {"sagemaker_program": SCRIPT.name, "sagemaker_submit_directory": "s3://bench/code.tar.gz"}
        return {**job_request(f"script-{uuid.uuid4().hex}", IMAGE), "HyperParameters": code}

    def bash_request(self) -> dict[str, Any]:
        words = {"ContainerEntrypoint": ["bash", "-c"], "ContainerArguments": [BASH]}
        return job_request(f"bash-{uuid.uuid4().hex}", IMAGE, **words)

    def times(self, make: Any) -> list[float]:
        """Milliseconds, job after job, each begun when the one before it is over; the first three warm up."""
        return [self._one(make()) for _ in range(JOBS + 3)][3:]

    def _one(self, request: dict[str, Any]) -> float:
        begin = time.time_ns()
        self._sagemaker.create_training_job(**request)
        self._wait(request["TrainingJobName"])
        return (self._stamp(request["TrainingJobName"]) - begin) / 1e6

    def _wait(self, name: str) -> None:
        while True:
            time.sleep(0.2)  # seldom: asking must not cost the job its CPU
            found = self._sagemaker.describe_training_job(TrainingJobName=name)
            if found["TrainingJobStatus"] == "Completed":
                return
            if found["TrainingJobStatus"] != "InProgress":
                raise RuntimeError(f"{name}: {found.get('FailureReason')}")

    def _stamp(self, name: str) -> int:
        group = "/aws/sagemaker/TrainingJobs"
        streams = self._logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        stream = streams[0]["logStreamName"]
        events = self._logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
        return next(int(event["message"]) for event in events if STAMP.match(event["message"]))


def _archive(script: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(script, script.name)
    return buffer.getvalue()


def _bare(command: list[str]) -> float:
    begin = time.time_ns()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (int(done.stdout) - begin) / 1e6


def _ray() -> tuple[str, list[float]]:
    """The peer's name (or why there is none) and milliseconds."""
    try:
        return "Ray, JobSubmissionClient", [1000 * job["first"] for job in ray_jobs()]
    except (peers.NoPeer, RuntimeError, subprocess.TimeoutExpired) as error:
        return f"Ray was not measured: {str(error)[:160]}", []


_measured: list[dict[str, float]] = []


def ray_jobs() -> list[dict[str, float]]:
    """Measured once a run: Ray takes 10 s to start."""
    if not _measured:
        with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as short, scratch() as directory:
            head = peers.ray(Path(short), directory / "ray.log")
            with running(head):
                _measured.extend(peers.ray_jobs(head, SCRIPT, RAY_JOBS))
    return _measured
