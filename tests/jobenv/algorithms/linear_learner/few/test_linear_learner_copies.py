"""Copies of rows are told from rows of categories, which are equal by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.linear_learner.few import copies

RANDOM = np.random.default_rng(0)


def repeated(rows: int, columns: int, times: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (rows x times, columns), each of them `times` times, in no order, and where each comes from."""
    which = RANDOM.permutation(np.repeat(np.arange(rows), times))
    return RANDOM.normal(size=(rows, columns)).astype(np.float32)[which], which


@pytest.mark.parametrize("sparse", [False, True])
def test_copies_are_found_though_one_has_another_label(sparse: bool) -> None:
    x, which = repeated(40, 6, 10)
    y = RANDOM.normal(size=40)[which]
    y[0] += 1
    rows = csr_matrix(x)
    found = copies.find(Sparse(rows.indptr, rows.indices, rows.data, 6) if sparse else x, y)
    assert found is not None
    assert (found.count == 10).all()
    assert (x[found.first][found.which] == x).all()


def test_copies_with_few_labels_are_found() -> None:
    x, which = repeated(300, 3, 20)
    assert copies.find(x, (which % 7 == 0).astype(np.float32)) is not None


@pytest.mark.parametrize("levels", [2, 12, 100])
def test_categories_are_no_copies(levels: int) -> None:
    which = RANDOM.integers(levels, size=2000)
    x = np.eye(levels, dtype=np.float32)[which]
    assert copies.find(x, (which % 2).astype(np.float32)) is None  # though the category tells the label
    assert copies.find(x, which + RANDOM.normal(size=2000)) is None


def test_rows_with_other_labels_are_no_copies() -> None:
    x, _ = repeated(40, 6, 10)
    assert copies.find(x, RANDOM.normal(size=400)) is None
    assert copies.find(x, RANDOM.integers(2, size=400).astype(np.float32)) is None


@pytest.mark.parametrize("rows", [3, 5000])
def test_different_rows_are_no_copies(rows: int) -> None:
    assert copies.find(RANDOM.normal(size=(rows, 4)), np.zeros(rows)) is None
