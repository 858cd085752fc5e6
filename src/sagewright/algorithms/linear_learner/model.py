"""A trained linear model: its file and its predictions.

`model_algo-1` is a zip archive with MXNet's module `mx-mod`: a symbol of one fully connected layer, its parameters `fc0_weight` (C,
d) and `fc0_bias` (C,) for unscaled rows, and `additional-params.json`. Models that were trained on AWS are read too: they have a
product, `fc0_weight` (d, C), and a sum, `fc0_bias` (1, C), and their threshold is one of the score.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray, requests
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.formats.table import Sparse
from sagewright.serving.messages import Answering

BLOCK = 4096
"""Rows that are converted to double precision at a time."""
OUTPUTS = {"binary_classifier": "LogisticRegressionOutput", "multiclass_classifier": "SoftmaxOutput"}


@dataclass(frozen=True)
class LinearModel:
    """`weights` (d, C) and `bias` (C,) float64 for unscaled rows. A binary classifier predicts 1 from the raw score `threshold` on;
    with `margins` its score is the raw one (hinge loss).
    """

    predictor_type: str
    weights: np.ndarray
    bias: np.ndarray
    threshold: float = 0.0
    margins: bool = False

    def raw(self, features: Features) -> np.ndarray:
        """Returns (n, C) float64."""
        if isinstance(features, Sparse):
            matrix = csr_matrix((features.values, features.indices, features.indptr), shape=features.shape)
            return np.asarray(matrix @ self.weights[: features.columns]) + self.bias
        blocks = (features[start : start + BLOCK].astype(np.float64) for start in range(0, len(features), BLOCK))
        return np.concatenate([block @ self.weights for block in blocks]) + self.bias

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """Returns `score`, and for classifiers `predicted_label`."""
        raw = self.raw(requests.sparse_or_dense(features, len(self.weights)))
        if self.predictor_type == "regressor":
            return {"score": raw[:, 0]}
        if self.predictor_type == "binary_classifier":
            score = raw[:, 0] if self.margins else probability(raw[:, 0])
            return {"score": score, "predicted_label": (raw[:, 0] >= self.threshold).astype(np.int64)}
        shares = np.exp(raw - raw.max(axis=1, keepdims=True))
        return {"score": shares / shares.sum(axis=1, keepdims=True), "predicted_label": raw.argmax(axis=1)}

    def encode(self) -> bytes:
        more = {"predictor_type": self.predictor_type, "raw_threshold": self.threshold, "margins": self.margins}
        arrays = {
            "arg:fc0_weight": np.ascontiguousarray(self.weights.T, np.float32),
            "arg:fc0_bias": self.bias.astype(np.float32),
        }
        members = {
            "mx-mod-symbol.json": json.dumps(self._symbol()).encode(),
            "mx-mod-0000.params": ndarray.encode(arrays),
            "additional-params.json": json.dumps(more).encode(),
        }
        names = json.dumps({"files": [*members, "manifest.json"]}).encode()
        return artefact.zipped({**members, "manifest.json": names})

    def _symbol(self) -> dict[str, Any]:
        """Returns the layer in the format of `mx.sym.load`."""
        hidden = {"num_hidden": str(len(self.bias)), "no_bias": "False"}
        variables: list[dict[str, Any]] = [
            {"op": "null", "name": name, "inputs": []} for name in ("data", "fc0_weight", "fc0_bias")
        ]
        layer = {"op": "FullyConnected", "name": "fc0", "attrs": hidden, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]}
        label = {"op": "null", "name": "out_label", "inputs": []}
        kind = "LinearRegressionOutput" if self.margins else OUTPUTS.get(self.predictor_type, "LinearRegressionOutput")
        output = {"op": kind, "name": "out", "inputs": [[3, 0, 0], [4, 0, 0]]}
        return {
            "nodes": [*variables, layer, label, output],
            "arg_nodes": [0, 1, 2, 4],
            "node_row_ptr": list(range(7)),
            "heads": [[5, 0, 0]],
            "attrs": {"mxnet_version": ["int", 10901]},
        }

    @classmethod
    def decode(cls, content: bytes) -> LinearModel:
        """Raises UserError if the content is not such an archive. Without additional-params the shape of the weights decides."""
        members = artefact.unzipped(content)
        weights, bias = ndarray.named(artefact.member(members, ".params"), "fc0_weight", "fc0_bias")
        if bias.ndim == 2 and weights.ndim == 2 and bias.shape == (1, weights.shape[1]):
            weights, bias = weights.T, bias[0]
        if weights.ndim != 2 or bias.shape != weights.shape[:1]:
            raise UserError(f"fc0_weight has shape {weights.shape} and fc0_bias {bias.shape}")
        try:
            more = json.loads(members.get("additional-params.json", b"{}"))
            predictor = str(more.get("predictor_type") or _guess(members, len(bias)))
            margins = bool(more.get("margins", more.get("loss_type") == "hinge_loss"))
            raw = _raw_threshold(more, margins)
        except (ValueError, AttributeError, TypeError) as error:
            raise UserError(f"additional-params.json of the model can't be read: {error}") from error
        return cls(predictor, weights.T.astype(np.float64), bias.astype(np.float64), threshold=raw, margins=margins)


def _raw_threshold(more: dict[str, Any], margins: bool) -> float:
    """Returns the weighted sum from which a binary classifier predicts 1."""
    if "raw_threshold" in more or more.get("threshold") is None:
        return float(more.get("raw_threshold", 0.0))
    threshold = float(more["threshold"])
    if margins:
        return threshold
    if not 0 < threshold < 1:
        return math.copysign(math.inf, threshold - 0.5)
    return math.log(threshold / (1 - threshold))


def _guess(members: dict[str, bytes], classes: int) -> str:
    if classes > 1:
        return "multiclass_classifier"
    symbol = b"".join(content for name, content in members.items() if name.endswith("symbol.json")).lower()
    return "binary_classifier" if b"logistic" in symbol or b"sigmoid" in symbol else "regressor"


def serve(model_directory: Path) -> Answering:
    return Service(LinearModel.decode(artefact.read(model_directory)), Answers())
