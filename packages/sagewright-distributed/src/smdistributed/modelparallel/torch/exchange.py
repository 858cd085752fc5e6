"""What the processes of a tensor-parallel group exchange, and what of it flows back through autograd.

Two ways to share a batch. By default each process has a batch of its own: a module that is divided computes its part for
the batches of all, and everybody gets back all parts of his own (Shoeybi et al. 2019, with the batch as the sequence axis of
Korthikanti et al. 2022). With `prescaled_batch` all have the same batch. `enter` is where activations come into a divided
module; `leave_features` where each process has some features of them; `leave_sum` where each has a summand.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from smdistributed.modelparallel.torch import ranks


def enter(x: Tensor) -> Tensor:
    """The batch that the divided module computes: those of all processes in turn, or the one that all have."""
    group = ranks.group("TP")
    return _Same.apply(x, group) if ranks.options().prescaled_batch else _Gather.apply(x, group)


def leave_features(y: Tensor) -> Tensor:
    """From some of the features of the computed batch to all features of one's own."""
    group = ranks.group("TP")
    return _Features.apply(y, group) if ranks.options().prescaled_batch else _Exchange.apply(y, group)


def leave_sum(y: Tensor) -> Tensor:
    """From a summand of the computed batch to the sum of one's own."""
    group = ranks.group("TP")
    return _Sum.apply(y, group) if ranks.options().prescaled_batch else _SumOwn.apply(y, group)


def scaled(parameter: Tensor) -> Tensor:
    """A divided module's parameter: it sees the batches of all, so its gradient counts as the mean of theirs."""
    count = 1 if ranks.options().prescaled_batch else ranks.tp_size()
    return parameter if count == 1 else _Scaled.apply(parameter, 1.0 / count)


def gathered(x: Tensor, group: Any) -> list[Tensor]:
    """The tensors of all processes, without gradients."""
    x = x.contiguous()
    found = [torch.empty_like(x) for _ in range(dist.get_world_size(group))]
    with ranks.waiting():
        dist.all_gather(found, x, group=group)
    return found


def _exchanged(parts: list[Tensor], group: Any) -> Tensor:
    """`parts[i]` goes to process i; what all sent here, stacked."""
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
    """Rows of all processes; their gradients are summed where the rows came from."""

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
    """Rows of all and some features, to own rows and all features."""

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
