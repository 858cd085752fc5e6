"""The place of a process in the job: on the axes Data, Pipeline and Tensor, and the groups along them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh

from smdistributed.modelparallel.torch.options import NotGiven, Options

__all__ = ["NotGiven"]


class _Place:
    """The place of this process. `ranks`: those of all, by data, partition and tensor."""

    def __init__(self, options: Options, local_parts: bool) -> None:
        self.options = options
        self.local_parts = local_parts
        world, self.rank = dist.get_world_size(), dist.get_rank()
        sizes = {"P": options.pipeline, "T": options.tensor, "D": world // options.pipeline // options.tensor}
        ranks = torch.arange(world).reshape([sizes[axis] for axis in options.order])
        ranks = ranks.permute([options.order.index(axis) for axis in "DPT"])
        self.ranks = ranks
        self.d, self.p, self.t = (int(index) for index in (ranks == self.rank).nonzero()[0])
        self.members = {
            "WORLD": ranks.flatten().tolist(),
            "DP": sorted(ranks[:, self.p].flatten().tolist()),
            "MP": sorted(ranks[self.d].flatten().tolist()),
            "PP": ranks[self.d, :, self.t].tolist(),
            "TP": ranks[self.d, self.p].tolist(),
            "RDP": ranks[:, self.p, self.t].tolist(),
        }
        self._meshes: tuple[Any, Any, Any] | None = None
        self.groups: dict[str, Any] = {"WORLD": dist.group.WORLD}
        for name, members in self.members.items():
            if name != "WORLD":
                self.groups[name] = dist.new_group(members, use_local_synchronization=True, group_desc=f"smp {name}")
        self.lanes = [
            {
                name: dist.new_group(
                    self.members[name], backend=backend, use_local_synchronization=True, group_desc=f"smp {name} {lane}"
                )
                for name, backend in (("PP", "gloo"), ("TP", None))
            }
            for lane in range(options.microbatches if options.pipeline > 1 else 0)
        ]

    def meshes(self) -> tuple[Any, Any, Any]:
        """Returns the meshes that shard parameters which every tensor rank has, and divided ones; and the mesh of the tensor ranks.

        Made at the first call, which all processes make together.
        """
        if self._meshes is None:
            self._meshes = self._make_meshes()
        return self._meshes

    def sharding_groups(self, degree: int) -> tuple[Any, Any]:
        """Returns the group of shards, `degree` neighbours on the data axis, and the group of the replicas of one shard."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        ranks = self.ranks[:, 0].reshape(-1, degree, self.options.tensor)
        mesh: Any = DeviceMesh(device, ranks, mesh_dim_names=("replicate", "shard", "tensor"))
        return mesh.get_group("shard"), mesh.get_group("replicate")

    def _make_meshes(self) -> tuple[Any, Any, Any]:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        by_partition = self.ranks.transpose(0, 1)
        count, shared = len(by_partition), by_partition[0].numel()
        degree = self.options.sharded or shared
        rows = max(1, degree // self.options.tensor)
        whole: Any = DeviceMesh(
            device, by_partition.reshape(count, -1, degree), mesh_dim_names=("partition", "replicate", "shard")
        )
        split: Any = DeviceMesh(
            device,
            by_partition.reshape(count, -1, rows, self.options.tensor),
            mesh_dim_names=("partition", "replicate", "shard", "tensor"),
        )
        return _sharding(whole), _sharding(split), split["tensor"]


def _sharding(mesh: Any) -> Any:
    """Returns the mesh for FSDP: with an axis of replicas only if there are several."""
    axes = mesh.mesh_dim_names
    return mesh["replicate", "shard"] if mesh.size(axes.index("replicate")) > 1 else mesh["shard"]


_place: _Place | None = None
_lane = threading.local()


def init(config: dict[str, Any] | None = None, local_parts: bool = False) -> None:
    """Joins the job's processes. `config`: the options; by default those of `distribution=` (mp_parameters).

    `local_parts`: a divided parameter is a plain tensor, this process's part, for PyTorch's first FSDP; else a DTensor.

    Raises ValueError, and NotGiven for unsupported features.
    """
    global _place  # noqa: PLW0603 - AWS's API asks for a process's place by functions
    options = Options.read(config)
    join()
    options.over(dist.get_world_size())
    _place = _Place(options, local_parts)


def join() -> None:
    """Joins the job's process group, under torchrun or mpirun, or creates one of this process alone."""
    names = {"RANK": "RANK", "WORLD_SIZE": "SIZE", "LOCAL_RANK": "LOCAL_RANK", "LOCAL_WORLD_SIZE": "LOCAL_SIZE"}
    for name, theirs in names.items():
        found = os.environ.get(f"OMPI_COMM_WORLD_{theirs}")
        if found is not None:
            os.environ.setdefault(name, found)
    for name, alone in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "7777"}.items():
        os.environ.setdefault(name, alone)
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank())
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def place() -> _Place:
    """Raises RuntimeError before `init`."""
    if _place is None:
        raise RuntimeError("smp.init() was not called.")
    return _place


def options() -> Options:
    return place().options


def lane(number: int | None, waiting: Callable[[], Any] = nullcontext) -> None:
    """Assigns microbatch `number` to this thread, which then communicates over separate groups; None: over the shared ones.

    `waiting`: the context in which it waits for other processes, so that other threads compute meanwhile.
    """
    _lane.number = number
    _lane.waiting = waiting


def waiting() -> Any:
    """Returns the context for waiting for other processes."""
    found: Callable[[], Any] = getattr(_lane, "waiting", nullcontext)
    return found()


def group(name: str) -> Any:
    """Returns the process group WORLD, DP, MP, PP, TP or RDP of this process; PP's messages use the thread's lane."""
    number = getattr(_lane, "number", None)
    lanes = place().lanes
    if number is not None and lanes and name in lanes[number]:
        return lanes[number][name]
    return place().groups[name]


def members(name: str) -> list[int]:
    """Returns the world ranks of a group, in the group's order."""
    return list(place().members[name])


def is_initialized() -> bool:
    return _place is not None and dist.is_initialized()


def shutdown() -> None:
    global _place  # noqa: PLW0603 - as in init
    _place = None
    dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank()


def size() -> int:
    return dist.get_world_size()


def local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_size() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _in(name: str) -> tuple[int, int]:
    found = place().members[name]
    return found.index(place().rank), len(found)


def dp_rank() -> int:
    """Returns the rank among the processes that hold the same partition. Each has separate data, unless the batch is prescaled."""
    return _in("DP")[0]


def dp_size() -> int:
    return _in("DP")[1]


def rdp_rank() -> int:
    """Returns the rank among the processes that hold the same parameters."""
    return _in("RDP")[0]


def rdp_size() -> int:
    return _in("RDP")[1]


def mp_rank() -> int:
    """Returns the rank among the processes that hold one copy of the model together."""
    return _in("MP")[0]


def mp_size() -> int:
    return _in("MP")[1]


def pp_rank() -> int:
    """Returns the partition."""
    return _in("PP")[0]


def pp_size() -> int:
    return _in("PP")[1]


def tp_rank() -> int:
    """Returns the rank among the processes that divide tensors."""
    return _in("TP")[0]


def tp_size() -> int:
    return _in("TP")[1]
