"""The learning tasks of the networks: the loss of a mini-batch of windows, and the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch

from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.updates import TorchAdam
from sagewright.algorithms.deepar import residual
from sagewright.algorithms.deepar.data import inputs
from sagewright.algorithms.deepar.data.panel import Windows
from sagewright.algorithms.deepar.learnable import DENSITIES, Learnable
from sagewright.algorithms.deepar.network import Network
from sagewright.algorithms.deepar.residual import ResidualNetwork


class Task(Protocol):
    """`rate` is the default learning rate, `longest` the maximum length of the gradient; a loss is greater by `widening` in the
    target's units.
    """

    rate: ClassVar[float]
    longest: ClassVar[float]

    @property
    def network(self) -> Network | ResidualNetwork: ...

    @property
    def widening(self) -> float: ...

    def optimizer(self, rate: float) -> TorchOptimizer: ...

    def loss(self, windows: Windows, device: Device) -> tuple[torch.Tensor, float]:
        """The mean loss, and the number of values in it."""
        ...


@dataclass(frozen=True)
class Recurrent:
    """Learns the likelihood of every value of a window, given those before it."""

    held: Learnable
    network: Network
    rate: ClassVar[float] = 0.005
    longest: ClassVar[float] = 10.0

    @property
    def widening(self) -> float:
        return self.held.widening if self.held.likelihood in DENSITIES else 0.0

    def optimizer(self, rate: float) -> TorchOptimizer:
        return _optimizer(self.network, rate)

    def loss(self, windows: Windows, device: Device) -> tuple[torch.Tensor, float]:
        told = inputs.told(windows, self.held.scaling, self.held.normal)
        values = self.held.scaling.relative(windows.values, told.levels)
        weight = ~np.isnan(values) & ~np.isnan(windows.history).all(axis=1)[:, None]
        filled = np.nan_to_num(values, nan=self.held.filler)
        factor = told.levels.factor[:, None].astype(np.float32)
        x, cat, known, use, factors = _put(device, told.x, windows.cat, filled, weight.astype(np.float32), factor)
        said, _ = self.network(x, cat)
        return _mean(self.network.likelihood.loss(said, known, factors), use)


@dataclass(frozen=True)
class Residual:
    """Learns the quantiles of the values that follow a window's history."""

    held: Learnable
    network: ResidualNetwork
    rate: ClassVar[float] = 0.001
    longest: ClassVar[float] = 1.0
    decay: ClassVar[float] = 1e-4

    @property
    def widening(self) -> float:
        return 0.0

    def optimizer(self, rate: float) -> TorchOptimizer:
        return _optimizer(self.network, rate, self.decay)

    def loss(self, windows: Windows, device: Device) -> tuple[torch.Tensor, float]:
        layout = self.held.panel.layout
        told, levels = residual.told(windows, layout, self.held.scaling, self.held.normal)
        values = self.held.scaling.relative(windows.values[:, layout.context :], levels)
        weight = ~np.isnan(values) & ~np.isnan(windows.history).all(axis=1)[:, None]
        x, cat, known, use = _put(device, told, windows.cat, np.nan_to_num(values), weight.astype(np.float32))
        return _mean(residual.losses(self.network(x, cat), known), use)


def _optimizer(network: torch.nn.Module, rate: float, decay: float = 0.0) -> TorchOptimizer:
    """Adam, or AdamW with `decay`."""
    group = {"params": list(network.parameters()), "weight_decay": decay}
    return TorchOptimizer([group], rate, TorchAdam((0.9, 0.999), 1e-8, decoupled=decay > 0))


def _put(device: Device, *arrays: np.ndarray) -> list[torch.Tensor]:
    return [device.put(torch.from_numpy(array)) for array in arrays]


def _mean(losses: torch.Tensor, use: torch.Tensor) -> tuple[torch.Tensor, float]:
    seen = use.sum()
    return (losses * use).sum() / seen.clamp(min=1.0), float(seen)
