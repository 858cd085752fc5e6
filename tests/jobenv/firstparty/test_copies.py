"""Copies of rows are told from rows of categories, which are equal by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.rows import copies
from sagewright.algorithms.formats.table import Sparse

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


def test_copies_of_equal_rows_with_several_labels_are_found() -> None:
    which = RANDOM.integers(12, size=60)
    again = RANDOM.permutation(np.repeat(np.arange(60), 10))
    x, y = np.eye(12, dtype=np.float32)[which], RANDOM.normal(size=60)
    found = copies.find(x[again], y[again])
    assert found is not None
    assert (found.count == 10).all()
    assert len(np.unique(y[again][found.first])) == 60
    assert copies.find(x[again], np.sign(y)[again]) is None


@pytest.mark.parametrize("rows", [3, 5000])
def test_different_rows_are_no_copies(rows: int) -> None:
    assert copies.find(RANDOM.normal(size=(rows, 4)), np.zeros(rows)) is None


@pytest.mark.parametrize("rows", [400, 20_000])
def test_rows_side_by_side_are_found(rows: int) -> None:
    x = RANDOM.normal(size=(rows // 10, 4)).astype(np.float32).repeat(10, axis=0)
    found = copies.find(x, x[:, 0])
    assert found is not None
    assert len(found.first) == rows // 10


@pytest.mark.parametrize(("patients", "classes"), [(40, True), (20, True), (20, False)])
def test_visits_of_the_same_patients_are_copies(patients: int, classes: bool) -> None:
    x, which = repeated(patients, 20, 10)
    x = np.column_stack([x, RANDOM.normal(size=(len(x), 2))])
    label = RANDOM.integers(2, size=patients) if classes else RANDOM.normal(size=patients)
    found = copies.find(x, label[which].astype(np.float64))
    assert found is not None
    assert len(found.first) == patients
    assert copies.find(x, RANDOM.permutation(label[which])) is None  # a label of each visit


def test_visits_of_more_patients_than_columns_are_rows_of_their_own_for_numbers() -> None:
    x, which = repeated(40, 20, 10)
    x = np.column_stack([x, RANDOM.normal(size=(400, 2))])
    assert copies.find(x, RANDOM.normal(size=40)[which]) is None


@pytest.mark.parametrize(("own", "copied"), [(1, True), (6, False)])
def test_players_of_a_team_are_no_copies_of_it(own: int, copied: bool) -> None:
    x, which = repeated(30, 4, 10)
    x = np.column_stack([x, RANDOM.normal(size=(300, own)), np.full(300, 1000.1, np.float32)])
    assert (copies.find(x, (which % 2).astype(np.float64)) is not None) == copied


def test_two_columns_that_say_the_same_make_no_copies() -> None:
    minutes = RANDOM.integers(0, 200, size=500)
    x = np.column_stack([minutes, minutes * 0.17, RANDOM.normal(size=(500, 3))])
    assert copies.find(x, (RANDOM.random(500) < 0.05).astype(np.float64)) is None  # most labels agree anyway


def test_copies_with_noise_are_found() -> None:
    x, which = repeated(40, 6, 10)
    y = RANDOM.normal(size=40)[which]
    found = copies.find(x + RANDOM.normal(0, 1e-3, x.shape), y)
    assert found is not None
    assert len(found.first) == 40
    assert copies.find(x[RANDOM.permutation(400)], y) is None
