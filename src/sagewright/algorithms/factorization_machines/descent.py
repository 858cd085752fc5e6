"""Training by Adam on mini-batches. Only a batch's features are touched, so millions of absent ones cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.firstparty.adam import Part
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.logistic import probability


class FactorizationLearner:
    """A machine that learns from mini-batches. Its bias starts at `bias`, if given."""

    def __init__(self, values: Mapping[str, Any], seed: int, bias: float | None = None) -> None:
        random = np.random.default_rng([seed, 0])
        columns, factors = values["feature_dim"], values["num_factors"]
        self.binary = values["predictor_type"] == "binary_classifier"
        self.scale = values.get("rescale_grad")
        self.count = 0
        self.bias, self.linear, self.factors = (
            _part(values, name, shape, random)
            for name, shape in (("bias", (1, 1)), ("linear", (columns, 1)), ("factors", (columns, factors)))
        )
        if bias is not None:
            self.bias.values[:] = bias

    def machine(self) -> Machine:
        return Machine(float(self.bias.values[0, 0]), self.linear.values[:, 0].copy(), self.factors.values.copy())

    def step(self, x: Any, y: np.ndarray, group: Group) -> tuple[np.ndarray, int]:
        """Learns from one mini-batch of all hosts; this host's part can be empty. Returns this host's predictions and the number of
        all rows."""
        active, small = _compact(x)
        raw, slopes = self._slopes(small, y, active)
        rows = len(y)
        if group.size > 1:
            active, slopes, rows = _together(active, slopes, rows, group)
        if rows:
            self.count += 1
            scale = np.float32(1 / rows if self.scale is None else self.scale)
            whole = np.zeros(1, np.int64)
            for part, where, slope in zip(
                (self.bias, self.linear, self.factors), (whole, active, active), slopes, strict=True
            ):
                part.step(where, slope * scale, self.count)
        return raw, rows

    def _slopes(self, x: Any, y: np.ndarray, active: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Predictions, and the summed gradients of the loss for the bias, the active features' weights and their factors."""
        factors = self.factors.values[active]
        squares = x.multiply(x).tocsr() if issparse(x) else x * x
        mixed = x @ factors
        pairs = (np.einsum("ij,ij->i", mixed, mixed) - squares @ np.einsum("ij,ij->i", factors, factors)) / 2
        raw = self.bias.values[0, 0] + x @ self.linear.values[active, 0] + pairs
        error = ((probability(raw) if self.binary else raw) - y).astype(np.float32)
        own = np.asarray(squares.T @ error)
        of_factors = x.T @ (error[:, None] * mixed) - own[:, None] * factors
        return raw, [error.sum(keepdims=True)[:, None], np.asarray(x.T @ error)[:, None], of_factors]


def _part(values: Mapping[str, Any], name: str, shape: tuple[int, int], random: np.random.Generator) -> Part:
    method = values[f"{name}_init_method"]
    if method == "uniform":
        scale = values.get(f"{name}_init_scale", 0.07)
        drawn = random.uniform(-scale, scale, shape)
    elif method == "normal":
        drawn = random.normal(0, values[f"{name}_init_sigma"], shape)
    else:
        drawn = np.full(shape, values.get(f"{name}_init_value", 0.0))
    rate, decay = values[f"{name}_lr"], values[f"{name}_wd"]
    return Part(drawn.astype(np.float32), rate, decay, values.get("eps", 1e-8), values.get("clip_gradient"))


def _compact(x: Any) -> tuple[np.ndarray, Any]:
    """The features that occur, and the rows restricted to these columns."""
    if not issparse(x):
        return np.arange(x.shape[1]), x
    active, place = np.unique(x.indices, return_inverse=True)
    return active, csr_matrix((x.data, place, x.indptr), shape=(x.shape[0], len(active)))


def _together(
    active: np.ndarray, slopes: list[np.ndarray], rows: int, group: Group
) -> tuple[np.ndarray, list[np.ndarray], int]:
    """The sums over all hosts."""
    bias, linear, factors = slopes
    both = group.total(np.array([float(bias[0, 0]), rows]))
    active, sums = group.total_rows(active, np.hstack([linear, factors]))
    return active, [np.full((1, 1), both[0], np.float32), sums[:, :1], sums[:, 1:]], int(both[1])
