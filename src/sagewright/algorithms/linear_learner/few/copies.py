"""Finds rows that occur several times, so that no copy of a row judges a model that has learnt from another.

Equal rows of categories are no copies: they occur by chance, and so they will among new rows. Rows are copies if one column, or the
label, has nearly as many values as there are different rows, and if nearly all copies of a row have its label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.formats.table import Sparse

FEWEST = 10
"""Minimum number of distinct rows for telling copies from categories."""
MOST = 0.9
"""If at least this share of the rows is distinct, copies are ignored."""
IDENTIFIED = 0.5
"""Values of a column that identifies rows, as a share of the different rows."""
IMPURE = 0.1
"""Maximum share of rows whose label differs from that of most copies of the row."""
SAMPLE = 2000
"""Number of rows that are searched for equal ones first."""


@dataclass(frozen=True)
class Copies:
    """`which` (n,) is the number of each row among the different ones; of these `first` (g,) is a place, and `count` (g,) how often
    they occur.
    """

    which: np.ndarray
    first: np.ndarray
    count: np.ndarray


def find(features: np.ndarray | Sparse, labels: np.ndarray) -> Copies | None:
    """Returns the copies among rows with these labels (n,); None if the rows are different ones."""
    rows = len(labels)
    if rows < 2 * FEWEST:
        return None
    keys = _keys(features)
    if rows > SAMPLE and len(np.unique(keys[:: -(-rows // SAMPLE)])) == len(keys[:: -(-rows // SAMPLE)]):
        return None
    _, first, which, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    groups = len(first)
    if not FEWEST <= groups <= MOST * rows:
        return None
    pairs, alike = np.unique(np.column_stack([which, labels]), axis=0, return_counts=True)
    most = np.zeros(groups)
    np.maximum.at(most, pairs[:, 0].astype(np.int64), alike)
    if most.sum() < (1 - IMPURE) * rows:
        return None
    return Copies(which, first, count) if _identified(features, labels, groups) else None


def _keys(features: np.ndarray | Sparse) -> np.ndarray:
    """Returns a number (n,) for each row: equal ones for equal rows, and hardly ever for others."""
    along = np.random.default_rng(0).normal(size=features.shape[1])
    if isinstance(features, Sparse):
        rows = csr_matrix((features.values, features.indices, features.indptr), shape=features.shape)
        return np.asarray(rows @ along)
    # einsum adds up each row alike, wherever it stands; a product of matrices may not
    return np.einsum("ij,j->i", features, along)


def _identified(features: np.ndarray | Sparse, labels: np.ndarray, groups: int) -> bool:
    if len(np.unique(labels)) >= IDENTIFIED * groups:
        return True
    if isinstance(features, Sparse):
        return False
    return any(len(np.unique(column)) >= IDENTIFIED * groups for column in features.T)
