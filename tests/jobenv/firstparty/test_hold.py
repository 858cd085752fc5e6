"""Rows held once: all of them in random order, or a uniform sample; on disk where they are more than fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import hold
from sagewright.algorithms.firstparty.rows.hold import Hold
from sagewright.algorithms.firstparty.rows.spool import Spool
from sagewright.algorithms.formats.table import Sparse, Table


def dense(first: int, count: int) -> Table:
    """Rows that say their number, and labels that do."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    return Table(np.column_stack([numbers, -numbers]), numbers.copy())


def sparse(first: int, count: int) -> Table:
    """Row n has n % 3 entries, of value n."""
    numbers = np.arange(first, first + count)
    lengths = numbers % 3
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
    return Table(Sparse(indptr, indices, np.repeat(numbers, lengths).astype(np.float32), 5), numbers.astype(np.float32))


def rows_of(table: Table) -> np.ndarray:
    return table.features.dense() if isinstance(table.features, Sparse) else table.features


@pytest.mark.parametrize("make", [dense, sparse])
@pytest.mark.parametrize("region", [1, 1000, 1 << 30])
def test_all_rows_come_once_and_in_random_order(make: Any, region: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "REGION_BYTES", region)
    held = Hold(1 << 30, np.random.default_rng(0))
    for number in range(10):
        held.add(make(100 * number, 100))
    table = held.table()
    order = np.asarray(table.labels).astype(int)
    assert sorted(order) == list(range(1000))
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1
    assert (rows_of(table) == rows_of(make(0, 1000))[order]).all()


def test_more_than_fits_is_a_uniform_sample() -> None:
    counts = np.zeros(10)
    for seed in range(200):
        held = Hold(100 * 28, np.random.default_rng(seed))
        for number in range(10):
            held.add(dense(100 * number, 100))
        assert not held.whole
        assert held.nbytes <= held.limit
        table = held.table()
        assert 20 < table.rows <= 100
        counts += np.bincount(np.asarray(table.labels).astype(int) // 100, minlength=10)
    assert counts.std() / counts.mean() < 0.05


@pytest.mark.parametrize("make", [dense, sparse])
def test_a_spool_gives_all_rows_in_another_order_each_time(make: Any) -> None:
    spool = Spool(np.random.default_rng(0), parts=4)
    for number in range(10):
        spool.write(make(100 * number, 100))
    orders = []
    for _ in range(2):
        tables = list(spool.tables(1 << 20))
        order = np.concatenate([np.asarray(table.labels) for table in tables]).astype(int)
        assert sorted(order) == list(range(1000))
        assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1
        assert (np.concatenate([rows_of(table) for table in tables]) == rows_of(make(0, 1000))[order]).all()
        orders.append(order)
    assert (orders[0] != orders[1]).any()
    directory = spool._directory
    spool.remove()
    assert not directory.exists()


def test_rows_that_do_not_go_together_are_refused() -> None:
    held = Hold(1 << 30, np.random.default_rng(0))
    held.add(dense(0, 5))
    held.add(sparse(0, 5))
    with pytest.raises(UserError, match="some of the data is sparse, and some is dense"):
        held.table()
