"""Measures of a network's quality, under the names of the log."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.object2vec.declaration import SQUARED
from sagewright.algorithms.object2vec.settings import Output

ACCURACY, CROSS_ENTROPY = "accuracy", "cross_entropy"


def loss_name(output: Output) -> str:
    """Returns the measure that training minimises."""
    return CROSS_ENTROPY if output == "softmax" else SQUARED


class Tally:
    """Sums over mini-batches, kept on their device until they are read."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._sums: list[Tensor] = []
        self._count = 0

    def add(self, scores: Tensor, labels: Tensor, loss: Tensor) -> None:
        """`scores` (n, outputs), `labels` (n,), `loss` their mean."""
        self._count += len(labels)
        sums = loss.detach() * len(labels)
        if self._output == "softmax":
            sums = torch.stack([sums, (scores.detach().argmax(dim=1) == labels).sum()])
        self._sums.append(sums)

    def means(self) -> dict[str, float]:
        sums = torch.stack(self._sums).reshape(len(self._sums), -1).double().sum(dim=0) / self._count
        return dict(zip((loss_name(self._output), ACCURACY), sums.tolist(), strict=False))


def tell(lines: Lines, part: str, found: Mapping[str, float], epoch: int | None = None) -> None:
    """Writes lines of the log."""
    for name, value in found.items():
        lines.quality(part, {name: value}, "score" if name == ACCURACY else "loss", epoch=epoch)
