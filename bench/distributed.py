"""A DDP step on two hosts of a job, beside the same two processes under plain torchrun; ours and the peer take turns."""

from __future__ import annotations

import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import peers
from rows import Row, median, spread
from server import CACHE, Sagewright, client, free_port, job_request, running, scratch
from start import _archive as archive

SECTION = "n"
ROUNDS = 3
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.0.0-cpu-py310"
SCRIPT = peers.PROGRAMS / "ddp_steps.py"
STEP = re.compile(r"STEP (\d+) (\d+)")
PEER = "plain torchrun, two processes of the same environment"


def measure() -> list[Row]:
    with scratch() as directory, running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        jobs = _Jobs(server)
        alone = [jobs.step(1)]  # makes the environment too
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(jobs.step(2))
            theirs.append(_torchrun())
    wall, cpu = ([one[part] for one in ours] for part in (0, 1))
    efficiency = 100 * alone[0][0] / median(wall)
    return [
        Row(
            SECTION,
            "DDP step, batch 64, two hosts",
            median(wall),
            "us",
            PEER,
            median([one[0] for one in theirs]),
            "gloo over a veth pair and a bridge, where the peer has loopback",
            f"{spread(wall, 'us')}; {efficiency:.0f} % of one host's pace",
        ),
        Row(
            SECTION,
            "its CPU time in the first process",
            median(cpu),
            "us",
            PEER,
            median([one[1] for one in theirs]),
            "the same work; the kernel's network path",
            spread(cpu, "us"),
        ),
    ]


class _Jobs:
    def __init__(self, server: Sagewright) -> None:
        self._sagemaker, self._logs, s3 = (
            client(server.endpoint, server.key(), service) for service in ("sagemaker", "logs", "s3")
        )
        s3.create_bucket(Bucket="bench")
        s3.put_object(Bucket="bench", Key="code.tar.gz", Body=archive(SCRIPT))

    def step(self, hosts: int) -> tuple[float, float]:
        """Microseconds of wall and CPU."""
        parameters = {
            "sagemaker_program": SCRIPT.name,
            "sagemaker_submit_directory": "s3://bench/code.tar.gz",
            "sagemaker_torch_distributed_enabled": "true",
        }
        request: dict[str, Any] = job_request(f"ddp-{uuid.uuid4().hex}", IMAGE)
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1}
        self._sagemaker.create_training_job(**{**request, "ResourceConfig": resources, "HyperParameters": parameters})
        name = request["TrainingJobName"]
        self._sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 400}
        )
        found = self._logs.filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/", filterPattern="STEP"
        )
        return _parsed("\n".join(event["message"] for event in found["events"]))


def _torchrun() -> tuple[float, float]:
    python = next(Path(CACHE / "environments").glob("pytorch-stock-*/bin/python"))
    port = free_port()
    nodes = [
        subprocess.Popen(
            [
                str(python), "-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=1", "--master_addr=127.0.0.1",
                f"--master_port={port}", f"--node_rank={rank}", str(SCRIPT),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    return _parsed("".join(node.communicate(timeout=300)[0] for node in nodes))


def _parsed(text: str) -> tuple[float, float]:
    found = STEP.search(text)
    if found is None:
        raise RuntimeError(f"no measurement in: {text[-600:]}")
    return float(found[1]), float(found[2])
