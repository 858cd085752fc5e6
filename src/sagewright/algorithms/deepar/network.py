"""DeepAR's network: an LSTM whose input at each step describes the preceding steps, and whose output is the distribution of the
next value.

Beside the LSTM, a linear map from the last value, the lags and the dynamic features at the same steps predicts the location of the
value, so that the cells need not learn linear relations. Source: Salinas et al., section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from sagewright.algorithms.deepar.likelihoods import LIKELIHOODS

State = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """The network's shape: a step has `width` features, of which the first `lagged` are the last value and the lags; `direct` more
    features go to the linear map alone.
    """

    width: int
    lagged: int
    layers: int
    cells: int
    dropout: float
    likelihood: str
    cardinality: tuple[int, ...]
    embedding: int
    direct: int = 0

    @property
    def told(self) -> int:
        return self.width + self.embedding * len(self.cardinality)

    @property
    def numbers(self) -> int:
        """The number of weights in the network."""
        first, later = self.told + self.cells, 2 * self.cells
        cells = 4 * self.cells * (first + 2 + (self.layers - 1) * (later + 2))
        return cells + self.embedding * sum(self.cardinality) + (self.cells + 1) * 3 + self.lagged + self.direct


class Network(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.likelihood = LIKELIHOODS[shape.likelihood]
        self.embeddings = nn.ModuleList(nn.Embedding(count, shape.embedding) for count in shape.cardinality)
        between = shape.dropout if shape.layers > 1 else 0.0
        self.cells = nn.LSTM(shape.told, shape.cells, shape.layers, dropout=between, batch_first=True)
        self.dropout = nn.Dropout(shape.dropout)
        self.says = nn.Linear(shape.cells, self.likelihood.width)
        self.line = nn.Linear(shape.lagged + shape.direct, 1, bias=False)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.says.bias)

    def forward(self, x: torch.Tensor, cat: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """The distribution's parameters (n, T, likelihood's width) for the steps described by `x` (n, T, width) and `cat` (n,
        categories)."""
        lagged, x = (
            torch.cat([x[..., : self.shape.lagged], x[..., self.shape.width :]], dim=-1),
            x[..., : self.shape.width],
        )
        hidden, state = self.cells(self._told(x, cat), state)
        said = self.says(self.dropout(hidden))
        place = said[..., :1] + self.line(lagged)
        return torch.cat([place, said[..., 1:]], dim=-1), state

    def _told(self, x: torch.Tensor, cat: torch.Tensor) -> torch.Tensor:
        if not self.embeddings:
            return x
        known = torch.cat([table(cat[:, place]) for place, table in enumerate(self.embeddings)], dim=-1)
        return torch.cat([x, known[:, None].expand(-1, x.shape[1], -1)], dim=-1)
