"""The flip test: compares each sensitive row's prediction with those of its nearest neighbours in the other group."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.bias.formulas import NotComputable
from sagewright.clarify.tables import Array

_NEIGHBOURS = 5
_FEW_ROWS = 9  # up to this number of advantaged rows, one neighbour votes
MAX_S = 900.0
"""Seconds that the test of one group may take; 200,000 rows of 10 columns take about 70."""
_CHUNK = 5_000


def numeric_features(features: pd.DataFrame) -> Array | NDArray[np.int64]:
    """The features as one matrix. Raises NotComputable for other than numbers and booleans, and for missing values."""
    if not features.shape[1]:
        raise NotComputable("FlipTest needs at least one column beside facet and label")
    kinds = [pd.api.types.is_numeric_dtype(kind) for kind in features.dtypes]
    if not all(kinds):
        raise NotComputable("FlipTest does not support non-numeric columns")
    matrix = features.to_numpy()
    if matrix.dtype in (object, bool):
        matrix = features.to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(matrix).all():
        raise NotComputable("FlipTest does not support missing or infinite values")
    return matrix


def flip_rate(features: Array | NDArray[np.int64], sensitive: NDArray[np.bool_], accepted: NDArray[np.bool_]) -> float:
    """(F⁺ − F⁻) / nd with k nearest neighbours by Euclidean distance. Both groups have rows."""
    # takes 0.5 s to import, and most jobs have no flip test
    from sklearn.neighbors import KNeighborsClassifier

    others = ~sensitive
    rows, position = np.unique(features[sensitive], axis=0, return_inverse=True)
    end = time.monotonic() + MAX_S
    neighbours = KNeighborsClassifier(n_neighbors=_NEIGHBOURS if others.sum() > _FEW_ROWS else 1)
    neighbours.fit(features[others], accepted[others])
    votes = []
    for start in range(0, len(rows), _CHUNK):
        if time.monotonic() > end:
            raise NotComputable(f"FlipTest found the neighbours of {start} of {len(rows)} rows within {MAX_S:g} s")
        votes.append(neighbours.predict(rows[start : start + _CHUNK]))
    expected, actual = np.concatenate(votes)[position.ravel()], accepted[sensitive]
    return (int((actual > expected).sum()) - int((actual < expected).sum())) / int(sensitive.sum())
