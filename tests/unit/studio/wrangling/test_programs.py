from __future__ import annotations

import ast
import shlex
from typing import Any, cast

from sagewright.studio.wrangling.programs import ExportPlace, programs
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType

NAME = 'a"); import os; os.system("x") #$(id)'
TARGET = "s3://bucket/$(touch x); arguments=\"'"


def test_names_and_places_stay_data_in_the_code_that_is_shown() -> None:
    place = {"s3Uri": "s3://bucket/in'); x", "s3ContentType": "csv"}
    source = Node("s", NodeType.SOURCE, "x_0.1", {"dataset_definition": {"name": "in", "s3ExecutionContext": place}})
    config = {"output_config": {"output_path": TARGET}}
    target = Node("o;ls", NodeType.DESTINATION, "y_0.1", config, (FlowEdge("df", "s"),))
    found = ExportPlace(NAME, f"s3://b/{NAME}.flow", "s3://b/x/", "arn:aws:iam::000000000000:role/x")
    parts = {label: text for label, _, text in programs(Flow((source, target)), found)}
    calls = {label: _calls(parts[label]) for label in ("SDK v2", "Pipeline", "boto3")}
    assert calls["SDK v2"]["ProcessingOutput"]["destination"] == TARGET
    assert calls["Pipeline"]["Pipeline"]["name"] == NAME
    assert calls["Pipeline"]["ProcessingStep"]["job_arguments"] == calls["SDK v2"]["run"]["arguments"]
    assert "system" not in calls["Pipeline"]
    download, command = parts["CLI"].splitlines()
    assert shlex.split(download) == ["sagewright", "exec", "--", "aws", "s3", "cp", found.uri, f"{NAME}.flow"]
    assert shlex.split(command)[2:] == [f"{NAME}.flow", "--node", "o;ls.default", "--output", TARGET]


def _calls(text: str) -> dict[str, dict[str, Any]]:
    """Returns the literal keyword arguments of each call, by the function's name."""
    found: dict[str, dict[str, Any]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else cast(ast.Name, node.func).id
            found[name] = {
                one.arg: ast.literal_eval(one.value) for one in node.keywords if one.arg and _is_literal(one.value)
            }
    return found


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
