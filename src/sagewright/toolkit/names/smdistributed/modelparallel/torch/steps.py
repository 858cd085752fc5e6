"""A training step, done in microbatches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from smdistributed.modelparallel.torch import ranks


class StepOutput:
    """What the step returned for each microbatch."""

    def __init__(self, outputs: list[Any]) -> None:
        self.outputs = outputs

    def reduce_mean(self) -> Any:
        return self.reduce_sum() / len(self.outputs)

    def reduce_sum(self) -> Any:
        return functools.reduce(lambda first, second: first + second, self.outputs)

    def concat(self) -> torch.Tensor:
        return torch.cat(self.outputs)

    def stack(self) -> torch.Tensor:
        return torch.stack(self.outputs)


def step(function: Callable[..., Any]) -> Callable[..., Any]:
    """Calls `function` once for each microbatch, with its part of every tensor among the arguments.

    Raises ValueError if a tensor cannot be divided.
    """

    @functools.wraps(function)
    def stepped(*arguments: Any, **named: Any) -> Any:
        count = int(ranks.option("microbatches", 1))
        parts = [
            function(
                *(_part(value, number, count) for value in arguments),
                **{name: _part(value, number, count) for name, value in named.items()},
            )
            for number in range(count)
        ]
        if isinstance(parts[0], tuple):
            return tuple(StepOutput(list(outputs)) for outputs in zip(*parts))  # noqa: B905 - Python 3.8
        return StepOutput(parts)

    return stepped


def _part(value: Any, number: int, count: int) -> Any:
    if not isinstance(value, torch.Tensor) or value.dim() == 0:
        return value
    if len(value) % count:
        raise ValueError(f"A batch of {len(value)} cannot be divided into {count} microbatches.")
    length = len(value) // count
    return value[number * length : (number + 1) * length]
