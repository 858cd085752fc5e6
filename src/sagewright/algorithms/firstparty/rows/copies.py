"""Finds rows that occur several times, so that no copy of a row judges a model that has learnt from another.

Equal rows of categories are no copies: they occur by chance, and so they will among new rows. Rows are copies if one column, or the
label, has nearly as many values as there are different rows, and if nearly all copies of a row have its label. Where labels are
numbers, rows are copies if these are equal, too: a user rates a thing twice, and both ratings were copied.

Rows may also be copies but for some columns, as several visits of a patient or measurements of a thing: at least two columns then
have one value for each origin, and no two origins share it. Or they are copies with noise, if their label is a number of its own.
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
"""Maximum share of rows whose label differs from that of most copies of the row; of one origin, in ratio to what chance gives."""
SAMPLE = 2000
"""Number of rows that are searched for equal ones first."""
FEWEST_TELLING = 2
"""Minimum number of columns that have one value for each origin of rows: two of them agree by chance only if one says the other."""
MOST_NUMBERS = 1 << 20
"""Limit on the numbers among which rows of one origin are sought: every column is sorted."""
ALIKE = 0.25
"""Share of the features' variance that may lie between rows of one origin, at most. Where it is more, as among the players of a
team, rows are things of their own.
"""
REPEATED = 2.0
"""Minimum number of rows of an origin, on average."""
NEAR = 0.01
"""Share of the rows' variance that the noise of copies may have, at most."""

ROUNDED = 1e-12
"""Variances below this share of the mean square are rounding errors."""


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
    of_rows = keys(features)
    found = equal(of_rows, labels)
    if found is not None:
        return found if _identified(features, labels, len(found.first)) else None
    found = with_numbers(of_rows, labels)
    if found is not None:
        return found
    if isinstance(features, Sparse) or features.size > MOST_NUMBERS:
        return None
    return _of_one_origin(features, labels) or _with_noise(features, labels)


def equal(keys: np.ndarray, labels: np.ndarray) -> Copies | None:
    """Returns rows with equal keys (n,) as copies, if they are neither too few nor too many, and have one label each."""
    return _grouped(keys, labels) if _may_repeat(keys) else None


def with_numbers(keys: np.ndarray, labels: np.ndarray) -> Copies | None:
    """Returns rows with equal keys (n,) and labels as copies, if the labels are numbers: nearly each copied row has its own."""
    if not _may_repeat(keys) or not _may_repeat(labels):
        return None
    numbers, which = np.unique(labels, return_inverse=True)
    both = keys + np.random.default_rng(1).normal(size=len(numbers))[which]
    found = _grouped(both, labels)
    return found if found is not None and len(numbers) >= IDENTIFIED * len(found.first) else None


def _may_repeat(keys: np.ndarray) -> bool:
    """True if some of the keys that are looked at first are equal: of neighbours, and of keys far apart."""
    if len(keys) <= SAMPLE:
        return True
    some = np.concatenate([keys[: SAMPLE // 2], keys[SAMPLE // 2 :: -(-2 * len(keys) // SAMPLE)]])
    return len(np.unique(some)) < len(some)


def _grouped(keys: np.ndarray, labels: np.ndarray) -> Copies | None:
    _, first, which, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    rows, groups = len(keys), len(first)
    if not FEWEST <= groups <= MOST * rows:
        return None
    found = Copies(which, first, count)
    return found if _impurity(found, labels) <= IMPURE else None


def _of_one_origin(features: np.ndarray, labels: np.ndarray) -> Copies | None:
    """Returns rows with one origin as copies: those that are equal in at least FEWEST_TELLING columns which tell origins apart.

    If labels are numbers, origins must be fewer than columns: otherwise they determine a linear model, which then learns more from
    all rows.
    """
    columns = [column for column in features.T if _may_repeat(column)]
    counts = np.array([len(np.unique(column)) for column in columns])
    sizes, often = np.unique(counts[counts >= FEWEST], return_counts=True)
    for groups in sizes[often >= FEWEST_TELLING][::-1]:
        few = groups < features.shape[1] or len(np.unique(labels)) < IDENTIFIED * groups
        if groups * REPEATED > len(labels) or not few:
            continue
        telling = keys(np.column_stack([columns[number] for number in np.flatnonzero(counts == groups)]))
        found = _grouped(telling, labels)
        if found is not None and len(found.first) == groups and agree(found, labels):
            apart, varies = _variances(features, found)
            varying = varies > 0
            return found if float(np.mean(apart[varying] / varies[varying])) <= ALIKE else None
    return None


def agree(found: Copies, labels: np.ndarray) -> bool:
    """True if hardly any row has another label than most copies of it, compared with labels that are dealt by chance: of rare
    classes these agree, too.
    """
    by_chance = np.random.default_rng(0).permutation(labels)
    return _impurity(found, labels) <= IMPURE * _impurity(found, by_chance)


def _impurity(found: Copies, labels: np.ndarray) -> float:
    """Returns the share of the rows whose label differs from that of most copies of the row."""
    pairs, alike = np.unique(np.column_stack([found.which, labels]), axis=0, return_counts=True)
    most = np.zeros(len(found.first))
    np.maximum.at(most, pairs[:, 0].astype(np.int64), alike)
    return 1 - float(most.sum()) / len(labels)


def _with_noise(features: np.ndarray, labels: np.ndarray) -> Copies | None:
    """Returns rows with the same label as copies, if each label has nearly the same features."""
    found = equal(labels, labels)
    if found is None:
        return None
    apart, varies = _variances(features, found)
    return found if ((apart <= NEAR * varies) | (varies == 0)).all() else None


def _variances(features: np.ndarray, found: Copies) -> tuple[np.ndarray, np.ndarray]:
    """Returns the variances (d,) of the features among copies, and among all rows; 0 if they are rounding errors."""
    order = np.argsort(found.which, kind="stable")
    starts = np.append(0, np.cumsum(found.count)[:-1])
    means = np.add.reduceat(features[order].astype(np.float64), starts, axis=0) / found.count[:, None]
    apart = np.square(features - means[found.which]).mean(axis=0)
    varies = np.var(features, axis=0, dtype=np.float64)
    return apart, np.where(varies > ROUNDED * np.square(features, dtype=np.float64).mean(axis=0), varies, 0)


def keys(features: np.ndarray | Sparse) -> np.ndarray:
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
