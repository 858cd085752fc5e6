"""One epoch of a text classifier's training."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from sagewright_jumpstart.descent import Descent, rising, trained_state
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.texts.classifier import TextClassifier
from sagewright_jumpstart.texts.data import LabelledTexts
from sagewright_jumpstart.texts.encoder import batches

_BATCHES_SORTED_TOGETHER = 16


@dataclass(frozen=True)
class Prepared:
    """Rows as the trained part reads them: tokens, or the head's features where the encoder stays. `sizes`: by which batches are
    sorted."""

    rows: Any
    labels: torch.Tensor
    sizes: list[int]

    def chosen(self, rows: list[int]) -> Any:
        return self.rows[rows] if isinstance(self.rows, torch.Tensor) else [self.rows[row] for row in rows]


class TextTrainer:
    """Trains the parameters of the model that require a gradient."""

    measure = "accuracy"

    def __init__(self, model: TextClassifier, given: Hyperparameters, data: LabelledTexts, held: LabelledTexts) -> None:
        self._model, self._given = model, given
        top_alone = not any(parameter.requires_grad for parameter in model.network.parameters())
        prepare = _features if top_alone else _tokens
        self._rows, self._held = prepare(model, data), prepare(model, held)
        self._step: Callable[[Any], torch.Tensor] = (
            (lambda rows: model.head(model.dropout(rows))) if top_alone else model
        )
        self._descent = Descent(_groups(model, given), given, rising(given, len(data), least=0))
        self._generator = random.Random(given.whole("seed"))  # noqa: S311 - it shuffles

    def train_epoch(self) -> float:
        self._model.train()
        batches_ = _shuffled(self._rows.sizes, self._given.whole("batch_size"), self._generator)
        return self._descent.epoch(
            batches_,
            lambda rows: functional.cross_entropy(self._step(self._rows.chosen(rows)), self._rows.labels[rows]),
        )

    @torch.inference_mode()
    def evaluate(self) -> tuple[float, float] | None:
        self._model.eval()
        if not self._held.sizes:
            return None
        loss, right = 0.0, 0
        for rows in batches(self._held.sizes):
            scores, labels = self._step(self._held.chosen(rows)), self._held.labels[rows]
            loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
            right += int((scores.argmax(1) == labels).sum())
        return loss / len(self._held.sizes), right / len(self._held.sizes)

    def state(self) -> Any:
        return trained_state(self._model)

    def restore(self, state: Any) -> None:
        self._model.load_state_dict(state, strict=False)


def _tokens(model: TextClassifier, data: LabelledTexts) -> Prepared:
    tokens = model.tokens(data.texts)
    return Prepared(tokens, _labels(model, data), [max(map(len, row)) for row in tokens])


@torch.no_grad()
def _features(model: TextClassifier, data: LabelledTexts) -> Prepared:
    """Runs the encoder once for all epochs."""
    model.eval()
    tokens = model.tokens(data.texts)
    made = torch.empty(len(data), model.head.in_features, device=model.head.weight.device)
    for rows in batches([max(map(len, row)) for row in tokens]):
        made[rows] = model.features([tokens[row] for row in rows])
    return Prepared(made, _labels(model, data), [1] * len(data))


def _labels(model: TextClassifier, data: LabelledTexts) -> torch.Tensor:
    return torch.tensor(data.labels, dtype=torch.long, device=model.head.weight.device)


def _groups(model: TextClassifier, given: Hyperparameters) -> list[dict[str, Any]]:
    """Returns the parameters with their highest rates."""
    body = [parameter for parameter in model.network.parameters() if parameter.requires_grad]
    groups = [{"params": list(model.head.parameters()), "lr": given.number("top_layer_learning_rate")}]
    if body:
        groups.append({"params": body, "lr": given.number("learning_rate")})
    return groups


def _shuffled(sizes: Sequence[int], size: int, generator: random.Random) -> Iterator[list[int]]:
    """Yields batches in a new order. Each run of some batches is sorted by length, so that little is padded."""
    order = list(range(len(sizes)))
    generator.shuffle(order)
    together = size * _BATCHES_SORTED_TOGETHER
    made = [
        part[start : start + size]
        for begin in range(0, len(order), together)
        for part in [sorted(order[begin : begin + together], key=sizes.__getitem__)]
        for start in range(0, len(part), size)
    ]
    generator.shuffle(made)
    yield from made
