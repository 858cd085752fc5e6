"""The network: vectors of words, an encoder, a decoder, and a layer that predicts the next word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.seq2seq.attention import Memory
from sagewright.algorithms.seq2seq.decoders import DECODERS, Advanced, Decoder
from sagewright.algorithms.seq2seq.encoders import ENCODERS, Encoder
from sagewright.algorithms.seq2seq.layers import State
from sagewright.algorithms.seq2seq.sentences import Sentences
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings
from sagewright.algorithms.seq2seq.vocabulary import BEGIN, END, PAD
from sagewright.algorithms.sequences import Texts


@dataclass(frozen=True)
class Batch:
    """`source` (n, longest) int64, padded, and its `lengths` on the CPU; `before` (n, t), the known words of each step; `after` (n,
    t), the next words, where `is_word`.
    """

    source: Tensor
    lengths: Tensor
    before: Tensor
    after: Tensor
    is_word: Tensor


class Seq2SeqNetwork(nn.Module):
    """Reads sentences and predicts the probability of each next word."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self.settings = settings
        self.source = nn.Embedding(settings.source_words, settings.num_embed_source)
        self.target = nn.Embedding(settings.target_words, settings.num_embed_target)
        self.source_dropout = nn.Dropout(settings.embed_dropout_source)
        self.target_dropout = nn.Dropout(settings.embed_dropout_target)
        self.encoder: Encoder = ENCODERS[settings.encoder_type](settings)
        self.decoder: Decoder = DECODERS[settings.decoder_type](settings)
        self.words = nn.Linear(settings.size("decoder_type"), settings.target_words)

    def read(self, source: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """Encodes sentences; returns the memory and the state before the first word."""
        memory = self.encoder(self.source_dropout(self.source(source)), lengths)
        found: tuple[Memory, State] = self.decoder.begin(memory)
        return found

    def advance(self, words: Tensor, memory: Memory, state: State) -> Advanced:
        """Advances by words (n, t)."""
        found: Advanced = self.decoder.advance(self.target_dropout(self.target(words)), memory, state)
        return found

    def forward(self, batch: Batch) -> Tensor:
        """Returns (words of all sentences, vocabulary): scores of the next word, where there is one."""
        memory, state = self.read(batch.source, batch.lengths)
        vectors, _, _ = self.advance(batch.before, memory, state)
        found: Tensor = self.words(vectors[batch.is_word])
        return found


def table(texts: Texts, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns some sequences, (n, longest) int64, padded, and their lengths."""
    tokens, lengths = texts.take(numbers)
    found = np.full((len(numbers), int(lengths.max(initial=0))), PAD, np.int64)
    found[np.arange(found.shape[1]) < lengths[:, None]] = tokens
    return found, lengths


def batch(known: Sentences, numbers: np.ndarray, device: Device) -> Batch:
    """Returns some pairs on the device."""
    source, lengths = table(known.source, numbers)
    target, steps = table(known.target, numbers)
    rows = np.arange(len(numbers))
    before = np.pad(target, ((0, 0), (1, 0)), constant_values=BEGIN)
    after = np.pad(target, ((0, 0), (0, 1)), constant_values=PAD)
    after[rows, steps] = END
    is_word = np.arange(after.shape[1]) <= steps[:, None]
    put = (device.put(torch.from_numpy(each)) for each in (before, after, is_word))
    return Batch(device.put(torch.from_numpy(source)), torch.from_numpy(lengths), *put)


def begin_weights(network: Seq2SeqNetwork, values: Mapping[str, Any]) -> None:
    """Initialises weights as the hyperparameters specify: within bounds by fan-in or fan-out (Xavier's), or within the scale."""
    scale = values["weight_init_scale"]
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() < 2:  # the scales of norms stay 1
                weight.zero_() if "bias" in name else None
                continue
            apart = weight[0][0].numel()
            into, out = weight.shape[1] * apart, weight.shape[0] * apart
            fan = {"in": into, "out": out, "avg": (into + out) / 2}[values["xavier_factor_type"]]
            bound = scale if values["weight_init_type"] == "uniform" else (scale / fan) ** 0.5
            weight.uniform_(-bound, bound)
