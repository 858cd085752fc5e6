"""The encoders: map a sequence of tokens to a vector.

Sequences are concatenated without padding; the vector of one does not depend on its neighbours. Each encoder receives the vectors
of tokens, which can be shared with the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sagewright.algorithms.object2vec.settings import EncoderSettings

SPREAD, SEQUENCE_SPREAD = 0.1, 0.5
"""The standard deviation of token vectors before training: of those of which means are taken, and of those that are read in their
order where there are few pairs: if these are smaller, the steps of the table outrun those of the encoder, and it learns its pairs
by heart. But topics of tokens would be drowned in vectors of this size, unless a linear model beside the network has them.
"""

HE = 6**0.5
"""Times torch's own start of a convolution's weights, this is He's deviation: each layer then says as much of a sequence as the one
before. Otherwise the fourth would begin with a twentieth of what the first says, and all sequences would look alike.
"""


@dataclass(frozen=True)
class Side:
    """Concatenated sequences: `tokens` (Σ lengths,) int64, and `lengths` (n,) int64, on the CPU too."""

    tokens: Tensor
    lengths: Tensor

    def there(self) -> Tensor:
        """Returns (n, longest) bool: the places that hold a token, one sequence per row."""
        longest = int(self.lengths.max())
        return torch.arange(longest, device=self.tokens.device) < self.lengths.to(self.tokens.device)[:, None]


class TokenVectors(nn.Module):
    """The vector of each token, which starts with the standard deviation `spread`. With `by_rows` gradients are of the rows that a
    mini-batch uses, in `used`, not of the table."""

    def __init__(self, vocabulary: int, dim: int, *, by_rows: bool, frozen: bool, spread: float = SPREAD) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, dim).normal_(0, spread), requires_grad=not frozen)
        self.by_rows = by_rows and not frozen
        self.used: list[tuple[Tensor, Tensor]] = []

    def look_up(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Returns a table of vectors, and each token's row in it."""
        if not self.by_rows or not torch.is_grad_enabled():
            return self.weight, tokens
        numbers, places = torch.unique(tokens, return_inverse=True)
        rows = self.weight.detach()[numbers].requires_grad_()
        self.used.append((numbers, rows))
        return rows, places


def table(tokens: TokenVectors, side: Side) -> tuple[Tensor, Tensor]:
    """Returns (n, longest, token_dim) vectors, zeros where there is no token, and the mask of tokens, (n, longest) bool."""
    there = side.there()
    weight, places = tokens.look_up(side.tokens)
    found = functional.embedding(places, weight)
    return found.new_zeros(*there.shape, found.shape[1]).masked_scatter(there[:, :, None], found), there


class Pooled(nn.Module):
    """The mean of the tokens' vectors, mapped by a layer if their size differs."""

    def __init__(self, side: EncoderSettings, encoding: int, dropout: float) -> None:  # noqa: ARG002
        super().__init__()
        self.layer = nn.Identity() if side.token_dim == encoding else nn.Linear(side.token_dim, encoding)

    def forward(self, tokens: TokenVectors, side: Side) -> Tensor:
        weight, places = tokens.look_up(side.tokens)
        if len(places) == len(side.lengths):
            means = functional.embedding(places, weight)
        else:
            starts = (side.lengths.cumsum(0) - side.lengths).to(places.device)
            means = functional.embedding_bag(places, weight, starts, mode="mean")
        found: Tensor = self.layer(means)
        return found


class Convolutions(nn.Module):
    """Layers of convolutions over time; the maxima over time of each form a part of the vector."""

    def __init__(self, side: EncoderSettings, encoding: int, dropout: float) -> None:
        super().__init__()
        widths = [encoding // side.layers + (number < encoding % side.layers) for number in range(side.layers)]
        inputs = [side.token_dim, *widths[:-1]]
        self.layers = nn.ModuleList(
            nn.Conv1d(before, width, side.filter_width, padding="same")
            for before, width in zip(inputs, widths, strict=True)
        )
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.mul_(HE)
                layer.bias.zero_()
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: TokenVectors, side: Side) -> Tensor:
        found, there = table(tokens, side)
        values, mask = found.transpose(1, 2), there[:, None, :]
        parts = []
        for layer in self.layers:
            values = functional.relu(layer(self.dropout(values))) * mask
            parts.append(values.amax(dim=2))  # zero, which stands for no token, is the minimum
        return torch.cat(parts, dim=1)


class Recurrent(nn.Module):
    """A bidirectional LSTM; the maxima over time of both directions."""

    def __init__(self, side: EncoderSettings, encoding: int, dropout: float) -> None:
        super().__init__()
        self._encoding = encoding
        between = dropout if side.layers > 1 else 0.0
        self.layers = nn.LSTM(
            side.token_dim, (encoding + 1) // 2, side.layers, batch_first=True, dropout=between, bidirectional=True
        )

    def forward(self, tokens: TokenVectors, side: Side) -> Tensor:
        found, there = table(tokens, side)
        packed = pack_padded_sequence(found, side.lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.layers(packed)[0], batch_first=True)
        most = states.masked_fill(~there[:, :, None], -torch.inf).amax(dim=1)
        return most[:, : self._encoding]


ENCODERS: dict[str, Callable[[EncoderSettings, int, float], nn.Module]] = {
    "hcnn": Convolutions,
    "bilstm": Recurrent,
    "pooled_embedding": Pooled,
}
