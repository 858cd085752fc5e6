"""Forecasts: paths drawn from the network step by step, for all series at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from sagewright.algorithms.deepar.data import inputs
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.forecasts import Forecast, Paths
from sagewright.algorithms.deepar.network import Network

PATHS = 8192
"""Number of paths drawn at once; at least those of one series."""


@dataclass(frozen=True)
class Forecaster:
    """A trained network and the scaling of its inputs. Drawn values exceed the range of the preceding values by at most `reach`
    times that range.
    """

    network: Network
    scaling: Scaling
    normal: Normal
    reach: float

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        """Forecasts the steps from `cuts` on, for a few of the series `rows` at a time."""
        step = max(1, PATHS // samples)
        self.network.eval()
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            yield Paths(self._paths(panel, rows[part], cuts[part], samples, random))

    @torch.inference_mode()
    def _paths(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> np.ndarray:
        layout = panel.layout
        windows = panel.windows(rows, cuts)
        network_inputs = inputs.told(windows, self.scaling, self.normal)
        place = next(self.network.parameters()).device
        cat = torch.from_numpy(windows.cat).to(place)
        known = torch.from_numpy(network_inputs.x).to(place)
        _, state = self.network(known[:, : layout.context], cat)
        state = (state[0].repeat_interleave(samples, dim=1), state[1].repeat_interleave(samples, dim=1))
        cat = cat.repeat_interleave(samples, dim=0)
        levels = network_inputs.levels.repeated(samples)
        low, high = (
            np.repeat(end, samples)
            for end in inputs.bounds(windows.history, self.scaling, network_inputs.levels, self.reach)
        )
        back = (1, *layout.lags)
        paths = torch.zeros((len(rows) * samples, layout.horizon), device=place)
        for number in range(layout.horizon):
            x = known[:, layout.context + number].repeat_interleave(samples, dim=0)
            for column, lag in enumerate(back):
                if lag <= number:
                    x[:, column] = paths[:, number - lag]
                    x[:, len(back) + column] = 0
            said, state = self.network(x[:, None], cat, state)
            drawn = self.network.likelihood.draw(said[:, 0], levels.factor, random)
            paths[:, number] = torch.from_numpy(np.clip(drawn, low, high).astype(np.float32)).to(place)
        own = self.scaling.own(paths.cpu().numpy().astype(np.float64), levels)
        return own.reshape(len(rows), samples, layout.horizon)
