"""Data-parallel training on several hosts: gradients are averaged at each step over torch.distributed. With one host nothing
happens.

`kv_store` dist_sync means this; dist_async trains the same way, which the log states.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from sagewright.algorithms import rendezvous
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.errors import PlatformError
from sagewright.algorithms.job import Job

WAIT = timedelta(minutes=30)


class Together:
    """This host among the job's hosts. All hosts must call each method in the same order."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def average(self, parameters: Sequence[torch.nn.Parameter], stops: bool = False) -> bool:
        """Replaces each gradient by the mean over all hosts; returns True if any host `stops`. Raises PlatformError."""
        if self.size == 1:
            return stops
        with_gradients = [each for each in parameters if each.requires_grad]
        flat = torch.cat([
            (torch.zeros_like(each) if each.grad is None else each.grad).reshape(-1).float() for each in with_gradients
        ] + [torch.full((1,), float(stops), device=with_gradients[0].device)])  # fmt: skip
        self._reduce(flat)
        start = 0
        for each in with_gradients:
            mean = flat[start : start + each.numel()].view_as(each) / self.size
            each.grad = mean.to(each.dtype)
            start += each.numel()
        return bool(flat[-1] > 0)

    def mean(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replaces each floating-point tensor by the mean over all hosts, in place (for the statistics of normalisation)."""
        for each in tensors:
            if self.size > 1 and each.is_floating_point():
                self._reduce(each)
                each.div_(self.size)

    def total(self, numbers: Sequence[float]) -> list[float]:
        """The sums over all hosts."""
        if self.size == 1:
            return [float(each) for each in numbers]
        flat = torch.tensor(list(numbers), dtype=torch.float64)
        self._reduce(flat)
        return [float(each) for each in flat.tolist()]

    def most(self, number: int) -> int:
        """The largest of all hosts' numbers, such as the number of steps in an epoch, so that no host waits for another."""
        if self.size == 1:
            return number
        flat = torch.tensor([number])
        self._reduce(flat, distributed.ReduceOp.MAX)
        return int(flat[0])

    def from_first(self, value: Any) -> Any:
        """The first host's value, a JSON value; the others' values are ignored."""
        if self.size == 1:
            return value
        said = [value]
        distributed.broadcast_object_list(said, 0)
        return said[0]

    def _reduce(self, tensor: torch.Tensor, operation: Any = None) -> None:
        try:
            distributed.all_reduce(tensor, distributed.ReduceOp.SUM if operation is None else operation)
        except RuntimeError as error:
            raise PlatformError("another host is lost", caused_by=error) from error


@contextlib.contextmanager
def together(job: Job, device: Device, kv_store: str | None = None) -> Iterator[Together]:
    """Connects all hosts of the job. Raises PlatformError if one does not join."""
    if kv_store == "dist_async" and len(job.hosts) > 1:
        logging.info("kv_store dist_async: the hosts train synchronously, as with dist_sync.")
    rank = job.hosts.index(job.current_host)
    if len(job.hosts) == 1:
        yield Together()
        return
    own = rendezvous.address(job.hosts[0], time.monotonic() + WAIT.total_seconds())
    free = _free_port(own) if rank == 0 else 0
    port = rendezvous.gather(job.name, job.hosts, job.current_host, free, lambda said: said[job.hosts[0]])
    backend = "cpu:gloo,cuda:nccl" if device.is_gpu else "gloo"
    try:
        distributed.init_process_group(
            backend, init_method=f"tcp://{own}:{port}", rank=rank, world_size=len(job.hosts), timeout=WAIT
        )
    except (RuntimeError, ValueError) as error:
        raise PlatformError("the hosts can't be connected", caused_by=error) from error
    logging.info("Host %s is number %d of %d in training.", job.current_host, rank, len(job.hosts))
    try:
        yield Together(rank, len(job.hosts))
    finally:
        distributed.destroy_process_group()


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as server:
        port: int = server.getsockname()[1]
        return port
