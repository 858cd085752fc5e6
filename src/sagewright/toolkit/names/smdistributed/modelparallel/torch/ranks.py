"""Who a process is among those of the job, and the options that the job was given."""

from __future__ import annotations

import json
import os
from typing import Any

import torch
import torch.distributed as dist

_options: dict[str, Any] = {}
_NOT_GIVEN = {
    "pipeline_parallel_degree": "pipeline parallelism",
    "tensor_parallel_degree": "tensor parallelism",
    "partitions": "pipeline parallelism",
}


class NotGiven(NotImplementedError):
    """An option asks for a kind of parallelism that is not here; the message names it."""


def init(config: dict[str, Any] | None = None) -> None:
    """Join the job's processes. `config`: the options; else those of `distribution=` (mp_parameters).

    Raises NotGiven.
    """
    given = dict(json.loads(os.environ.get("SM_HP_MP_PARAMETERS", "{}")), **(config or {}))
    for option, name in _NOT_GIVEN.items():
        if int(given.get(option) or 1) > 1:
            raise NotGiven(f"{option}={given[option]}: {name} is not implemented; use sharded_data_parallel_degree.")
    _options.clear()
    _options.update(given)
    _from_mpi()
    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    degree = int(given.get("sharded_data_parallel_degree") or size())
    if size() % degree:
        raise ValueError(f"sharded_data_parallel_degree={degree} does not divide the {size()} processes.")


def option(name: str, default: Any) -> Any:
    """An option of the job."""
    return _options.get(name, default)


def _from_mpi() -> None:
    """Under mpirun the process learns its place from Open MPI's variables."""
    names = {"RANK": "RANK", "WORLD_SIZE": "SIZE", "LOCAL_RANK": "LOCAL_RANK", "LOCAL_WORLD_SIZE": "LOCAL_SIZE"}
    for name, theirs in names.items():
        found = os.environ.get(f"OMPI_COMM_WORLD_{theirs}")
        if found is not None:
            os.environ.setdefault(name, found)
    for name, alone in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "7777"}.items():
        os.environ.setdefault(name, alone)


def is_initialized() -> bool:
    return dist.is_initialized()


def shutdown() -> None:
    dist.destroy_process_group()


def barrier() -> None:
    dist.barrier()


def rank() -> int:
    return dist.get_rank()


def size() -> int:
    return dist.get_world_size()


def local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_size() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def dp_rank() -> int:
    """Every process has data of its own."""
    return rank()


def dp_size() -> int:
    return size()


rdp_rank, rdp_size = dp_rank, dp_size


def mp_rank() -> int:
    """No two processes hold parts of one computation."""
    return 0


def mp_size() -> int:
    return 1


pp_rank, pp_size = mp_rank, mp_size
tp_rank, tp_size = mp_rank, mp_size
