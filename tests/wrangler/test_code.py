"""Printed programs run by themselves, with polars alone, and make what the engine makes."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from flowfiles import engine, flow, node, source, tool
from tables import drawn

from sagewright.wrangler import code
from sagewright.wrangler.destinations import output_of, write
from sagewright.wrangler.flows import Flow, Node
from sagewright.wrangler.schema import catalogue


def long_flow(folder: Path) -> Flow:
    scale = {"scaler": "Robust scaler", "robust_scaler_parameters": {"input_column": ["real"], "center": True}}
    hot = {"input_column": ["kind"], "output_style": "Columns", "invalid_handling_strategy": "Keep"}
    gaps = {"column_type": "Numeric", "numeric_parameters": {"input_column": ["whole", "real"]}}
    outliers = {"input_column": ["key"], "fix_method": "Remove", "standard_deviations": 1.5}
    words = {"input_column": "text", "output_format": "Columns", "tokenizer": "Custom", "vectorizer_count_vectorizer_parameters": {"minimum_document_frequency": 3}}  # fmt: skip
    replaced = {"input_column": ["text"], "pattern": "[a-z]n", "replacement": "<$0>", "output_column": "edited"}
    steps = [
        source("left"),
        node("infer_and_cast_type", {}, "left", node_id="types"),
        tool("handle_missing", "Impute", "impute_parameters", gaps, "types"),
        tool("handle_outliers", "Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters", outliers, "2"),
        tool("process_numeric", "Scale values", "scale_values_parameters", scale, "3"),
        tool("encode_categorical", "One-hot encode", "one_hot_encode_parameters", hot, "4"),
        tool("search_and_edit", "Find and replace substring", "find_and_replace_substring_parameters", replaced, "5"),
        tool("format_string", "Swap case", "swap_case_parameters", {"input_column": "edited"}, "6"),
        tool("featurize_text", "Vectorize", "vectorize_parameters", words, "7"),
        node("custom_formula", {"formula": "key * 2 + coalesce(whole, 0)", "output_column": "sum"}, "8"),
        source("right", "parquet"),
        node("join_tables", {"join_type": "leftouter", "left_column": "key", "right_column": "key"}, "9", "right"),
        tool("manage_rows", "Sort", "sort_parameters", {"conditions": [{"sort_by": "sum", "order": "Descending"}]}, "11"),
        tool("split", "Stratified split", "stratified_split_parameters", {"input_column": "key_0", "splits": [{"name": "a", "percentage": 0.7}, {"name": "b", "percentage": 0.3}]}, "12"),
    ]  # fmt: skip
    named = [
        replace(one, node_id=str(place)) if one.node_id.startswith("n") else one for place, one in enumerate(steps)
    ]
    named[-1] = replace(named[-1], outputs=({"name": "a"}, {"name": "b"}))
    out = node("s3_destination", {"output_config": {"output_content_type": "CSV", "output_path": str(folder / "printed")}}, "13:a", kind="DESTINATION", node_id="out")  # fmt: skip
    return flow(*named, out)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    drawn(300, seed=9).drop("flag").write_csv(tmp_path / "left" / "a.csv")
    pl.DataFrame({"key": range(0, 40, 2), "extra": [f"e{one}" for one in range(20)]}).write_parquet(
        tmp_path / "right" / "b.parquet"
    )
    return tmp_path


def test_a_program_equals_the_engine(data: Path) -> None:
    steps = long_flow(data)
    runner = engine(data)
    frame = runner.run(steps, "out")["default"]
    write(steps.node("out"), frame, output_of(steps.node("out")), data / "engine")
    for fitted in (steps, runner.fitted_flow(steps)):
        text = code.program(fitted).replace("s3://bucket/", f"{data}/")
        assert "sagewright.wrangler" not in text
        file = data / "program.py"
        file.write_text(text)
        done = subprocess.run(
            [sys.executable, "-I", file], capture_output=True, text=True, check=False, cwd=data, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert (data / "printed" / "part-00000.csv").read_text() == (data / "engine" / "part-00000.csv").read_text()


def test_ids_stay_data_and_sources_of_one_name_stay_apart(data: Path) -> None:
    first = replace(source("left"), node_id="a\nraise SystemExit(3)\n#\u2028")
    second = source("left", s3Uri="s3://bucket/right/", s3ContentType="parquet")
    text = code.program(Flow((first, second))).replace("s3://bucket/", f"{data}/")
    module = type(sys)("printed")
    sys.modules["printed"] = module
    try:
        exec(compile(text, "printed", "exec"), module.__dict__)
        found = module.__dict__["flow"]()
    finally:
        del sys.modules["printed"]
    assert found[first.node_id]["default"].collect().columns != found["left"]["default"].collect().columns
    assert found["left"]["default"].collect().columns == ["key", "extra"]


def test_fitted_infinities_are_names_of_the_program(data: Path) -> None:
    step = tool("process_numeric", "Scale values", "scale_values_parameters", {"scaler": "Standard scaler", "standard_scaler_parameters": {"input_column": ["x"], "center": True}}, "left")  # fmt: skip
    (data / "left" / "a.csv").write_text("x\ninf\n1\n")
    steps, runner = flow(source("left"), step), engine(data)
    runner.run(steps, step.node_id)
    text = code.program(runner.fitted_flow(steps))
    assert "inf," in text
    (data / "program.py").write_text(text.replace("s3://bucket/", f"{data}/"))
    subprocess.run([sys.executable, "-I", data / "program.py"], check=True, cwd=data, timeout=120)


@pytest.mark.parametrize("value", ["{c.__class__} {", "{0}", "'}\n{t}"])
def test_braces_of_a_value_stay_as_they_are(value: str) -> None:
    fill = tool("handle_missing", "Fill missing", "fill_missing_parameters", {"input_column": ["te{c}xt"], "fill_value": value})  # fmt: skip
    scope: dict[str, object] = {"df": pl.LazyFrame({"te{c}xt": ["a", None]}), "pl": pl}
    exec(code.step(fill, "polars"), scope)
    assert scope["df"].collect()["te{c}xt"].to_list() == ["a", value]  # type: ignore[attr-defined]
    for language in ("pandas", "pyspark"):
        ast.parse(code.step(fill, language))


def test_every_operator_can_be_inlined() -> None:
    catalogue.load()
    transforms = [one for one in catalogue.OPERATORS.values() if one.type == "TRANSFORM"]
    from sagewright.wrangler.code.inlining import inlined
    from sagewright.wrangler.operators.places import MODULES, plain_name

    imports, bodies = inlined([f"operators.{MODULES[plain_name(one.id)]}" for one in transforms])
    text = "\n".join(["from __future__ import annotations", *imports, *bodies])
    names = [node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert len(names) == len(set(names))
    scope: dict[str, object] = {"__name__": "printed"}
    module = type(sys)("printed")
    sys.modules["printed"] = module
    try:
        exec(compile(text, "printed", "exec"), module.__dict__)
    finally:
        del sys.modules["printed"]
    assert scope is not None and {plain_name(one.id) for one in transforms} <= set(module.__dict__)


CASES: list[tuple[str, str, str, dict[str, object]]] = [
    ("manage_columns", "Drop column", "drop_column_parameters", {"column_to_drop": ["text"]}),
    ("manage_columns", "Rename column", "rename_column_parameters", {"input_column": "key", "new_name": "k"}),
    ("manage_columns", "Duplicate column", "duplicate_column_parameters", {"input_column": "key", "new_name": "k"}),
    ("handle_missing", "Add indicator for missing", "add_indicator_for_missing_parameters", {"input_column": ["whole"]}),
    ("handle_missing", "Drop missing", "drop_missing_parameters", {"dimension": "Drop Rows", "drop_rows_parameters": {"input_column": ["whole"]}}),
    ("handle_missing", "Impute", "impute_parameters", {"column_type": "Numeric", "numeric_parameters": {"input_column": ["whole"], "strategy": "Mean"}}),
    ("manage_rows", "Sort", "sort_parameters", {"conditions": [{"sort_by": "kind", "order": "Descending"}]}),
    ("manage_rows", "Drop duplicates", "drop_duplicates_parameters", {"input_column": ["key"]}),
    ("format_string", "Upper case", "upper_case_parameters", {"input_column": ["kind"], "output_column": "up"}),
    ("format_string", "Strip left and right", "strip_left_and_right_parameters", {"input_column": ["text"]}),
    ("search_and_edit", "Find and replace substring", "find_and_replace_substring_parameters", {"input_column": ["text"], "pattern": "a+", "replacement": "_"}),
    ("search_and_edit", "Find and replace substring", "find_and_replace_substring_parameters", {"input_column": ["text"], "pattern": "n{1,2}", "replacement": "{c}"}),
]  # fmt: skip


def plain(values: pd.DataFrame) -> list[list[str]]:
    return [["" if pd.isna(one) else f"{one:.6f}" if isinstance(one, (int, float)) else str(one) for one in row] for row in values.astype(object).values.tolist()]  # fmt: skip


@pytest.mark.parametrize(("operator", "title", "member", "values"), CASES)
def test_short_forms_do_what_the_step_does(operator: str, title: str, member: str, values: dict[str, object]) -> None:
    from flowfiles import applied

    one: Node = tool(operator, title, member, values)
    frame = drawn(60, seed=8).select("whole", "text", "kind", "key")
    wanted = applied(one, frame)
    scope: dict[str, object] = {"df": frame.lazy(), "pl": pl}
    exec(code.step(one, "polars"), scope)
    assert scope["df"].collect().equals(wanted)  # type: ignore[attr-defined]
    scope = {"df": frame.to_pandas(), "pd": pd}
    exec(code.step(one, "pandas"), scope)
    assert plain(scope["df"]) == plain(wanted.to_pandas())
    ast.parse(code.step(one, "pyspark"))


def test_every_tool_has_lines_in_each_language() -> None:
    catalogue.load()
    step = tool("time_series", "Validate timestamps", "Validate timestamps_parameters", {"timestamp_column": "at"})
    assert "run_step(time_series, df" in code.step(step, "polars")
    assert code.step(step, "pandas").startswith("# Validate timestamps\n# no short form in pandas")
