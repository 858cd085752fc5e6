"""A fitted flow in front of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from flowfiles import engine, flow, node, source, tool

from sagewright.serving.messages import Request
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow
from sagewright.wrangler.online.service import FlowApplication


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.csv").write_text("n,k\n0,a\n10,b\n,a\n5,a\n")
    gaps = {"column_type": "Numeric", "numeric_parameters": {"input_column": ["n"], "strategy": "Mean"}}
    scale = {"scaler": "Min-max scaler", "min_max_scaler_parameters": {"input_column": ["n"]}}
    hot = {"input_column": ["k"], "output_style": "Columns", "drop_last": False}
    steps = flow(
        source("s"),
        node("infer_and_cast_type", {}, "s", node_id="t"),
        tool("handle_missing", "Impute", "impute_parameters", gaps, "t"),
    )
    steps = flow(
        *steps.nodes, tool("process_numeric", "Scale values", "scale_values_parameters", scale, steps.nodes[-1].node_id)
    )
    steps = flow(
        *steps.nodes,
        tool("encode_categorical", "One-hot encode", "one_hot_encode_parameters", hot, steps.nodes[-1].node_id),
    )
    runner = engine(tmp_path)
    runner.run(steps, steps.nodes[-1].node_id)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "x.flow").write_text(runner.fitted_flow(steps).text())
    (tmp_path / "unfitted").mkdir()
    (tmp_path / "unfitted" / "x.flow").write_text(steps.text())
    return folder


def asked(model: Path, body: str, media: str = "text/csv") -> tuple[int, str]:
    application = FlowApplication(model, {})
    application.load()
    answer = application.invoke(Request(body.encode(), media))
    return answer.status, bytes(answer.body).decode()


def test_rows_are_transformed_by_fitted_values(model: Path) -> None:
    assert asked(model, "20,b\n,a\n") == (200, "2.0,0.0,1.0\n0.5,1.0,0.0\n")
    status, text = asked(model, json.dumps([{"k": "a", "n": 5}]), "application/json")
    assert (status, json.loads(text)) == (200, [{"n": 0.5, "k_a": 1.0, "k_b": 0.0}])


def test_requests_that_do_not_fit(model: Path) -> None:
    for body, media, text in [
        ("1\n", "text/csv", "Row 1 has 1 values; the flow has 2 columns"),
        ("", "text/csv", "has 0 rows"),
        ("{", "application/json", "is not JSON"),
        ("[1]", "application/json", "a list of objects"),
        ("1,never\n", "text/csv", "column k, row 1: 'never' was not seen when the step was fitted"),
    ]:
        status, answer = asked(model, body, media)
        assert status == 400 and text in answer, answer


def test_values_of_json_are_read_as_texts_of_csv(tmp_path: Path) -> None:
    steps = flow(source("s"), tool("handle_structured_column", "Flatten structured column", "flatten_structured_column_parameters", {"input_column": "o", "drop_input": True}, "s"))  # fmt: skip
    last = replace(steps.nodes[1], trained={"flatten_structured_column_parameters": {"keys": ["a", "b"]}})
    application = FlowApplication(tmp_path, {})
    (tmp_path / "x.flow").write_text(Flow((steps.nodes[0], last)).text())
    application.load()
    body = json.dumps([{"o": {"a": [1, "ä"], "b": None}, "yes": True, "n": 1.5}])
    answer = application.invoke(Request(body.encode(), "application/json"))
    assert json.loads(bytes(answer.body)) == [{"yes": "true", "n": "1.5", "o_a": '[1, "ä"]', "o_b": None}]


def test_a_request_of_many_different_members_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.flow").write_text(
        flow(source("s"), tool("manage_rows", "Shuffle", "shuffle_parameters", {}, "s")).text()
    )
    application = FlowApplication(tmp_path, {})
    application.load()
    body = json.dumps([{f"c{row}": 1} for row in range(4000)])
    answer = application.invoke(Request(body.encode(), "application/json"))
    assert answer.status == 400 and b"4,000 rows of 4,000 columns, more than 10,000,000 values" in bytes(answer.body)


def test_models_that_cannot_answer(model: Path) -> None:
    with pytest.raises(FlowError, match="is not fitted"):
        FlowApplication(model.parent / "unfitted", {}).load()
    with pytest.raises(FlowError, match="and it has 2"):
        FlowApplication(model.parent, {}).load()
    with pytest.raises(FlowError, match="no node nowhere"):
        FlowApplication(model, {"SAGEWRIGHT_WRANGLER_NODE": "nowhere"}).load()
