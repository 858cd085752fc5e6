"""Averages of weights, and normalisation statistics that belong to them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sagewright.algorithms.deep.training.averages import Average, settle


def test_the_last_weights_count_most() -> None:
    module = nn.Linear(1, 1, bias=False)
    average = Average(module)
    for step in range(1000):
        nn.init.constant_(module.weight, float(step))
        average.add(module, step)
    assert average.module.weight.item() == pytest.approx(1000 * 9 / 10, rel=0.01)
    assert module.weight.item() == 999


def test_the_first_step_leaves_nothing_of_the_weights_before() -> None:
    module = nn.Linear(3, 2)
    average = Average(module)
    nn.init.constant_(module.weight, 5.0)
    average.add(module, 0)
    assert torch.equal(average.module.weight, module.weight)


def test_statistics_are_those_of_the_inputs() -> None:
    """Two layers, whose second one is fed by the first: its statistics are those under the weights of now."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2), nn.BatchNorm1d(2))
    rows = torch.randn(400, 2) * torch.tensor([3.0, 0.1]) + 7
    settle(module, rows.split(100))
    assert torch.allclose(module[0].running_mean, rows.mean(0), atol=1e-4)
    with torch.no_grad():
        said = module.eval()(rows)
    assert torch.allclose(said.mean(0), torch.zeros(2), atol=0.05)
    assert torch.allclose(said.std(0), torch.ones(2), atol=0.05)
    assert module[0].momentum == 0.1
    module.train()(rows).sum().backward()  # it still learns
