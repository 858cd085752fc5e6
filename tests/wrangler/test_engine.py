from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from flowfiles import engine, flow, node, source, tool

from sagewright.wrangler.destinations import output_of, write
from sagewright.wrangler.errors import StepError

IMPUTE = {"column_type": "Numeric", "numeric_parameters": {"strategy": "Mean", "input_column": ["age"]}}
DROP = {"operator": "Drop column", "drop_column_parameters": {"column_to_drop": "name"}}


def two_files(folder: Path) -> Path:
    place = folder / "people"
    place.mkdir()
    (place / "a.csv").write_text('id,age,name\n1,20,Ann\n2,,Bob\n3,30,"Cé\nz"\n')
    (place / "b.csv").write_text('id,age,name\n5,x,Eve\n6,70,"a ""b"\n')
    (place / "_SUCCESS").write_text("")
    return folder


def test_a_source_three_operators_and_a_destination(tmp_path: Path) -> None:
    steps = flow(
        source("people", s3AddsFilenameColumn=True),
        node("infer_and_cast_type", {}, "people", node_id="types"),
        tool("handle_missing", "Impute", "impute_parameters", IMPUTE, "types"),
        node("manage_columns", DROP, "types", node_id="drop"),
        node(
            "s3_destination",
            {"output_config": {"output_content_type": "CSV"}},
            "drop",
            kind="DESTINATION",
            node_id="out",
        ),
    )
    frame = engine(two_files(tmp_path)).run(steps, "out")["default"]
    destination = steps.node("out")
    write(destination, frame, output_of(destination), tmp_path / "written")
    assert (tmp_path / "written" / "part-00000.csv").read_text() == (
        "id,age,_data_source_filename\n1,20,a.csv\n2,,a.csv\n3,30,a.csv\n5,x,b.csv\n6,70,b.csv\n"
    )
    assert sorted(one.name for one in (tmp_path / "written").rglob("*") if one.is_file()) == [
        "data_wrangler_output.manifest",
        "part-00000.csv",
    ]


def test_a_fault_names_step_column_row_value_and_line(tmp_path: Path) -> None:
    steps = flow(source("people"), tool("handle_missing", "Impute", "impute_parameters", IMPUTE, "people"))
    runner = engine(two_files(tmp_path))
    with pytest.raises(StepError) as caught, runner.explaining(steps, steps.nodes[-1].node_id):
        runner.run(steps, steps.nodes[-1].node_id)["default"].collect()
    found = caught.value
    assert (found.node_id, found.column, found.row, found.value) == (steps.nodes[-1].node_id, "age", 3, "x")
    assert found.source == "b.csv, line 2"


def test_a_limit_is_the_sources(tmp_path: Path) -> None:
    steps = flow(source("people"))
    assert engine(two_files(tmp_path), limit=2).run(steps, "people")["default"].select(pl.len()).collect().item() == 2


@pytest.mark.parametrize(
    ("sampling", "rows"),
    [
        ({"sampling_method": "sample_by_limit", "limit_rows": 30}, 30),
        ({"sampling_method": "sample_by_count", "sample_size": 40}, 40),
        ({"sampling_method": "sample_by_ratio", "sample_ratio": 0.25}, 50),
        ({"sampling_method": "sample_by_count", "sample_size": 40, "stratify_column": "k"}, 40),
        ({"sampling_method": "sample_by_count", "sample_size": 10**9}, 100),
        ({}, 100),
    ],
)
def test_samples_of_sources(tmp_path: Path, sampling: dict[str, object], rows: int) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.csv").write_text("n,k\n" + "".join(f"{number},{number // 100}\n" for number in range(200)))
    one = replace(source("s"), outputs=({"name": "default", "sampling": sampling},))
    found = engine(tmp_path, limit=100).run(flow(one), "s")["default"].collect()
    assert len(found) == rows
    if "limit" not in str(sampling) and sampling:
        assert found["k"].n_unique() == 2
    assert len(engine(tmp_path).run(flow(one), "s")["default"].collect()) == 200, "a job reads all rows"


def test_an_unknown_sample_is_named(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.csv").write_text("n\n1\n")
    one = replace(source("s"), outputs=({"name": "default", "sampling": {"sampling_method": "sample_by_magic"}},))
    with pytest.raises(StepError, match="sample_by_magic is not supported"):
        engine(tmp_path, limit=1).run(flow(one), "s")


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    steps = flow(source("people"), node("sagemaker.spark.teleport_0.1", {}, "people", node_id="x"))
    with pytest.raises(StepError, match=r"sagemaker\.spark\.teleport_0\.1 \(node x\)"):
        engine(two_files(tmp_path)).run(steps, "x")
