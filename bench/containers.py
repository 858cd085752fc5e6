"""CreateTrainingJob of an image of one's own → first line of its program, beside `podman run` of the same image.

A line counts when it has reached the machine: the agent's stamp (whole milliseconds), the reader of Podman's output.
"""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from pathlib import Path

import peers
from rows import Row, median, number, spread
from server import Sagewright, client, job_request, running, scratch

SECTION = "i"
JOBS = 15
IMAGE = "localhost/sagewright-bench:1"
LINE = "first line"
LIMITS = (
    "the same engine's create and start, by its API; an agent, its reports, and the child that stands for the container"
)


def measure() -> list[Row]:
    """Ours and Podman's take turns. Raises NoPeer without Podman and a static busybox."""
    podman, busybox = shutil.which("podman"), shutil.which("busybox")
    if podman is None or busybox is None:
        raise peers.NoPeer("podman and busybox (static) are needed: make system")
    ours, theirs = [], []
    with scratch() as directory, running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        _build(podman, Path(busybox), directory)
        client(server.endpoint, server.key(), "s3").create_bucket(Bucket="bench")
        for round_ in range(JOBS + 2):
            took, bare = _job(server), _run(podman)
            if round_ > 1:  # the first ones start Podman's service and look at the image
                ours.append(took)
                theirs.append(bare)
    added = f"{number(median(ours) - median(theirs))} ms more; {spread(ours, 'ms')}"
    return [
        Row(SECTION, "Create → first line, own image", median(ours), "ms", "podman run", median(theirs), LIMITS, added)
    ]


def _build(podman: str, busybox: Path, directory: Path) -> None:
    shutil.copy(busybox, directory / "busybox")
    (directory / "train").write_text("#!/busybox sh\n/busybox echo first line\n")
    (directory / "train").chmod(0o755)
    (directory / "Containerfile").write_text('FROM scratch\nCOPY busybox train /\nENTRYPOINT ["/train"]\n')
    subprocess.run([podman, "build", "--quiet", "--tag", IMAGE, str(directory)], check=True, capture_output=True)


def _run(podman: str) -> float:
    """Milliseconds from `podman run` to the first line of the program."""
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    runtime = [] if unified else ["--runtime=runc"]  # the other one refuses
    begin = time.time_ns()
    command = [podman, *runtime, "run", "--rm", "--network=host", IMAGE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = (time.time_ns() - begin) / 1e6
    if line.strip() != LINE:
        raise RuntimeError(f"podman run said {line!r}")
    return took


def _job(server: Sagewright) -> float:
    """Milliseconds from CreateTrainingJob to the first line of the program."""
    sagemaker, logs = (client(server.endpoint, server.key(), service) for service in ("sagemaker", "logs"))
    name = f"container-{uuid.uuid4().hex}"
    request = job_request(name, IMAGE)
    begin = time.time_ns()
    sagemaker.create_training_job(**request)
    while (found := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] != "Completed":
        if found["TrainingJobStatus"] != "InProgress":
            raise RuntimeError(f"{name}: {found.get('FailureReason')}")
        time.sleep(0.2)  # seldom: asking must not cost the job its CPU
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
        "events"
    ]
    return next(event["timestamp"] for event in events if event["message"] == LINE) - begin / 1e6
