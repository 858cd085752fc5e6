"""The residual network (`_network=residual`): the values before the forecast pass through blocks of a perceptron. Each block
subtracts the part that it explains and adds to the output: quantiles of all steps at once.

Several networks with different initial weights are trained side by side, and their quantiles are averaged. Source: B. N. Oreshkin
et al., "N-BEATS: Neural basis expansion analysis for interpretable time series forecasting", ICLR 2020 (blocks of two residuals).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sagewright.algorithms.deepar.data import inputs
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout, Panel, Windows
from sagewright.algorithms.deepar.data.scaling import Levels, Scaling
from sagewright.algorithms.deepar.forecasts import LEVELS, Forecast, Quantiles

BLOCKS, WIDTH, MEMBERS = 4, 256, 2
FARTHEST = 10.0
"""Maximum distance of an input from the level."""
SERIES = 1024
"""Number of series that are forecast at once."""


@dataclass(frozen=True)
class ResidualShape:
    """A window has `width` inputs, of which the first `history` are the preceding values."""

    width: int
    history: int
    horizon: int
    dropout: float
    cardinality: tuple[int, ...]
    embedding: int

    @property
    def told(self) -> int:
        return self.width + self.embedding * len(self.cardinality)

    @property
    def numbers(self) -> int:
        """The number of weights in the network."""
        block = self.told * WIDTH * 2 + WIDTH * (WIDTH + 2 + self.horizon * len(LEVELS)) + self.told
        one = BLOCKS * block + self.history * self.horizon + self.embedding * sum(self.cardinality)
        return MEMBERS * one


def shape(layout: Layout, dropout: float, embedding: int) -> ResidualShape:
    features = layout.steps * layout.features
    width = 2 * layout.history + layout.frequency.width + 2 + features
    return ResidualShape(width, layout.history, layout.horizon, dropout, layout.cardinality, embedding)


class _Block(nn.Module):
    def __init__(self, told: int, says: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(told, WIDTH), nn.ReLU(), nn.Dropout(dropout), nn.Linear(WIDTH, WIDTH), nn.ReLU()
        )
        self.explains, self.says = nn.Linear(WIDTH, told), nn.Linear(WIDTH, says)
        nn.init.zeros_(self.says.weight)
        nn.init.zeros_(self.says.bias)


class _Member(nn.Module):
    def __init__(self, shape: ResidualShape) -> None:
        super().__init__()
        self.shape = shape
        self.embeddings = nn.ModuleList(nn.Embedding(count, shape.embedding) for count in shape.cardinality)
        says = shape.horizon * len(LEVELS)
        self.blocks = nn.ModuleList(_Block(shape.told, says, shape.dropout) for _ in range(BLOCKS))
        self.line = nn.Linear(shape.history, shape.horizon)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    def forward(self, x: torch.Tensor, cat: torch.Tensor) -> torch.Tensor:
        line = self.line(x[:, : self.shape.history])
        told = torch.cat([x, *(table(cat[:, place]) for place, table in enumerate(self.embeddings))], dim=1)
        said = torch.zeros((), device=x.device)
        for block in self.blocks:
            hidden = block.hidden(told)
            told, said = told - block.explains(hidden), said + block.says(hidden)
        return said.view(len(x), self.shape.horizon, len(LEVELS)) + line[..., None]


class ResidualNetwork(nn.Module):
    def __init__(self, shape: ResidualShape) -> None:
        super().__init__()
        self.shape = shape
        self.members = nn.ModuleList(_Member(shape) for _ in range(MEMBERS))

    def forward(self, x: torch.Tensor, cat: torch.Tensor) -> torch.Tensor:
        """(members, n, horizon, LEVELS) of `x` (n, width) and `cat` (n, categories)."""
        return torch.stack([member(x, cat) for member in self.members])


def losses(said: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """The mean quantile loss (n, horizon) of (members, n, horizon, LEVELS) for values (n, horizon)."""
    gap = told[..., None] - said
    level = torch.tensor(LEVELS, device=said.device)
    return torch.maximum(level * gap, (level - 1) * gap).mean(dim=(0, 3))


def told(windows: Windows, layout: Layout, scaling: Scaling, normal: Normal) -> tuple[np.ndarray, Levels]:
    """The inputs (n, width) float32 from the values before the forecasts and their known features, and the levels."""
    levels = scaling.levels(windows.history, windows.cat)
    before = scaling.relative(windows.history, levels)
    missing = np.isnan(before)
    known = (inputs.plain(windows, levels) - np.array(normal.mean)) / np.array(normal.deviation)
    parts = [
        np.clip(np.where(missing, 0, before), -FARTHEST, FARTHEST), missing, windows.calendar[:, layout.context],
        known[:, layout.context, :2], known[:, :, 2:].reshape(len(known), -1),
    ]  # fmt: skip
    return np.concatenate([part.astype(np.float32) for part in parts], axis=1), levels


@dataclass(frozen=True)
class ResidualForecaster:
    """A trained residual network and the scaling of its inputs."""

    network: ResidualNetwork
    scaling: Scaling
    normal: Normal

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        """Forecasts the steps from `cuts` on, for a few of the series `rows` at a time."""
        self.network.eval()
        for start in range(0, len(rows), SERIES):
            part = slice(start, start + SERIES)
            yield Quantiles(self._values(panel, rows[part], cuts[part]), samples, random)

    @torch.inference_mode()
    def _values(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        windows = panel.windows(rows, cuts)
        x, levels = told(windows, panel.layout, self.scaling, self.normal)
        place = next(self.network.parameters()).device
        said = self.network(torch.from_numpy(x).to(place), torch.from_numpy(windows.cat).to(place)).mean(dim=0)
        return np.sort(self.scaling.own(said.cpu().numpy().astype(np.float64), levels), axis=2)
