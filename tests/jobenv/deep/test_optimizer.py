"""Steps, beside those of torch's own classes, and what is kept from one to the next."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.updates import AdaDelta, AdaGrad, Descent, TorchAdam, TorchRMSProp, Update
from sagewright.algorithms.errors import UserError

RATE, DECAY = 0.05, 0.01
Make = Callable[[list[torch.Tensor]], torch.optim.Optimizer]


def make(kind: Any, **given: Any) -> Make:
    return lambda weights: kind(weights, lr=RATE, weight_decay=DECAY, **given)


OWN_AND_TORCH: dict[str, tuple[Update, Make]] = {
    "sgd": (Descent(0.0), make(torch.optim.SGD)),
    "momentum": (Descent(0.9), make(torch.optim.SGD, momentum=0.9)),
    "nesterov": (Descent(0.9, looks_ahead=True), make(torch.optim.SGD, momentum=0.9, nesterov=True)),
    "adam": (TorchAdam((0.8, 0.9), 1e-6), make(torch.optim.Adam, betas=(0.8, 0.9), eps=1e-6)),
    "adamw": (TorchAdam((0.9, 0.999), 1e-8, decoupled=True), make(torch.optim.AdamW)),
    "rmsprop": (TorchRMSProp(0.9, 1e-6), make(torch.optim.RMSprop, alpha=0.9, eps=1e-6)),
    "graves": (
        TorchRMSProp(0.9, 1e-4, 0.5),
        make(torch.optim.RMSprop, alpha=0.9, eps=1e-4, momentum=0.5, centered=True),
    ),
    "adagrad": (AdaGrad(1e-6), make(torch.optim.Adagrad, eps=1e-6)),
    "adadelta": (AdaDelta(0.9, 1e-6), make(torch.optim.Adadelta, rho=0.9, eps=1e-6)),
}


def weights() -> list[torch.Tensor]:
    """One of them with channels last in memory."""
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(8, 3, 5, 5, generator=random).to(memory_format=torch.channels_last).requires_grad_(),
        torch.randn(7, generator=random).requires_grad_(),
    ]


def slopes(step: int) -> list[torch.Tensor]:
    """With channels first in memory, as hosts that average them leave them."""
    random = torch.Generator().manual_seed(1 + step)
    return [torch.randn(8, 3, 5, 5, generator=random), torch.randn(7, generator=random)]


def advance(optimizer: Any, learnt: list[torch.Tensor], steps: range) -> None:
    for step in steps:
        for each, slope in zip(learnt, slopes(step), strict=True):
            each.grad = slope
        optimizer.step()


def built(learnt: list[torch.Tensor], update: Update) -> TorchOptimizer:
    return TorchOptimizer([{"params": learnt, "weight_decay": DECAY}], RATE, update)


@pytest.mark.parametrize("name", OWN_AND_TORCH)
def test_steps_are_those_of_torch(name: str) -> None:
    update, reference = OWN_AND_TORCH[name]
    own, other = weights(), weights()
    advance(built(own, update), own, range(4))
    advance(reference(other), other, range(4))
    for one, two in zip(own, other, strict=True):
        assert torch.allclose(one, two, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(own[0], weights()[0], atol=1e-3)


@pytest.mark.parametrize("name", OWN_AND_TORCH)
def test_what_is_kept_goes_through_a_checkpoint(name: str) -> None:
    update, _ = OWN_AND_TORCH[name]
    whole, broken = weights(), weights()
    advance(built(whole, update), whole, range(4))
    first = built(broken, update)
    advance(first, broken, range(2))
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for number, key, tensor in first.slots():
        slots.setdefault(number, {})[key] = tensor.contiguous()  # as a file has it
    second = built(broken, update)
    second.restore(slots, "It")
    advance(second, broken, range(2, 4))
    assert all(torch.equal(one, two) for one, two in zip(whole, broken, strict=True))


def test_a_parameter_without_a_slope_stays_and_may_have_one_later() -> None:
    learnt = weights()
    optimizer = built(learnt, Descent(0.9))
    before = learnt[1].detach().clone()
    learnt[0].grad = slopes(0)[0]
    optimizer.step()
    assert torch.equal(learnt[1], before)
    advance(optimizer, learnt, range(1))
    assert torch.allclose(learnt[1], before - RATE * (slopes(0)[1] + DECAY * before))


@pytest.mark.parametrize(
    "slots", [{9: {"exp_avg": torch.zeros(7)}}, {1: {"exp_avg": torch.zeros(1)}}, {1: {"step": torch.zeros(7)}}]
)
def test_what_is_kept_of_others_is_refused(slots: dict[int, dict[str, torch.Tensor]]) -> None:
    with pytest.raises(UserError, match="It belongs to another training run: its optimizer has "):
        built(weights(), TorchAdam((0.9, 0.999), 1e-8)).restore(slots, "It")


def test_torchs_compiler_is_not_imported() -> None:
    """It takes a second of CPU."""
    program = (
        "import sys, torch\n"
        "from sagewright.algorithms.deep.training import optimizers\n"
        "layer = torch.nn.Linear(2, 1)\n"
        "for name in ('sgd', 'nag', 'adam', 'rmsprop', 'adagrad', 'adadelta'):\n"
        "    optimizer = optimizers.build(name, layer.named_parameters(), optimizers.Settings(0.1, momentum=0.9))\n"
        "    optimizer.zero_grad()\n"
        "    layer(torch.ones(1, 2)).sum().backward()\n"
        "    optimizer.step()\n"
        "print([name for name in ('torch._dynamo', 'torch._inductor', 'sympy', 'torchvision') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
