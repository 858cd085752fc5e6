"""Rows and tables against pandas."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest
from flowfiles import applied, node, outputs, tool
from tables import as_pandas, drawn, numbers

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node


def split(title: str, values: dict[str, object]) -> Node:
    member = title.lower().replace(" ", "_") + "_parameters"
    return tool("split", title, member, {"splits": [{"name": "train", "percentage": 0.8}, {"name": "test", "percentage": 0.2}], **values})  # fmt: skip


def test_order_duplicates_and_filters() -> None:
    frame = drawn(seed=3)
    conditions = [{"sort_by": "kind", "order": "Descending"}, {"sort_by": "key", "order": "Ascending"}]
    found = applied(tool("manage_rows", "Sort", "sort_parameters", {"conditions": conditions}), frame)
    plain = as_pandas(frame).sort_values(["kind", "key"], ascending=[False, True], kind="stable")
    assert found["key"].to_list() == plain["key"].to_list()
    assert found["kind"].to_list() == plain["kind"].to_list()
    shuffled = applied(tool("manage_rows", "Shuffle", "shuffle_parameters", {}), frame)
    assert shuffled["key"].to_list() != frame["key"].to_list()
    assert sorted(shuffled["key"].to_list()) == sorted(frame["key"].to_list())
    once = applied(
        tool("manage_rows", "Drop duplicates", "drop_duplicates_parameters", {"input_column": ["key", "kind"]}), frame
    )
    assert len(once) == len(as_pandas(frame).drop_duplicates(["key", "kind"]))
    filters = {
        "conditions": [
            {"column": "key", "comparison": ">=", "value": "10"},
            {"column": "kind", "comparison": "=", "value": "b"},
        ]
    }
    kept = applied(tool("manage_rows", "Filter", "filter_parameters", filters), frame)
    plain = as_pandas(frame)
    assert len(kept) == len(plain[(plain["key"] >= 10) & (plain["kind"] == "b")])
    empty = pl.DataFrame({"a": [1, None, None], "b": ["", " ", "x"]})
    assert applied(tool("manage_rows", "Drop empty", "drop_empty_parameters", {}), empty)["b"].to_list() == ["", "x"]


@pytest.mark.parametrize(
    ("kind", "how"), [("leftouter", "left"), ("rightouter", "right"), ("inner", "inner"), ("fullouter", "outer")]
)
def test_joins(kind: str, how: str) -> None:
    left = pl.DataFrame({"id": [1, 2, 2, None, 5], "x": list("abcde")})
    right = pl.DataFrame({"key": ["2", "3", "1", None], "x": list("vwyz")})
    step = node("join_tables", {"join_type": kind, "left_column": "id", "right_column": "key"}, "l", "r")
    found = applied(step, left, right)
    assert found.columns == ["id", "x_0", "key", "x_1"]
    one = as_pandas(left).dropna().assign(id=lambda table: table["id"].astype(int).astype(str))
    plain = one.merge(as_pandas(right).dropna(), how=how, left_on="id", right_on="key")
    keyless = {"left": 1, "right": 1, "inner": 0, "outer": 2}[how]
    assert len(found) == len(plain) + keyless
    assert sorted(map(str, found["x_0"].drop_nulls())) == sorted(
        [*plain["x_x"].dropna(), *("d" if how in ("left", "outer") else "")]
    )


def test_other_joins() -> None:
    left, right = pl.DataFrame({"k": [1, 2, 3], "a": [1, 1, 2]}), pl.DataFrame({"k": [2, 2], "b": [1, 9]})
    keys = [{"left": "k", "right": "k"}, {"left": "a", "right": "b"}]
    found = applied(node("join_multi_keys", {"join_type": "inner", "join_keys": keys}, "l", "r"), left, right)
    assert found.to_dict(as_series=False) == {"k_0": [2], "a": [1], "k_1": [2], "b": [1]}
    for kind, rows in (("leftanti", [1, 3]), ("leftsemi", [2])):
        step = node("join_tables", {"join_type": kind, "left_column": "k", "right_column": "k"}, "l", "r")
        assert applied(step, left, right)["k"].to_list() == rows
    assert len(applied(node("join_tables", {"join_type": "cartesian"}, "l", "r"), left, right)) == 6
    with pytest.raises(StepError, match="There is no column 'z' in the right table"):
        applied(
            node("join_tables", {"join_type": "inner", "left_column": "k", "right_column": "z"}, "l", "r"), left, right
        )
    many = pl.DataFrame({"n": range(20_000)})
    with pytest.raises(StepError, match="has more than 200,000,000 rows"):
        applied(node("join_tables", {"join_type": "cartesian"}, "l", "r"), many, many)


def test_concatenations() -> None:
    one, two = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}), pl.DataFrame({"b": ["y", "z"], "a": [2, 3]})
    below = applied(
        node("concatenate_datasets", {"concatenate_type": "row_wise", "apply_dedupe": True}, "l", "r"), one, two
    )
    assert below.to_dict(as_series=False) == {"a": [1, 2, 3], "b": ["x", "y", "z"]}
    marked = applied(
        node("concatenate_datasets", {"indicator_col_name": "from", "df1_indicator": "A"}, "l", "r"), one, two
    )
    assert marked["from"].to_list() == ["A", "A", "1", "1"]
    beside = applied(node("concatenate_datasets", {"concatenate_type": "column_wise"}, "l", "r"), one, two)
    assert beside.columns == ["a_0", "b_0", "b_1", "a_1"]
    with pytest.raises(StepError, match="they have 2 and 1"):
        applied(node("concatenate_datasets", {"concatenate_type": "column_wise"}, "l", "r"), one, two.head(1))


def test_splits_lose_no_row() -> None:
    frame = drawn(1000, seed=5).with_row_index("id")
    cases: list[tuple[str, dict[str, object]]] = [
        ("Randomized split", {}),
        ("Ordered split", {"input_column": "id"}),
        ("Stratified split", {"input_column": "kind"}),
        ("Split by key", {"key_columns": ["key"]}),
    ]
    for title, values in cases:
        found = outputs(split(title, values), frame)
        assert sorted([*found["train"]["id"], *found["test"]["id"]]) == list(range(1000)), title
        assert 650 < len(found["train"]) < 900, title
        assert outputs(split(title, values), frame)["test"]["id"].to_list() == found["test"]["id"].to_list()
    ordered = outputs(split("Ordered split", {"input_column": "id"}), frame)
    assert ordered["test"]["id"].min() == 800
    strata = outputs(split("Stratified split", {"input_column": "kind"}), frame)["train"]["kind"].value_counts()
    whole = frame["kind"].value_counts().rename({"count": "all"})
    assert all(
        abs(one["count"] / one["all"] - 0.8) < 0.02 for one in strata.join(whole, on="kind").iter_rows(named=True)
    )
    by_key = outputs(split("Split by key", {"key_columns": ["key"]}), frame)
    assert not set(by_key["train"]["key"]) & set(by_key["test"]["key"])


def test_faults_of_splits() -> None:
    one = {"name": "a", "percentage": 0.5}
    cases = [([one], "You can only perform a two-way or three-way split of your dataset."), ([one, {"name": "b", "percentage": 0.4}], "Percentages must sum to 1.")]  # fmt: skip
    for splits, text in cases:
        with pytest.raises(StepError, match=text):
            applied(tool("split", "Randomized split", "randomized_split_parameters", {"splits": splits}), drawn(5))


def test_samples() -> None:
    frame = drawn(1000, seed=6).with_row_index("id")
    limit = {"sampling_method": "Limit", "limit_parameters": {"sample_size": 7}}
    assert applied(node("sampling", limit), frame)["id"].to_list() == list(range(7))
    random = {"sampling_method": "Random", "random_parameters": {"sample_size": 100, "seed": 1}}
    found = applied(node("sampling", random), frame)["id"].to_list()
    assert len(found) == 100 and found == sorted(found) and found != list(range(100))
    assert found == applied(node("sampling", random), frame)["id"].to_list()
    strata = {"sample_size": 100, "stratify_column": "kind"}
    found = applied(node("sampling", {"sampling_method": "Stratified", "stratified_parameters": strata}), frame)
    assert 97 <= len(found) <= 103
    assert set(found["kind"]) == {"a", "b", "c"}


@pytest.mark.parametrize("title", ["SMOTE", "Random oversample", "Random undersample"])
def test_balance(title: str) -> None:
    frame = drawn(400, seed=7).with_columns(target=pl.col("kind") == "b").select("target", "key", "text", "real")
    parameters = {"operator": title, "target_column": "target", "ratio": 1.0, "smote_params": {"num_neighbors": 3}}
    found = applied(node("balance_data", parameters), frame)
    counts = dict(found["target"].value_counts().iter_rows())
    assert counts[True] == counts[False]
    if title == "SMOTE":
        made = found.slice(len(frame))
        of_minor = frame.filter("target")
        assert set(made["text"]) <= set(of_minor["text"])
        assert made["key"].is_between(of_minor["key"].min(), of_minor["key"].max()).all()
    with pytest.raises(StepError, match="The target has 3 values; balancing needs two"):
        applied(node("balance_data", {**parameters, "target_column": "kind"}), drawn(400))


def test_structured_columns() -> None:
    frame = pl.DataFrame({"j": ['{"a": 1, "b": {"c": [1]}}', '{"a": "x"}', "broken", None]})
    found = applied(tool("handle_structured_column", "Flatten structured column", "flatten_structured_column_parameters", {"input_column": "j"}), frame)  # fmt: skip
    assert found.to_dict(as_series=False) == {"j_a": ["1", "x", None, None], "j_b": ['{"c": [1]}', None, None, None]}
    rows = pl.DataFrame({"n": [1, 2, 3], "l": ["[1, 2]", "[]", None]})
    found = applied(tool("handle_structured_column", "Explode array column", "explode_array_column_parameters", {"input_column": "l"}), rows)  # fmt: skip
    assert found.rows() == [(1, "1"), (1, "2"), (2, None), (3, None)]


def test_columns() -> None:
    frame = pl.DataFrame({"a": [1], "b": ["x"], "c": [2.5], "d": [True]})
    moves = {
        "Move to start": ({"column_to_move": ["c", "b"]}, "cbad"),
        "Move to end": ({"column_to_move": "a"}, "bcda"),
        "Move to index": ({"column_to_move": ["d"], "index": 1}, "adbc"),
        "Move after": ({"column_to_move": ["a"], "target_column": "c"}, "bcad"),
        "Move before": ({"column_to_move": ["d"], "target_column": "b"}, "adbc"),
    }
    for kind, (values, order) in moves.items():
        member = kind.lower().replace(" ", "_") + "_parameters"
        step = tool("manage_columns", "Move column", "move_column_parameters", {"move_type": kind, member: values})
        assert applied(step, frame).columns == list(order)
    joined = tool("manage_columns", "Concatenate columns", "concatenate_columns_parameters", {"left_column": "a", "right_column": "d", "delimiter": "-"})  # fmt: skip
    assert applied(joined, frame)["a_d"].to_list() == ["1-true"]
    swap = [{"input_column": "a", "new_name": "b"}, {"input_column": "b", "new_name": "a"}]
    renamed = tool("manage_columns", "Rename column", "rename_column_parameters", {"columns_to_rename": swap})
    assert applied(renamed, frame).columns == ["b", "a", "c", "d"]
    with pytest.raises(StepError, match="There is already a column 'b'"):
        applied(
            tool("manage_columns", "Rename column", "rename_column_parameters", {"input_column": "a", "new_name": "b"}),
            frame,
        )


def test_types() -> None:
    rows = 100
    frame = pl.DataFrame(
        {
            "long": ["12"] * 90 + ["x"] * 10,
            "float": ["1.5"] * 50 + ["2"] * 50,
            "bool": ["True", "false"] * 50,
            "date": ["2020-01-31"] * rows,
            "time": ["2020-01-31T10:00:00Z"] * rows,
            "text": ["1"] * 70 + ["x"] * 30,
            "rare": ["1"] * 20 + [None] * 80,
            "nullish": ["NaN", "null"] * 10 + ["3"] * 80,
        }
    )
    found = applied(node("infer_and_cast_type", {}), frame)
    kinds = {"long": pl.Int64, "float": pl.Float64, "bool": pl.Boolean, "date": pl.Date, "time": pl.Datetime("us")}
    assert dict(found.schema) == {**kinds, "text": pl.String, "rare": pl.String, "nullish": pl.Int64}
    assert found["long"].null_count() == 10
    values = {"column": "long", "data_type": "long", "non_castable_data_handling_method": "replace_value_with_new_col", "replace_value": "-1"}  # fmt: skip
    found = applied(node("cast_single_data_type", values), frame)
    assert found["long"].to_list() == [12] * 90 + [-1] * 10
    assert found["long_typecast_error"].to_list() == [None] * 90 + ["x"] * 10
    written = pl.DataFrame({"d": ["31-01-2020", "1-2-2020", "", "no"]})
    values = {"column": "d", "original_data_type": "String", "data_type": "Date", "date_formatting": "dd-MM-yyyy"}
    assert [str(one) for one in applied(node("cast_single_data_type", values), written)["d"]][:1] == ["2020-01-31"]
    assert (
        len(applied(node("cast_single_data_type", {**values, "non_castable_data_handling_method": "drop"}), written))
        <= 3
    )
    numbers_of = numbers(drawn(seed=2), "real")
    cast = applied(node("cast_single_data_type", {"column": "real", "data_type": "long"}), drawn(seed=2))["real"]
    assert [one for one in cast if one is not None] == [int(one) for one in numbers_of if not pd.isna(one)]
