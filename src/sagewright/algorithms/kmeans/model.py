"""A trained k-means model: its file and its predictions.

`model_algo-1` is a list of one MXNet array: the (k, d) centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray, requests
from sagewright.algorithms.firstparty.requests import CSV, JSON, JSON_LINES, PROTOBUF, Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.kmeans import distances
from sagewright.serving.messages import Answering

ANSWERS = Answers(gives=(JSON, JSON_LINES, PROTOBUF, CSV))


@dataclass(frozen=True)
class Centres:
    """`points` (k, d) float32."""

    points: np.ndarray

    def encode(self) -> bytes:
        return ndarray.encode([self.points])

    @classmethod
    def decode(cls, content: bytes) -> Centres:
        """Raises UserError if the file does not hold exactly one (k, d) array."""
        arrays = ndarray.decode(content)
        points = list(arrays.values() if isinstance(arrays, dict) else arrays)
        if len(points) != 1 or points[0].ndim != 2 or not points[0].size:
            raise UserError("a k-means model is one array of k rows of d columns")
        return cls(points[0].astype(np.float32))

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """Returns `closest_cluster` and the Euclidean `distance_to_cluster` of each row."""
        rows = requests.dense(features, self.points.shape[1])
        closest, squared = distances.nearest(rows, self.points)
        return {
            "closest_cluster": closest.astype(np.float32),
            "distance_to_cluster": np.sqrt(squared).astype(np.float32),
        }


def serve(model_directory: Path) -> Answering:
    return Service(Centres.decode(artefact.read(model_directory)), ANSWERS)
