"""A trained factorization machine: its file and its responses.

`model_algo-1` is a zip archive with an MXNet symbol and its parameters `w0_weight` (1, 1), `w1_weight` (d, 1) and `v` (d, k). The
symbol of a regressor has the lowest and the highest score as its attribute `score_limits`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray, requests
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES, PROTOBUF, Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.formats.table import Sparse
from sagewright.serving.messages import Answering

ANSWERS = Answers(takes=(JSON, JSON_LINES, PROTOBUF))
MOST_CELLS = 1 << 20
"""Size of a block: rows times factors."""
NO_LIMITS = -math.inf, math.inf


def matrix(features: Features) -> Any:
    """(n, d) as scipy's csr_matrix, or the array if it is dense."""
    if isinstance(features, Sparse):
        return csr_matrix((features.values, features.indices, features.indptr), shape=features.shape)
    return features


@dataclass(frozen=True)
class Machine:
    """ŷ = `bias` + Σ wᵢxᵢ + Σ ⟨vᵢ, vⱼ⟩ xᵢxⱼ over i < j, w being `linear` (d,) and v `factors` (d, k), float32. A score beyond the
    `limits` is moved to the nearer one.
    """

    bias: float
    linear: np.ndarray
    factors: np.ndarray
    limits: tuple[float, float] = NO_LIMITS

    def raw(self, x: Any) -> np.ndarray:
        """(n,) float64 of rows (n, d), dense or csr_matrix."""
        step = max(1, MOST_CELLS // max(1, self.factors.shape[1]))
        blocks = [self._block(x[start : start + step]) for start in range(0, x.shape[0], step)]
        return np.clip(np.concatenate(blocks), *self.limits) if blocks else np.zeros(0)

    def _block(self, x: Any) -> np.ndarray:
        squares = x.multiply(x).tocsr() if issparse(x) else x * x
        mixed = x @ self.factors
        own = squares @ np.einsum("ij,ij->i", self.factors, self.factors)
        pairs = (np.einsum("ij,ij->i", mixed, mixed) - own) / 2
        return np.asarray(self.bias + x @ self.linear + pairs, np.float64)


@dataclass(frozen=True)
class MachineModel:
    machine: Machine
    predictor_type: str

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """`score`, and for a binary classifier `predicted_label`, which is 1 for scores of at least 0.5."""
        raw = self.machine.raw(matrix(requests.sparse_or_dense(features, len(self.machine.linear))))
        if self.predictor_type == "regressor":
            return {"score": raw}
        score = probability(raw)
        return {"score": score, "predicted_label": (score >= 0.5).astype(np.int64)}

    def encode(self) -> bytes:
        arrays = {
            "arg:w0_weight": np.array([[self.machine.bias]], np.float32),
            "arg:w1_weight": self.machine.linear[:, None].astype(np.float32),
            "arg:v": self.machine.factors.astype(np.float32),
        }
        names = [name.removeprefix("arg:") for name in arrays]
        kind = "LogisticRegressionOutput" if self.predictor_type == "binary_classifier" else "LinearRegressionOutput"
        nodes = [{"op": "null", "name": name, "inputs": []} for name in ("data", *names)]
        output = {"op": kind, "name": "out", "inputs": []}
        attributes: dict[str, Any] = {"predictor_type": self.predictor_type}
        if all(map(math.isfinite, self.machine.limits)):
            attributes["score_limits"] = list(self.machine.limits)
        symbol = {"nodes": [*nodes, output], "attrs": attributes}
        return artefact.zipped({"symbol.json": json.dumps(symbol).encode(), "params": ndarray.encode(arrays)})

    @classmethod
    def decode(cls, content: bytes) -> MachineModel:
        """Raises UserError if the content isn't such an archive."""
        members = artefact.unzipped(content)
        bias, linear, factors = ndarray.named(artefact.member(members, "params"), "w0_weight", "w1_weight", "v")
        if factors.ndim != 2 or linear.size != len(factors) or bias.size != 1:
            raise UserError(f"v has shape {factors.shape}, w1_weight {linear.shape} and w0_weight {bias.shape}")
        symbol = artefact.member(members, "symbol.json")
        binary = b"logistic" in symbol.lower() or b"binary_classifier" in symbol
        machine = Machine(float(bias.ravel()[0]), linear.ravel(), factors, _limits(symbol))
        return cls(machine, "binary_classifier" if binary else "regressor")


def _limits(symbol: bytes) -> tuple[float, float]:
    """Returns the lowest and the highest score; those of an archive from elsewhere have no limits. Raises UserError if they aren't
    two numbers in order.
    """
    if b'"score_limits"' not in symbol:
        return NO_LIMITS
    try:
        least, most = map(float, json.loads(symbol)["attrs"]["score_limits"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"score_limits of the model can't be read: {error}") from error
    if not least <= most:
        raise UserError(f"score_limits of the model are {least} and {most}")
    return least, most


def serve(model_directory: Path) -> Answering:
    return Service(MachineModel.decode(artefact.read(model_directory)), ANSWERS)
