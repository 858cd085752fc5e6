"""The decoders: write a sentence word by word or, if the words are known, all at once.

A decoder attends to the sentence with its state after the words so far. The result goes into the layers above the first, and into
the vector that predicts the next word, but not into the first layer: so all steps of training run together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sagewright.algorithms.seq2seq import transformer
from sagewright.algorithms.seq2seq.attention import ATTENTIONS, Memory
from sagewright.algorithms.seq2seq.layers import Convolution, State, is_residual, places, recurrent
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings

Advanced = tuple[Tensor, Tensor, State]
"""Vectors that predict words (n, t, size), attention weights (n, t, longest), and the new state."""


class Recurrent(nn.Module):
    """Layers of recurrent cells. The n hypotheses belong to m sentences, n / m for each one in turn."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self._settings, size, source = settings, settings.rnn_num_hidden, settings.size("encoder_type")
        self._looks_up = settings.rnn_attention_in_upper_layers and settings.num_layers_decoder > 1
        upper = size + source if self._looks_up else size
        self.first = recurrent(settings, settings.num_embed_target, size)
        self.others = nn.ModuleList(recurrent(settings, upper, size) for _ in range(settings.num_layers_decoder - 1))
        self.attention = ATTENTIONS[settings.rnn_attention_type](source, size, settings.rnn_attention_num_hidden)
        self.output = nn.Linear(size + source, size)
        self.dropout = nn.Dropout(settings.rnn_decoder_hidden_dropout)
        self._parts = 2 if settings.rnn_cell_type == "lstm" else 1
        starts = 0 if settings.rnn_decoder_state_init == "zero" else self._parts * settings.num_layers_decoder
        self.starts = nn.ModuleList(nn.Linear(source, size) for _ in range(starts))

    def begin(self, memory: Memory) -> tuple[Memory, State]:
        """Returns the memory with the keys of attention, and the state before the first word."""
        kind = self._settings.rnn_decoder_state_init
        known = memory.last
        if kind == "avg":
            known = (memory.values * memory.there[:, :, None]).sum(dim=1) / memory.there.sum(dim=1, keepdim=True)
        if kind == "zero":
            empty = known.new_zeros(len(known), self._settings.rnn_num_hidden)
            state = [empty] * (self._parts * self._settings.num_layers_decoder)
        else:
            state = [torch.tanh(start(known)) for start in self.starts]
        return self.attention.prepare(memory), state

    def advance(self, embedded: Tensor, memory: Memory, state: State) -> Advanced:
        """Advances by words (n, t, d), the first of which comes after `state`."""
        after: State = []
        values = self._layer(self.first, embedded, state, after)
        queries = values
        if not self._looks_up:
            values = self._upper(values, None, state, after)
            queries = values
        seen, weights = self.attention(queries.reshape(len(memory.values), -1, queries.shape[2]), memory)
        seen, weights = (each.reshape(*queries.shape[:2], -1) for each in (seen, weights))
        if self._looks_up:
            values = self._upper(values, seen, state, after)
        return torch.tanh(self.output(self.dropout(torch.cat([values, seen], dim=2)))), weights, after

    def _upper(self, values: Tensor, seen: Tensor | None, state: State, after: State) -> Tensor:
        for number, layer in enumerate(self.others, 2):
            inputs = self.dropout(values)
            found = self._layer(layer, inputs if seen is None else torch.cat([inputs, seen], dim=2), state, after)
            values = found + values if is_residual(self._settings, number) else found
        return values

    def _layer(self, layer: nn.Module, inputs: Tensor, state: State, after: State) -> Tensor:
        """Returns the layer's output; appends its part of the new state to `after`."""
        own = [each[None].contiguous() for each in state[len(after) : len(after) + self._parts]]
        found, ended = layer(inputs, tuple(own) if self._parts == 2 else own[0])
        after += [each[0] for each in ended] if self._parts == 2 else [ended[0]]
        values: Tensor = found
        return values


class Convolutional(nn.Module):
    """Layers of convolutions over the words so far, each with attention to the sentence. The state holds the inputs that the
    windows reach back to, and the number of words so far.
    """

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self._size, source = settings.cnn_num_hidden, settings.size("encoder_type")
        width = settings.cnn_kernel_width_decoder
        self.inputs = nn.Linear(settings.num_embed_target, self._size)
        self.layers = nn.ModuleList(Convolution(settings, width) for _ in range(settings.num_layers_decoder))
        self.attention = ATTENTIONS["dot"](source, self._size, 0)
        self.seen = nn.ModuleList(nn.Linear(source, self._size) for _ in self.layers)

    def begin(self, memory: Memory) -> tuple[Memory, State]:
        count, reach = len(memory.values), self.layers[0].width - 1
        state = [memory.values.new_zeros(count, reach, self._size) for _ in self.layers]
        return self.attention.prepare(memory), [*state, memory.values.new_zeros(count, 1)]

    def advance(self, embedded: Tensor, memory: Memory, state: State) -> Advanced:
        steps, first, reach = embedded.shape[1], int(state[-1][0, 0]), self.layers[0].width - 1
        values = self.inputs(embedded + places(first, steps, embedded.shape[2], embedded))
        after, looked = [], torch.zeros((), device=values.device)
        for layer, before, seen in zip(self.layers, state, self.seen, strict=False):
            padded = torch.cat([before, values], dim=1)
            after.append(padded[:, padded.shape[1] - reach :])
            found = layer(padded)
            about, weights = self.attention(found.reshape(len(memory.values), -1, self._size), memory)
            values = values + found + seen(about).reshape(found.shape)
            looked = looked + weights.reshape(*found.shape[:2], -1) / len(self.layers)
        return values, looked, [*after, state[-1] + steps]


Decoder = Recurrent | Convolutional | transformer.Decoder
DECODERS: dict[str, type[Decoder]] = {"rnn": Recurrent, "cnn": Convolutional, "transformer": transformer.Decoder}
