"""The network: two encoders, a comparator, a multi-layer perceptron."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sagewright.algorithms.object2vec.encoders import ENCODERS, SPREAD, Side, TokenVectors
from sagewright.algorithms.object2vec.settings import Object2VecSettings

_ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "linear": nn.Identity}


@dataclass(frozen=True)
class Batch:
    """Pairs: the sequences of each side, the numbers of each pair's sequences, (n,) int64 (None: they are in the pairs' order), and
    the `labels` (n,).
    """

    sides: tuple[Side, Side]
    places: tuple[Tensor | None, Tensor | None]
    labels: Tensor


class Object2VecNetwork(nn.Module):
    """Maps a Batch to (n, outputs). `by_rows` and `spread`: see TokenVectors."""

    def __init__(self, settings: Object2VecSettings, *, by_rows: bool = False, spread: float = SPREAD) -> None:
        super().__init__()
        self.settings = settings
        own = settings.sides[:1] if settings.tied else settings.sides
        self.tokens = nn.ModuleList(
            TokenVectors(side.vocabulary, side.token_dim, by_rows=by_rows, frozen=side.frozen, spread=spread)
            for side in own
        )
        self.encoders = nn.ModuleList(
            ENCODERS[side.network](side, settings.encoding, settings.dropout) for side in settings.sides
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.perceptron = _perceptron(settings)

    def encode(self, number: int, side: Side) -> Tensor:
        """Returns (n, encoding) of sequences of side 0 or 1."""
        found: Tensor = self.encoders[number](self.tokens[min(number, len(self.tokens) - 1)], side)
        return found

    def judge(self, first: Tensor, second: Tensor) -> Tensor:
        """Returns (n, outputs) of the two encodings of each pair."""
        compared = torch.cat([_compared(name, first, second) for name in self.settings.comparators], dim=1)
        found: Tensor = self.perceptron(compared)
        return found

    def forward(self, batch: Batch) -> Tensor:
        first, second = (self._encodings(batch, number) for number in (0, 1))
        return self.judge(first, second)

    def _encodings(self, batch: Batch, number: int) -> Tensor:
        """Returns (n, encoding) of the pairs' sequences."""
        found, places = self.dropout(self.encode(number, batch.sides[number])), batch.places[number]
        return found if places is None else found.index_select(0, places)

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Returns the mean cross entropy or squared error."""
        return self.losses(scores, labels).mean()

    def losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Returns each pair's cross entropy or squared error, (n,)."""
        if self.settings.output == "softmax":
            return functional.cross_entropy(scores, labels.long(), reduction="none")
        return functional.mse_loss(scores[:, 0], labels, reduction="none")

    def answers(self, scores: Tensor) -> Tensor:
        """Returns (n, outputs) as reported to clients: probabilities of the classes, or the number."""
        return functional.softmax(scores, dim=1) if self.settings.output == "softmax" else scores


def _compared(name: str, first: Tensor, second: Tensor) -> Tensor:
    if name == "hadamard":
        return first * second
    return (first - second).abs() if name == "abs_diff" else torch.cat([first, second], dim=1)


def _perceptron(settings: Object2VecSettings) -> nn.Sequential:
    width = settings.encoding * sum(2 if name == "concat" else 1 for name in settings.comparators)
    layers: list[nn.Module] = []
    for _ in range(settings.mlp_layers):
        layers += [
            nn.Linear(width, settings.mlp_dim),
            _ACTIVATIONS[settings.activation](),
            nn.Dropout(settings.dropout),
        ]
        width = settings.mlp_dim
    return nn.Sequential(*layers, nn.Linear(width, settings.outputs))
