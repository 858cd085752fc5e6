"""Layers that encoders and decoders share: recurrent ones, convolutions, positional encodings."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings

State = list[Tensor]
"""A decoder's state of (n, ...) hypotheses."""
_ACTIVATIONS = {
    "relu": functional.relu, "softrelu": functional.softplus, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
}  # fmt: skip


def recurrent(settings: Seq2SeqSettings, inputs: int, hidden: int, *, both_ways: bool = False) -> nn.LSTM | nn.GRU:
    """Returns one recurrent layer."""
    kind = nn.LSTM if settings.rnn_cell_type == "lstm" else nn.GRU
    return kind(inputs, hidden, batch_first=True, bidirectional=both_ways)


def is_residual(settings: Seq2SeqSettings, layer: int) -> bool:
    """True if the layer's input is added to its output; layers are numbered from 1."""
    return settings.rnn_residual_connections and layer >= settings.rnn_first_residual_layer


class Convolution(nn.Module):
    """A convolution over time with a window of `width`. The caller pads width - 1 places around or in front."""

    def __init__(self, settings: Seq2SeqSettings, width: int) -> None:
        super().__init__()
        size = settings.cnn_num_hidden
        self._activation, self.width = settings.cnn_activation_type, width
        self.dropout = nn.Dropout(settings.cnn_hidden_dropout)
        self.window = nn.Conv1d(size, 2 * size if self._activation == "glu" else size, width)

    def forward(self, padded: Tensor) -> Tensor:
        """Maps (n, t + width - 1, size) to (n, t, size)."""
        found = self.window(self.dropout(padded).transpose(1, 2)).transpose(1, 2)
        if self._activation == "glu":
            return functional.glu(found, dim=2)
        return _ACTIVATIONS[self._activation](found)


def places(first: int, count: int, size: int, like: Tensor) -> Tensor:
    """Returns (count, size): positional encodings from place `first` on (A. Vaswani et al., 2017)."""
    half = (size + 1) // 2
    rates = torch.exp(torch.arange(half, device=like.device) * (-math.log(10_000.0) / half))
    angles = torch.arange(first, first + count, device=like.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :size].to(like.dtype)
