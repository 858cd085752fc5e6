"""Optimiser steps for tables of which a mini-batch uses only some rows: the others stay unchanged, and so do their moments.

Source: the five optimisers as torch and MXNet have them; D. Kingma and J. Ba, "Adam", ICLR 2015; J. Duchi et al., "Adaptive
Subgradient Methods", JMLR 2011; M. Zeiler, "ADADELTA", 2012; T. Tieleman and G. Hinton, "RMSProp", 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.object2vec.encoders import TokenVectors

Moments = dict[str, Tensor]


@dataclass(frozen=True)
class _Rule:
    """`moments` are kept for each row. `move` updates those of the given rows and returns the amount to subtract from the weights,
    in units of the rate; its `count` is the number of steps, this one included.
    """

    moments: tuple[str, ...]
    move: Callable[[Tensor, Moments, Settings, int], Tensor]


def attach(optimizer: TorchOptimizer, name: str, tables: Sequence[TokenVectors], said: Settings) -> None:
    """Makes each step of the optimiser also update, in those `tables` that learn by rows, the rows used since the previous step.
    These tables' weights are among the optimiser's parameters, have no gradient, and keep their moments in its state.
    """
    rule, own = _RULES[name], [table for table in tables if table.by_rows]

    def move() -> None:
        for table in own:
            group = next(each for each in optimizer.param_groups if any(one is table.weight for one in each["params"]))
            _step(table, optimizer.state[table.weight], rule, (group["lr"], said))

    optimizer.before_steps(move)


def _step(table: TokenVectors, state: dict[str, Any], rule: _Rule, how: tuple[float, Settings]) -> None:
    rate, said = how
    numbers, slopes = _together(table.used)
    table.used.clear()
    if numbers is None:
        return
    weight = table.weight.detach()
    state["step"] = state.get("step", torch.zeros(())) + 1
    for name in rule.moments:
        if name not in state:
            state[name] = torch.zeros_like(weight)
    values = weight[numbers]
    if said.weight_decay:
        slopes = slopes + said.weight_decay * values
    moments = {name: state[name][numbers] for name in rule.moments}
    weight[numbers] = values - rate * rule.move(slopes, moments, said, int(state["step"]))
    for name, moved in moments.items():
        state[name][numbers] = moved


def _together(used: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor | None, Tensor]:
    """Returns the rows that were used, each once, and the sums of their slopes."""
    found = [(numbers, rows.grad) for numbers, rows in used if rows.grad is not None]
    if not found:
        return None, torch.zeros(0)
    if len(found) == 1:
        return found[0]
    numbers, places = torch.unique(torch.cat([each for each, _ in found]), return_inverse=True)
    slopes = torch.cat([each for _, each in found])
    return numbers, slopes.new_zeros(len(numbers), slopes.shape[1]).index_add_(0, places, slopes)


def _sgd(slopes: Tensor, moments: Moments, said: Settings, count: int) -> Tensor:  # noqa: ARG001 - one form for all
    return slopes


def _adam(slopes: Tensor, moments: Moments, said: Settings, count: int) -> Tensor:
    mean = moments["exp_avg"].lerp_(slopes, 1 - said.beta_1)
    square = moments["exp_avg_sq"].lerp_(slopes * slopes, 1 - said.beta_2)
    scale = (1 - said.beta_2**count) ** 0.5
    return mean / (1 - said.beta_1**count) / (square.sqrt() / scale + said.eps)


def _adagrad(slopes: Tensor, moments: Moments, said: Settings, count: int) -> Tensor:  # noqa: ARG001 - one form for all
    return slopes / (moments["sum"].add_(slopes * slopes).sqrt() + said.eps)


def _rmsprop(slopes: Tensor, moments: Moments, said: Settings, count: int) -> Tensor:  # noqa: ARG001 - one form for all
    return slopes / (moments["square_avg"].lerp_(slopes * slopes, 1 - said.gamma).sqrt() + said.eps)


def _adadelta(slopes: Tensor, moments: Moments, said: Settings, count: int) -> Tensor:  # noqa: ARG001 - one form for all
    square = moments["square_avg"].lerp_(slopes * slopes, 1 - said.gamma)
    move = slopes * (moments["acc_delta"] + said.eps).sqrt() / (square + said.eps).sqrt()
    moments["acc_delta"].lerp_(move * move, 1 - said.gamma)
    return move


_RULES = {
    "sgd": _Rule((), _sgd),
    "adam": _Rule(("exp_avg", "exp_avg_sq"), _adam),
    "adagrad": _Rule(("sum",), _adagrad),
    "rmsprop": _Rule(("square_avg",), _rmsprop),
    "adadelta": _Rule(("square_avg", "acc_delta"), _adadelta),
}
