"""Layouts of a model: sharded and divided by PyTorch's FSDP2 and DTensor, or placed in the partitions of a pipeline."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from smdistributed.modelparallel.torch import partition, ranks
from smdistributed.modelparallel.torch.division import divided
from smdistributed.modelparallel.torch.nn.basic import DistributedModule
from smdistributed.modelparallel.torch.pipeline import Pipeline

warnings.filterwarnings(
    "ignore", message="FSDP2-wrapped module"
)  # results that are views: nothing here changes them in place


class Layout(Protocol):
    """The placement of a model's parts. Names are those of the original model."""

    module: torch.nn.Module

    def parameters(self) -> Iterator[tuple[str, Any]]: ...

    def buffers(self) -> Iterator[tuple[str, Tensor]]: ...

    def modules(self) -> Iterator[tuple[str, torch.nn.Module]]: ...

    def names(self) -> set[str]: ...

    def state(self) -> dict[str, Any]: ...

    def run(self, count: int, microbatch: Callable[[int], Any]) -> list[Any]: ...

    def whole(self, named: dict[str, Any]) -> dict[str, Any]: ...


class Sharded:
    """Each process has a shard of all layers."""

    def __init__(self, module: torch.nn.Module, _device: torch.device) -> None:
        module = divided(module)
        whole, split, _tensor = ranks.place().meshes()
        apart = [inner for inner in module.modules() if isinstance(inner, DistributedModule) and inner.is_divided()]
        for inner in apart:
            fully_shard(inner, mesh=split)
        for child in _units(module):
            if child not in apart:
                fully_shard(child, mesh=whole)
        if module not in apart:
            fully_shard(module, mesh=whole)
        self.module = module

    def parameters(self) -> Iterator[tuple[str, Any]]:
        yield from self.module.named_parameters()

    def buffers(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.module.named_buffers()

    def modules(self) -> Iterator[tuple[str, torch.nn.Module]]:
        yield from self.module.named_modules()

    def names(self) -> set[str]:
        return set(self.module.state_dict())

    def state(self) -> dict[str, Any]:
        return dict(self.module.state_dict(keep_vars=True))

    def run(self, count: int, microbatch: Callable[[int], Any]) -> list[Any]:
        return [microbatch(number) for number in range(count)]

    def whole(self, named: dict[str, Any]) -> dict[str, Any]:
        return {name: _full(value) for name, value in named.items()}


class Pipelined:
    """Each process has some of the layers; gradients are averaged over the processes that have the same."""

    def __init__(self, module: torch.nn.Module, device: torch.device) -> None:
        self.module = divided(module)
        options = ranks.options()
        root = options.default_partition
        if options.auto_partition:
            units = partition.automatic(self.module, options.pipeline, root)
        else:
            units = partition.by_marks(self.module, root)
        owners = {name: unit.partition for unit in units for name in _below(unit)}
        self._names = set(self.module.state_dict())
        own = ranks.pp_rank()
        self._parameters = [
            (name, value) for name, value in self.module.named_parameters() if owners.get(name, root) == own
        ]
        self._buffers = [(name, value) for name, value in self.module.named_buffers() if owners.get(name, root) == own]
        self._modules = [
            (name, inner) for name, inner in self.module.named_modules() if _place_of(name, units, root) == own
        ]
        _let_go(self.module, {id(value) for _name, value in [*self._parameters, *self._buffers]})
        self._pipeline = Pipeline(units, root, device)

    def parameters(self) -> Iterator[tuple[str, Any]]:
        yield from self._parameters

    def buffers(self) -> Iterator[tuple[str, Tensor]]:
        kept = dict(self.module.named_buffers())
        yield from ((name, kept[name]) for name, _ in self._buffers)

    def modules(self) -> Iterator[tuple[str, torch.nn.Module]]:
        yield from self._modules

    def names(self) -> set[str]:
        return set(self._names)

    def state(self) -> dict[str, Any]:
        return {name: value for name, value in self.module.state_dict(keep_vars=True).items() if not value.is_meta}

    def run(self, count: int, microbatch: Callable[[int], Any]) -> list[Any]:
        results = self._pipeline.run(count, microbatch)
        if torch.is_grad_enabled():
            self._average()
        return results

    def whole(self, named: dict[str, Any]) -> dict[str, Any]:
        own = {name: _full(value) for name, value in named.items()}
        found: list[Any] = [None] * ranks.pp_size()
        dist.all_gather_object(found, own, group=ranks.group("PP"))
        return {name: value for part in found for name, value in part.items()}

    def _average(self) -> None:
        """Averages gradients: of divided parameters over the processes that have the same part, of the others over the tensor ranks
        too.
        """
        for group_name, wanted in (("RDP", True), ("DP", False)):
            count = len(ranks.members(group_name))
            trained = [
                value
                for _name, value in self._parameters
                if value.requires_grad and isinstance(value, DTensor) == wanted
            ]
            if count == 1 or not trained:
                continue
            group = ranks.group(group_name)
            has = torch.tensor([value.grad is not None for value in trained], dtype=torch.int32).to(trained[0].device)
            dist.all_reduce(has, op=dist.ReduceOp.MAX, group=group)
            for value, used in zip(trained, has.tolist()):
                if used:
                    if value.grad is None:
                        value.grad = torch.zeros_like(value)
                    gradient = local(value.grad)
                    dist.all_reduce(gradient, group=group)
                    gradient /= count


def local(value: Any) -> Tensor:
    """Returns this process's part of a tensor."""
    return value.to_local() if isinstance(value, DTensor) else value


def take(name: str, into: Any, given: Tensor, partial: bool) -> None:
    """Copies `given`, the whole or this process's part, into a parameter or buffer. Raises RuntimeError."""
    with torch.no_grad():
        if isinstance(into, DTensor) and not partial:
            if given.shape != into.shape:
                raise RuntimeError(f"{name}: shape {tuple(given.shape)} is given, {tuple(into.shape)} is due.")
            whole = given.to(into.to_local().device)
            target = distribute_tensor(whole, into.device_mesh, into.placements).to_local()
        else:
            target = given
        own = local(into)
        if own.shape != target.shape:
            raise RuntimeError(f"{name}: shape {tuple(target.shape)} is given, {tuple(own.shape)} is due.")
        own.copy_(target)


def _full(value: Any) -> Tensor:
    whole = value.full_tensor() if isinstance(value, DTensor) else value
    return whole.detach().cpu().clone()


def _units(module: torch.nn.Module) -> list[torch.nn.Module]:
    """Returns the children that are gathered one by one: those that are called, and share no parameter with others."""
    children = [
        child for child in module.children() if not isinstance(child, (torch.nn.ModuleList, torch.nn.ModuleDict))
    ]
    users = Counter(id(parameter) for child in module.children() for parameter in set(child.parameters()))
    return [
        child
        for child in children
        if any(True for _ in child.parameters()) and all(users[id(parameter)] == 1 for parameter in child.parameters())
    ]


def _below(unit: partition.Unit) -> list[str]:
    """Returns the full names of a unit's parameters and buffers."""
    inner = [*unit.module.named_parameters(remove_duplicate=False), *unit.module.named_buffers()]
    return [f"{unit.name}.{name}" for name, _ in inner]


def _place_of(name: str, units: list[partition.Unit], root: int) -> int:
    for unit in units:
        if name == unit.name or name.startswith(f"{unit.name}."):
            return unit.partition
    return root


def _let_go(model: torch.nn.Module, own: set[int]) -> None:
    """Frees the parameters of other partitions: only their names and shapes remain."""
    for module in model.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and id(parameter) not in own:
                empty = torch.nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)
                module._parameters[name] = empty
        for name, buffer in list(module._buffers.items()):
            if buffer is not None and id(buffer) not in own:
                module._buffers[name] = torch.empty_like(buffer, device="meta")
