"""All that a training is made of at the end of an epoch, as tensors and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.optimizer import Optimizer
from sagewright.algorithms.errors import UserError

Tensors = dict[str, torch.Tensor]
_MODULE, _OPTIMIZER, _BEST = "module.", "optimizer.", "best."


@dataclass
class State:
    """`module` and `optimizer` are trained in place; `counters` is what else there is to keep, as JSON: numbers, lists, texts.

    `best` are the weights of the best epoch, where it isn't the last one. What is drawn at random in an epoch follows from
    `device.seed`, so that no generator's state has to be kept.
    """

    module: torch.nn.Module
    optimizer: Optimizer
    counters: dict[str, Any] = field(default_factory=dict)
    best: Tensors | None = None

    def keep_best(self) -> None:
        """Remember the weights as they are now."""
        self.best = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}

    def take_best(self) -> None:
        """Go back to the weights that were kept, if there are any."""
        if self.best is not None:
            self.module.load_state_dict(self.best)

    def tensors(self, *, is_best: bool) -> Tensors:
        """Everything by names; the best weights are left out where they are the present ones."""
        found = {_MODULE + name: tensor for name, tensor in self.module.state_dict().items()}
        found.update({f"{_OPTIMIZER}{number}.{name}": value for number, name, value in self.optimizer.slots()})
        if self.best is not None and not is_best:
            found.update({_BEST + name: tensor for name, tensor in self.best.items()})
        return found

    def restore(self, tensors: Mapping[str, torch.Tensor], what: str) -> None:
        """What `tensors` gave. Raises UserError, which calls it `what`, where it is of another network or optimiser."""
        weights.fill(self.module, _part(tensors, _MODULE), what)
        best = _part(tensors, _BEST)
        if best:
            weights.check(self.module.state_dict(), best, what)
            place = next(self.module.parameters()).device
            self.best = {name: tensor.to(place) for name, tensor in best.items()}
        self._restore_optimizer(_part(tensors, _OPTIMIZER), what)
        if not best:
            self.keep_best()

    def most_bytes(self) -> int:
        """More than a file of this state can have: of every weight itself, the best, and three more of the optimiser's."""
        size = sum(tensor.numel() * tensor.element_size() for tensor in self.module.state_dict().values())
        return 5 * size + (1 << 24)

    def _restore_optimizer(self, tensors: Mapping[str, torch.Tensor], what: str) -> None:
        slots: dict[int, Tensors] = {}
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            if not number.isdecimal() or not name:
                raise UserError(f"{what} is of another training: its optimizer has {key}.")
            slots.setdefault(int(number), {})[name] = tensor
        self.optimizer.restore(slots, what)


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
