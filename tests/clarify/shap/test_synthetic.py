"""Which cells of a table are equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sagewright.clarify.shap.synthetic import Counter, Synthesizer, equal_numbers

VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e-300])


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=7), elements=VALUES))
def test_equal_numbers_of_a_column_have_one_code(cells: np.ndarray) -> None:
    codes = equal_numbers(cells)
    for own, column in zip(codes.T, cells.T, strict=True):
        expected = pd.factorize(column)[0]
        assert ((own == -1) == (expected == -1)).all()
        assert ((own[:, None] == own) == (expected[:, None] == expected)).all()
        assert own.max() < len(column)


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("backgrounds", [1, 3])
def test_scores_of_coalitions_are_means_over_the_baseline(equal: bool, backgrounds: int) -> None:
    """Also where a row has a cell of the baseline, which makes coalitions equal."""
    random = np.random.default_rng(0)
    rows, baseline = random.normal(size=(4, 5)), random.normal(size=(backgrounds, 5))
    if equal:
        rows[1, 2] = baseline[0, 2]
    masks = random.random((9, 5)) < 0.5
    places = np.array([3, 1])

    def model(table: pd.DataFrame) -> np.ndarray:
        cells = table.to_numpy()
        return np.stack([cells.prod(axis=1), np.sin(cells).sum(axis=1)], axis=1)

    frames = [pd.DataFrame(each, columns=list("abcde")) for each in (rows, baseline)]
    counter = Counter()
    found = Synthesizer(model, *frames, counter).scores(masks, places)
    for place, own in enumerate(rows[places]):
        for number, mask in enumerate(masks):
            expected = model(pd.DataFrame(np.where(mask, own, baseline))).mean(axis=0)
            np.testing.assert_allclose(found[place, number], expected, rtol=1e-12)
    assert 0 < counter.calls <= len(places) * len(masks) * backgrounds
