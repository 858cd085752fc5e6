"""Importing this registers the backend `smddp` of torch.distributed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

BACKEND = "smddp"


def _make_group(store: Any, rank: int, size: int, timeout: timedelta) -> Any:
    if torch.cuda.is_available():
        options = dist.ProcessGroupNCCL.Options()
        options._timeout = timeout
        return dist.ProcessGroupNCCL(store, rank, size, options)
    return dist.ProcessGroupGloo(store, rank, size, timeout)


if not hasattr(dist.Backend, BACKEND.upper()):
    dist.Backend.register_backend(BACKEND, _make_group, devices=["cuda" if torch.cuda.is_available() else "cpu"])
