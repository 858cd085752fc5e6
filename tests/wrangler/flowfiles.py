"""Flows and data for tests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler import flows
from sagewright.wrangler.engine import FlowEngine, Workspace
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType
from sagewright.wrangler.sources import FileSources

_numbers = itertools.count()


def node(
    operator: str, parameters: Mapping[str, Any], *inputs: str, kind: str = "TRANSFORM", node_id: str = ""
) -> Node:
    edges = tuple(FlowEdge("df", *one.split(":")) for one in inputs)
    name = operator if "." in operator else f"sagemaker.spark.{operator}_0.1"
    return Node(node_id or f"n{next(_numbers)}", NodeType(kind), name, parameters, edges)


def tool(operator: str, title: str, member: str, values: Mapping[str, Any], *inputs: str) -> Node:
    return node(operator, {"operator": title, member: values}, *inputs)


def source(name: str, content: str = "csv", **context: Any) -> Node:
    read = {
        "s3Uri": f"s3://bucket/{name}/",
        "s3ContentType": content,
        "s3HasHeader": True,
        "s3FieldDelimiter": ",",
        **context,
    }
    definition = {"datasetSourceType": "S3", "name": name, "s3ExecutionContext": read}
    return node("sagemaker.s3_source_0.1", {"dataset_definition": definition}, kind="SOURCE", node_id=name)


def flow(*nodes: Node) -> Flow:
    return flows.read(json.dumps({"metadata": {"version": 1}, "nodes": [one.written() for one in nodes]}))


def engine(folder: Path, spilling: Path | None = None, **options: Any) -> FlowEngine:
    """Returns an engine that reads the source `name` from `folder/name`."""
    scratch = folder / ".scratch"
    scratch.mkdir(exist_ok=True)
    return FlowEngine(
        FileSources(lambda one: folder / one.node_id, scratch), workspace=Workspace(scratch=spilling), **options
    )


def applied(one: Node, *frames: pl.DataFrame, **options: Any) -> pl.DataFrame:
    """Returns the first output of a step on frames in memory."""
    return outputs(one, *frames, **options)["default"]


def outputs(one: Node, *frames: pl.DataFrame, spilling: Path | None = None, **options: Any) -> dict[str, pl.DataFrame]:
    keys: Sequence[str] = ["df", *(f"df_{number}" for number in range(1, len(frames)))]
    runner = FlowEngine(FileSources(lambda _: Path(), Path()), workspace=Workspace(scratch=spilling), **options)
    result = runner.step(one, {key: frame.lazy() for key, frame in zip(keys, frames, strict=False)})
    return {name: frame.collect() for name, frame in result.outputs.items()}
