"""Faiss indexes: made, written, read and searched."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import faiss
import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.knn.exact import Exact

KINDS = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFPQ)
PROBES = 8
"""Lists that an IVF index looks into for each row."""
CODE_BITS = 8
BATCH = 20
"""Rows from which on matrix products are the faster way to search a flat index."""


def build(points: np.ndarray, values: Mapping[str, Any], subvectors: int, seed: int) -> Any:
    """An index of (n, d) float32. Raises UserError when there are too few points for it."""
    width = points.shape[1]
    metric = faiss.METRIC_L2 if values["index_metric"] == "L2" else faiss.METRIC_INNER_PRODUCT
    kind = values["index_type"]
    index = faiss.IndexFlat(width, metric)
    if kind != "faiss.Flat":
        lists = values["faiss_index_ivf_nlists"]
        lists = max(1, int(len(points) ** 0.5)) if lists == "auto" else lists
        least = max(lists, 1 << CODE_BITS) if kind == "faiss.IVFPQ" else lists
        if len(points) < least:
            raise UserError(f"{kind} with {lists} lists needs {least} rows in its sample, and there are {len(points)}")
        if kind == "faiss.IVFPQ":
            index = faiss.IndexIVFPQ(index, width, lists, subvectors, CODE_BITS, metric)
            index.pq.cp.seed, index.pq.cp.min_points_per_centroid = seed, 1
        else:
            index = faiss.IndexIVFFlat(index, width, lists, metric)
        index.cp.seed, index.cp.min_points_per_centroid, index.nprobe = seed, 1, min(PROBES, lists)
        index.train(points)
    index.add(points)
    return index


def encode(index: Any) -> bytes:
    content: bytes = faiss.serialize_index(index).tobytes()
    return content


def decode(content: bytes) -> Any:
    """Raises UserError for what is none of the indexes that `build` makes."""
    try:
        found = faiss.deserialize_index(np.frombuffer(content, np.uint8))
    except RuntimeError as error:
        raise UserError(f"model_algo-1 is no Faiss index: {str(error)[:200]}") from error
    if not isinstance(found, KINDS) or found.metric_type not in (faiss.METRIC_L2, faiss.METRIC_INNER_PRODUCT):
        names = ", ".join(each.__name__ for each in KINDS)
        raise UserError(f"model_algo-1 is a {type(found).__name__}; these are served, by L2 or inner product: {names}")
    return found


class Search:
    """The nearest points of an index. Safe to use from many threads."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.inner_product = index.metric_type == faiss.METRIC_INNER_PRODUCT
        self._flat = isinstance(index, faiss.IndexFlat)
        self._making = threading.Lock()

    def __call__(self, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Distances, ascending (squared; of an inner product its negative), and numbers, (n, count); count ≤ points."""
        if self._flat and len(rows) >= BATCH:
            with self._making:
                exact = self._exact
            return exact.search(rows, count)
        distances, numbers = self.index.search(rows, count)
        few = (numbers < 0).any(axis=1)
        if few.any():  # the lists that were looked into hold fewer rows than that
            everywhere = faiss.SearchParametersIVF(nprobe=self.index.nlist)
            distances[few], numbers[few] = self.index.search(rows[few], count, params=everywhere)
        return (-distances if self.inner_product else distances), numbers

    @cached_property
    def _exact(self) -> Exact:
        points = faiss.rev_swig_ptr(self.index.get_xb(), self.index.ntotal * self.index.d)
        return Exact(points.reshape(self.index.ntotal, self.index.d), self.inner_product)
