"""torch.distributed with the library's backend as the default, for scripts of its first version."""

from __future__ import annotations

import os
from typing import Any

import torch.distributed as _dist
from torch.distributed import *  # noqa: F403 - the module stands in for torch's

from smdistributed.dataparallel.torch.torch_smddp import BACKEND


def init_process_group(backend: str = BACKEND, **options: Any) -> None:  # type: ignore[no-redef]
    if not _dist.is_initialized():
        _dist.init_process_group(backend, **options)


def get_local_rank() -> int:
    """Returns the process's number on its host."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def get_local_size() -> int:
    """Returns the number of processes on its host."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
