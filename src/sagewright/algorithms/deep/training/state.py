"""The whole state of a training at the end of an epoch, as tensors and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training.averages import Average
from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.errors import UserError

Tensors = dict[str, torch.Tensor]
_MODULE, _OPTIMIZER, _BEST, _AVERAGE = "module.", "optimizer.", "best.", "average."


@dataclass
class State:
    """`module` and `optimizer` are trained in place; `counters` is other state to keep, as JSON: numbers, lists, texts.

    `best` are the weights of the best epoch, if it isn't the last one. With an `average`, its weights are measured and kept. Random
    draws of an epoch derive from `device.seed`, so no generator's state has to be kept.
    """

    module: torch.nn.Module
    optimizer: TorchOptimizer
    counters: dict[str, Any] = field(default_factory=dict)
    best: Tensors | None = None
    average: Average | None = None

    @property
    def result(self) -> torch.nn.Module:
        """The module whose weights are measured and kept."""
        return self.module if self.average is None else self.average.module

    def keep_best(self) -> None:
        """Keeps the current weights as the best."""
        self.best = {name: tensor.detach().clone() for name, tensor in self.result.state_dict().items()}

    def take_best(self) -> None:
        """Restores the weights that were kept, if any."""
        if self.best is not None:
            self.module.load_state_dict(self.best)

    def tensors(self, *, is_best: bool) -> Tensors:
        """All tensors by name; the best weights are left out if they are the current ones."""
        found = {_MODULE + name: tensor for name, tensor in self.module.state_dict().items()}
        found.update({f"{_OPTIMIZER}{number}.{name}": value for number, name, value in self.optimizer.slots()})
        if self.average is not None:
            found.update({_AVERAGE + name: tensor for name, tensor in self.average.module.state_dict().items()})
        if self.best is not None and not is_best:
            found.update({_BEST + name: tensor for name, tensor in self.best.items()})
        return found

    def restore(self, tensors: Mapping[str, torch.Tensor], what: str) -> None:
        """Restores the result of `tensors`. Raises UserError, naming it `what`, if it belongs to another network or optimiser."""
        weights.fill(self.module, _part(tensors, _MODULE), what)
        if self.average is not None:
            weights.fill(self.average.module, _part(tensors, _AVERAGE) or _part(tensors, _MODULE), what)
        best = _part(tensors, _BEST)
        if best:
            weights.check(self.module.state_dict(), best, what)
            place = next(self.module.parameters()).device
            self.best = {name: tensor.to(place) for name, tensor in best.items()}
        self._restore_optimizer(_part(tensors, _OPTIMIZER), what)
        if not best:
            self.keep_best()

    def most_bytes(self) -> int:
        """An upper limit of this state's file size: for every weight, the weight itself, the best, the average, and three
        more of the optimiser's."""
        size = sum(tensor.numel() * tensor.element_size() for tensor in self.module.state_dict().values())
        return 6 * size + (1 << 24)

    def _restore_optimizer(self, tensors: Mapping[str, torch.Tensor], what: str) -> None:
        slots: dict[int, Tensors] = {}
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            if not number.isdecimal() or not name:
                raise UserError(f"{what} belongs to another training run: its optimizer has {key}.")
            slots.setdefault(int(number), {})[name] = tensor
        self.optimizer.restore(slots, what)


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
