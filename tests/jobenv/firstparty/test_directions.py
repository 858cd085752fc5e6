"""The directions found are scikit-learn's, and none where they would not do."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA

from sagewright.algorithms.firstparty import directions

RANDOM = np.random.default_rng(0)


def rows(count: int = 5000, columns: int = 300) -> np.ndarray:
    few = RANDOM.standard_normal((count, 10)) * np.arange(10, 0, -1)
    noise = 0.5 * RANDOM.standard_normal((count, columns))
    return (few @ np.linalg.qr(RANDOM.standard_normal((columns, 10)))[0].T + noise + 7).astype(np.float32)


def test_the_first_directions_are_the_principal_components() -> None:
    data = rows()
    found = directions.leading(data, 10, 0.5, more=5)
    assert found is not None
    peer = PCA(15, svd_solver="full").fit(data)
    assert found.basis.shape == (300, 15)
    assert_allclose(np.abs(np.sum(found.basis.T[:10] * peer.components_[:10], axis=1)), 1, atol=1e-3)
    assert_allclose(np.abs(found(data)[:, :10]), np.abs(peer.transform(data)[:, :10]), atol=0.3)


def test_none_where_they_hold_too_little_or_there_is_little_to_look_at() -> None:
    assert directions.leading(rows(), 10, 0.99) is None
    assert directions.leading(rows(count=4000), 10, 0.5) is None
    assert directions.leading(rows(columns=200), 10, 0.5) is None
