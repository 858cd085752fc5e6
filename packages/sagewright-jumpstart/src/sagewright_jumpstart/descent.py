"""Steps of a torch network's training: AdamW, the course of its rates, clipped gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from sagewright_jumpstart.hyperparameters import Hyperparameters

LARGEST_NORM = 1.0
_LEAST_RATE = 0.05
"""Share of the highest learning rate at which its fall ends."""


class Descent:
    """Changes the parameters in `groups` along the gradients of the losses that it is given."""

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        given: Hyperparameters,
        schedule: Callable[[torch.optim.Optimizer], Any],
        largest_norm: float = LARGEST_NORM,
    ) -> None:
        self._optimizer = torch.optim.AdamW(groups, weight_decay=given.number("weight_decay"))
        self._schedule, self._largest = schedule(self._optimizer), largest_norm
        self._parameters = [each for group in groups for each in group["params"]]

    def epoch(self, batches: Iterable[Any], loss_of: Callable[[Any], torch.Tensor]) -> float:
        """Steps once for each batch of rows. Returns the mean loss of a row."""
        total, count = 0.0, 0
        for rows in batches:
            loss = loss_of(rows)
            self._optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._parameters, self._largest)
            self._optimizer.step()
            self._schedule.step()
            total, count = total + float(loss.detach()) * len(rows), count + len(rows)
        return total / max(1, count)


def steps_of(given: Hyperparameters, rows: int) -> int:
    """Returns the steps of all epochs over a number of rows."""
    return max(1, given.whole("epochs") * -(-rows // given.whole("batch_size")))


def rising(given: Hyperparameters, rows: int, least: float = _LEAST_RATE) -> Callable[[torch.optim.Optimizer], Any]:
    """Returns a schedule whose rates rise over the warm-up and then fall linearly to the share `least`."""
    steps = steps_of(given, rows)
    warm = max(1, round(steps * given.number("warmup_ratio")))

    def rate(step: int) -> float:
        return min((step + 1) / warm, max(least, (steps - step) / max(1, steps - warm)))

    return lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def trained_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies the parameters that require a gradient."""
    return {name: each.detach().clone() for name, each in model.named_parameters() if each.requires_grad}


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
