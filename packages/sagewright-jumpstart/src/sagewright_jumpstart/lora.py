"""Low-rank adapters: beside each chosen linear layer a narrow pair that learns, while its weights stay. Source: Hu et al. 2021,
arXiv:2106.09685."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn


class Adapted(nn.Module):
    """A linear layer plus `up @ down`; `up` begins at zero, so that nothing changes at first."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.layer, self.scale = layer, alpha / rank
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) / rank**0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.layer(states) + self.dropout(states) @ self.down.T @ self.up.T * self.scale

    def merged(self) -> nn.Linear:
        """Returns the layer with the adapter added to its weights."""
        with torch.no_grad():
            self.layer.weight += self.scale * self.up @ self.down
        return self.layer


def adapt(network: nn.Module, names: Collection[str], rank: int, alpha: float, dropout: float) -> int:
    """Freezes the network and adapts the linear layers of these names; returns how many."""
    network.requires_grad_(False)
    chosen = [
        (module, name)
        for module in list(network.modules())
        for name, child in module.named_children()
        if name in names and isinstance(child, nn.Linear)
    ]
    for module, name in chosen:
        setattr(module, name, Adapted(getattr(module, name), rank, alpha, dropout))
    return len(chosen)


def merge(network: nn.Module) -> None:
    """Puts the adapters into the weights, and makes those trainable again."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Adapted):
                setattr(module, name, child.merged())
    network.requires_grad_(True)
