"""Steps down the gradients of parameters.

Torch's functions do the arithmetic. Its class `torch.optim.Optimizer` is not used: creating the first one imports torch's compiler,
which takes more than a second of CPU at the start of every job.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sagewright.algorithms.deep.training.updates import STEP, Update
from sagewright.algorithms.errors import UserError

Slots = Mapping[int, Mapping[str, Tensor]]


class TorchOptimizer:
    """`param_groups` are dicts of `params`, `weight_decay` and the rate `lr`; `state` holds the optimiser's tensors of each
    parameter."""

    def __init__(self, groups: Sequence[Mapping[str, Any]], rate: float, update: Update) -> None:
        self.param_groups: list[dict[str, Any]] = [{"lr": rate, **group} for group in groups]
        self.state: dict[Tensor, dict[str, Tensor]] = {each: {} for each in self._parameters()}
        self._update = update
        self._before: list[Callable[[], None]] = []

    def before_steps(self, function: Callable[[], None]) -> None:
        """Calls the function at the beginning of every step."""
        self._before.append(function)

    def zero_grad(self) -> None:
        for each in self._parameters():
            each.grad = None

    def step(self) -> None:
        """Moves every parameter that has a gradient."""
        for function in self._before:
            function()
        with torch.no_grad():
            for group in self.param_groups:
                moving = [each for each in group["params"] if each.grad is not None]
                if moving:
                    self._move(moving, group)

    def slots(self) -> Iterator[tuple[int, str, Tensor]]:
        """The state's tensors, by the parameters' numbers and by names."""
        for number, each in enumerate(self._parameters()):
            yield from ((number, name, value) for name, value in sorted(self.state[each].items()))

    def restore(self, slots: Slots, what: str) -> None:
        """Restores the result of `slots`. Raises UserError, which calls it `what`, if it belongs to other parameters."""
        learnt = list(self._parameters())
        for number, kept in slots.items():
            for name, tensor in kept.items():
                if number >= len(learnt):
                    raise UserError(f"{what} belongs to another training run: its optimizer has {number}.{name}.")
                expected = 1 if name == STEP else learnt[number].numel()
                if math.prod(tensor.shape) != expected:
                    raise UserError(
                        f"{what} belongs to another training run: its optimizer has {number}.{name} of {list(tensor.shape)}."
                    )
        for number, each in enumerate(learnt):
            kept = slots.get(number, {})
            self.state[each] = {
                name: tensor.reshape(()).to(self._counts_at(each), torch.float32)
                if name == STEP
                else _laid_as(tensor.to(each).view(each.shape), each)
                for name, tensor in kept.items()
            }

    def _parameters(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def _move(self, moving: list[Tensor], group: Mapping[str, Any]) -> None:
        for each in moving:
            for name in self._update.kept:
                if name not in self.state[each]:
                    self.state[each][name] = self._zeros(name, each)
        kept = {name: [self.state[each][name] for each in moving] for name in self._update.kept}
        self._update.move(moving, [_laid_as(each.grad, each) for each in moving], kept, group)

    def _zeros(self, name: str, parameter: Tensor) -> Tensor:
        if name == STEP:
            return torch.zeros((), device=self._counts_at(parameter))
        return torch.zeros_like(parameter)

    def _counts_at(self, parameter: Tensor) -> torch.device:
        return parameter.device if self._update.is_fused else torch.device("cpu")


def _laid_as(tensor: Tensor | None, parameter: Tensor) -> Tensor:
    """The tensor with its numbers in the parameter's memory order; a fused pass over all of them would otherwise mix them up."""
    assert tensor is not None
    if tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter).copy_(tensor)
