"""A head of classes on the encoder, for texts or for pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sagewright_jumpstart.texts.encoder import TextEncoder, batches

HEAD = "head.safetensors"
_OF_PAIR = 4


class TextClassifier(nn.Module):
    """A pair is seen as both vectors, their difference and their product. Source: Reimers and Gurevych 2019, arXiv:1908.10084,
    with the product of Conneau et al. 2017, arXiv:1705.02364."""

    def __init__(self, encoder: TextEncoder, classes: int, pairs: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder, self.pairs = encoder, pairs
        self.network = encoder.network
        width = encoder.network.config["hidden_size"] * (_OF_PAIR if pairs else 1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    @property
    def classes(self) -> int:
        return int(self.head.out_features)

    def features(self, tokens: Sequence[Sequence[Sequence[int]]]) -> torch.Tensor:
        """Returns the head's input of a batch. `tokens`: of one text or two in each row."""
        first = self.encoder.pooled([row[0] for row in tokens])
        if not self.pairs:
            return first
        second = self.encoder.pooled([row[1] for row in tokens])
        return torch.cat([first, second, (first - second).abs(), first * second], 1)

    def forward(self, tokens: Sequence[Sequence[Sequence[int]]]) -> torch.Tensor:
        return self.head(self.dropout(self.features(tokens)))

    def tokens(self, rows: Sequence[Sequence[str]]) -> list[tuple[list[int], ...]]:
        columns = [self.encoder.tokens([row[column] for row in rows]) for column in range(1 + self.pairs)]
        return list(zip(*columns, strict=True))

    @torch.inference_mode()
    def probabilities(self, rows: Sequence[Sequence[str]]) -> torch.Tensor:
        """Returns the classes' probabilities of each row."""
        tokens = self.tokens(rows)
        made = torch.empty(len(rows), self.classes)
        for chosen in batches([max(map(len, row)) for row in tokens]):
            made[chosen] = self([tokens[row] for row in chosen]).softmax(1).float().cpu()
        return made

    def save(self, folder: Path) -> None:
        self.encoder.save(folder)
        head = {name: value.detach().cpu().contiguous() for name, value in self.head.state_dict().items()}
        save_file(head, folder / HEAD)


def load_classifier(encoder: TextEncoder, folder: Path, pairs: bool) -> TextClassifier | None:
    """Returns the fine-tuned classifier in the folder, or None if it has no head."""
    file = folder / HEAD
    if not file.is_file():
        return None
    head = load_file(file)
    made = TextClassifier(encoder, len(head["bias"]), pairs)
    made.head.load_state_dict(head)
    return made.eval()
