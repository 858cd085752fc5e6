"""A trained k-NN model: its three files and its predictions.

`model_algo-1` is a Faiss index, `model_algo-1.labels` the labels of its rows as raw float32, and `model_algo-1.json` says how they
are used: `k`, `predictor_type`, `dimension_reduction`, `normalize`, `version`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, requests
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.knn import index, votes
from sagewright.algorithms.knn.index import Search
from sagewright.algorithms.knn.reduction import Reduction
from sagewright.serving.messages import Answering

VERSION = "1.0"
LABELS, SETTINGS = f"{artefact.NAME}.labels", f"{artefact.NAME}.json"


@dataclass(frozen=True)
class Neighbours:
    """`index` is Faiss's, or `index.Flat`, of reduced rows; `labels` (n,) float32."""

    index: Any
    labels: np.ndarray
    reduction: Reduction
    k: int
    predictor_type: str

    def files(self) -> dict[str, artefact.Content]:
        settings = {
            "k": self.k,
            "predictor_type": self.predictor_type,
            "dimension_reduction": self.reduction.document(),
            "normalize": self.reduction.normalize,
            "version": VERSION,
        }
        labels = self.labels.astype("<f4").tobytes()
        return {artefact.NAME: index.parts(self.index), LABELS: labels, SETTINGS: json.dumps(settings).encode()}

    @classmethod
    def read(cls, directory: Path) -> Neighbours:
        """Raises UserError if the files don't fit together."""
        found = index.decode(artefact.read(directory))
        raw = artefact.read(directory, LABELS)
        if len(raw) != 4 * found.ntotal or not found.ntotal:
            raise UserError(f"{LABELS} has {len(raw)} bytes, and the index has {found.ntotal} rows of 4 bytes each")
        try:
            settings = json.loads(artefact.read(directory, SETTINGS))
            k, predictor = int(settings["k"]), settings["predictor_type"]
            reduction = Reduction.of(settings.get("dimension_reduction"), found.d, bool(settings.get("normalize")))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise UserError(f"{SETTINGS} can't be read: {type(error).__name__}: {error}") from error
        if k < 1 or predictor not in ("classifier", "regressor"):
            raise UserError(f"{SETTINGS} has k {k} and predictor_type {predictor!r}")
        return cls(found, np.frombuffer(raw, "<f4"), reduction, k, predictor)

    def neighbours(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the distances, ascending, and labels of the k nearest neighbours of (n, d) rows, (n, k); of all points if there
        are fewer.
        """
        distances, numbers = self._search(self.reduction(rows), min(self.k, len(self.labels)))
        if self.reduction.normalize and self._search.inner_product:
            distances = 1 + distances
        return distances, self.labels[numbers]

    def others(self, reduced: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Returns the labels (n, k) of the nearest neighbours of the index's rows with these numbers, each row itself excluded."""
        _, found = self._search(reduced, min(self.k + 1, len(self.labels)))
        itself = found == numbers[:, None]
        itself[~itself.any(axis=1), -1] = True
        return self.labels[found[~itself].reshape(len(found), -1)]

    def labelled(self, labels: np.ndarray) -> np.ndarray:
        """Combines the nearest labels into one label for each row."""
        return votes.majority(labels) if self.predictor_type == "classifier" else votes.mean(labels)

    @cached_property
    def _search(self) -> Search:
        return Search(self.index)

    def predict(self, features: Features, verbose: bool = False) -> Fields:
        """Returns the `predicted_label` of each row; `verbose` adds the `distances` and `labels` of the nearest rows."""
        distances, labels = self.neighbours(requests.dense(features, self.reduction.columns))
        predicted = {"predicted_label": self.labelled(labels).astype(np.float32)}
        return {**predicted, "distances": distances.astype(np.float32), "labels": labels} if verbose else predicted


def serve(model_directory: Path) -> Answering:
    return Service(Neighbours.read(model_directory), Answers())
