"""The server of a fitted flow: rows in, transformed rows out, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sagewright.serving.messages import Application, Request, Response
from sagewright.serving.settings import ServingSettings
from sagewright.serving.workers import serve_forever
from sagewright.wrangler import flows
from sagewright.wrangler.engine import FlowEngine
from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.finite import written
from sagewright.wrangler.flows import Flow, Node, NodeType
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.types import STRING, as_type

NODE = "SAGEWRIGHT_WRANGLER_NODE"
"""Variable with the id of the node whose output is the answer, and its output after a dot; the last transform without it."""
MODEL = Path("/opt/ml/model")
MOST_ROWS = 100_000
MOST_CELLS = 10_000_000
"""Rows times columns: the objects of a request may each have other members."""


@dataclass(frozen=True)
class RequestSource:
    """The rows of a request as the flow's source."""

    frame: pl.LazyFrame

    def read(self, node: Node, *, trace: bool) -> pl.LazyFrame:  # noqa: ARG002 - as sources of files
        return self.frame


class FlowApplication(Application):
    """Applies the flow of a model's folder to requests, whose columns are those that the flow's first step was fitted on."""

    def __init__(self, folder: Path = MODEL, environment: Mapping[str, str] = os.environ) -> None:
        self._folder, self._environment = folder, environment
        self._flow: Flow
        self._target: tuple[str, str]
        self._columns: list[str]

    def load(self) -> None:
        """Raises FlowError."""
        found = sorted(self._folder.rglob("*.flow"))
        if len(found) != 1:
            raise FlowError(f"The model needs one .flow file, and it has {len(found)}.")
        self._flow = flows.read(found[0].read_bytes())
        self._target = self._chosen()
        needed = self._flow.upstream(self._target[0])
        if sum(one.type is NodeType.SOURCE for one in needed) != 1:
            raise FlowError("A flow that answers requests has one source.")
        for one in needed:
            declared = catalogue.find(one.operator)
            if declared is not None and declared.fits and not one.trained:
                raise FlowError(
                    f"The step {one.operator} (node {one.node_id}) is not fitted: run the flow with a refit first."
                )
        self._columns = next((list(schema) for one in needed if (schema := (one.trained or {}).get("schema"))), [])

    def _chosen(self) -> tuple[str, str]:
        name, _, port = self._environment.get(NODE, "").partition(".")
        if name:
            node = self._flow.node(name)
        else:
            steps = [one for one in self._flow.ordered() if one.type is NodeType.TRANSFORM]
            if not steps:
                raise FlowError("The flow has no step to apply.")
            node = steps[-1]
        port = port or node.output_names[0]
        if port not in node.output_names:
            raise FlowError(f"The node {node.node_id} has no output {port}; it has {', '.join(node.output_names)}.")
        return node.node_id, port

    def invoke(self, request: Request) -> Response:
        try:
            rows = self._read(request)
            runner = FlowEngine(RequestSource(rows.lazy()))
            with runner.explaining(self._flow, self._target[0]):
                answer = runner.run(self._flow, self._target[0])[self._target[1]].collect()
        except (FlowError, StepError) as error:
            return Response(str(error).encode(), status=400)
        if "json" in request.content_type:
            return Response(written(answer.to_dicts()), "application/json")
        schema = answer.schema
        plain = answer.select(
            as_type(name, dtype, STRING).alias(name) if dtype.is_nested() else pl.col(name)
            for name, dtype in schema.items()
        )
        return Response(plain.write_csv(include_header=False).encode(), "text/csv")

    def _read(self, request: Request) -> pl.DataFrame:
        """Returns the rows of a request as texts, with the source's columns. Raises FlowError."""
        if "json" in request.content_type:
            rows = _records(request.body)
            names = self._columns or list(dict.fromkeys(name for row in rows for name in row))
            _check_size(len(rows), len(names))
            cells = [[_cell(row.get(name)) for name in names] for row in rows]
        else:
            listed = _lines(request.body)
            names = self._columns or [f"_c{place}" for place in range(len(listed[0]) if listed else 0)]
            _check_size(len(listed), len(names))
            wrong = next((place for place, row in enumerate(listed) if len(row) != len(names)), None)
            if wrong is not None:
                raise FlowError(f"Row {wrong + 1} has {len(listed[wrong])} values; the flow has {len(names)} columns.")
            cells = [[value or None for value in row] for row in listed]
        return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")


def _check_size(rows: int, columns: int) -> None:
    """Raises FlowError."""
    if not 0 < rows <= MOST_ROWS:
        raise FlowError(f"The request has {rows:,} rows; it has to be 1 to {MOST_ROWS:,}.")
    if rows * columns > MOST_CELLS:
        raise FlowError(f"The request has {rows:,} rows of {columns:,} columns, more than {MOST_CELLS:,} values.")


def _cell(value: object) -> str | None:
    """Returns a value of JSON as text for CSV."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(body: bytes) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(body.decode())) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FlowError(f"The request is not valid CSV: {error}") from None


def _records(body: bytes) -> list[dict[str, object]]:
    """Returns the objects of `[{...}]`, `{...}` or `{"instances": [{...}]}`. Raises FlowError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FlowError(f"The request is not JSON: {error}") from None
    if isinstance(document, dict):
        document = document.get("instances", [document])
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise FlowError("The request has to be an object, or a list of objects.")
    return document


def serve() -> int:
    """Serves until the process is ended; returns the exit code."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    return serve_forever(FlowApplication(), ServingSettings.read(os.environ, workers=1))
