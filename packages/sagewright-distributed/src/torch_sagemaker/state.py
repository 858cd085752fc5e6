"""The job's options, and this process's place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch.sagemaker import sharding

from smdistributed.modelparallel.torch import ranks
from smdistributed.modelparallel.torch.options import NotGiven

DEFAULTS = {
    "hybrid_shard_degree": 0,
    "tensor_parallel_degree": 1,
    "context_parallel_degree": 1,
    "expert_parallel_degree": 1,
    "sm_activation_offloading": False,
    "activation_loading_horizon": 2,
    "fsdp_cache_flush_warnings": False,
    "allow_empty_shards": False,
    "random_seed": 12345,
}
_NOT_GIVEN = ("context_parallel_degree", "expert_parallel_degree")


def checked(given: dict[str, Any]) -> dict[str, Any]:
    """Returns all options, with defaults. Raises ValueError for an unknown one, NotGiven for an unsupported one."""
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"{unknown[0]}: not an option of the model parallel library, version 2.")
    options: dict[str, Any] = {}
    for name, default in DEFAULTS.items():
        value = given.get(name, default)
        options[name] = str(value).lower() in ("true", "1") if isinstance(default, bool) else int(value)
    for name in _NOT_GIVEN:
        if options[name] > 1:
            raise NotGiven(
                f"{name}={options[name]}: not implemented; use hybrid_shard_degree and tensor_parallel_degree."
            )
    return options


class State:
    """Attributes under AWS's names. There are none before `init`."""

    initialized = False

    def fill(self, given: dict[str, Any]) -> None:
        """Raises ValueError for options that do not fit, and as `checked`."""
        for name, value in checked(given).items():
            setattr(self, name, value)
        self.tp_size = self.tensor_parallel_degree
        self.tp_rank = ranks.tp_rank()
        self.tp_process_group = ranks.group("TP")
        self.dp_size = ranks.rdp_size()
        self.dp_rank = ranks.rdp_rank()
        self.dp_process_group = ranks.group("RDP")
        self.shard_process_group = dist.group.WORLD
        self.world_process_group = dist.group.WORLD
        self.world_size, self.rank, self.local_rank = ranks.size(), ranks.rank(), ranks.local_rank()
        self.hybrid_shard_degree = self._shards()
        self.initialized = True

    def _shards(self) -> int:
        degree: int = self.hybrid_shard_degree
        if degree < 0 or (degree and self.dp_size % degree):
            raise ValueError(
                f"hybrid_shard_degree={degree} does not divide the {self.dp_size} processes "
                f"that hold the same tensors (tensor_parallel_degree={self.tp_size})."
            )
        if degree == 0 and self.tp_size > 1:
            degree = self.dp_size
        return degree

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"torch.sagemaker.state has no {name}: {'is it one?' if self.initialized else 'call init() first'}."
        )


state = State()


def init(config: dict[str, Any] | str | None = None) -> None:
    """Joins the job's processes with the options of its `distribution=`; `config`, a dictionary or a JSON file's name, supplies
    those that the job does not have.

    Raises ValueError and NotGiven.
    """
    by_script = json.loads(Path(config).read_text()) if isinstance(config, (str, os.PathLike)) else config or {}
    given = {**by_script, **json.loads(os.environ.get("SM_HP_MP_PARAMETERS") or "{}")}
    degree = checked(given)["tensor_parallel_degree"]
    ranks.init({"tensor_parallel_degree": degree, "prescaled_batch": True}, local_parts=True)
    state.fill(given)
    shards = state.hybrid_shard_degree
    if shards:
        state.shard_process_group, replicas = ranks.place().sharding_groups(shards)
        sharding.shard_over(state.shard_process_group, replicas)
