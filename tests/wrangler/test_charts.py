"""Charts: the numbers of their tables, and pictures of their specifications."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
import pytest
from flowfiles import node

from sagewright.wrangler.charts import DrawnChart, chart, render
from sagewright.wrangler.errors import StepError


def frame(rows: int = 400) -> pl.DataFrame:
    draw = np.random.default_rng(1)
    x = draw.normal(size=rows)
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(rows)]
    return pl.DataFrame(
        {
            "x": x,
            "near": x * 2 + draw.normal(size=rows) * 0.01,
            "noise": draw.normal(size=rows),
            "kind": draw.choice(["a", "b", "ü"], rows),
            "good": np.where(x > 0, "yes", "no"),
            "day": days,
            "sales": [10 + math.sin(day * 2 * math.pi / 7) * 3 + day * 0.01 for day in range(rows)],
            "v": [[1.0, 2.0]] * rows,
        }
    )


def made(kind: str, **values: Any) -> DrawnChart:
    found = chart(frame(), node(f"sagemaker.visualizations.{kind}_0.1", values, kind="VISUALIZATION"))
    json.dumps(asdict(found), allow_nan=False, default=str)
    if found.spec:
        svg = render(found.spec, "dark")
        assert svg.startswith("<svg") and "<script" not in svg
    return found


def test_summary() -> None:
    rows = {row[0]: row for row in made("describe", name="All").rows}
    assert rows["x"][2] == 400 and rows["x"][3] == pytest.approx(frame()["x"].mean())
    assert rows["kind"][8] == frame()["kind"].mode().sort()[0]
    assert rows["v"][2] == 400


def test_histograms_count_each_row_once() -> None:
    for values in ({"x_axis": "x"}, {"x_axis": "kind"}, {"x_axis": "x", "color_by": "kind", "facet_by": "good"}):
        found = made("histogram", **values)
        assert sum(row[found.columns.index("count")] for row in found.rows) == 400


def test_scatter_plots() -> None:
    assert len(made("scatterplot", x_axis="x", y_axis="day", color_by="kind").rows) == 400


def test_models() -> None:
    found = made("quick_model", label="good")
    assert found.rows[0][0] in ("x", "near") and "AUC of 1.000" in found.sentence
    leakage = {row[0]: row for row in made("target_leakage", target="good", problem_type="Classification").rows}
    assert leakage["x"][2] == "possible leakage" and leakage["noise"][1] < 0.7


def test_relations() -> None:
    correlation = {row[:2]: row[2] for row in made("feature_correlation", correlation_type="linear").rows}
    assert correlation["x", "near"] == pytest.approx(np.corrcoef(frame()["x"], frame()["near"])[0, 1])
    made("feature_correlation", correlation_type="non-linear")
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    columns = ["x", "near", "noise"]
    table = frame().select(columns).with_columns(one=pl.lit(1.0)).to_numpy()
    found = dict(made("multicollinearity", input_column=columns).rows)
    for place, name in enumerate(columns):
        assert found[name] == pytest.approx(variance_inflation_factor(table, place))
    assert (
        "1 of 2 components"
        in made("multicollinearity", analysis="Principal component analysis", input_column=["x", "near"]).sentence
    )
    lasso = made("multicollinearity", analysis="Lasso feature selection", target="sales", input_column=["x", "noise"])
    assert "keeps" in lasso.sentence


def test_series() -> None:
    found = made("seasonal_decomposition", timestamp_column="day", value_column="sales", period=7)
    assert "The season explains 100%" in found.sentence
    spiked = frame().with_columns(
        sales=pl.when(pl.col("day") == dt.date(2024, 3, 1)).then(500.0).otherwise(pl.col("sales"))
    )
    values = {"timestamp_column": "day", "value_column": "sales"}
    marked = chart(spiked, node("sagemaker.visualizations.anomaly_detection_0.1", values, kind="VISUALIZATION"))
    assert [row[0] for row in marked.rows if row[2]] == ["2024-03-01 00:00:00"]


def test_bias_is_clarifys() -> None:
    values = {
        "label_name": "good", "label_values": ["yes"], "facet_name": "kind", "facet_values": "a", "group_name": "day",
        "default_metrics": True, "metrics": {"CI": True, "DPL": True, "JS": False, "CDDL": False}, "show_additional_metrics": "no",
    }  # fmt: skip
    rows = {row[1]: row[2] for row in made("bias_report", **values).rows}
    data = frame()
    of_d = data.filter(pl.col("kind") == "a")
    others = data.filter(pl.col("kind") != "a")
    assert rows["CI"] == pytest.approx((len(others) - len(of_d)) / len(data))
    assert rows["DPL"] == pytest.approx((others["good"] == "yes").mean() - (of_d["good"] == "yes").mean())
    assert set(rows) == {"CI", "DPL"}


def test_code_of_users() -> None:
    code = "chart = alt.Chart(df[['x', 'kind']]).mark_point().encode(x='x:Q', y='kind:N')"
    assert made("custom_visualization", code=code).spec["mark"] == {"type": "point"}
    for broken in ("chart = 1 / 0", "pass", "raise SystemExit"):
        with pytest.raises(StepError):
            made("custom_visualization", code=broken)


def test_charts_read_no_files_and_no_addresses() -> None:
    for url in ("file:///etc/passwd", "/etc/passwd", "http://127.0.0.1:1/x.csv"):
        with pytest.raises(ValueError):
            render(
                {"data": {"url": url, "format": {"type": "csv"}}, "mark": "point", "encoding": {"x": {"field": "a"}}}
            )


def test_faults() -> None:
    with pytest.raises(StepError, match="There is no column 'q'"):
        made("histogram", x_axis="q")
    with pytest.raises(StepError, match="two seasons are needed"):
        made("seasonal_decomposition", timestamp_column="day", value_column="sales", period=300)
    with pytest.raises(StepError, match="no chart with this name"):
        made("pie")
