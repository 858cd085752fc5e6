"""The optimiser of a model spread over the processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from smdistributed.modelparallel.torch import layouts, ranks
from smdistributed.modelparallel.torch import model as models


class DistributedOptimizer:
    """Updates this process's part of the model, whether `optimizer` was made for the model's parameters before or after
    it was spread.

    Raises NotGiven for loss scales: they belong to training in half precision.
    """

    newest: DistributedOptimizer | None = None
    """The optimiser that was made last."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        model: Any = None,
        static_loss_scale: float | None = 1.0,
        dynamic_loss_scale: bool = False,
        **_options: Any,
    ) -> None:
        if dynamic_loss_scale or static_loss_scale not in (None, 1.0):
            raise ranks.NotGiven("loss scales: training in half precision is not implemented.")
        self._optimizer = optimizer
        self._model = model or models.current()
        self._adopt()
        DistributedOptimizer.newest = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def step(self, closure: Any = None) -> Any:
        return self._optimizer.step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        self._optimizer.zero_grad(set_to_none)

    def local_state_dict(self) -> dict[str, Any]:
        """Returns this process's part, by the names of the parameters, and the key `_smp_is_partial`."""
        state = {
            name: {
                key: layouts.local(value).detach() if isinstance(value, Tensor) else value for key, value in of.items()
            }
            for name, of in self.named_state().items()
        }
        return {"state": state, "param_groups": self._groups(), models.PARTIAL: True}

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the whole model, by the names of the parameters. All processes of the copy must call it together."""
        flat = {(name, key): value for name, of in self.named_state().items() for key, value in of.items()}
        tensors = {place: value for place, value in flat.items() if isinstance(value, Tensor)}
        whole = self._model.gathered(tensors)
        others = {place: value for place, value in flat.items() if place not in tensors}
        state: dict[str, dict[str, Any]] = {}
        for (name, key), value in {**others, **whole}.items():
            state.setdefault(name, {})[key] = value
        return {"state": state, "param_groups": self._groups()}

    def load_state_dict(self, state_dict: Any) -> None:
        """Loads a result of `state_dict` or `local_state_dict`. Raises RuntimeError for other shapes."""
        partial = bool(state_dict.get(models.PARTIAL, False))
        self.begin()
        for name, of in self.named_state().items():
            given = state_dict["state"].get(name, {})
            for key, value in of.items():
                if key in given and isinstance(value, Tensor):
                    layouts.take(f"{name}.{key}", value, given[key], partial)
                elif key in given:
                    of[key] = given[key]
        for group, given in zip(self._optimizer.param_groups, state_dict["param_groups"]):
            group.update({key: value for key, value in given.items() if key != "params"})

    def settings(self) -> list[dict[str, Any]]:
        """Returns the settings of each group of parameters, such as rates."""
        return [
            {key: value for key, value in group.items() if key != "params"} for group in self._optimizer.param_groups
        ]

    def load_numbers(self, state: dict[str, dict[str, Any]], settings: list[dict[str, Any]]) -> None:
        """Loads the parts of a state that are not read in place: numbers, and the groups' settings."""
        for name, of in self.named_state().items():
            of.update({key: value for key, value in state[name].items() if not isinstance(value, Tensor)})
        for group, given in zip(self._optimizer.param_groups, settings):
            group.update(given)

    def named_state(self) -> dict[str, dict[str, Any]]:
        """Returns the optimiser's state of each parameter, by its name."""
        names = self._names()
        return {names[id(parameter)]: of for parameter, of in self._optimizer.state.items() if id(parameter) in names}

    def begin(self) -> None:
        """Makes the state that an optimiser makes at its first step; parameters stay unchanged."""
        if self._optimizer.state:
            return
        parameters = [p for group in self._optimizer.param_groups for p in group["params"] if p.requires_grad]
        rates = [group["lr"] for group in self._optimizer.param_groups]
        grads = [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        for group in self._optimizer.param_groups:
            group["lr"] = torch.tensor(0.0) if isinstance(group["lr"], Tensor) else 0.0
        self._optimizer.step()
        for parameter, grad in zip(parameters, grads):
            parameter.grad = grad
        for group, rate in zip(self._optimizer.param_groups, rates):
            group["lr"] = rate

    def _adopt(self) -> None:
        """Replaces parameters from before the model was spread by its current ones; drops those of other processes."""
        if self._model is None:
            return
        own = {id(parameter) for parameter in self._model.local_parameters()}
        for group in self._optimizer.param_groups:
            now = [self._model.replaced.get(id(parameter), parameter) for parameter in group["params"]]
            group["params"] = [parameter for parameter in now if parameter is not None and id(parameter) in own]

    def _names(self) -> dict[int, str]:
        return {id(parameter): name for name, parameter in self._model.local_named_parameters()}

    def _groups(self) -> list[dict[str, Any]]:
        names = self._names()
        return [
            {**group, "params": [names[id(parameter)] for parameter in group["params"] if id(parameter) in names]}
            for group in self._optimizer.param_groups
        ]
