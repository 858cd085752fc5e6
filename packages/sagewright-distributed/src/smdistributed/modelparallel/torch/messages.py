"""Objects sent from process to process, and the names by which scripts call the groups (AWS's common API)."""

from __future__ import annotations

import enum
from typing import Any

import torch.distributed as dist

from smdistributed.modelparallel.torch import ranks


class CommGroup(enum.Enum):
    """The processes that take part in an operation."""

    WORLD = "WORLD"
    MP_GROUP = "MP"
    DP_GROUP = "DP"
    PP_GROUP = "PP"
    TP_GROUP = "TP"
    RDP_GROUP = "RDP"


class RankType(enum.Enum):
    """The group in which a rank counts."""

    WORLD_RANK = "WORLD"
    MP_RANK = "MP"
    DP_RANK = "DP"
    PP_RANK = "PP"
    TP_RANK = "TP"
    RDP_RANK = "RDP"


WORLD, MP_GROUP, DP_GROUP = CommGroup.WORLD, CommGroup.MP_GROUP, CommGroup.DP_GROUP
PP_GROUP, TP_GROUP, RDP_GROUP = CommGroup.PP_GROUP, CommGroup.TP_GROUP, CommGroup.RDP_GROUP


def send(obj: Any, dest_rank: int, rank_type: RankType) -> None:
    """Sends the object; returns once the other process has called `recv_from`."""
    dist.send_object_list([obj], dst=ranks.members(rank_type.value)[dest_rank])


def recv_from(src_rank: int, rank_type: RankType) -> Any:
    """Returns the object that the process sends or broadcasts."""
    box = [None]
    dist.recv_object_list(box, src=ranks.members(rank_type.value)[src_rank])
    return box[0]


def broadcast(obj: Any, group: CommGroup = WORLD) -> None:
    """Sends the object to every other process of the group, which calls `recv_from`."""
    for other in ranks.members(group.value):
        if other != ranks.rank():
            dist.send_object_list([obj], dst=other)


def allgather(obj: Any, group: CommGroup = WORLD) -> list[Any]:
    """Returns the objects of all processes of the group, in the order of their ranks in it."""
    found: list[Any] = [None] * len(ranks.members(group.value))
    dist.all_gather_object(found, obj, group=ranks.group(group.value))
    return found


def barrier(group: CommGroup = WORLD) -> None:
    """Waits for the other processes of the group."""
    dist.barrier(group=ranks.group(group.value))


def dp_barrier() -> None:
    barrier(DP_GROUP)


def mp_barrier() -> None:
    barrier(MP_GROUP)


def pp_barrier() -> None:
    barrier(PP_GROUP)


def tp_barrier() -> None:
    barrier(TP_GROUP)


def rdp_barrier() -> None:
    barrier(RDP_GROUP)


def get_world_process_group() -> Any:
    return ranks.group("WORLD")


def get_mp_process_group() -> Any:
    return ranks.group("MP")


def get_dp_process_group() -> Any:
    return ranks.group("DP")


def get_pp_process_group() -> Any:
    return ranks.group("PP")


def get_tp_process_group() -> Any:
    return ranks.group("TP")


def get_rdp_process_group() -> Any:
    return ranks.group("RDP")


def get_mp_group() -> list[int]:
    """Returns the ranks over which this copy of the model is divided."""
    return ranks.members("MP")


def get_dp_group() -> list[int]:
    """Returns the ranks that hold the same partition."""
    return ranks.members("DP")


def get_pp_group() -> list[int]:
    return ranks.members("PP")


def get_tp_group() -> list[int]:
    return ranks.members("TP")


def get_rdp_group() -> list[int]:
    return ranks.members("RDP")
