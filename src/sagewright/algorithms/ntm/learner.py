"""Updates the network from a mini-batch of all hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ntm.network import NTMNetwork
from sagewright.algorithms.ntm.optimizers import OPTIMIZERS

KEPT = 0.9
"""Share of batch normalisation's running statistics that each step keeps."""


class NTMLearner:
    """Steps a network as the hyperparameters specify. All hosts must step together; their networks stay the same."""

    def __init__(self, network: NTMNetwork, values: Mapping[str, Any], random: np.random.Generator) -> None:
        self.network, self.values, self.steps, self._random = network, values, 0, random
        make = OPTIMIZERS[values["optimizer"]]
        self._optimizers = {name: make(values["learning_rate"], array) for name, array in network.arrays.items()}

    def step(self, counts: Any, share: float, group: Group) -> np.ndarray:
        """Learns from one mini-batch, of which this host's part may be empty; `share` is the weight of the divergence.

        Returns sums over all hosts: recons, kld, words, rows. Raises UserError when the losses are no longer numbers.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # overflow shows in the sums
            return self._step(counts, share, group)

    def _step(self, counts: Any, share: float, group: Group) -> np.ndarray:
        rows = counts.shape[0]
        noise = self._random.standard_normal((rows, self.network.shape.topics), np.float32)
        losses, gradient, batch = self.network.gradients(counts, noise, share)
        sums = np.array([losses.recons.sum(), losses.kld.sum(), counts.data.sum(dtype=np.float64), rows])
        if group.size > 1:
            weighted = {name: batch.get(name, np.zeros_like(kept)) * rows for name, kept in self.network.moving.items()}
            sums, gradient, weighted = _together(sums, gradient, weighted, group)
            batch = {name: array / max(sums[3], 1) for name, array in weighted.items()}
        if not np.isfinite(sums).all():
            raise UserError(
                "Training diverged: the loss is not a number. A smaller learning_rate or clip_gradient may help."
            )
        if sums[3]:
            self.steps += 1
            self._move(gradient, float(sums[3]))
            for name, array in batch.items():
                self.network.moving[name] += np.float32(1 - KEPT) * (array - self.network.moving[name])
        return sums

    def _move(self, gradient: dict[str, np.ndarray], rows: float) -> None:
        clip, decay = self.values["clip_gradient"], np.float32(self.values["weight_decay"])
        for name, array in self.network.arrays.items():
            slope = gradient[name]
            slope *= self.values["rescale_gradient"] / rows
            if np.isfinite(clip):
                np.clip(slope, -clip, clip, out=slope)
            if decay and name.endswith("_weight"):
                slope += decay * array
            np.subtract(array, self._optimizers[name].step(slope), out=array)


def _together(
    sums: np.ndarray, gradient: dict[str, np.ndarray], weighted: dict[str, np.ndarray], group: Group
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the sums over all hosts, in one exchange."""
    parts = [sums, *gradient.values(), *weighted.values()]
    flat = group.total(np.concatenate([part.ravel() for part in parts]))
    pieces = np.split(flat, np.cumsum([part.size for part in parts])[:-1])
    shaped = [piece.reshape(part.shape) for piece, part in zip(pieces, parts, strict=True)]
    middle = 1 + len(gradient)
    return (
        shaped[0],
        dict(zip(gradient, shaped[1:middle], strict=True)),
        dict(zip(weighted, shaped[middle:], strict=True)),
    )
