"""A DDP step on two hosts of a job, beside the same two processes under plain torchrun; ours and the peer take turns."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
from botocore.exceptions import WaiterError
from rows import Row, median, spread
from server import CACHE, Sagewright, client, free_port, job_request, running, scratch
from start import _archive as archive

SECTION = "n"
ROUNDS = 3
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.0.0-cpu-py310"
SCRIPT = peers.PROGRAMS / "ddp_steps.py"
STEP = re.compile(r"STEP (\d+) (\d+)")
PEER = "plain torchrun, two processes of the same environment"


NETS = {
    "dense": "407,050 parameters, 0.16 GFLOP a step",
    "conv": "1,199,882 parameters, 4.6 GFLOP a step",
}
WAYS = {
    "gloo": "PyTorch's DistributedDataParallel over gloo",
    "smddp": "PyTorch's DistributedDataParallel over smddp",
    "library": "smdistributed.dataparallel's DistributedDataParallel",
}
LIMITS = {
    "gloo": "gloo's copies, the kernel's network path, PyTorch's reducer",
    "smddp": "PyTorch's reducer: a copy of each gradient into its bucket and one back",
    "library": "each gradient is written to memory that another CPU reads, and the other's is read",
}


def measure() -> list[Row]:
    """All ways take turns, so that what else the machine does is the same for all."""
    with scratch() as directory, running(Sagewright(directory / "data")) as server:
        assert isinstance(server, Sagewright)
        jobs = _Jobs(server)
        jobs.step(1, "gloo", "dense")  # makes the environment
        return [row for net in NETS for row in _rows_of(net, *_take_turns(jobs, net))]


def _take_turns(jobs: _Jobs, net: str) -> tuple[dict[str, list[tuple[float, float]]], list[tuple[float, float]]]:
    """Wall and CPU of each way, `alone` among them, and of the peer."""
    ours: dict[str, list[tuple[float, float]]] = {"alone": [], **{how: [] for how in WAYS}}
    theirs = []
    for _ in range(ROUNDS):
        ours["alone"].append(jobs.step(1, "gloo", net))
        for how in WAYS:
            ours[how].append(jobs.step(2, how, net))
        theirs.append(_torchrun(net))
    return ours, theirs


def _rows_of(net: str, ours: dict[str, list[tuple[float, float]]], theirs: list[tuple[float, float]]) -> Iterator[Row]:
    alone = [median([one[part] for one in ours["alone"]]) for part in (0, 1)]
    peer = [median([one[part] for one in theirs]) for part in (0, 1)]
    for how, words in WAYS.items():
        wall, cpu = ([one[part] for one in ours[how]] for part in (0, 1))
        what = f"DDP step, batch 64, two hosts, {net} ({NETS[net]}): {words}"
        yield Row(SECTION, f"{what}: wall", median(wall), "us", PEER, peer[0], LIMITS[how], spread(wall, "us"))
        yield Row(SECTION, f"{what}: CPU time", median(cpu), "us", PEER, peer[1], LIMITS[how], spread(cpu, "us"))
        yield Row(
            SECTION,
            f"{what}: CPU time of a step alone / of this one",
            100 * alone[1] / median(cpu),
            "%",
            PEER,
            100 * alone[1] / peer[1],
            LIMITS[how],
            f"alone {alone[1]:,.0f} us; wall {100 * alone[0] / median(wall):.0f} %",
            higher_is_better=True,
        )


class _Jobs:
    def __init__(self, server: Sagewright) -> None:
        self._sagemaker, self._logs, s3 = (
            client(server.endpoint, server.key(), service) for service in ("sagemaker", "logs", "s3")
        )
        s3.create_bucket(Bucket="bench")
        s3.put_object(Bucket="bench", Key="code.tar.gz", Body=archive(SCRIPT))

    def step(self, hosts: int, how: str, net: str) -> tuple[float, float]:
        """Microseconds of wall and CPU."""
        parameters = {
            "sagemaker_program": SCRIPT.name,
            "sagemaker_submit_directory": "s3://bench/code.tar.gz",
            "sagemaker_distributed_dataparallel_enabled": "true",
            "how": how,
            "net": net,
        }
        request: dict[str, Any] = job_request(f"ddp-{uuid.uuid4().hex}", IMAGE)
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1}
        self._sagemaker.create_training_job(**{**request, "ResourceConfig": resources, "HyperParameters": parameters})
        name = request["TrainingJobName"]
        try:
            self._sagemaker.get_waiter("training_job_completed_or_stopped").wait(
                TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 400}
            )
        except WaiterError as error:
            raise RuntimeError(f"{how}, {net}, {hosts} hosts: {error.last_response.get('FailureReason')}") from error
        found = self._logs.filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/", filterPattern="STEP"
        )
        return _parsed("\n".join(event["message"] for event in found["events"]))


def _torchrun(net: str) -> tuple[float, float]:
    python = next(Path(CACHE / "environments").glob("pytorch-near-*/bin/python"))
    port = free_port()
    nodes = [
        subprocess.Popen(
            [
                str(python), "-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=1", "--master_addr=127.0.0.1",
                f"--master_port={port}", f"--node_rank={rank}", str(SCRIPT), "--net", net,
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
