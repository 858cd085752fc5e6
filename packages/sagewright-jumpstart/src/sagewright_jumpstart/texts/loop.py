"""Epochs of a text classifier's training."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.stopping import BestEpoch
from sagewright_jumpstart.texts.classifier import TextClassifier
from sagewright_jumpstart.texts.data import LabelledTexts
from sagewright_jumpstart.texts.encoder import batches

_LARGEST_NORM = 1.0
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


def train(model: TextClassifier, given: Hyperparameters, data: LabelledTexts, held: LabelledTexts) -> BestEpoch:
    """Trains the parameters that require a gradient, prints each epoch's metrics and leaves the best epoch's weights."""
    top_alone = not any(parameter.requires_grad for parameter in model.network.parameters())
    prepare = _features if top_alone else _tokens
    train_rows, held_rows = prepare(model, data), prepare(model, held)
    step: Callable[[Any], torch.Tensor] = (lambda rows: model.head(model.dropout(rows))) if top_alone else model
    epochs, size = given.whole("epochs"), given.whole("batch_size")
    count = epochs * -(-len(data) // size)
    optimizer, schedule = _optimizer(model, given, count)
    generator = random.Random(given.whole("seed"))  # noqa: S311 - it shuffles
    best = BestEpoch.of(given)
    for epoch in range(1, epochs + 1):
        started, total = time.monotonic(), 0.0
        model.train()
        for rows in _shuffled(train_rows.sizes, size, generator):
            loss = functional.cross_entropy(step(train_rows.chosen(rows)), train_rows.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_((p for group in optimizer.param_groups for p in group["params"]), _LARGEST_NORM)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        if math.isnan(total):
            raise InputError(
                f"hyperparameter learning_rate: the loss of epoch {epoch} is not a number; try a smaller rate"
            )
        line = f"epoch={epoch} train_loss={total / len(data):.4f}"
        if len(held):
            loss_held, accuracy = evaluate(model, step, held_rows)
            line += f" validation_loss={loss_held:.4f} validation_accuracy={accuracy:.4f}"
        else:
            loss_held = total / len(data)
        print(f"{line} seconds={time.monotonic() - started:.1f}", flush=True)
        if best.is_better(loss_held):
            best.keep(epoch, loss_held, _state(model))
        else:
            best.wait()
        if best.is_over:
            print(f"early stopping: no better validation loss for {best.waited} epochs", flush=True)
            break
    if len(held):
        model.load_state_dict(best.state, strict=False)
    model.eval()
    return best


@torch.inference_mode()
def evaluate(model: TextClassifier, step: Callable[[Any], torch.Tensor], data: Prepared) -> tuple[float, float]:
    """Returns the mean loss and the accuracy."""
    model.eval()
    loss, right = 0.0, 0
    for rows in batches(data.sizes):
        scores, labels = step(data.chosen(rows)), data.labels[rows]
        loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
        right += int((scores.argmax(1) == labels).sum())
    return loss / len(data.sizes), right / len(data.sizes)


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


def _optimizer(model: TextClassifier, given: Hyperparameters, steps: int) -> tuple[torch.optim.Optimizer, Any]:
    """Returns AdamW and a schedule: the rates rise over the warm-up and fall linearly to zero."""
    body = [parameter for parameter in model.network.parameters() if parameter.requires_grad]
    groups = [{"params": list(model.head.parameters()), "lr": given.number("top_layer_learning_rate")}]
    if body:
        groups.append({"params": body, "lr": given.number("learning_rate")})
    warm = max(1, round(steps * given.number("warmup_ratio")))
    optimizer = torch.optim.AdamW(groups, weight_decay=given.number("weight_decay"))
    rate = lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))  # noqa: E731
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


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


def _state(model: TextClassifier) -> dict[str, torch.Tensor]:
    return {name: each.detach().clone() for name, each in model.named_parameters() if each.requires_grad}
