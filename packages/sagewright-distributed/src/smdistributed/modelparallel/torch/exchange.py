"""Exchanges among the processes of a tensor-parallel group, and their gradients through autograd.

There are two ways to share a batch. By default each process has a separate batch: a divided module computes its part for all
batches, and each process gets back all parts of its batch (Shoeybi et al. 2019, with the batch as the sequence axis of Korthikanti
et al. 2022). With `prescaled_batch` all have the same batch. `enter` is where activations enter a divided module; `leave_features`
is for outputs of which each process has some features; `leave_sum` for those of which each has a summand.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from smdistributed.modelparallel.torch import ranks


def enter(x: Tensor) -> Tensor:
    """Returns the batch that the divided module computes: those of all processes in turn, or the shared one."""
    group = ranks.group("TP")
    return _Same.apply(x, group) if ranks.options().prescaled_batch else _Gather.apply(x, group)


def leave_features(y: Tensor) -> Tensor:
    """Exchanges some features of the computed batch for all features of this process's batch."""
    group = ranks.group("TP")
    return _Features.apply(y, group) if ranks.options().prescaled_batch else _Exchange.apply(y, group)


def leave_sum(y: Tensor) -> Tensor:
    """Exchanges a summand of the computed batch for the sum of this process's batch."""
    group = ranks.group("TP")
    return _Sum.apply(y, group) if ranks.options().prescaled_batch else _SumOwn.apply(y, group)


def scaled(parameter: Tensor) -> Tensor:
    """Returns a divided module's parameter with a scaled gradient: it sees the batches of all processes, so the mean of their
    gradients counts.
    """
    count = 1 if ranks.options().prescaled_batch else ranks.tp_size()
    return parameter if count == 1 else _Scaled.apply(parameter, 1.0 / count)


def gathered(x: Tensor, group: Any) -> list[Tensor]:
    """Returns the tensors of all processes, without gradients."""
    x = x.contiguous()
    found = [torch.empty_like(x) for _ in range(dist.get_world_size(group))]
    with ranks.waiting():
        dist.all_gather(found, x, group=group)
    return found


def _exchanged(parts: list[Tensor], group: Any) -> Tensor:
    """Sends `parts[i]` to process i; returns the received parts, stacked."""
    mine = torch.stack([part.contiguous() for part in parts])
    found = torch.empty_like(mine)
    with ranks.waiting():
        dist.all_to_all_single(found, mine, group=group)
    return found


def _reduced(x: Tensor, group: Any) -> Tensor:
    x = x.contiguous().clone()
    with ranks.waiting():
        dist.all_reduce(x, group=group)
    return x


def _rows(x: Tensor, group: Any) -> list[Tensor]:
    return list(x.chunk(dist.get_world_size(group), dim=0))


def _columns(x: Tensor, group: Any) -> list[Tensor]:
    return list(x.chunk(dist.get_world_size(group), dim=-1))


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad * ctx.factor, None


class _Gather(torch.autograd.Function):
    """Gathers rows of all processes; their gradients are summed at the rows' origin."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return torch.cat(gathered(x, group))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _exchanged(_rows(grad, ctx.group), ctx.group).sum(0), None


class _SumOwn(torch.autograd.Function):
    """The transpose of `_Gather`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return _exchanged(_rows(x, group), group).sum(0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return torch.cat(gathered(grad, ctx.group)), None


class _Exchange(torch.autograd.Function):
    """Exchanges rows of all and some features for own rows and all features."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return torch.cat(list(_exchanged(_rows(x, group), group)), dim=-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _exchanged(_columns(grad, ctx.group), ctx.group).flatten(0, 1), None


class _Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _reduced(grad, ctx.group), None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor, group: Any) -> Tensor:
        return _reduced(x, group)

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Any:
        return grad, None


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return torch.cat(gathered(x, group), dim=-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _columns(grad, ctx.group)[dist.get_rank(ctx.group)].contiguous(), None
