"""A model spread over the processes: its parameters sharded, its tensors divided, its layers placed in partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from smdistributed.modelparallel.torch import layouts, ranks
from smdistributed.modelparallel.torch.nn.basic import DistributedModule

PARTIAL = "_smp_is_partial"
_current: DistributedModel | None = None


class DistributedModel(torch.nn.Module):
    """`module`, spread as the options specify. All processes must give the same module; the first one's parameters count.

    `average_grads_across_microbatches`: False for losses that are sums over the batch. AWS's options that tune tracing and gradient
    buckets are accepted without effect: there is no tracing here, and gradients are averaged at the end of a step.
    """

    def __init__(
        self, module: torch.nn.Module, average_grads_across_microbatches: bool = True, **_options: Any
    ) -> None:
        global _current  # noqa: PLW0603 - AWS's API has one model a process and never hands it over
        super().__init__()
        options = ranks.options()
        self._average = average_grads_across_microbatches
        self._microbatches = 1
        device = torch.device("cuda", ranks.local_rank()) if torch.cuda.is_available() else torch.device("cpu")
        before = dict(module.named_parameters())
        for value in [*before.values(), *module.buffers()]:
            _begin_alike(value, device)
        spread: Callable[[torch.nn.Module, torch.device], layouts.Layout] = (
            layouts.Pipelined if options.pipeline > 1 else layouts.Sharded
        )
        self._layout = spread(module, device)
        self.module = self._layout.module
        after = dict(self._layout.parameters())
        self.replaced = {id(old): after.get(name) for name, old in before.items()}
        self.partitioned = True
        _current = self

    def forward(self, *arguments: Any, **named: Any) -> Any:
        return self.module(*arguments, **named)

    def backward(self, tensors: Any, grad_tensors: Any = None) -> None:
        """Like `torch.autograd.backward`. In a step, gradients of all microbatches are averaged."""
        count = self._microbatches if self._average else 1
        several = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
        if grad_tensors is None:
            torch.autograd.backward([tensor / count for tensor in several])
            return
        grads = list(grad_tensors) if isinstance(grad_tensors, (list, tuple)) else [grad_tensors]
        torch.autograd.backward(several, [None if grad is None else grad / count for grad in grads])

    def run(self, count: int, microbatch: Callable[[int], Any]) -> list[Any]:
        """Runs a step: returns the results of `microbatch` for each number below `count`. Afterwards gradients are averaged."""
        self._microbatches = count
        try:
            return self._layout.run(count, microbatch)
        finally:
            self._microbatches = 1

    def local_named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yields this process's parameters: of a sharded or divided one, its part."""
        yield from self._layout.parameters()

    def local_parameters(self) -> Iterator[Tensor]:
        for _name, parameter in self.local_named_parameters():
            yield parameter

    def parameters(self, recurse: bool = True) -> Iterator[Any]:  # noqa: ARG002 - torch's signature
        """Yields the parameters of this process's partition."""
        return self.local_parameters()

    def local_named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        yield from self._layout.buffers()

    def local_buffers(self) -> Iterator[Tensor]:
        for _name, buffer in self.local_named_buffers():
            yield buffer

    def local_named_modules(self) -> Iterator[tuple[str, torch.nn.Module]]:
        yield from self._layout.modules()

    def local_modules(self) -> Iterator[torch.nn.Module]:
        for _name, module in self.local_named_modules():
            yield module

    def distributed_modules(self) -> Iterator[torch.nn.Module]:
        """Yields the modules that are divided over the tensor-parallel processes."""
        return (module for module in self.local_modules() if isinstance(module, DistributedModule))

    def is_distributed_parameter(self, param: Any) -> bool:
        """True if the parameter is divided over the tensor-parallel processes."""
        return isinstance(param, DTensor) and "tensor" in (param.device_mesh.mesh_dim_names or ())

    is_scaled_batch_parameter = is_distributed_parameter

    def local_state_dict(self, *_arguments: Any, **_options: Any) -> dict[str, Any]:
        """Returns this process's part, and the key `_smp_is_partial`."""
        named = self.local_named_state()
        return {**{name: layouts.local(value).detach() for name, value in named.items()}, PARTIAL: True}

    def state_dict(self, *_arguments: Any, **_options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Returns the whole model, on every process of the copy. All of them must call it together."""
        return self._layout.whole(self.local_named_state())

    def local_named_state(self) -> dict[str, Any]:
        """Returns parameters and buffers of this process, as they are spread."""
        return self._layout.state()

    def gathered(self, named: dict[Any, Any]) -> dict[Any, Any]:
        """Returns the tensors whole, on every process of the copy."""
        return self._layout.whole(named)

    def load_state_dict(self, state_dict: Any, strict: bool = True, **_options: Any) -> Any:  # type: ignore[override]
        """Loads a whole model's state, or with `_smp_is_partial` this process's part. Raises RuntimeError for other names or
        shapes.
        """
        given = dict(state_dict)
        partial = given.pop(PARTIAL, False)
        own = self.local_named_state()
        missing, extra = sorted(set(own) - set(given)), sorted(set(given) - self._layout.names())
        if strict and (missing or extra):
            raise RuntimeError(f"The state does not fit the model: missing {missing}, unexpected {extra}.")
        for name, value in own.items():
            if name in given:
                layouts.take(name, value, given[name], bool(partial))
        return torch.nn.modules.module._IncompatibleKeys(missing, extra)  # type: ignore[no-untyped-call]

    def register_post_partition_hook(self, hook: Callable[..., Any]) -> Any:
        """Calls `hook(model, optimizer)` at once, since the model is partitioned when it is made."""
        hook(self, None)
        return torch.utils.hooks.RemovableHandle({})

    def cpu(self) -> torch.nn.Module:  # type: ignore[override]
        """Raises NotGiven: `state_dict` gathers the whole model on the CPU."""
        raise ranks.NotGiven("DistributedModel.cpu(): use state_dict(), which gathers the whole model on the CPU.")


def _begin_alike(value: Any, device: torch.device) -> None:
    """Makes all copies begin with the same values, whatever the seeds were."""
    if isinstance(value, DTensor):  # an smp.nn module, already divided
        dist.broadcast(value.to_local().detach(), ranks.members("RDP")[0], group=ranks.group("RDP"))
    else:
        value.data = value.data.to(device)
        dist.broadcast(value.data, 0)


def current() -> Any:
    """Returns the model that was made last, if any."""
    return _current


def run_step(count: int, microbatch: Callable[[int], Any]) -> list[Any]:
    """Runs a step by the current model; without one, runs each microbatch after the other."""
    if _current is None:
        return [microbatch(number) for number in range(count)]
    return _current.run(count, microbatch)
