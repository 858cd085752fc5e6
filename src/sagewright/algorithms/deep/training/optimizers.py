"""Optimisers under MXNet's names, with MXNet's meaning of hyperparameters.

Weight decay is the derivative of a squared penalty, added to the gradient. It does not apply to biases, including those of
normalisation (MXNet's `wd_mult`). Source: MXNet's `optimizer` module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from sagewright.algorithms.deep.training import updates
from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.updates import Update


@dataclass(frozen=True)
class Settings:
    """The optimisers' settings. `gamma` is the decay of RMSProp's and AdaDelta's averages; with `gamma2`, RMSProp is Graves's
    centred variant with that momentum.
    """

    rate: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    eps: float = 1e-8
    gamma: float = 0.9
    gamma2: float | None = None


Named = Iterable[tuple[str, torch.nn.Parameter]]


def build(name: str, parameters: Named, settings: Settings) -> TorchOptimizer:
    """An optimiser of the trainable parameters: sgd, nag, adam, rmsprop, adagrad or adadelta."""
    return TorchOptimizer(groups(parameters, settings.weight_decay), settings.rate, _UPDATES[name](settings))


def groups(parameters: Named, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: those with weight decay, and those without."""
    learning = [(name, each) for name, each in parameters if each.requires_grad]
    decaying = [each for name, each in learning if not name.endswith("bias")]
    others = [each for name, each in learning if name.endswith("bias")]
    found = [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in found if group["params"]]


def _sgd(said: Settings) -> Update:
    return updates.Descent(said.momentum)


def _nag(said: Settings) -> Update:
    return updates.Descent(said.momentum, looks_ahead=said.momentum > 0)


def _adam(said: Settings) -> Update:
    return updates.TorchAdam((min(said.beta_1, _BELOW_ONE), min(said.beta_2, _BELOW_ONE)), said.eps)


def _rmsprop(said: Settings) -> Update:
    return updates.TorchRMSProp(said.gamma, max(said.eps, 1e-10), said.gamma2)


def _adagrad(said: Settings) -> Update:
    return updates.AdaGrad(max(said.eps, 1e-10))


def _adadelta(said: Settings) -> Update:
    return updates.AdaDelta(said.gamma, max(said.eps, 1e-10))


_BELOW_ONE = 1 - 1e-7
"""Upper limit of the betas: AWS's bounds allow 1, at which averages would never start."""
_UPDATES: dict[str, Callable[[Settings], Update]] = {
    "sgd": _sgd,
    "nag": _nag,
    "adam": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
}
