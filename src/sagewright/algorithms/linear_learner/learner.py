"""The weights of all models side by side, and their update by a mini-batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.linear_learner import optimizers
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.linear_learner.scaling import Matrix

AVERAGE = 8
"""Iterates are averaged with weights that grow as (step / steps)^8: O. Shamir and T. Zhang, ICML 2013."""


@dataclass(frozen=True)
class Weights:
    """Weights of all models for scaled rows: `features` (d, K) and `bias` (K,) float32, K = models x classes."""

    features: np.ndarray
    bias: np.ndarray

    def scores(self, x: Matrix) -> np.ndarray:
        """Returns (n, K) float32."""
        return x @ self.features + self.bias

    def take(self, model: int, classes: int) -> Weights:
        """Returns the weights of one model."""
        columns = slice(model * classes, (model + 1) * classes)
        return Weights(self.features[:, columns], self.bias[columns])


def columns_of(models: np.ndarray, classes: int) -> np.ndarray:
    """Returns the columns of these models, model by model."""
    return (models[:, None] * classes + np.arange(classes)).ravel()


@dataclass(frozen=True)
class Examples:
    """The weights of examples: by label, if a mix's models weight positive examples differently, or by class."""

    positive: np.ndarray | None = None  # (M,)
    classes: np.ndarray | None = None  # (C,)

    @property
    def comparable(self) -> bool:
        """True if all models' losses use the same example weights."""
        return self.positive is None or bool(np.ptp(self.positive) == 0)

    def take(self, models: np.ndarray) -> Examples:
        """Returns the weights for these models."""
        return self if self.positive is None else Examples(positive=self.positive[models])

    def weights(self, y: np.ndarray, alive: np.ndarray) -> np.ndarray | None:
        """Returns (n, living models) or (n, 1); None where all weights are 1."""
        if self.classes is not None:
            return self.classes[y.astype(np.int64)][:, None]
        if self.positive is not None:
            return np.where(y[:, None] > 0, self.positive[alive], np.float32(1))
        return None


class Learner:
    """Trains all models of a mix step by step. The decorrelated ones learn in the coordinates that `rotation` gives.

    `alive` (M',) are the models of the mix that are still trained; `keep` drops others.
    """

    def __init__(
        self, columns: int, mix: Mix, loss: Loss, values: Mapping[str, Any], rotation: np.ndarray | None, seed: int
    ) -> None:
        self.loss, self.values, self.rotation = loss, values, rotation
        self.count, self.alive = 0, np.arange(mix.models)
        size = mix.models * loss.classes
        random = np.random.default_rng([seed, 2])
        if values["init_method"] == "uniform":
            drawn = random.uniform(-values["init_scale"], values["init_scale"], (columns, size))
        else:
            drawn = random.normal(0, values["init_sigma"], (columns, size))
        self.weights = drawn.astype(np.float32)
        self.bias = np.full(size, values["init_bias"], np.float32)
        self.average = Weights(np.zeros_like(self.weights), np.zeros_like(self.bias))
        self._optimizer = optimizers.make(values, self.weights.shape)
        self._bias_optimizer = optimizers.make(values, self.bias.shape)
        self._set(mix)

    def _set(self, mix: Mix) -> None:
        """Sets the settings of each column."""
        values, each = self.values, self.loss.classes
        self.mix = mix
        self._rates = np.repeat(mix.learning_rate, each)
        self._l1, self._wd = np.repeat(mix.l1, each), np.repeat(mix.wd, each)
        self._turned = np.flatnonzero(np.repeat(mix.decorrelated, each))
        multiple = 10.0 if values["bias_lr_mult"] == "auto" else float(values["bias_lr_mult"])
        self._bias_rates = (self._rates * multiple).astype(np.float32)
        decay = 0.0 if values["bias_wd_mult"] == "auto" else float(values["bias_wd_mult"])
        self._bias_wd = self._wd * np.float32(decay)

    def keep(self, models: np.ndarray) -> None:
        """Keeps only these of the living models, (n,) sorted."""
        columns = columns_of(models, self.loss.classes)
        self.alive = self.alive[models]
        self.weights, self.bias = self.weights[:, columns].copy(), self.bias[columns].copy()
        self.average = Weights(self.average.features[:, columns].copy(), self.average.bias[columns].copy())
        for optimizer in (self._optimizer, self._bias_optimizer):
            optimizer.keep(columns)
        self._set(self.mix.take(models))

    def step(self, x: Matrix, y: np.ndarray, examples: Examples, group: Group) -> tuple[np.ndarray, int]:
        """Learns from one mini-batch of all hosts; this host's part may be empty. Returns the sums of the living models' losses,
        and the number of rows.
        """
        losses, slopes = self.loss(self._effective().scores(x), y)
        weights = examples.weights(y, self.alive)
        if weights is not None:
            losses = losses * weights
            slopes = slopes * (np.repeat(weights, self.loss.classes, axis=1) if weights.shape[1] > 1 else weights)
        gradient, of_bias = x.T @ slopes, slopes.sum(axis=0)
        sums, rows = losses.sum(axis=0, dtype=np.float64), len(y)
        if group.size > 1:
            gradient, of_bias, sums, rows = self._together(gradient, of_bias, sums, rows, group)
        if rows:
            self._move(gradient / np.float32(rows), of_bias / np.float32(rows))
        return sums, rows

    def averaged(self) -> Weights:
        """Returns the averages of the weights, for scaled rows."""
        return Weights(self._rotated(self.average.features), self.average.bias.copy())

    def _effective(self) -> Weights:
        return Weights(self._rotated(self.weights), self.bias)

    def _rotated(self, weights: np.ndarray) -> np.ndarray:
        if self.rotation is None or not len(self._turned):
            return weights
        out = weights.copy()
        out[:, self._turned] = self.rotation @ weights[:, self._turned]
        return out

    def _together(self, gradient: np.ndarray, of_bias: np.ndarray, sums: np.ndarray, rows: int, group: Group) -> Any:
        flat = group.total(np.concatenate([gradient.ravel(), of_bias, sums, [rows]]))
        ends = np.cumsum([gradient.size, of_bias.size, sums.size])
        first, second, third, last = np.split(flat, ends)
        return first.reshape(gradient.shape).astype(np.float32), second.astype(np.float32), third, int(last[0])

    def _move(self, gradient: np.ndarray, of_bias: np.ndarray) -> None:
        if self.rotation is not None and len(self._turned):
            gradient[:, self._turned] = self.rotation.T @ gradient[:, self._turned]
        gradient += self._wd * self.weights
        rate = self._schedule()
        self.weights -= self._optimizer.step(gradient) * (rate * self._rates)
        if self._l1.any():
            least = rate * self._rates * self._l1
            self.weights -= np.clip(self.weights, -least, least)
        if self.values["use_bias"]:
            of_bias = of_bias + self._bias_wd * self.bias
            self.bias -= self._bias_optimizer.step(of_bias) * (rate * self._bias_rates)
        self.count += 1
        share = np.float32((AVERAGE + 1) / (self.count + AVERAGE))
        np.add(self.average.features, share * (self.weights - self.average.features), out=self.average.features)
        np.add(self.average.bias, share * (self.bias - self.average.bias), out=self.average.bias)

    def _schedule(self) -> np.ndarray:
        """Returns the factors of the learning rates, (K,)."""
        if not self.values["use_lr_scheduler"]:
            return np.ones_like(self._rates)

        def given(name: str, auto: float) -> float:
            return auto if self.values[name] == "auto" else float(self.values[name])

        factor = given("lr_scheduler_factor", 0.99) ** (self.count // given("lr_scheduler_step", 100))
        least = np.minimum(given("lr_scheduler_minimum_lr", 1e-5) / self._rates, 1)
        return np.maximum(np.float32(factor), least).astype(np.float32)
