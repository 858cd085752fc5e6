"""Optimisers: one step of each, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from sagewright.algorithms.deep.training import optimizers
from sagewright.algorithms.deep.training.optimizers import Settings


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.tensor([2.0])), nn.Parameter(torch.tensor([2.0]))


def stepped(name: str, settings: Settings, gradients: tuple[float, ...] = (1.0, 1.0)) -> tuple[float, float]:
    """The weight and the bias after steps with these gradients."""
    module = Two()
    optimizer = optimizers.build(name, module.named_parameters(), settings)
    for gradient in gradients:
        for each in module.parameters():
            each.grad = torch.tensor([gradient])
        optimizer.step()
    return float(module.weight.detach()), float(module.bias.detach())


def test_sgd_has_momentum_and_biases_do_not_decay() -> None:
    weight, bias = stepped("sgd", Settings(0.1, weight_decay=0.5, momentum=0.9))
    first = 1 + 0.5 * 2
    moved = 2 - 0.1 * first
    assert weight == pytest.approx(moved - 0.1 * (0.9 * first + 1 + 0.5 * moved))
    assert bias == pytest.approx(2 - 0.1 - 0.1 * 1.9)


def test_nag_looks_ahead() -> None:
    assert stepped("nag", Settings(0.1, momentum=0.9))[1] == pytest.approx(2 - 0.1 * 1.9 - 0.1 * (1 + 0.9 * 1.9))
    assert stepped("nag", Settings(0.1))[1] == pytest.approx(1.8)


def test_adam_steps_by_its_rate() -> None:
    assert stepped("adam", Settings(0.1))[1] == pytest.approx(1.8, abs=1e-4)
    assert math.isfinite(stepped("adam", Settings(0.1, beta_1=1.0, beta_2=1.0))[1])


def test_rmsprop_forgets_as_gamma_says() -> None:
    first, second = 0.1 / math.sqrt(0.1), 0.1 / math.sqrt(0.9 * 0.1 + 0.1)
    assert stepped("rmsprop", Settings(0.1, gamma=0.9))[1] == pytest.approx(2 - first - second, abs=1e-5)
    assert stepped("rmsprop", Settings(0.1, gamma=0.9, gamma2=0.9))[1] < 2 - first - second


def test_adagrad_and_adadelta_step_down() -> None:
    assert stepped("adagrad", Settings(0.1))[1] == pytest.approx(2 - 0.1 - 0.1 / math.sqrt(2), abs=1e-5)
    assert stepped("adadelta", Settings(1.0, eps=1e-5))[1] < 2


def test_what_is_frozen_has_no_part() -> None:
    module = Two()
    module.weight.requires_grad_(False)
    assert [len(each["params"]) for each in optimizers.groups(module.named_parameters(), 0.1)] == [1]
