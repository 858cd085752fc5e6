"""Builds, writes, reads and searches Faiss indexes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.directions import WIDE
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.knn.exact import Exact

KINDS = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFPQ)
PROBES = 8
"""Lists that an IVF index searches for each row."""
CODE_BITS = 8
COPIES = 3
"""Maximum number of copies of the rows held while Faiss sorts them into lists."""
FEW = 1 << 13
"""Points up to which Faiss is faster, a copy of them being small; twice as many for WIDE columns."""
ROWS = 1 << 14
_COUNT = 8
"""Offset of the number of points in a flat index's file: after the name and the width, four bytes each."""
BATCH = 20
"""Minimum number of rows for which matrix products search a flat index faster."""


@dataclass(frozen=True)
class Flat:
    """Points (n, d) float32 as they are, searched without the copy that Faiss's flat index would hold."""

    points: np.ndarray
    metric_type: int

    @property
    def d(self) -> int:
        return int(self.points.shape[1])

    @property
    def ntotal(self) -> int:
        return len(self.points)

    def parts(self) -> Iterator[memoryview]:
        """Returns the points in Faiss's file format: the header of an empty index with the number of points filled in, then the
        points.
        """
        head = faiss.serialize_index(faiss.IndexFlat(self.d, self.metric_type))
        head[_COUNT : _COUNT + 8] = np.frombuffer(np.int64(self.ntotal).tobytes(), np.uint8)
        head[-8:] = np.frombuffer(np.int64(self.points.size).tobytes(), np.uint8)
        yield memoryview(head)
        for start in range(0, self.ntotal, ROWS):
            yield memoryview(np.ascontiguousarray(self.points[start : start + ROWS])).cast("B")


def build(points: np.ndarray, values: Mapping[str, Any], subvectors: int, seed: int) -> Any:
    """Builds an index of (n, d) float32, `Flat` or Faiss's. Raises UserError when there are too few points for it, or they take too
    much memory.
    """
    width = points.shape[1]
    metric = faiss.METRIC_L2 if values["index_metric"] == "L2" else faiss.METRIC_INNER_PRODUCT
    kind = values["index_type"]
    if kind == "faiss.Flat":
        return Flat(points, metric)
    memory.require(COPIES * points.nbytes, f"{kind} of {len(points)} rows", "A smaller sample_size takes less.")
    index = faiss.IndexFlat(width, metric)
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


def parts(index: Any) -> Iterator[memoryview]:
    """Returns the index's file."""
    return index.parts() if isinstance(index, Flat) else iter([memoryview(faiss.serialize_index(index))])


def decode(content: bytes) -> Any:
    """Raises UserError if the content is not one of the indexes that `build` makes."""
    try:
        found = faiss.deserialize_index(np.frombuffer(content, np.uint8))
    except RuntimeError as error:
        raise UserError(f"model_algo-1 is not a Faiss index: {str(error)[:200]}") from error
    if not isinstance(found, KINDS) or found.metric_type not in (faiss.METRIC_L2, faiss.METRIC_INNER_PRODUCT):
        names = ", ".join(each.__name__ for each in KINDS)
        raise UserError(f"model_algo-1 is a {type(found).__name__}; these are served, by L2 or inner product: {names}")
    return found


class Search:
    """Searches an index for the nearest points. Thread-safe."""

    def __init__(self, index: Any, products: bool = True) -> None:
        self.index = index
        self.inner_product = index.metric_type == faiss.METRIC_INNER_PRODUCT
        self._flat = products and isinstance(index, Flat | faiss.IndexFlat)
        self._making = threading.Lock()

    def __call__(self, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns distances, ascending (squared; an inner product's is negated), and numbers, (n, count); count ≤ points."""
        if isinstance(self.index, Flat) and self.index.ntotal < (FEW if self.index.d < WIDE else 2 * FEW):
            centre, small = self._small
            distances, numbers = small(rows - centre, count)
            return distances, numbers
        if isinstance(self.index, Flat) or (self._flat and len(rows) >= BATCH):
            with self._making:
                exact = self._exact
            return exact.search(rows, count)
        distances, numbers = self.index.search(rows, count)
        few = (numbers < 0).any(axis=1)
        if few.any():  # the lists searched hold fewer rows than that
            everywhere = faiss.SearchParametersIVF(nprobe=self.index.nlist)
            distances[few], numbers[few] = self.index.search(rows[few], count, params=everywhere)
        return (-distances if self.inner_product else distances), numbers

    @cached_property
    def _small(self) -> tuple[np.ndarray, Search]:
        """Returns the origin that points are shifted to, so that Faiss's products keep their precision far from the origin, and its
        search.
        """
        points = self.index.points
        centre = np.zeros(points.shape[1], np.float32)
        if not self.inner_product:
            centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        index = faiss.IndexFlat(points.shape[1], self.index.metric_type)
        index.add(np.ascontiguousarray(points - centre))
        return centre, Search(index, products=False)

    @cached_property
    def _exact(self) -> Exact:
        if isinstance(self.index, Flat):
            return Exact(self.index.points, self.inner_product, lean=True)
        points = faiss.rev_swig_ptr(self.index.get_xb(), self.index.ntotal * self.index.d)
        return Exact(points.reshape(self.index.ntotal, self.index.d), self.inner_product)
