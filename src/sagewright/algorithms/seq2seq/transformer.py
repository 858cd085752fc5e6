"""Encoder and decoder of a transformer, chosen by `_architecture=transformer`.

Source: A. Vaswani et al., "Attention Is All You Need", NIPS 2017; norms come before each part, as in R. Xiong et al., ICML 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sagewright.algorithms.seq2seq.attention import Memory
from sagewright.algorithms.seq2seq.layers import State, places
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings

HEAD = 64
"""Numbers per head, if the size has that many."""
WIDER = 4


class Heads(nn.Module):
    """Multi-head attention."""

    def __init__(self, size: int) -> None:
        super().__init__()
        preferred = max(1, size // HEAD)
        self._heads = next(number for number in range(preferred, 0, -1) if size % number == 0)
        self.query, self.key, self.value, self.output = (nn.Linear(size, size) for _ in range(4))

    def split(self, values: Tensor) -> Tensor:
        """Returns (n, heads, t, size / heads)."""
        return values.unflatten(2, (self._heads, -1)).transpose(1, 2)

    def look(self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """Attends from (n, t, size) to (n, s, size), where allowed, (n or 1, t or 1, s) bool. Returns the result and the mean
        weights (n, t, s).
        """
        query = self.split(self.query(queries))
        scores = query @ self.split(keys).transpose(2, 3) / query.shape[3] ** 0.5
        weights = functional.softmax(scores.masked_fill(~allowed[:, None], -torch.inf), dim=3)
        seen = (weights @ self.split(values)).transpose(1, 2).flatten(2)
        return self.output(seen), weights.mean(dim=1)


def _wide(size: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, WIDER * size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(WIDER * size, size))


class EncoderLayer(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.before, self.heads = nn.LayerNorm(size), Heads(size)
        self.between, self.wide = nn.LayerNorm(size), _wide(size, 0.0)

    def forward(self, values: Tensor, there: Tensor) -> Tensor:
        own = self.before(values)
        seen, _ = self.heads.look(own, self.heads.key(own), self.heads.value(own), there[:, None])
        values = values + seen
        found: Tensor = values + self.wide(self.between(values))
        return found


class Encoder(nn.Module):
    """Layers in which each token attends to all."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        size = settings.rnn_num_hidden
        self.inputs = nn.Linear(settings.num_embed_source, size)
        self.layers = nn.ModuleList(EncoderLayer(size) for _ in range(settings.num_layers_encoder))
        self.after = nn.LayerNorm(size)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Memory:
        there = torch.arange(embedded.shape[1], device=embedded.device) < lengths.to(embedded.device)[:, None]
        values = self.inputs(embedded)
        values = values + places(0, values.shape[1], values.shape[2], values)
        for layer in self.layers:
            values = layer(values, there)
        values = self.after(values) * there[:, :, None]
        return Memory(values, there, values.sum(dim=1) / lengths.to(values.device)[:, None])


class DecoderLayer(nn.Module):
    """Attends to the words so far, then to the sentence."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.before, self.own = nn.LayerNorm(size), Heads(size)
        self.between, self.theirs = nn.LayerNorm(size), Heads(size)
        self.last, self.wide = nn.LayerNorm(size), _wide(size, dropout)


class Decoder(nn.Module):
    """A decoder whose state is each layer's keys and values of the words so far, (n, t, size) each."""

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self._size = settings.rnn_num_hidden
        self.inputs = nn.Linear(settings.num_embed_target, self._size)
        self.layers = nn.ModuleList(
            DecoderLayer(self._size, settings.rnn_decoder_hidden_dropout) for _ in range(settings.num_layers_decoder)
        )
        self.after = nn.LayerNorm(self._size)

    def begin(self, memory: Memory) -> tuple[Memory, State]:
        """Returns the memory with each layer's keys and values of the sentence, concatenated."""
        both = [part(memory.values) for layer in self.layers for part in (layer.theirs.key, layer.theirs.value)]
        empty = memory.values.new_zeros(len(memory.values), 0, self._size)
        return Memory(memory.values, memory.there, memory.last, torch.cat(both, dim=2)), [empty] * (
            2 * len(self.layers)
        )

    def advance(self, embedded: Tensor, memory: Memory, state: State) -> tuple[Tensor, Tensor, State]:
        """Advances by words (n, t, d), the first of which comes after `state`."""
        assert memory.keys is not None
        first, steps = state[0].shape[1], embedded.shape[1]
        values = self.inputs(embedded)
        values = values + places(first, steps, self._size, values)
        earlier = torch.ones(steps, first + steps, dtype=torch.bool, device=values.device).tril(first)[None]
        known, after, looked = memory.keys.split(self._size, dim=2), [], values.new_zeros(())
        for number, layer in enumerate(self.layers):
            own = layer.before(values)
            pair = [
                torch.cat([state[2 * number + place], part(own)], dim=1)
                for place, part in enumerate((layer.own.key, layer.own.value))
            ]
            after += pair
            values = values + layer.own.look(own, pair[0], pair[1], earlier)[0]
            queries = layer.between(values).reshape(len(memory.values), -1, self._size)
            seen, weights = layer.theirs.look(queries, known[2 * number], known[2 * number + 1], memory.there[:, None])
            values = values + seen.reshape(values.shape)
            looked = looked + weights.reshape(*values.shape[:2], -1) / len(self.layers)
            values = values + layer.wide(layer.last(values))
        return self.after(values), looked, after
