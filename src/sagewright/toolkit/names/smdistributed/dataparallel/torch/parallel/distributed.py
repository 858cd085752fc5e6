"""PyTorch's DistributedDataParallel, which joins the processes of the job first if the script has not."""

from __future__ import annotations

from typing import Any

import torch

from smdistributed.dataparallel.torch.distributed import init_process_group


class DistributedDataParallel(torch.nn.parallel.DistributedDataParallel):
    def __init__(self, module: torch.nn.Module, *arguments: Any, **options: Any) -> None:
        init_process_group()
        super().__init__(module, *arguments, **options)
