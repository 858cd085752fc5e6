"""Flows of the shapes that public flow files have: they load, run, and are written back unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flowfiles import engine

from sagewright.wrangler import flows, parameters
from sagewright.wrangler.code import program
from sagewright.wrangler.errors import FlowError, StepError


def node(
    number: str, operator: str, values: dict[str, Any], before: tuple[str, ...] = (), port: str = "df", **more: Any
) -> dict[str, Any]:
    inputs = [{"name": port, "node_id": one, "output_name": "default"} for one in before]
    return {
        "node_id": number,
        "type": "TRANSFORM",
        "operator": f"sagemaker.spark.{operator}_0.1",
        "parameters": values,
        "inputs": inputs,
        "outputs": [{"name": "default"}],
        **more,
    }


def source(number: str, name: str) -> dict[str, Any]:
    context = {
        "__typename": "S3ExecutionContext",
        "s3Uri": "s3://bucket/trips/",
        "s3ContentType": "csv",
        "s3HasHeader": True,
        "s3FieldDelimiter": ",",
        "s3DirIncludesNested": False,
        "s3AddsFilenameColumn": False,
        "s3RoleArn": None,
        "s3CsvEncodingType": "UTF_8",
        "s3SkipLines": 0,
        "s3MultiLine": False,
        "s3DataType": "S3Prefix",
        "s3ManifestPlain": {"s3Uris": []},
    }
    definition = {
        "__typename": "S3CreateDatasetDefinitionOutput",
        "datasetSourceType": "S3",
        "name": name,
        "description": None,
        "s3ExecutionContext": context,
    }
    sampling = {"sampling_method": "sample_by_limit", "limit_rows": 50000}
    one = node(number, "", {"dataset_definition": definition, "canvasDatasetMetadata": {"x": 1}})
    return {
        **one,
        "type": "SOURCE",
        "operator": "sagemaker.s3_source_0.1",
        "outputs": [{"name": "default", "sampling": sampling}],
    }


def document() -> dict[str, Any]:
    hmac = {
        "hmac_output_column": "",
        "hmac_id_column": "zone",
        "hmac_strategy": "Constant Value",
        "hmac_leftovernans": "Fill with Forward/Backward feed",
        "hmac_strategy_Constant Value_parameters": {"hmac_custom_value": "0.0"},
        "hmac_sequence_column": "distance",
        "hmac_timestamp_column": "at",
    }
    nodes = [
        source("s", "trips"),
        node("t", "infer_and_cast_type", {}, ("s",), "default", trained_parameters={"schema": {"at": "datetime", "zone": "long", "distance": "float", "kind": "string"}}),
        node("v", "time_series", {"Validate timestamps_parameters": {"timestamp_column": "at", "policy": "drop"}, "operator": "Validate timestamps"}, ("t",)),
        node("m", "time_series", {"Handle missing_parameters": {"hm_input_type_Along column_parameters": hmac, "hm_input_type": "Along column"}, "operator": "Handle missing"}, ("v",)),
        node("i", "handle_missing", {"operator": "Impute", "impute_parameters": {"column_type": "Numeric", "numeric_parameters": {"strategy": "Approximate Median", "input_column": ["distance"], "output_column": "distance"}}}, ("m",)),
        node(
            "o", "handle_outliers",
            {"operator": "Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters": {"standard_deviations": 4, "input_column": ["distance", "zone"], "fix_method": "Remove"}},
            ("i",),
            trained_parameters={"standard_deviation_numeric_outliers_parameters": [
                {"_hash": "10b2dff28011403357a5a7dd4a37e9bea91721a8", "lower_threshold": -1.0, "upper_threshold": 5.0, "input_column": "distance"},
                {"_hash": "10b2dff28011403357a5a7dd4a37e9bea91721a8", "lower_threshold": 0.0, "upper_threshold": 300.0, "input_column": "zone"},
            ]},
        ),
        node(
            "e", "encode_categorical",
            {"operator": "One-hot encode", "one_hot_encode_parameters": {"invalid_handling_strategy": "Keep", "drop_last": False, "output_style": "Columns", "input_column": ["kind"]}, "ordinal_encode_parameters": {"invalid_handling_strategy": "Replace with NaN"}},
            ("o",),
            trained_parameters={"one_hot_encode_parameters": {"_hash": -1234, "string_indexer_model": "P)h>@6aWAK2mt$eR#U|Y"}},
        ),
        node("c", "custom_code", {"operator": "Python (Pandas)", "pandas_parameters": {"code": "df = df[df.distance > 0]"}, "pyspark_parameters": {"code": "# Table is available as variable `df`\n"}, "name": "positive"}, ("e",)),
        node("j", "join_tables", {"left_column": "zone", "right_column": "zone", "join_type": "leftouter"}, ("c", "t")),
        {**node("h", "", {"name": "All"}, ("j",)), "type": "VISUALIZATION", "operator": "sagemaker.visualizations.describe_0.1"},
        {**node("d", "s3_destination", {"output_config": {"compression": "none", "output_path": "s3://bucket/out/", "output_content_type": "CSV", "delimiter": ","}}, ("j",), "default"), "type": "DESTINATION", "name": "S3: out"},
    ]  # fmt: skip
    return {"metadata": {"version": 1, "disable_limits": False, "instance_type": "ml.m5.4xlarge", "disable_validation": True}, "parameters": [], "nodes": nodes, "internal_metadata": {"dw_job": {"instance_count": 2, "outputs": ["d.default"]}}}  # fmt: skip


def test_a_flow_is_written_back_unchanged() -> None:
    assert flows.read(json.dumps(document())).written() == document()


def test_it_runs_with_the_state_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.csv").write_text(
        "at,zone,distance,kind\n2024-01-01 00:00:00,1,2.5,x\n2024-01-01 01:00:00,1,,y\n2024-01-02,2,400,x\nnever,2,1,x\n2024-01-03,3,1.5,\n"
    )
    runner = engine(tmp_path)
    found = runner.run(flows.read(json.dumps(document())), "d")["default"].collect()
    assert found.columns == [
        "at_0",
        "zone_0",
        "distance_0",
        "kind_x",
        "kind_y",
        "kind_unknown",
        "at_1",
        "zone_1",
        "distance_1",
        "kind",
    ]
    assert found.select("zone_0", "distance_0", "kind_x", "kind_unknown").unique(maintain_order=True).rows() == [
        (1, 2.5, 1.0, 0.0),
        (3, 1.5, 0.0, 1.0),
    ]
    assert sorted(runner.fitted) == ["e", "i", "o", "t"]
    mapping = runner.fitted["e"]["one_hot_encode_parameters"][0]["encoder_mapping"]
    assert mapping == ["x", "y"]
    assert isinstance(found["at_0"].dtype, pl.Datetime)


PREPARED = """
import pandas as pd

def custom_func(series: pd.Series) -> pd.Series:
  return series.apply(lambda x: x[:3] + "<R>")
"""


def functions() -> dict[str, Any]:
    """A drawn sample and functions of users, as the example of redacted texts has them."""
    udf = {
        "return_type": "string",
        "udf_mode": "Pandas",
        "input_col": "kind",
        "output_col": "prepared",
        "pandas_code": PREPARED,
    }
    plain = {
        "return_type": "long",
        "udf_mode": "Python",
        "input_col": "zone",
        "python_code": "def custom_func(x): return int(x) + 1",
    }
    called = {"operator": "Python (User-Defined Function)", "pyspark_parameters": {}, "name": "Prep"}
    return {
        "metadata": {"version": 1, "disable_limits": False, "disable_validation": True},
        "parameters": [],
        "nodes": [
            source("s", "trips"),
            node(
                "r",
                "sampling",
                {"sampling_method": "Random", "random_parameters": {"sample_size": 2, "seed": 1}},
                ("s",),
            ),
            node("u", "custom_code", {**called, "udf_parameters": udf}, ("r",)),
            node("v", "custom_code", {**called, "udf_parameters": plain}, ("u",)),
        ],
    }


def test_drawn_rows_and_functions_of_users(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    pl.DataFrame({"kind": ["alpha", "beta", "gamma"], "zone": [1, 2, 3]}).write_csv(tmp_path / "s" / "a.csv")
    flow = flows.read(json.dumps(functions()))
    assert json.loads(flow.text()) == functions()
    found = engine(tmp_path).run(flow, "v")["default"].collect()
    assert len(found) == 2
    for kind, zone, prepared in found.rows():
        assert prepared == f"{kind[:3]}<R>"
        assert zone == {"alpha": 2, "beta": 3, "gamma": 4}[kind]


def test_data_sets_of_a_split(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    pl.DataFrame({"kind": list("abcdefghij"), "zone": range(10)}).write_csv(tmp_path / "s" / "a.csv")
    parts = [{"name": "Train", "percentage": 0.8}, {"name": "Test", "percentage": 0.2}]
    split = node(
        "p",
        "split",
        {"operator": "Randomized split", "randomized_split_parameters": {"splits": parts, "error": 0.0001}},
        ("s",),
    )
    sets = [
        {
            "node_id": name,
            "type": "DATASET",
            "operator": "sagemaker.dataset.identity_0.1",
            "parameters": {},
            "inputs": [{"name": "df", "node_id": "p", "output_name": name}],
            "outputs": [{"name": "default"}],
        }
        for name in ("Train", "Test")
    ]
    split["outputs"] = [{"name": "Train"}, {"name": "Test"}]
    last = node(
        "d",
        "manage_columns",
        {"operator": "Drop column", "drop_column_parameters": {"column_to_drop": "zone"}},
        ("Test",),
    )
    document = {"metadata": {"version": 1}, "nodes": [source("s", "letters"), split, *sets, last]}
    flow = flows.read(json.dumps(document))
    assert json.loads(flow.text()) == document
    runner = engine(tmp_path)
    train, test = (runner.run(flow, name)["default"].collect() for name in ("Train", "Test"))
    assert sorted([*train["kind"], *test["kind"]]) == list("abcdefghij")
    assert runner.run(flow, "d")["default"].collect().equals(test.drop("zone"))
    compile(program(flow), "flow.py", "exec")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"udf_mode": "Python"}, "Missing required parameter python_code"),
        ({"pandas_code": "x = 1"}, "has to define a function custom_func"),
        ({"input_col": "none"}, "There is no column 'none'"),
        ({"pandas_code": "def custom_func(s): return s[:1]"}, "returned 1 values for 3"),
    ],
)
def test_functions_that_cannot_run_say_why(tmp_path: Path, change: dict[str, str], text: str) -> None:
    (tmp_path / "s").mkdir()
    pl.DataFrame({"kind": ["alpha", "beta", "gamma"], "zone": [1, 2, 3]}).write_csv(tmp_path / "s" / "a.csv")
    document = functions()
    document["nodes"][1]["parameters"]["random_parameters"]["sample_size"] = 3
    document["nodes"][2]["parameters"]["udf_parameters"].update(change)
    flow = flows.read(json.dumps(document))
    runner = engine(tmp_path)
    with pytest.raises(StepError, match=text), runner.explaining(flow, "u"):
        runner.run(flow, "u")["default"].collect()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"nodes": [{"node_id": "a"}]}, "nodes\\[0\\].type has to be a string"),
        ({"nodes": None}, "a list `nodes`"),
        ({"nodes": [node("a", "split", {}, ("a",))]}, "need each other in a circle"),
    ],
)
def test_broken_documents(change: dict[str, Any], text: str) -> None:
    with pytest.raises(FlowError, match=text):
        flows.read(json.dumps({**document(), **change}))


def test_parameters_of_a_flow() -> None:
    flow = flows.Flow((), {"parameters": [{"name": "month", "type": "string", "default_value": "2026-10"}]})
    assert (
        parameters.filled("s3://b/{{month}}/{{ month }}.csv", parameters.defaults(flow)) == "s3://b/2026-10/2026-10.csv"
    )
    with pytest.raises(FlowError, match="no parameter 'day'"):
        parameters.filled("{{day}}", parameters.defaults(flow))
