"""A trained LDA model: its file and its predictions.

`model_algo-1` is a list of two MXNet arrays: alpha (K,) and beta (K, V).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, ndarray, requests
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.mixtures import inference
from sagewright.algorithms.mixtures.topics import Topics
from sagewright.serving.messages import Answering


def counts(features: Features, where: str) -> Any:
    """Returns csr_matrix (n, V) float64 without stored zeros. Raises UserError, with `where`, for a negative count."""
    if isinstance(features, Sparse):
        found = csr_matrix(
            (features.values.astype(np.float64), features.indices, features.indptr), shape=features.shape
        )
    else:
        found = csr_matrix(features.astype(np.float64))
    if found.nnz and found.data.min() < 0:
        raise UserError(f"{where} has a negative number of words")
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


@dataclass(frozen=True)
class TopicModel:
    topics: Topics

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """Returns the `topic_mixture` (K,) of each document."""
        fitted = requests.sparse_or_dense(features, self.topics.beta.shape[1])
        return {"topic_mixture": inference.mixtures(counts(fitted, "the request"), self.topics)}

    def encode(self) -> bytes:
        return ndarray.encode([self.topics.alpha.astype(np.float32), self.topics.beta.astype(np.float32)])

    @classmethod
    def decode(cls, content: bytes) -> TopicModel:
        """Raises UserError unless the file has a prior of K topics and K rows of word weights."""
        arrays = ndarray.decode(content)
        values = list(arrays.values() if isinstance(arrays, dict) else arrays)
        if len(values) != 2 or values[0].ndim != 1 or values[1].ndim != 2 or len(values[0]) != len(values[1]):
            raise UserError("an LDA model is an array alpha of K numbers and an array beta of K rows of words")
        alpha, beta = (value.astype(np.float64) for value in values)
        if not (alpha > 0).all() or not (beta >= 0).all():
            raise UserError("alpha of an LDA model must be positive, and beta not negative")
        return cls(Topics(alpha, beta))


def serve(model_directory: Path) -> Answering:
    return Service(TopicModel.decode(artefact.read(model_directory)), Answers())
