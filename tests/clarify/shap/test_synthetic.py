"""Which cells of a table are equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sagewright.clarify.shap.synthetic import equal_numbers

VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e-300])


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=7), elements=VALUES))
def test_equal_numbers_of_a_column_have_one_code(cells: np.ndarray) -> None:
    codes = equal_numbers(cells)
    for own, column in zip(codes.T, cells.T, strict=True):
        expected = pd.factorize(column)[0]
        assert ((own == -1) == (expected == -1)).all()
        assert ((own[:, None] == own) == (expected[:, None] == expected)).all()
        assert own.max() < len(column)
