"""Clips gradients that are sharded and divided."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.sagemaker.state import state

from smdistributed.modelparallel.torch import layouts, ranks
from smdistributed.modelparallel.torch.nn.basic import DistributedModule


def clip_grad_norm_(model: Any, max_norm: float, norm_type: float = 2.0) -> Tensor:
    """Scales all gradients of the model to a norm of at most `max_norm`; returns the norm before. All processes must call it.

    Raises ValueError for any norm but the Euclidean.
    """
    if norm_type != 2.0:
        raise ValueError(f"norm_type={norm_type}: only 2 is implemented.")
    if ranks.tp_size() == 1:
        norm: Tensor = (
            model.clip_grad_norm_(max_norm)
            if hasattr(model, "clip_grad_norm_")
            else (torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm))
        )
        return norm
    apart, alike = torch.zeros(()), torch.zeros(())
    grads = []
    for module in model.modules():
        divided = module.divided if isinstance(module, DistributedModule) else frozenset()
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.grad is None:
                continue
            grads.append(parameter.grad)
            square = layouts.local(parameter.grad).float().square().sum().cpu()
            if name in divided:
                apart += square
            else:
                alike += square
    dist.all_reduce(apart, group=ranks.group("TP"))
    total = apart + alike
    dist.all_reduce(total, group=state.shard_process_group)
    norm = total.sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor.to(grad.device))
    return norm
