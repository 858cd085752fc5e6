"""Profiles and the insights report."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from flowfiles import applied
from tables import drawn

from sagewright.wrangler.charts import chart
from sagewright.wrangler.flows import Node, NodeType
from sagewright.wrangler.insights import Insights, insights
from sagewright.wrangler.profiles import profile


def test_profiles() -> None:
    frame = drawn(500, seed=4).with_columns(number_text=pl.Series(["1", "2.5", "x", ""] * 125), v=pl.Series([[1.0]] * 500), big=pl.lit(float("inf")))  # fmt: skip
    frame = frame.with_columns(number_text=pl.when(pl.int_range(500) < 450).then(pl.lit("7")).otherwise("number_text"))
    found = {one.name: one for one in profile(frame.lazy())}
    json.dumps([asdict(one) for one in found.values()], allow_nan=False)
    whole = frame["whole"]
    assert found["whole"].missing == whole.null_count()
    assert found["whole"].distinct == whole.drop_nulls().n_unique()
    assert (found["whole"].minimum, found["whole"].maximum) == (whole.min(), whole.max())
    assert sum(found["whole"].counts) == 500 - whole.null_count()
    assert found["text"].missing == sum(one is None or not one.strip() for one in frame["text"])
    assert dict(found["kind"].top) == dict(frame["kind"].value_counts().iter_rows())
    assert (found["number_text"].looks_like, found["number_text"].invalid) == (
        "float",
        sum(one == "x" for one in frame["number_text"]),
    )
    assert found["same"].counts == (500,)
    assert profile(pl.DataFrame()) == []
    assert profile(drawn(0))[0].rows == 0


def messy(rows: int = 2000) -> pl.DataFrame:
    draw = np.random.default_rng(2)
    signal = draw.normal(size=rows)
    answer = signal + draw.normal(size=rows) > 0.5
    frame = pl.DataFrame(
        {
            "signal": signal,
            "copy": signal * 3,
            "reason": np.where(answer, draw.choice(["price", "moved"], rows), "none given"),
            "tenure": np.where(draw.random(rows) < 0.02, -1, draw.integers(0, 72, rows)),
            "bank": draw.choice(["Bank", "bank", "BANK ", "card", "?"], rows),
            "id": [f"id-{number}" for number in range(rows)],
            "empty": pl.Series([None] * (rows - 5) + [1.0] * 5),
            "constant": ["same"] * rows,
            "price": [f"{number}.5" if number % 50 else "1,5" for number in range(rows)],
            "answer": np.where(answer, "yes", "no"),
        }
    )
    return pl.concat([frame, frame.head(20)])


@pytest.fixture(scope="module")
def report() -> Insights:
    return insights(messy(), "answer")


def test_findings_and_their_fixes(report: Insights) -> None:
    json.dumps(asdict(report), allow_nan=False)
    found = {(one.id.removeprefix("sagemaker.data_quality."), one.columns[:1]): one for one in report.findings}
    for name, columns, severity in [
        ("target_leakage", ("reason",), "high_sev"),
        ("duplicate_rows", (), "med_sev"),
        ("correlated_features", ("signal",), "med_sev"),
        ("inconsistent_values", ("bank",), "med_sev"),
        ("disguised_missing_value", ("tenure",), "med_sev"),
        ("disguised_missing_value", ("bank",), "med_sev"),
        ("high_missing_ratio", ("empty",), "med_sev_feature"),
        ("high_cardinality", ("id",), "low_sev"),
        ("constant_feature", ("constant",), "low_sev"),
        ("mixed_types", ("price",), "med_sev"),
    ]:
        assert found[name, columns].severity == severity
    frame = messy()
    for finding in report.findings:
        for fix in finding.fixes:
            applied(Node("fix", NodeType.TRANSFORM, fix.operator, fix.parameters), frame)
    fix = found["disguised_missing_value", ("tenure",)].fixes[0]
    mended = applied(Node("fix", NodeType.TRANSFORM, fix.operator, fix.parameters), frame)
    assert mended["tenure"].min() == 0 and mended["tenure"].null_count() == (frame["tenure"] == -1).sum()


def test_power_and_quick_model(report: Insights) -> None:
    powers = {one.name: one.power for one in report.columns}
    assert powers["answer"] is None
    assert powers["reason"] == pytest.approx(1.0, abs=0.01)
    assert 0.7 < powers["signal"] < 0.9 and powers["tenure"] < 0.6
    model = report.quick_model
    assert model is not None and model.metric == "roc_auc"
    assert model.score > 0.95 > 0.9 > model.without > 0.6  # noqa: PLR0133
    assert report.problem_type == "Classification"
    assert report.duplicates["rows"] == 20


def test_regression_and_its_target() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=500)
    frame = pl.DataFrame({"x": x, "y": np.where(np.arange(500) == 7, 1e6, np.exp(x))})
    found = insights(frame, "y")
    assert found.problem_type == "Regression" and found.quick_model.metric == "r2"
    assert {"skewed_target", "target_outliers"} <= {one.id.rpartition(".")[2] for one in found.findings}


@pytest.mark.parametrize("name", ["n", "count", "value", "folded", "t", "len", "bin", "__count", "", "literal", "日本"])
def test_no_name_of_a_column_matters(name: str) -> None:
    frame = drawn(300, seed=11).select("text", "kind", "key").rename({"kind": name})
    assert {one.name for one in insights(frame, name).columns} == {"text", name, "key"}
    assert insights(frame, "key").target == "key"
    for kind, values in (
        ("histogram", {"x_axis": name}),
        ("describe", {}),
        ("histogram", {"x_axis": "key", "color_by": name}),
    ):
        if name or kind == "describe":
            chart(frame, Node("c", NodeType.VISUALIZATION, f"sagemaker.visualizations.{kind}_0.1", values))
    for title in ("Replace rare values",):
        values = {"operator": title, "replace_rare_values_parameters": {"input_column": [name]}}
        assert len(applied(Node("r", NodeType.TRANSFORM, "sagemaker.spark.handle_outliers_0.1", values), frame)) == 300
    balanced = frame.filter(pl.col(name) != "c")
    values = {"operator": "Random undersample", "target_column": name}
    if name:
        applied(Node("b", NodeType.TRANSFORM, "sagemaker.spark.balance_data_0.1", values), balanced)
        hot = {
            "operator": "One-hot encode",
            "one_hot_encode_parameters": {"input_column": [name], "output_style": "Columns"},
        }
        applied(Node("h", NodeType.TRANSFORM, "sagemaker.spark.encode_categorical_0.1", hot), frame)


def test_odd_data() -> None:
    assert insights(drawn(30)).quick_model is None
    assert insights(pl.DataFrame({"a": [1], "b": [None]}), "a").target == "a"
    for frame, target, text in [
        (drawn(3), "nowhere", "There is no column 'nowhere'"),
        (drawn(0), "", "no rows"),
        (pl.DataFrame({"t": [f"c{one}" for one in range(300)]}), "t", "300 classes, more than 100"),
    ]:
        with pytest.raises(ValueError, match=text):
            insights(frame, target, "Classification" if target == "t" else "")


def test_of_many_columns_alike_each_is_named_once() -> None:
    frame = pl.DataFrame({f"c{place}": [float(row) for row in range(50)] for place in range(20)})
    alike = [one.columns for one in insights(frame).findings if one.id.endswith("correlated_features")]
    assert alike == [("c0", f"c{place}") for place in range(1, 20)]


def test_a_target_without_values_is_a_fault() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "b": pl.Series([None, None], dtype=pl.String)})
    with pytest.raises(ValueError, match="'b' has no values"):
        insights(frame, "b")
