"""Divided parameters, linear maps and embeddings."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn import functional

from smdistributed.modelparallel.torch import exchange, ranks


class DistributedModule(torch.nn.Module):
    """A module with parameters that are divided over the tensor-parallel processes; its results are those of the whole module."""

    divided: AbstractSet[str] = frozenset()
    """The names of those parameters."""

    def divide(self, name: str, whole: Tensor, axis: int) -> None:
        """Registers this process's part of `whole`, which all processes pass alike. Raises ValueError."""
        count = ranks.tp_size()
        if whole.shape[axis] % count:
            raise ValueError(
                f"{type(self).__name__}: {name} of shape {tuple(whole.shape)} cannot be divided by "
                f"tensor_parallel_degree={count} at axis {axis}."
            )
        if ranks.place().local_parts:
            part = self._local_part(name, whole, axis)
        else:
            part = distribute_tensor(whole.detach(), ranks.place().meshes()[2], [Shard(axis)])
        self.register_parameter(name, torch.nn.Parameter(part))
        self.divided = {*self.divided, name}

    def _local_part(self, name: str, whole: Tensor, axis: int) -> Tensor:
        """Returns this process's part of `whole`. Adds hooks by which the module saves and loads the whole."""
        group = ranks.group("TP")
        if not whole.is_meta:
            dist.broadcast(whole.data, ranks.members("TP")[0], group=group)
        part = whole.detach().chunk(ranks.tp_size(), axis)[ranks.tp_rank()].clone()

        def gather(_module: Any, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
            own = state.get(prefix + name)
            if own is not None and own.shape == part.shape and not own.is_meta:
                state[prefix + name] = torch.cat(exchange.gathered(own.detach(), group), dim=axis)

        def choose(_module: Any, state: dict[str, Any], prefix: str, *_others: Any) -> None:
            given = state.get(prefix + name)
            if given is not None and given.shape == whole_shape:
                state[prefix + name] = given.chunk(ranks.tp_size(), axis)[ranks.tp_rank()]

        whole_shape = whole.shape
        self.register_state_dict_post_hook(gather)
        self.register_load_state_dict_pre_hook(choose)
        return part

    def is_divided(self) -> bool:
        """True if the module itself holds divided parameters. They are sharded separately, so it must hold no others."""
        return bool(self.divided)

    def part(self, name: str) -> Tensor:
        """Returns this process's part of parameter `name`, for computation."""
        parameter = getattr(self, name)
        local = parameter.to_local() if isinstance(parameter, DTensor) else parameter
        return exchange.scaled(local)


class _Counterpart(DistributedModule):
    """The divided counterpart of a PyTorch module, whose parameters it can take over."""

    @classmethod
    def of(cls, whole: Any) -> Any:
        """Builds the module with the parameters of `whole`, which must be equal on all processes. Raises ValueError if it can't be
        divided.
        """
        made = cls.__new__(cls)
        torch.nn.Module.__init__(made)
        made._take(whole)
        return made

    def _take(self, whole: Any) -> None:
        raise NotImplementedError


class DistributedLinear(_Counterpart):
    """Like `nn.Linear`; each process has some of the outputs."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, **options: Any) -> None:
        super().__init__()
        self._take(torch.nn.Linear(in_features, out_features, bias, **options))

    def _take(self, whole: torch.nn.Linear) -> None:
        self.in_features, self.out_features = whole.in_features, whole.out_features
        self.divide("weight", whole.weight, 0)
        if whole.bias is None:
            self.register_parameter("bias", None)
        else:
            self.divide("bias", whole.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.part("bias")
        return exchange.leave_features(functional.linear(exchange.enter(x), self.part("weight"), bias))


class DistributedEmbedding(_Counterpart):
    """Like `nn.Embedding`; each process has some of the columns."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, **options: Any) -> None:
        super().__init__()
        self._take(torch.nn.Embedding(num_embeddings, embedding_dim, padding_idx, **options))

    def _take(self, whole: torch.nn.Embedding) -> None:
        if whole.max_norm is not None or whole.sparse:
            raise ValueError("DistributedEmbedding: max_norm and sparse need whole rows.")
        self.num_embeddings, self.embedding_dim = whole.num_embeddings, whole.embedding_dim
        self.padding_idx, self.scale_grad_by_freq = whole.padding_idx, whole.scale_grad_by_freq
        self.divide("weight", whole.weight, 1)

    def forward(self, ids: Tensor, as_head: bool = False) -> Tensor:
        """Returns rows of the table, or, `as_head`, the products of states with all of its rows: a head tied to the embedding."""
        if as_head:
            width = self.embedding_dim // ranks.tp_size()
            own = exchange.enter(ids).narrow(-1, ranks.tp_rank() * width, width)
            return exchange.leave_sum(functional.linear(own, self.part("weight")))
        found = functional.embedding(
            exchange.enter(ids), self.part("weight"), self.padding_idx, scale_grad_by_freq=self.scale_grad_by_freq
        )
        return exchange.leave_features(found)


class Column(DistributedModule):
    """A linear map of which each process computes some outputs, from the result of `exchange.enter`."""

    def __init__(self, whole: torch.nn.Linear) -> None:
        super().__init__()
        self.divide("weight", whole.weight, 0)
        self.divide("bias", whole.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.part("weight"), self.part("bias"))


class Row(DistributedModule):
    """A linear map of which each process has some inputs. It returns a summand for `exchange.leave_sum`, without the bias."""

    def __init__(self, whole: torch.nn.Linear) -> None:
        super().__init__()
        self.divide("weight", whole.weight, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.part("weight"))
