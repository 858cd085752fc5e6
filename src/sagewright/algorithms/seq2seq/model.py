"""A trained network with its vocabularies, from the files of a job."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.seq2seq import beams
from sagewright.algorithms.seq2seq.beams import Translation
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings
from sagewright.algorithms.seq2seq.vocabulary import SOURCE, TARGET, Seq2SeqVocabulary

WEIGHTS, DESCRIPTION = "params.best", "config.json"


class Model:
    """Translates. Thread-safe."""

    def __init__(
        self, network: Seq2SeqNetwork, source: Seq2SeqVocabulary, target: Seq2SeqVocabulary, device: Device
    ) -> None:
        self._network, self._device = network.eval().to(device.place), device
        self.source, self.target = source, target
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(cls, directory: Path, device: Device) -> Model:
        """Raises UserError when the folder has no model, or one that can't be read."""
        tensors = weights.read(directory / WEIGHTS)
        settings = Seq2SeqSettings.read(weights.read_json(directory / DESCRIPTION))
        for name in (SOURCE, TARGET):
            if not (directory / name).is_file():
                raise UserError(f"There is no vocabulary in {directory}: a file {name} is expected.")
        source, target = (Seq2SeqVocabulary.read(directory / name) for name in (SOURCE, TARGET))
        if (source.size, target.size) != (settings.source_words, settings.target_words):
            raise UserError(
                f"The vocabularies have {source.size} and {target.size} words, and the network was made for "
                f"{settings.source_words} and {settings.target_words}."
            )
        memory.require(8 * settings.numbers, "the network", "A larger instance has more.")
        network = Seq2SeqNetwork(settings)
        weights.fill(network, tensors, WEIGHTS)
        return cls(network, source, target, device)

    def translate(self, sentences: Sequence[Sequence[int]]) -> list[Translation]:
        """Translates sentences of at least one word."""
        with self._one_at_a_time:
            return beams.translate(self._network, sentences, self._network.settings.beam_size, self._device)
