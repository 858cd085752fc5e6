"""A trained network, from the files of a job: `object2vec.safetensors` and `object2vec.json`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sagewright.algorithms import sequences
from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.object2vec import batches
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs
from sagewright.algorithms.object2vec.settings import Object2VecSettings
from sagewright.algorithms.sequences import Texts

WEIGHTS, DESCRIPTION = "object2vec.safetensors", "object2vec.json"
TOGETHER = 256
"""Sequences or pairs that are processed at once."""


class Model:
    """Scores pairs and embeds sequences. Thread-safe.

    `scoring` is the device of the comparator and what follows; the encoders are on `encoding`.
    """

    def __init__(self, network: Object2VecNetwork, encoding: Device, scoring: Device) -> None:
        self._network, self._encoding, self._scoring = network.eval(), encoding, scoring
        network.to(encoding.place)
        network.perceptron.to(scoring.place)

    @property
    def settings(self) -> Object2VecSettings:
        return self._network.settings

    @classmethod
    def load(cls, directory: Path, encoding: Device, scoring: Device) -> Model:
        """Raises UserError when the folder has no model, or one that can't be read."""
        tensors = weights.read(directory / WEIGHTS)
        settings = Object2VecSettings.read(weights.read_json(directory / DESCRIPTION))
        memory.require(8 * settings.numbers, "the network", "A larger instance has more.")
        network = Object2VecNetwork(settings)
        weights.fill(network, tensors, WEIGHTS)
        return cls(network, encoding, scoring)

    def embed(self, number: int, texts: Texts) -> np.ndarray:
        """Returns (n, encoding) float32 of sequences of side 0 or 1."""
        found = np.empty((len(texts), self.settings.encoding), np.float32)
        with torch.inference_mode():
            for part in sequences.parts(texts.lengths, TOGETHER):
                said = self._network.encode(number, batches.side(texts, part, self._encoding))
                found[part] = said.float().cpu().numpy()
        return found

    def score(self, known: Pairs) -> np.ndarray:
        """Returns (n, outputs) float32: probabilities of the classes, or a number."""
        first, second = (
            torch.from_numpy(self.embed(number, texts)) for number, texts in enumerate(known.texts)
        )  # fmt: skip
        found = []
        with torch.inference_mode():
            for start in range(0, len(known), TOGETHER):
                members = torch.from_numpy(known.members[start : start + TOGETHER])
                both = (
                    self._scoring.put(side[members[:, number]]) for number, side in enumerate((first, second))
                )  # fmt: skip
                found.append(self._network.answers(self._network.judge(*both)).float().cpu().numpy())
        return np.concatenate(found)
