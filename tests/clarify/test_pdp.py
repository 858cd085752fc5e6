from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from sagewright.clarify import pdp
from sagewright.clarify.configuration.methods import PdpSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.pdp import partial_dependence

TABLE = pd.DataFrame(
    {
        "Age": [19, 30, 40, 75] * 5,
        "Amount": np.linspace(0.0, 1.0, 20),
        "Job": ["a", "b", None, "b"] * 5,
        "Foreign": [0, 1, 1, 1] * 5,
        "Own": [True, False] * 10,
        "Constant": [2.5] * 20,
    }
)


def model(rows: pd.DataFrame) -> np.ndarray:
    return (rows["Age"] + 10 * rows["Amount"] + 100 * (rows["Job"] == "b") + 1000 * rows["Foreign"]).to_numpy(
        np.float64
    )


def entry(name: str, resolution: int = 3) -> dict[str, object]:
    settings = PdpSettings(features=(name,), grid_resolution=resolution)
    (found,) = partial_dependence(model, TABLE, settings, (), ())
    assert json.loads(json.dumps(found)) == found
    return found


def test_numbers_are_divided_into_buckets() -> None:
    found = entry("Age", 2)
    assert found["data_type"] == "numerical"
    assert found["feature_values"] == [33.0, 61.0]
    assert found["data_distribution"] == [0.75, 0.25]
    rest = 5 + 50 + 750  # the means of the others
    assert np.allclose(found["model_predictions"], [[33 + rest, 61 + rest]])
    assert found["label_headers"] == ["label0"]


def test_published_buckets() -> None:
    ages = pd.DataFrame({"Age": np.arange(19, 76)})
    (found,) = partial_dependence(lambda rows: np.zeros(len(rows)), ages, PdpSettings(features=("Age",)), (), ())
    assert [round(value, 1) for value in found["feature_values"][:2]] == [20.9, 24.6]
    assert len(found["feature_values"]) == 15


@pytest.mark.parametrize(
    ("name", "values", "shares"),
    [
        ("Job", ["a", "b"], [0.25, 0.5]),
        ("Foreign", [0, 1], [0.25, 0.75]),
        ("Own", [False, True], [0.5, 0.5]),
        ("Constant", [2.5], [1.0]),
    ],
)
def test_categories_are_taken_one_by_one(name: str, values: list[object], shares: list[float]) -> None:
    found = entry(name)
    assert found["data_type"] == ("numerical" if name == "Constant" else "categorical")
    assert found["feature_values"] == values
    assert found["data_distribution"] == shares


def test_types_of_cells_are_kept() -> None:
    seen: set[object] = set()

    def watched(rows: pd.DataFrame) -> np.ndarray:
        seen.update(rows["Own"].map(type))
        assert rows.dtypes.drop("Own").equals(TABLE.dtypes.drop("Own"))
        return model(rows)

    partial_dependence(watched, TABLE, PdpSettings(features=("Own",)), (), ())
    assert seen == {bool}


def test_several_labels_and_the_largest_features() -> None:
    def two(rows: pd.DataFrame) -> np.ndarray:
        scores = model(rows)
        return np.stack([scores, -scores], axis=1)

    settings = PdpSettings(top_k_features=2)
    found = partial_dependence(two, TABLE, settings, ("no", "yes"), ["Job", "Age", "Amount"])
    assert [each["feature_name"] for each in found] == ["Job", "Age"]
    assert found[0]["label_headers"] == ["no", "yes"]
    assert found[0]["model_predictions"][1] == [-value for value in found[0]["model_predictions"][0]]


def test_rows_are_drawn_and_batches_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def watched(rows: pd.DataFrame) -> np.ndarray:
        sizes.append(len(rows))
        return model(rows)

    monkeypatch.setattr(pdp, "MOST_ROWS", 8)
    monkeypatch.setattr(pdp, "batch_rows", lambda columns: 20)
    partial_dependence(watched, TABLE, PdpSettings(features=("Amount",), grid_resolution=5), (), ())
    assert sizes == [16, 16, 8]


def test_a_feature_without_values_has_an_error() -> None:
    table = TABLE.assign(Empty=np.nan, Infinite=np.inf)
    found = partial_dependence(model, table, PdpSettings(features=("Empty", "Age", "Infinite")), (), ())
    assert found[0] == {"feature_name": "Empty", "error": "The column 'Empty' has no finite values."}
    assert "error" not in found[1]
    with pytest.raises(CustomerError, match="'Empty' has no finite values"):
        partial_dependence(model, table, PdpSettings(features=("Empty",)), (), ())


def test_many_categories_are_the_commonest() -> None:
    table = pd.DataFrame({"town": [f"t{number}" for number in range(300)] + ["t7"] * 3})
    (found,) = partial_dependence(lambda rows: np.zeros(len(rows)), table, PdpSettings(features=("town",)), (), ())
    assert len(found["feature_values"]) == pdp.MOST_CATEGORIES
    assert "t7" in found["feature_values"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (PdpSettings(), "needs 'features'"),
        (PdpSettings(features=("Weight",)), "no feature 'Weight'"),
        (PdpSettings(features=("Age",), grid_resolution=0), "from 1 to 1000, but it is 0"),
    ],
)
def test_bad_settings_are_refused(settings: PdpSettings, message: str) -> None:
    with pytest.raises(CustomerError, match=message):
        partial_dependence(model, TABLE, settings, (), ())
