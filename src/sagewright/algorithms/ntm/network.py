"""The network: counts → encoder → mean and log variance → a sample of the Gaussian → softmax, the topics' weights → a decoder; with
its losses and their gradients, derived by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.ntm import decoders
from sagewright.algorithms.ntm.corpus import entry_rows

PRIOR = 4.0
"""Prior variance of a product's Gaussian: under the softmax of a standard normal no document would have few topics."""
LENGTH = 8.0
"""Length of each document's vector as the encoder reads it."""
WIDEST = 15.0
"""Bound of the log variance on both sides."""
EPSILON = 1e-5
RELEVANCE = 0.5
"""λ of the words' relevance."""

Arrays = Mapping[str, np.ndarray]
Slope = Callable[[np.ndarray], np.ndarray]
ACTIVATIONS: dict[str, tuple[Slope, Slope]] = {
    "sigmoid": (probability, lambda out: out * (1 - out)),
    "tanh": (np.tanh, lambda out: 1 - out * out),
    "relu": (lambda given: np.maximum(given, 0), lambda out: (out > 0).astype(out.dtype)),
}
"""Each function with its slope, in terms of the function's value."""


@dataclass(frozen=True)
class Shape:
    """`layers` are the widths of the encoder's layers."""

    words: int
    topics: int
    layers: tuple[int, ...]
    activation: str = "sigmoid"
    batch_norm: bool = False

    def initial(self, random: np.random.Generator, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Returns initial parameters, float32: weights drawn at random, the words' bias from their `frequencies` (V,)."""
        arrays: dict[str, np.ndarray] = {}
        width, entries = self.words, LENGTH**2
        for number, size in enumerate(self.layers):
            arrays[f"enc_{number}_weight"] = random.normal(0, 1 / np.sqrt(entries), (width, size))
            arrays[f"enc_{number}_bias"] = np.zeros(size)
            if self.batch_norm:
                arrays[f"enc_{number}_gamma"], arrays[f"enc_{number}_beta"] = np.ones(size), np.zeros(size)
            width = entries = size
        for name in ("mean", "logvar"):
            arrays[f"{name}_weight"] = random.normal(0, 1 / np.sqrt(width), (width, self.topics))
            arrays[f"{name}_bias"] = np.zeros(self.topics)
        arrays["logvar_weight"] *= 0.1
        arrays["projection_weight"] = random.normal(0, 0.02, (self.words, self.topics))
        arrays["projection_bias"] = np.log((frequencies + 1) / (frequencies + 1).sum())
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    def statistics(self) -> dict[str, np.ndarray]:
        """Returns batch normalisation's statistics: each layer's initial mean and variance."""
        found: dict[str, np.ndarray] = {}
        for number, size in enumerate(self.layers if self.batch_norm else ()):
            found[f"enc_{number}_moving_mean"] = np.zeros(size, np.float32)
            found[f"enc_{number}_moving_var"] = np.ones(size, np.float32)
        return found


@dataclass(frozen=True)
class Losses:
    """Losses of each document (n,): that of its words, and the divergence from the prior."""

    recons: np.ndarray
    kld: np.ndarray


@dataclass
class _Pass:
    """The values of the forward pass that the backward pass needs."""

    inputs: list[Any]  # of each layer, and the last one's output
    normal: list[tuple[np.ndarray, np.ndarray]]  # of each layer, if batches are normalised: rows, and 1 / deviation
    batch: dict[str, np.ndarray]  # the batch's statistics


def seen(counts: Any) -> Any:
    """Returns documents in the encoder's form: logarithms of the counts, scaled to one length."""
    x = counts.copy()
    x.data = np.log1p(x.data)
    squares = np.bincount(entry_rows(x), x.data.astype(np.float64) ** 2, x.shape[0])
    scale = LENGTH / np.sqrt(np.where(squares > 0, squares, 1))
    x.data *= np.repeat(scale.astype(x.dtype), np.diff(x.indptr))
    return x


def gaussian(prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the variances (K,) of the Gaussian whose softmax approximates a Dirichlet with this `prior` (K,):
    Laplace's approximation, D. MacKay, "Choice of Basis for Laplace Approximation", Machine Learning 33, 1998.
    """
    logs, inverse, count = np.log(prior), 1 / prior, len(prior)
    return logs - logs.mean(), inverse * (1 - 2 / count) + inverse.sum() / count**2


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


class NTMNetwork:
    """`arrays` are its parameters, weights being (inputs, outputs) except `projection_weight` (V, K); callers may change them in
    place. `moving` holds the statistics that replace the batch's outside learning. `prior` (K,) is the Dirichlet prior of the
    mixtures of topics; without one the decoder is a product, and the Gaussian's prior has variance PRIOR.
    """

    def __init__(
        self,
        shape: Shape,
        arrays: dict[str, np.ndarray],
        moving: dict[str, np.ndarray],
        prior: np.ndarray | None = None,
    ) -> None:
        self.shape, self.arrays, self.moving, self.prior = shape, arrays, moving, prior
        self._decode: decoders.Decoder = decoders.product if prior is None else decoders.mixture
        dtype = arrays["mean_bias"].dtype
        gauss = (np.zeros(shape.topics), np.full(shape.topics, PRIOR)) if prior is None else gaussian(prior)
        self._center, self._variance = (each.astype(dtype) for each in gauss)

    def means(self, counts: Any) -> np.ndarray:
        """Returns (n, K): the mean of each document's Gaussian."""
        found: np.ndarray = self._heads(self._encode(seen(counts), learning=False).inputs[-1])[0]
        return found

    def relevance(self) -> np.ndarray:
        """Returns (V, K): each word's relevance to each topic, log(p(word | topic)^λ (p(word | topic) / p(word))^(1 - λ)) up to a
        constant for each topic: C. Sievert and K. Shirley, "LDAvis", ACL workshop 2014.
        """
        found: np.ndarray = self.arrays["projection_weight"] + RELEVANCE * self.arrays["projection_bias"][:, None]
        return found

    def losses(self, counts: Any, noise: np.ndarray) -> Losses:
        """Returns the losses without learning; `noise` (n, K) is drawn from the standard normal."""
        mean, logvar = self._heads(self._encode(seen(counts), learning=False).inputs[-1])
        shares = softmax(mean + np.exp(logvar / 2) * noise)
        return Losses(self._decode(counts, shares, self.arrays, False).recons, self._divergence(mean, logvar))

    def gradients(
        self, counts: Any, noise: np.ndarray, share: float = 1.0
    ) -> tuple[Losses, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Returns the losses, the gradient of their sum with the divergence weighted by `share`, and the batch's statistics."""
        kept = self._encode(seen(counts), learning=True)
        mean, logvar = self._heads(kept.inputs[-1])
        deviation = np.exp(logvar / 2)
        shares = softmax(mean + deviation * noise)
        decoded = self._decode(counts, shares, self.arrays, True)
        slopes, gradient = decoded.slopes, decoded.gradient
        sampled = shares * (slopes - (slopes * shares).sum(axis=1, keepdims=True))
        of_mean = sampled + share * (mean - self._center) / self._variance
        of_logvar = sampled * noise * deviation / 2 + share / 2 * (deviation * deviation / self._variance - 1)
        of_logvar *= np.abs(logvar) < WIDEST
        back = np.zeros(1, mean.dtype)
        for name, slope in (("mean", of_mean), ("logvar", of_logvar)):
            gradient[f"{name}_weight"] = kept.inputs[-1].T @ slope
            gradient[f"{name}_bias"] = slope.sum(axis=0)
            back = back + slope @ self.arrays[f"{name}_weight"].T
        self._encode_back(kept, back, gradient)
        return Losses(decoded.recons, self._divergence(mean, logvar)), gradient, kept.batch

    def _heads(self, hidden: Any) -> tuple[np.ndarray, np.ndarray]:
        mean, logvar = (hidden @ self.arrays[f"{n}_weight"] + self.arrays[f"{n}_bias"] for n in ("mean", "logvar"))
        return mean, np.clip(logvar, -WIDEST, WIDEST)

    def _encode(self, x: Any, learning: bool) -> _Pass:
        kept = _Pass([x], [], {})
        function, _ = ACTIVATIONS[self.shape.activation]
        for number in range(len(self.shape.layers)):
            name = f"enc_{number}"
            value = kept.inputs[-1] @ self.arrays[f"{name}_weight"] + self.arrays[f"{name}_bias"]
            if self.shape.batch_norm:
                value = self._normalise(name, value, kept, learning)
            kept.inputs.append(function(value))
        return kept

    def _normalise(self, name: str, value: np.ndarray, kept: _Pass, learning: bool) -> np.ndarray:
        center, variance = self.moving[f"{name}_moving_mean"], self.moving[f"{name}_moving_var"]
        if learning and len(value):
            center, variance = value.mean(axis=0), value.var(axis=0)
            kept.batch |= {f"{name}_moving_mean": center, f"{name}_moving_var": variance}
        inverse = 1 / np.sqrt(variance + EPSILON)
        rows = (value - center) * inverse
        kept.normal.append((rows, inverse))
        return rows * self.arrays[f"{name}_gamma"] + self.arrays[f"{name}_beta"]

    def _encode_back(self, kept: _Pass, back: np.ndarray, gradient: dict[str, np.ndarray]) -> None:
        _, slope = ACTIVATIONS[self.shape.activation]
        for number in reversed(range(len(self.shape.layers))):
            name = f"enc_{number}"
            back = back * slope(kept.inputs[number + 1])
            if self.shape.batch_norm:
                rows, inverse = kept.normal[number]
                gradient[f"{name}_gamma"], gradient[f"{name}_beta"] = (back * rows).sum(axis=0), back.sum(axis=0)
                back = back * self.arrays[f"{name}_gamma"]
                if len(back):
                    back = inverse * (back - back.mean(axis=0) - rows * (back * rows).mean(axis=0))
            gradient[f"{name}_weight"] = kept.inputs[number].T @ back
            gradient[f"{name}_bias"] = back.sum(axis=0)
            if number:
                back = back @ self.arrays[f"{name}_weight"].T

    def _divergence(self, mean: np.ndarray, logvar: np.ndarray) -> np.ndarray:
        """Returns the divergence of N(mean, exp(logvar)) from the prior, (n,)."""
        apart = np.exp(logvar) + (mean - self._center) ** 2
        each = apart / self._variance - 1 - logvar + np.log(self._variance)
        found: np.ndarray = each.sum(axis=1, dtype=np.float64) / 2
        return found
