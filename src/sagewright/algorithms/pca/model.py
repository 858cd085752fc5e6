"""A trained PCA model: its file and its predictions.

`model_algo-1` is a file of three MXNet arrays: `mean` (1, d), `v` (d, k) and `s` (k,), ascending: the component with the largest
singular value is the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray, requests
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.serving.messages import Answering

ANSWERS = Answers(key="projections")


@dataclass(frozen=True)
class Projection:
    """`mean` (d,), `components` (d, k), `singular` (k,), all float32."""

    mean: np.ndarray
    components: np.ndarray
    singular: np.ndarray

    def encode(self) -> bytes:
        return ndarray.encode({"mean": self.mean[None], "v": self.components, "s": self.singular})

    @classmethod
    def decode(cls, content: bytes) -> Projection:
        """Raises UserError for a file whose arrays don't fit together."""
        mean, components, singular = ndarray.named(content, "mean", "v", "s")
        if components.ndim != 2 or mean.size != len(components) or singular.size != components.shape[1]:
            shapes = ", ".join(str(each.shape) for each in (mean, components, singular))
            raise UserError(f"a PCA model has mean (1, d), v (d, k) and s (k), and this one has {shapes}")
        return cls(mean.ravel().astype(np.float32), components.astype(np.float32), singular.ravel().astype(np.float32))

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Returns (n, k) float32 for rows (n, d)."""
        projected: np.ndarray = (rows - self.mean) @ self.components
        return projected

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """Returns the `projection` of each row."""
        return {"projection": self.project(requests.dense(features, len(self.components)))}


def serve(model_directory: Path) -> Answering:
    return Service(Projection.decode(artefact.read(model_directory)), ANSWERS)
