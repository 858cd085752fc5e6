from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.baselines import computed_baseline, given_baseline, like

TABLE = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "c": ["x", "y", "x"], "d": [True, False, True]})


def test_rows_get_the_types_of_the_data() -> None:
    found = given_baseline([[1, 2, "x", True], ["3", None, None, False]], TABLE)
    assert list(found.columns) == list(TABLE.columns)
    assert found.dtypes.to_dict() == TABLE.dtypes.to_dict()
    assert found["a"].tolist() == [1, 3]
    assert np.isnan(found["b"].iloc[1])
    assert given_baseline([1.5, 2, "x", True], TABLE)["a"].tolist() == [1.5]
    assert given_baseline({"d": True, "a": 1, "b": 2, "c": "z"}, TABLE)["c"].tolist() == ["z"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([[1, 2, "x"]], "Row 0 of the SHAP baseline has 3 values, and the data set has 4 features"),
        ([[1, 2, "x", True], [1, 2, "x", True, 9]], "Row 1 of the SHAP baseline has 5 values"),
        ([["many", 2, "x", True]], "text in the column 'a'"),
        ([[[1], 2, "x", True]], "a list as feature 'a'"),
        ([{"a": 1, "e": 2}], "lacks b, c, d, and has others: e"),
        ([[1, 2, "x", True], "row"], "Row 1 of the SHAP baseline is not a list"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: list[object], message: str) -> None:
    with pytest.raises(CustomerError, match=message):
        given_baseline(rows, TABLE)


def test_a_table_of_another_width_is_refused() -> None:
    with pytest.raises(CustomerError, match="has 2 columns, and the data set has 4 features"):
        like(TABLE[["a", "b"]], TABLE)


@pytest.mark.parametrize("true", [1, 2, 4])
def test_the_number_of_clusters_is_found(true: int) -> None:
    random = np.random.default_rng(0)
    group = np.arange(400) % true
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])[group]
    cells = centres + random.normal(size=(400, 2)) * 0.3
    table = pd.DataFrame({"a": cells[:, 0], "b": cells[:, 1], "n": group * 100})
    table["town"] = [f"town{number}" for number in group]
    found = computed_baseline(table, None, seed=1)
    assert len(found) == true
    assert found.dtypes.to_dict() == table.dtypes.to_dict()
    assert set(found["town"]) == set(table["town"])
    assert found.equals(computed_baseline(table, None, seed=1))


def test_clusters_of_given_number_and_missing_cells() -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame(
        {"a": random.normal(size=60), "nothing": np.full(60, np.nan), "town": random.choice(["x", None], 60)}
    )
    table.loc[::3, "a"] = np.nan
    assert len(computed_baseline(table, 5, seed=None)) == 5
    assert len(computed_baseline(pd.DataFrame({"a": [1, 1, 1]}), 3, seed=None)) == 1
    with pytest.raises(CustomerError, match="from 1 to the number of rows, 60, but it is 61"):
        computed_baseline(table, 61, seed=None)
    with pytest.raises(CustomerError, match="no rows"):
        computed_baseline(table.head(0), None, seed=None)


def test_the_number_of_clusters_is_bounded() -> None:
    rows = pd.DataFrame({"a": np.arange(3000)})
    with pytest.raises(CustomerError, match="at most 1000, but it is 1001"):
        computed_baseline(rows, 1001, 0)
