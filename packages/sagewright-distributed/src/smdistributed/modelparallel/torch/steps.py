"""A training step that runs in microbatches."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from smdistributed.modelparallel.torch import model as models
from smdistributed.modelparallel.torch import ranks


class StepOutput:
    """The step's results for the microbatches."""

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


def step(
    function: Callable[..., Any] | None = None,
    non_split_inputs: list[str] | None = None,
    input_split_axes: dict[str, int] | None = None,
    detach_outputs: bool = True,
) -> Callable[..., Any]:
    """Calls `function` once for each microbatch, with its part of every tensor among the arguments.

    `non_split_inputs`: names of arguments that each gets whole; `input_split_axes`: the axis of the batch, if it isn't 0. Raises
    ValueError if a tensor cannot be divided.
    """
    if function is None:
        return functools.partial(
            step,
            non_split_inputs=non_split_inputs,
            input_split_axes=input_split_axes,
            detach_outputs=detach_outputs,
        )
    whole, axes = set(non_split_inputs or ()), dict(input_split_axes or {})
    signature = inspect.signature(function)

    @functools.wraps(function)
    def stepped(*arguments: Any, **named: Any) -> Any:
        count = ranks.options().microbatches
        bound = signature.bind(*arguments, **named)

        def microbatch(number: int) -> Any:
            parts = signature.bind(*arguments, **named)
            for name, value in bound.arguments.items():
                if name not in whole:
                    parts.arguments[name] = _part(value, number, count, axes.get(name, 0))
            found = function(*parts.args, **parts.kwargs)
            return _detached(found) if detach_outputs else found

        return _outputs(models.run_step(count, microbatch))

    return stepped


def _outputs(found: list[Any]) -> Any:
    """Merges one result per microbatch into the same structure with a StepOutput in each tensor's place."""
    first = found[0]
    if isinstance(first, Mapping):
        return {key: _outputs([result[key] for result in found]) for key in first}
    if isinstance(first, (list, tuple)):
        parts = [_outputs(list(results)) for results in zip(*found)]
        return tuple(parts) if isinstance(first, tuple) else parts
    return StepOutput(found) if isinstance(first, torch.Tensor) else first


def _part(value: Any, number: int, count: int, axis: int) -> Any:
    if hasattr(value, "smp_slice"):
        return value.smp_slice(count, number, axis)
    if isinstance(value, Mapping):
        return {key: _part(inner, number, count, axis) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)) and not hasattr(value, "_fields"):
        return type(value)(_part(inner, number, count, axis) for inner in value)
    if not isinstance(value, torch.Tensor) or value.dim() == 0:
        return value
    if value.shape[axis] % count:
        raise ValueError(f"A batch of {value.shape[axis]} cannot be divided into {count} microbatches.")
    length = value.shape[axis] // count
    return value.narrow(axis, number * length, length)


def _detached(found: Any) -> Any:
    return torch.utils._pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach(), found)
