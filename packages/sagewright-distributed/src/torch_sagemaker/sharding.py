"""PyTorch's FSDP over the processes that `hybrid_shard_degree` specifies.

A script calls `FullyShardedDataParallel(model)` as usual. AWS's library changes its meaning when neither a group nor a mesh is
named, so this does too.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import torch.distributed as dist
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy

warnings.filterwarnings("ignore", message="The `NO_SHARD` sharding strategy")  # the only way to have only replicas
_plain = FullyShardedDataParallel.__init__
_HYBRID = {
    None: ShardingStrategy.HYBRID_SHARD,
    ShardingStrategy.FULL_SHARD: ShardingStrategy.HYBRID_SHARD,
    ShardingStrategy.SHARD_GRAD_OP: ShardingStrategy._HYBRID_SHARD_ZERO2,
}
_WHOLE = {
    None: ShardingStrategy.FULL_SHARD,
    ShardingStrategy.HYBRID_SHARD: ShardingStrategy.FULL_SHARD,
    ShardingStrategy._HYBRID_SHARD_ZERO2: ShardingStrategy.SHARD_GRAD_OP,
}


def shard_over(shards: Any, replicas: Any) -> None:
    """Makes FSDP shard over a group's processes from now on, with replicas in the processes of another group."""
    replicated, sharded = dist.get_world_size(replicas) > 1, dist.get_world_size(shards) > 1

    @functools.wraps(_plain)
    def init(
        self: Any, module: Any, process_group: Any = None, sharding_strategy: Any = None, *rest: Any, **named: Any
    ) -> None:
        if process_group is None and named.get("device_mesh") is None:
            if sharded and replicated:
                process_group = (shards, replicas)
                sharding_strategy = _HYBRID.get(sharding_strategy, sharding_strategy)
            elif sharded:
                process_group, sharding_strategy = shards, _WHOLE.get(sharding_strategy, sharding_strategy)
            else:
                process_group, sharding_strategy = replicas, ShardingStrategy.NO_SHARD
        _plain(self, module, process_group, sharding_strategy, *rest, **named)

    FullyShardedDataParallel.__init__ = init  # type: ignore[method-assign]
