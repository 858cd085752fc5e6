"""Registers the backend `smddp` of torch.distributed on import."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from smdistributed.dataparallel.torch.exchange import Members
from smdistributed.dataparallel.torch.process_group import SharedGroup
from smdistributed.dataparallel.torch.segment import NoSharedMemory

BACKEND = "smddp"
_said: list[str] = []


def _make_group(store: Any, rank: int, size: int, timeout: timedelta) -> Any:
    if torch.cuda.is_available():
        options = dist.ProcessGroupNCCL.Options()
        options._timeout = timeout
        return dist.ProcessGroupNCCL(store, rank, size, options)
    gloo = dist.ProcessGroupGloo(store, rank, size, timeout)
    if size == 1:
        return gloo
    try:
        if not hasattr(torch._C, "_current_autograd_node"):  # needed to detect the end of a backward pass
            raise NoSharedMemory(f"PyTorch {torch.__version__} is older than 2.1")
        return SharedGroup(Members(dist.PrefixStore("smddp", store), rank, size, timeout), gloo)
    except NoSharedMemory as error:
        _say(f"smddp: gloo does the collectives, since {error}.", rank)
        return gloo


def _say(text: str, rank: int) -> None:
    """Writes the text once to the job's log."""
    if rank == 0 and not _said:
        _said.append(text)
        print(text, flush=True)


if not hasattr(dist.Backend, BACKEND.upper()):
    dist.Backend.register_backend(BACKEND, _make_group, devices=["cuda" if torch.cuda.is_available() else "cpu"])
