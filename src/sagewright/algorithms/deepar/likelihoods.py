"""Distributions of the next value: five likelihoods, each with its loss and its sampling.

Values are scaled relative to a level (see `scaling`). Source: the contract's algorithms/deepar.md; Salinas et al., section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LEAST = 1e-3
"""Minimum of deviations, in scaled values."""
EDGE = 1e-4
"""Minimum distance of a beta distribution's values from 0 and 1."""
DEGREES = 2.0
"""A Student distribution has more degrees of freedom than this, so that its variance exists."""
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
Draw = Callable[[Tensor, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Likelihood:
    """A value's distribution has `width` parameters, the first of which is its location.

    `loss(said (..., width), told (...), factor (...))` is the negative log-likelihood, in the shape of `told`; `draw(said (n,
    width), factor (n,), random)` returns scaled values (n,).
    """

    width: int
    loss: Loss
    draw: Draw


def _positive(said: Tensor) -> Tensor:
    return functional.softplus(said - 1) + LEAST


def _gaussian(said: Tensor, target: Tensor, _factor: Tensor) -> Tensor:
    deviation = _positive(said[..., 1])
    return 0.5 * math.log(2 * math.pi) + deviation.log() + 0.5 * ((target - said[..., 0]) / deviation) ** 2


def _draw_gaussian(said: Tensor, _factor: np.ndarray, random: np.random.Generator) -> np.ndarray:
    place, deviation = _numbers(said[:, 0], _positive(said[:, 1]))
    return place + deviation * random.standard_normal(len(place))


def _student(said: Tensor, target: Tensor, _factor: Tensor) -> Tensor:
    deviation, degrees = _positive(said[..., 1]), DEGREES + functional.softplus(said[..., 2] + 1)
    squared = ((target - said[..., 0]) / deviation) ** 2
    constant = torch.lgamma(degrees / 2) - torch.lgamma((degrees + 1) / 2) + 0.5 * torch.log(math.pi * degrees)
    return constant + deviation.log() + (degrees + 1) / 2 * torch.log1p(squared / degrees)


def _draw_student(said: Tensor, _factor: np.ndarray, random: np.random.Generator) -> np.ndarray:
    place, deviation, degrees = _numbers(
        said[:, 0], _positive(said[:, 1]), DEGREES + functional.softplus(said[:, 2] + 1)
    )
    return place + deviation * random.standard_t(degrees)


def _counts(said: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """The mean in the target's units, and the overdispersion relative to Poisson: the variance is mean + shape · mean²."""
    mean = (functional.softplus(said[..., 0]) + 1e-6) * factor
    return mean, (functional.softplus(said[..., 1]) + 1e-6) / factor.sqrt()


def _negative_binomial(said: Tensor, target: Tensor, factor: Tensor) -> Tensor:
    mean, shape = _counts(said, factor)
    value, rest = target * factor, 1 / shape
    constant = torch.lgamma(value + 1) + torch.lgamma(rest) - torch.lgamma(value + rest)
    return constant + rest * torch.log1p(shape * mean) - value * (torch.log(shape * mean) - torch.log1p(shape * mean))


def _draw_counts(said: Tensor, factor: np.ndarray, random: np.random.Generator) -> np.ndarray:
    mean, shape = _numbers(*_counts(said, torch.from_numpy(factor).to(said.device, torch.float32)))
    return random.poisson(np.minimum(random.gamma(1 / shape, shape * mean), 1e15)) / factor


def _beta(said: Tensor, target: Tensor, _factor: Tensor) -> Tensor:
    one, other = _shapes(said)
    value = target.clamp(EDGE, 1 - EDGE)
    constant = torch.lgamma(one) + torch.lgamma(other) - torch.lgamma(one + other)
    return constant - (one - 1) * value.log() - (other - 1) * torch.log1p(-value)


def _shapes(said: Tensor) -> tuple[Tensor, Tensor]:
    mean, certainty = torch.sigmoid(said[..., 0]), functional.softplus(said[..., 1] + 2) + 0.1
    return mean * certainty + 1e-3, (1 - mean) * certainty + 1e-3


def _draw_beta(said: Tensor, _factor: np.ndarray, random: np.random.Generator) -> np.ndarray:
    one, other = _numbers(*_shapes(said))
    return np.asarray(random.beta(one, other))


def _absolute(said: Tensor, target: Tensor, _factor: Tensor) -> Tensor:
    return (target - said[..., 0]).abs()


def _draw_none(said: Tensor, _factor: np.ndarray, _random: np.random.Generator) -> np.ndarray:
    return _numbers(said[:, 0])[0]


def _numbers(*given: Tensor) -> list[np.ndarray]:
    return [each.detach().cpu().numpy().astype(np.float64) for each in given]


LIKELIHOODS = {
    "gaussian": Likelihood(2, _gaussian, _draw_gaussian),
    "student-T": Likelihood(3, _student, _draw_student),
    "negative-binomial": Likelihood(2, _negative_binomial, _draw_counts),
    "beta": Likelihood(2, _beta, _draw_beta),
    "deterministic-L1": Likelihood(1, _absolute, _draw_none),
}
