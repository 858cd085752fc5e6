"""Updates of weights: in one pass over the weights where torch supports it ("fused").

Source: torch's functions of those names; D. Kingma and J. Ba, "Adam", ICLR 2015; J. Duchi et al., "Adaptive Subgradient Methods",
JMLR 2011; M. Zeiler, "ADADELTA", 2012; A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

STEP = "step"
Tensors = list[Tensor]
Kept = Mapping[str, Tensors]


class Update(Protocol):
    """`kept` are names of the tensors kept for each weight, initially zero, including `step` if steps are counted; `is_fused`:
    updates in one pass, which needs the counts on the weights' device.
    """

    @property
    def kept(self) -> tuple[str, ...]: ...

    @property
    def is_fused(self) -> bool: ...

    def move(self, weights: Tensors, slopes: Tensors, kept: Kept, group: Mapping[str, Any]) -> None:
        """Changes the weights and the kept tensors in place; `group` has their rate `lr` and `weight_decay`."""
        ...


@dataclass(frozen=True)
class Descent:
    """Gradient descent with momentum; Nesterov's if it `looks_ahead`."""

    momentum: float
    looks_ahead: bool = False
    is_fused = True

    @property
    def kept(self) -> tuple[str, ...]:
        return ("momentum_buffer",) if self.momentum else ()

    def move(self, weights: Tensors, slopes: Tensors, kept: Kept, group: Mapping[str, Any]) -> None:
        sgd(
            weights, slopes, list(kept.get("momentum_buffer", [])), fused=True, lr=group["lr"],
            weight_decay=group["weight_decay"], momentum=self.momentum, dampening=0.0, nesterov=self.looks_ahead,
            maximize=False,
        )  # fmt: skip


@dataclass(frozen=True)
class TorchAdam:
    betas: tuple[float, float]
    eps: float
    decoupled: bool = False
    """AdamW's weight decay."""
    is_fused = True
    kept = ("exp_avg", "exp_avg_sq", STEP)

    def move(self, weights: Tensors, slopes: Tensors, kept: Kept, group: Mapping[str, Any]) -> None:
        adam(
            weights, slopes, kept["exp_avg"], kept["exp_avg_sq"], [], kept[STEP], fused=True, lr=group["lr"],
            decoupled_weight_decay=self.decoupled, weight_decay=group["weight_decay"], beta1=self.betas[0],
            beta2=self.betas[1], eps=self.eps, amsgrad=False, maximize=False,
        )  # fmt: skip


@dataclass(frozen=True)
class TorchRMSProp:
    """With `momentum` it is Graves's variant, which subtracts the mean gradient."""

    forgets: float
    eps: float
    momentum: float | None = None
    is_fused = False

    @property
    def kept(self) -> tuple[str, ...]:
        return ("square_avg", STEP) if self.momentum is None else ("square_avg", "grad_avg", "momentum_buffer", STEP)

    def move(self, weights: Tensors, slopes: Tensors, kept: Kept, group: Mapping[str, Any]) -> None:
        rmsprop(
            weights, slopes, kept["square_avg"], kept.get("grad_avg", []), kept.get("momentum_buffer", []), kept[STEP],
            foreach=weights[0].is_cuda, lr=group["lr"], alpha=self.forgets, eps=self.eps,
            weight_decay=group["weight_decay"], momentum=self.momentum or 0.0, centered=self.momentum is not None,
        )  # fmt: skip


@dataclass(frozen=True)
class AdaGrad:
    eps: float
    is_fused = False
    kept = ("sum", STEP)

    def move(self, weights: Tensors, slopes: Tensors, kept: Kept, group: Mapping[str, Any]) -> None:
        adagrad(
            weights, slopes, kept["sum"], kept[STEP], foreach=weights[0].is_cuda, lr=group["lr"], lr_decay=0.0,
            weight_decay=group["weight_decay"], eps=self.eps, maximize=False,
        )  # fmt: skip


@dataclass(frozen=True)
class AdaDelta:
    forgets: float
    eps: float
    is_fused = False
    kept = ("square_avg", "acc_delta", STEP)

    def move(self, weights: Tensors, slopes: Tensors, kept: Kept, group: Mapping[str, Any]) -> None:
        adadelta(
            weights, slopes, kept["square_avg"], kept["acc_delta"], kept[STEP], foreach=weights[0].is_cuda,
            lr=group["lr"], rho=self.forgets, eps=self.eps, weight_decay=group["weight_decay"], maximize=False,
        )  # fmt: skip
