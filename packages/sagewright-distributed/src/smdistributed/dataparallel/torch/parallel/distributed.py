"""PyTorch's DistributedDataParallel; it joins the processes of the job first if the script has not.

If the processes share memory, each gradient is laid out there as soon as it is computed, and the averages are written into the
gradients at the end of the backward pass: PyTorch's reducer copies each of them twice more. Models and options that this does not
support are left to PyTorch's reducer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import torch

from smdistributed.dataparallel.torch.distributed import init_process_group
from smdistributed.dataparallel.torch.exchange import LARGEST, Exchange
from smdistributed.dataparallel.torch.process_group import SharedGroup
from smdistributed.dataparallel.torch.segment import NoSharedMemory

_OWN = ("find_unused_parameters", "static_graph", "delay_all_reduce_named_params", "mixed_precision")
_ALIGN = 64
_ROUND = 32  # memory is rewritten after this many passes


class DistributedDataParallel(torch.nn.parallel.DistributedDataParallel):
    require_backward_grad_sync: bool

    def __init__(self, module: torch.nn.Module, *arguments: Any, **options: Any) -> None:
        init_process_group()
        super().__init__(module, *arguments, **options)
        self._gradients: Gradients | None = None
        group = self.process_group
        if isinstance(group, SharedGroup) and not any(options.get(name) for name in _OWN) and _simple(module):
            parameters = [one for one in module.parameters() if one.requires_grad]
            self._gradients = _gradients_of(group, parameters)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Disables PyTorch's reducer while ours works."""
        wanted, gradients = self.require_backward_grad_sync, self._gradients
        if gradients is None:
            return super().forward(*inputs, **named)
        if torch.is_grad_enabled():
            gradients.wanted = wanted
        self.require_backward_grad_sync = False
        try:
            return super().forward(*inputs, **named)
        finally:
            self.require_backward_grad_sync = wanted
            self.require_forward_param_sync = wanted and torch.is_grad_enabled()

    def register_comm_hook(self, state: object, hook: Callable[..., Any]) -> None:
        self._leave_to_torch()
        super().register_comm_hook(state, hook)

    def join(self, *arguments: Any, **options: Any) -> Any:
        self._leave_to_torch()
        return super().join(*arguments, **options)

    def join_hook(self, **options: Any) -> Any:
        self._leave_to_torch()
        return super().join_hook(**options)

    def _leave_to_torch(self) -> None:
        if self._gradients is not None:
            self._gradients.close()
            self._gradients = None


class Gradients:
    """Averages the gradients of the parameters at the end of each backward pass that is `wanted`."""

    def __init__(self, exchange: Exchange, parameters: list[torch.nn.Parameter]) -> None:
        self.wanted = False
        self._exchange, self._parameters = exchange, parameters
        self._offsets, self._length = _places(parameters)
        shapes = [(tuple(one.shape), str(one.dtype)) for one in parameters]
        self._kind = zlib.crc32(f"gradients {shapes}".encode())
        self._views: dict[tuple[int, int], list[torch.Tensor]] = {}
        self._place = -1
        self._backward = -1
        self._seen: set[int] = set()
        self._hooks = [
            one.register_post_accumulate_grad_hook(lambda parameter, number=number: self._lay(parameter, number))
            for number, one in enumerate(parameters)
        ]

    def close(self) -> None:
        while self._hooks:
            self._hooks.pop().remove()

    def _lay(self, parameter: torch.Tensor, number: int) -> None:
        if not self.wanted:
            return
        backward = int(torch._C._current_graph_task_id())
        if backward != self._backward:
            torch.autograd.Variable._execution_engine.queue_callback(self._average)
            self._backward = backward
            self._seen.clear()
            self._place = self._exchange.reserve(self._length)
        own = self._laid_by(self._exchange.rank, self._place)[number]
        assert parameter.grad is not None
        torch.mul(parameter.grad.detach(), 1 / self._exchange.size, out=own)
        self._seen.add(number)

    @torch.no_grad()
    def _average(self) -> None:
        exchange = self._exchange
        self._backward = -1
        if len(self._seen) != len(self._parameters):
            raise RuntimeError(
                f"{len(self._parameters) - len(self._seen)} of {len(self._parameters)} parameters got no gradient in this "
                "backward pass. If that is meant, wrap the model with find_unused_parameters=True."
            )
        number = exchange.give(self._kind, self._place, self._length)
        places = [exchange.find(peer, number, self._kind, self._length) for peer in range(exchange.size)]
        first, second, *others = [self._laid_by(peer, place) for peer, place in enumerate(places)]
        for index, parameter in enumerate(self._parameters):
            total = parameter.grad
            assert total is not None
            torch.add(first[index], second[index], out=total)
            for other in others:
                total.add_(other[index])
        exchange.take(number)

    def _laid_by(self, peer: int, place: int) -> list[torch.Tensor]:
        """Returns the gradients that the process laid out at `place`."""
        found = self._views.get((peer, place))
        if found is None:
            if len(self._views) > 2 * _ROUND * self._exchange.size:
                self._views.clear()
            found = [
                self._exchange.view(peer, place + offset, parameter)
                for offset, parameter in zip(self._offsets, self._parameters)
            ]
            self._views[peer, place] = found
        return found


def _gradients_of(group: SharedGroup, parameters: list[torch.nn.Parameter]) -> Gradients | None:
    """Returns None if the gradients don't fit in the shared memory; the same in all processes."""
    length = _places(parameters)[1]
    room = max(2 * length, min(_ROUND * length, LARGEST))
    if not parameters or 2 * length > LARGEST:
        return None
    try:
        exchange = group.another_exchange(room, 2 * length)
    except NoSharedMemory:
        return None
    return Gradients(exchange, parameters)


def _places(parameters: list[torch.nn.Parameter]) -> tuple[list[int], int]:
    offsets, end = [], 0
    for one in parameters:
        offsets.append(end)
        end += -(-one.numel() * one.element_size() // _ALIGN) * _ALIGN
    return offsets, end


def _simple(module: torch.nn.Module) -> bool:
    """True if all parameters are in this machine's memory and have dense gradients."""
    sparse = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    dense = not any(isinstance(one, sparse) and one.sparse for one in module.modules())
    ignored = getattr(module, "_ddp_params_and_buffers_to_ignore", ())
    return dense and not ignored and all(one.device.type == "cpu" for one in module.parameters())
