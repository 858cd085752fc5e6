"""Missing values, outliers, scalers and vectors against pandas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from flowfiles import applied, node, tool
from tables import drawn, numbers, same

from sagewright.wrangler.errors import StepError

SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["whole", "real"])
def test_imputed_numbers(seed: int, name: str) -> None:
    frame = drawn(seed=seed)
    for strategy, value in (
        ("Mean", numbers(frame, name).mean()),
        ("Approximate Median", numbers(frame, name).median()),
    ):
        values = {"column_type": "Numeric", "numeric_parameters": {"strategy": strategy, "input_column": [name]}}
        found = applied(tool("handle_missing", "Impute", "impute_parameters", values), frame)
        same(found[name], numbers(frame, name).fillna(value))


def test_imputed_categories_and_fitted_ones() -> None:
    frame = pl.DataFrame({"text": ["b", None, "b", " ", "a", ""]})
    values = {"column_type": "Categorical", "categorical_parameters": {"input_column": "text"}}
    step = tool("handle_missing", "Impute", "impute_parameters", values)
    assert applied(step, frame)["text"].to_list() == ["b", "b", "b", "b", "a", "b"]


def test_filled_dropped_and_marked() -> None:
    frame = pl.DataFrame({"n": [1, None, 3], "t": ["x", " ", None], "r": [float("nan"), 1.0, None]})
    fill = tool(
        "handle_missing", "Fill missing", "fill_missing_parameters", {"input_column": ["n", "r"], "fill_value": "0"}
    )
    assert applied(fill, frame).to_dict(as_series=False) == {
        "n": [1, 0, 3],
        "t": ["x", " ", None],
        "r": [0.0, 1.0, 0.0],
    }
    mark = tool(
        "handle_missing",
        "Add indicator for missing",
        "add_indicator_for_missing_parameters",
        {"input_column": ["t", "r"]},
    )
    found = applied(mark, frame)
    assert (found["t_indicator"].to_list(), found["r_indicator"].to_list()) == (
        [False, True, True],
        [True, False, True],
    )
    drop = {"dimension": "Drop Rows", "drop_rows_parameters": {"input_column": ["n", "t"]}}
    assert applied(tool("handle_missing", "Drop missing", "drop_missing_parameters", drop), frame)["n"].to_list() == [1]
    whole = {"dimension": "Drop Columns", "drop_columns_parameters": {}}
    with_one = frame.with_columns(k=pl.lit(1))
    assert applied(tool("handle_missing", "Drop missing", "drop_missing_parameters", whole), with_one).columns == ["k"]
    with pytest.raises(StepError, match="fill value 'x' is not of the column's type, long"):
        applied(
            tool("handle_missing", "Fill missing", "fill_missing_parameters", {"input_column": "n", "fill_value": "x"}),
            frame,
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_outliers_by_standard_deviation(seed: int) -> None:
    frame, plain = drawn(seed=seed), numbers(drawn(seed=seed), "real")
    low, high = plain.mean() - plain.std(), plain.mean() + plain.std()

    def found(method: str) -> pl.DataFrame:
        values = {"input_column": ["real"], "fix_method": method, "standard_deviations": 1}
        title = "Standard deviation numeric outliers"
        return applied(tool("handle_outliers", title, "standard_deviation_numeric_outliers_parameters", values), frame)

    same(found("Clip")["real"], plain.clip(low, high))
    same(found("Invalidate")["real"], plain.where(plain.between(low, high)))
    same(found("Remove")["real"], plain[plain.isna() | plain.between(low, high)])


@pytest.mark.parametrize("seed", SEEDS)
def test_outliers_by_quantiles(seed: int) -> None:
    frame, plain = drawn(seed=seed), numbers(drawn(seed=seed), "real")
    low, high = plain.quantile(0.1), plain.quantile(0.9)
    values = {"input_column": "real", "lower_quantile": 0.1, "upper_quantile": 0.9, "output_column": "clipped"}
    found = applied(
        tool("handle_outliers", "Quantile numeric outliers", "quantile_numeric_outliers_parameters", values), frame
    )
    same(found["clipped"], plain.clip(low, high))
    inner = plain[plain.between(plain.quantile(0.25), plain.quantile(0.75))]
    values = {"input_column": "real", "standard_deviations": 2}
    robust = "Robust standard deviation numeric outliers"
    found = applied(
        tool("handle_outliers", robust, "robust_standard_deviation_numeric_outliers_parameters", values), frame
    )
    same(found["real"], plain.clip(inner.mean() - 2 * inner.std(), inner.mean() + 2 * inner.std()))
    values = {"input_column": "real", "upper_threshold": 3}
    found = applied(
        tool("handle_outliers", "Min-max numeric outliers", "min_max_numeric_outliers_parameters", values), frame
    )
    same(found["real"], plain.clip(upper=3))


def test_rare_values() -> None:
    frame = pl.DataFrame({"kind": ["a"] * 30 + ["b"] * 11 + ["c"] * 10 + [None, " "]})
    values = {"input_column": ["kind"], "replacement_string": "rest"}
    step = tool("handle_outliers", "Replace rare values", "replace_rare_values_parameters", values)
    assert applied(step, frame)["kind"].to_list() == ["a"] * 30 + ["b"] * 11 + ["rest"] * 10 + [None, " "]


@pytest.mark.parametrize("seed", SEEDS)
def test_scalers(seed: int) -> None:
    frame = drawn(seed=seed)
    plain = numbers(frame, "real")
    middle = plain.quantile(0.75) - plain.quantile(0.25)
    wanted = {
        ("Standard scaler", "standard_scaler_parameters", ("center", True)): (plain - plain.mean()) / plain.std(),
        ("Standard scaler", "standard_scaler_parameters", ("center", False)): plain / plain.std(),
        ("Robust scaler", "robust_scaler_parameters", ("center", True)): (plain - plain.median()) / middle,
        ("Min-max scaler", "min_max_scaler_parameters", ("max", 3)): (plain - plain.min())
        / (plain.max() - plain.min())
        * 3,
        ("Max absolute scaler", "max_absolute_scaler_parameters", ("x", 0)): plain / plain.abs().max(),
    }
    for (scaler, member, (name, value)), expected in wanted.items():
        values = {"scaler": scaler, member: {"input_column": ["real"], name: value}}
        same(
            applied(tool("process_numeric", "Scale values", "scale_values_parameters", values), frame)["real"], expected
        )
    values = {"scaler": "Min-max scaler", "min_max_scaler_parameters": {"input_column": ["same"]}}
    assert set(applied(tool("process_numeric", "Scale values", "scale_values_parameters", values), frame)["same"]) == {
        0.5
    }


def test_text_that_is_no_number_is_found() -> None:
    frame = pl.DataFrame({"price": ["1.5", "", "1.299,00", None]})
    values = {"scaler": "Standard scaler", "standard_scaler_parameters": {"input_column": ["price"]}}
    with pytest.raises(StepError) as caught:
        applied(tool("process_numeric", "Scale values", "scale_values_parameters", values), frame)
    assert (caught.value.column, caught.value.row, caught.value.value) == ("price", 2, "1.299,00")


def test_vectors_and_principal_components() -> None:
    random = np.random.default_rng(0)
    data = random.normal(size=(300, 2)) @ random.normal(size=(2, 4)) + [1, 2, 3, 4]
    frame = pl.DataFrame(data, schema=list("abcd"))
    assemble = tool(
        "manage_vectors", "Assemble", "assemble_parameters", {"input_column": list("abcd"), "output_column": "v"}
    )
    with_vector = applied(assemble, frame)
    assert with_vector["v"].to_numpy() == pytest.approx(data)
    flatten = tool("manage_vectors", "Flatten", "flatten_parameters", {"input_column": "v"})
    assert applied(flatten, with_vector)["v_3"].to_list() == pytest.approx(data[:, 3].tolist())
    values = {
        "input_column": ["v"],
        "operator_method": "Variance threshold percentage",
        "variance_threshold_percentage_parameters": {"variance_threshold_percentage": 99.9},
        "output_format": "Columns",
    }
    title, member = "Principal component analysis", "principal_component_analysis_parameters"
    found = applied(tool("dimensionality_reduction", title, member, values), with_vector)
    centred = data - data.mean(axis=0)
    singular = np.linalg.svd(centred, full_matrices=False)[1]
    scores = found.select("pca_0", "pca_1").to_numpy()
    assert "pca_2" not in found.columns
    assert np.linalg.norm(scores, axis=0) == pytest.approx(singular[:2])


@pytest.mark.parametrize("handling", ["Keep", "Replace with NaN", "Skip"])
def test_ordinal_codes(handling: str) -> None:
    frame = pl.DataFrame({"kind": ["b", "a", "b", None, "", "c", "c", "b"]})
    values = {"input_column": ["kind"], "invalid_handling_strategy": handling}
    found = applied(tool("encode_categorical", "Ordinal encode", "ordinal_encode_parameters", values), frame)["kind"]
    missing = {"Keep": 3.0, "Replace with NaN": None}
    codes = [0.0, 2.0, 0.0, "?", "?", 1.0, 1.0, 0.0]
    wanted = [one for one in codes if handling != "Skip" or one != "?"]
    assert found.to_list() == [missing.get(handling) if one == "?" else one for one in wanted]


def test_one_hot_against_pandas() -> None:
    frame = pl.DataFrame({"kind": ["b", "a", "b", None, "ü", "ü", "b", "a", "b"]})
    values = {
        "input_column": ["kind"],
        "invalid_handling_strategy": "Keep",
        "output_style": "Columns",
        "drop_last": False,
    }
    found = applied(tool("encode_categorical", "One-hot encode", "one_hot_encode_parameters", values), frame)
    assert found.columns == ["kind_b", "kind_a", "kind_ü", "kind_unknown"]
    dummies = pd.get_dummies(pd.Series(frame["kind"].to_list()), dummy_na=True, dtype=float)
    for name in "baü":
        same(found[f"kind_{name}"], dummies[name])
    values = {"input_column": ["kind"], "invalid_handling_strategy": "Keep", "output_column": "v"}
    vector = applied(tool("encode_categorical", "One-hot encode", "one_hot_encode_parameters", values), frame)
    assert vector["v"].to_list()[3] == [0.0, 0.0, 0.0]
    assert vector["v"].to_list()[1] == [0.0, 1.0, 0.0]


def test_a_new_category_fails_with_its_row() -> None:
    frame = pl.DataFrame({"kind": ["b", "a", None]})
    values = {"input_column": ["kind"]}
    step = tool("encode_categorical", "Ordinal encode", "ordinal_encode_parameters", values)
    with pytest.raises(pl.exceptions.PolarsError):
        applied(step, frame)


def test_similar_texts_have_similar_codes() -> None:
    frame = pl.DataFrame({"t": ["Main Street 12", "Main Street 13", "Elm Road", None, "Main Street 12"]})
    values = {"input_column": ["t"], "target_dimension": 200}
    found = applied(tool("encode_categorical", "Similarity encode", "similarity_encode_parameters", values), frame)[
        "t"
    ].to_list()
    alike = [sum(a == b for a, b in zip(found[0], other, strict=True)) for other in found]
    assert alike[4] == 200 and alike[1] > 100 and alike[2] < 50


def test_parameters_are_checked() -> None:
    frame = pl.DataFrame({"n": [1.0, 2.0]})
    cases = [
        (node("process_numeric", {"operator": "Scale values", "scale_values_parameters": {"scaler": "Best"}}), "Invalid choice selected for scaler. Best is not supported."),
        (node("process_numeric", {"operator": "Guess"}), "Invalid choice selected for operator. Guess is not supported."),
        (node("handle_missing", {"operator": "Fill missing", "fill_missing_parameters": {"input_column": "n"}}), "Missing required parameter fill_value"),
        (node("handle_missing", {}), "Missing required parameter operator"),
        (node("manage_columns", {"operator": "Drop column", "drop_column_parameters": {"column_to_drop": "m"}}), "There is no column 'm'; the columns are: n."),
    ]  # fmt: skip
    for step, text in cases:
        with pytest.raises(StepError) as caught:
            applied(step, frame)
        assert caught.value.reason == text
