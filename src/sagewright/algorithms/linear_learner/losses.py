"""The losses: values and gradients for many models' scores at once.

z: (n, K) scores, where K is the number of models (times classes, model by model); y: (n,) labels, normalised for a regressor, 0 and
1 for a binary classifier, class numbers otherwise. Each returns the losses (n, models) and the gradient (n, K), both unweighted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.linear_learner.rules import LOSSES

Function = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Softened = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
"""The loss with its kinks rounded off: quadratic within the given width of each of them."""
_TINY = np.float32(1e-30)


@dataclass(frozen=True)
class Loss:
    """`name` as the hyperparameter has it; `objective` as the log does. `classes`: number of scores per model."""

    name: str
    objective: str
    function: Function
    classes: int = 1
    softened: Softened | None = None
    """The smooth version of a loss with kinks; None for a smooth loss."""

    def within(self, width: float) -> Function:
        """Returns the loss with its kinks rounded off over `width` on either side; the loss itself if it has none, or for a width
        of 0.
        """
        softened = self.softened
        return self.function if softened is None or not width else lambda z, y: softened(z, y, width)

    @property
    def regresses(self) -> bool:
        return self.name in LOSSES["regressor"]

    def __call__(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.function(z, y)


def make(values: Mapping[str, Any]) -> Loss:
    """Returns the loss that the hyperparameters specify."""
    predictor, name = values["predictor_type"], values["loss"]
    name = LOSSES[predictor][0] if name == "auto" else name
    if predictor == "multiclass_classifier":
        classes = values["num_classes"]
        return Loss(name, "multiclass_cross_entropy_objective", lambda z, y: softmax(z, y, classes), classes)
    functions: dict[str, tuple[str, Function]] = {
        "logistic": ("binary_classification_cross_entropy_objective", logistic),
        "hinge_loss": ("hinge_loss_objective", lambda z, y: hinge(z, y, values["margin"])),
        "squared_loss": ("mse_objective", squared),
        "absolute_loss": ("absolute_loss_objective", lambda z, y: quantile(z, y, None)),
        "quantile_loss": ("quantile_loss_objective", lambda z, y: quantile(z, y, values["quantile"])),
        "huber_loss": ("huber_loss_objective", lambda z, y: huber(z, y, values["huber_delta"])),
        "eps_insensitive_squared_loss": (
            "eps_insensitive_squared_loss_objective",
            lambda z, y: insensitive_squared(z, y, values["loss_insensitivity"]),
        ),
        "eps_insensitive_absolute_loss": (
            "eps_insensitive_absolute_loss_objective",
            lambda z, y: insensitive_absolute(z, y, values["loss_insensitivity"]),
        ),
    }
    return Loss(name, *functions[name], softened=_softened(name, values))


def _softened(name: str, values: Mapping[str, Any]) -> Softened | None:
    margin, width = values["margin"], values["loss_insensitivity"]
    share = values["quantile"] if name == "quantile_loss" else None
    known: dict[str, Softened] = {
        "hinge_loss": lambda z, y, soft: soft_hinge(z, y, margin, soft),
        "absolute_loss": lambda z, y, soft: soft_quantile(z, y, None, soft),
        "quantile_loss": lambda z, y, soft: soft_quantile(z, y, share, soft),
        "eps_insensitive_absolute_loss": lambda z, y, soft: soft_insensitive(z, y, width, soft),
    }
    return known.get(name)


def _ramp(u: np.ndarray, soft: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns max(u, 0) and its slope, quadratic for u between -soft and soft."""
    inside = np.clip(u + np.float32(soft), 0, np.float32(2 * soft))
    return inside * inside / np.float32(4 * soft) + np.maximum(u - np.float32(soft), 0), inside / np.float32(2 * soft)


def soft_hinge(z: np.ndarray, y: np.ndarray, margin: float, soft: float) -> tuple[np.ndarray, np.ndarray]:
    sign = (2 * y - 1)[:, None]
    loss, slope = _ramp(np.float32(margin) - sign * z, soft)
    return loss, -sign * slope


def soft_quantile(z: np.ndarray, y: np.ndarray, share: float | None, soft: float) -> tuple[np.ndarray, np.ndarray]:
    low = np.float32(1 if share is None else share)
    high = np.float32(1 if share is None else 1 - share)
    error = z - y[:, None]
    above, rise = _ramp(error, soft)
    loss = high * above + low * (above - error)  # below, it is the ramp of the other side
    return loss, (high + low) * rise - low


def soft_insensitive(z: np.ndarray, y: np.ndarray, width: float, soft: float) -> tuple[np.ndarray, np.ndarray]:
    error = z - y[:, None]
    over, rise = _ramp(error - np.float32(width), soft)
    under, fall = _ramp(-error - np.float32(width), soft)
    return over + under, rise - fall


def logistic(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    error = probability(z)
    error -= y[:, None]
    likelihood = np.abs(error)
    np.subtract(1, likelihood, out=likelihood)
    np.log(np.maximum(likelihood, _TINY, out=likelihood), out=likelihood)
    return np.negative(likelihood, out=likelihood), error


def hinge(z: np.ndarray, y: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    sign = (2 * y - 1)[:, None]
    short = np.maximum(np.float32(margin) - sign * z, 0)
    return short, np.where(short > 0, -sign, np.float32(0))


def softmax(z: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    across = np.array(z.T, order="C")  # reductions over a few classes are faster along rows
    cube = across.reshape(-1, classes, len(z))
    cube -= cube.max(axis=1, keepdims=True)
    np.exp(cube, out=cube)
    cube /= cube.sum(axis=1, keepdims=True)
    rows, true = np.arange(len(z)), y.astype(np.int64)
    loss = -np.log(np.maximum(cube[:, true, rows], _TINY))
    cube[:, true, rows] -= 1
    return loss.T, across.T


def squared(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    error = z - y[:, None]
    return error * error, 2 * error


def quantile(z: np.ndarray, y: np.ndarray, share: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pinball loss; with `share` None the absolute loss, which is twice the pinball loss of 0.5."""
    low = np.float32(1 if share is None else share)
    high = np.float32(1 if share is None else 1 - share)
    error = z - y[:, None]
    return np.where(error > 0, high * error, -low * error), np.where(error > 0, high, -low)


def huber(z: np.ndarray, y: np.ndarray, delta: float) -> tuple[np.ndarray, np.ndarray]:
    error = z - y[:, None]
    slope = np.clip(error, -np.float32(delta), np.float32(delta))
    return slope * (error - slope / 2), slope


def insensitive_squared(z: np.ndarray, y: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    outside = _outside(z, y, width)
    return outside * outside, 2 * outside


def insensitive_absolute(z: np.ndarray, y: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    outside = _outside(z, y, width)
    return np.abs(outside), np.sign(outside)


def _outside(z: np.ndarray, y: np.ndarray, width: float) -> np.ndarray:
    """Returns how far the error is beyond the band, with its sign."""
    error = z - y[:, None]
    return np.sign(error) * np.maximum(np.abs(error) - np.float32(width), 0)
