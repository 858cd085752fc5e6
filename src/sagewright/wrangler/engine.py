"""Runs a flow on lazy frames of polars, and finds the step, column and row of a fault that shows up when they are evaluated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import PORT, Flow, Node, NodeType
from sagewright.wrangler.operators import table
from sagewright.wrangler.operators.budget import MemoryBudget
from sagewright.wrangler.operators.places import plain_name
from sagewright.wrangler.operators.rows.sampling import drawn, stratified
from sagewright.wrangler.operators.step import EAGER, ROWWISE, Check, OperatorStep, StepResult
from sagewright.wrangler.sampling import FIRST, METHODS, sampling_of
from sagewright.wrangler.schema import catalogue, values
from sagewright.wrangler.schema.state import held, state_of
from sagewright.wrangler.types import HIDDEN

ROW = f"{HIDDEN}row"
FILE = f"{HIDDEN}file"
LINE = f"{HIDDEN}line"
SEED = 838257247
"""The seed of AWS's randomized splits, for every step without one."""
Frames = Mapping[str, pl.LazyFrame]


class SourceReader(Protocol):
    def read(self, node: Node, *, trace: bool) -> pl.LazyFrame:
        """Returns the rows of a source. `trace`: with the hidden columns FILE and LINE, where the format has lines. Raises
        StepError."""


@dataclass(frozen=True)
class Workspace:
    """Where a run keeps data. `keep`: evaluates a frame once and returns it for several readers; `scratch`: a folder for data
    larger than memory; `watch`: wraps each output, to count its rows; `memory`: limits on a step's memory, None for no limit."""

    keep: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda frame: frame.collect().lazy()
    scratch: Path | None = None
    watch: Callable[[Node, str, pl.LazyFrame], pl.LazyFrame] | None = None
    memory: MemoryBudget | None = None


class FlowEngine:
    """One run of a flow. `refit`: fits each step on this run's data; `limit`: rows that a source returns at most; `trace`: rows
    keep their origin; `workspace`: memory unless the caller says otherwise."""

    def __init__(
        self,
        sources: SourceReader,
        *,
        refit: bool = False,
        limit: int | None = None,
        trace: bool = False,
        workspace: Workspace | None = None,
    ) -> None:
        self.sources, self.refit, self.limit, self.trace = sources, refit, limit, trace
        self.workspace = workspace or Workspace()
        self.results: dict[str, StepResult] = {}
        self.inputs: dict[str, Frames] = {}
        self.checks: dict[str, tuple[Check, ...]] = {}
        self.fitted: dict[str, dict[str, Any]] = {}
        self.seconds: dict[str, float] = {}
        """Seconds in which a node was set up, with everything it evaluated for that: a fit, a table in memory or in a file."""

    def run(self, flow: Flow, node_id: str) -> Frames:
        """Returns the outputs of a node by port. A destination or chart returns its input. Raises StepError, FlowError."""
        for node in flow.upstream(node_id):
            if node.node_id not in self.results:
                started = time.monotonic()
                self.results[node.node_id] = self._located(flow, node)
                self.seconds[node.node_id] = time.monotonic() - started
        return self.results[node_id].outputs

    def _located(self, flow: Flow, node: Node) -> StepResult:
        """Returns the result of a node. Raises StepError, with the file and line of a row that is to blame."""
        try:
            return self._result(flow, node)
        except StepError as error:
            if error.row is None or error.source or self.trace:
                raise
            raise self.explained(flow, node.node_id, error) from error

    def inputs_of(self, node: Node) -> Frames:
        """Returns the frames of a node's inputs, all of which have run."""
        frames: dict[str, pl.LazyFrame] = {}
        for name, edge in zip(port_names(node), node.inputs, strict=True):
            frames[name] = self.results[edge.node_id].outputs[edge.output_name]
        return frames

    def _result(self, flow: Flow, node: Node) -> StepResult:
        if node.type is NodeType.SOURCE:
            frame = self.sources.read(node, trace=self.trace)
            return self._watched(
                node, StepResult({PORT: frame if self.limit is None else self._sample(node, frame, self.limit)})
            )
        self.inputs[node.node_id] = inputs = self.inputs_of(node)
        result = self._watched(node, self.step(node, inputs))
        if len(flow.followers(node.node_id)) > 1:
            with self.explaining(flow, node.node_id):
                result = replace(
                    result, outputs={name: self.workspace.keep(one) for name, one in result.outputs.items()}
                )
        return result

    def _sample(self, node: Node, frame: pl.LazyFrame, limit: int) -> pl.LazyFrame:
        """Returns a source's sample, at most `limit` rows. Raises StepError."""
        given = sampling_of(node)
        if given.method not in METHODS:
            reason = f"Invalid choice selected for sampling_method. {given.method} is not supported."
            raise StepError(node.node_id, node.operator, reason)
        if given.method == FIRST:
            return frame.head(given.size(limit))
        rows = int(frame.select(pl.len()).collect(engine="streaming").item())
        size = min(given.size(rows), limit)
        if given.column in frame.collect_schema():
            return stratified(frame, given.column, size / max(rows, 1), SEED).head(limit)
        return drawn(frame, size, SEED)

    def _watched(self, node: Node, result: StepResult) -> StepResult:
        watch = self.workspace.watch
        if watch is None or node.type is NodeType.DESTINATION:
            return result
        return replace(result, outputs={name: watch(node, name, one) for name, one in result.outputs.items()})

    def step(self, node: Node, inputs: Frames) -> StepResult:
        """Runs one step on given frames; the keys are those of `port_names`. Raises StepError."""
        checks: list[Check] = []
        try:
            result = self._ran(node, inputs, checks)
        except pl.exceptions.PolarsError as error:
            raise self._found(node, inputs, tuple(checks), error) from error
        self.checks[node.node_id] = tuple(checks)
        return result

    def _ran(self, node: Node, inputs: Frames, checks: list[Check]) -> StepResult:
        """Runs one step. Raises StepError, PolarsError."""
        if node.type in (NodeType.DESTINATION, NodeType.VISUALIZATION):
            return StepResult({PORT: next(iter(inputs.values()), pl.LazyFrame())})
        declared = catalogue.find(node.operator)
        run = table.find(node.operator)
        if declared is None or run is None:
            raise StepError(node.node_id, node.operator, "There is no operator with this name.")
        title = values.chosen(node, declared).title
        checked = values.checked(node, declared)
        member, state = state_of(node, checked)
        if (declared.fits and (state is None or self.refit)) or plain_name(node.operator) in EAGER:
            inputs = {name: self.workspace.keep(frame) for name, frame in inputs.items()}
        step = OperatorStep(
            node.node_id, node.operator, title, checked, inputs, state, self.refit, SEED, self.workspace.keep, checks
        )
        step.scratch, step.memory = self.workspace.scratch, self.workspace.memory
        result = run(step)
        if result.fitted is not None:
            self.fitted[node.node_id] = held(member, checked, result.fitted)
        return result

    def fitted_flow(self, flow: Flow) -> Flow:
        """Returns the flow with the state that this run has fitted."""
        nodes = tuple(
            replace(one, trained=self.fitted[one.node_id]) if one.node_id in self.fitted else one for one in flow.nodes
        )
        return Flow(nodes, flow.others)

    @contextmanager
    def explaining(self, flow: Flow, node_id: str) -> Iterator[None]:
        """Turns a fault of polars into the StepError of the step that caused it, with column, row and value."""
        try:
            yield
        except pl.exceptions.PolarsError as error:
            raise self.explained(flow, node_id, error) from error

    def explained(self, flow: Flow, node_id: str, error: Exception) -> StepError:
        """Returns the fault of the first step that fails. Runs the flow again, with the rows' origins."""
        again = (
            self
            if self.trace
            else FlowEngine(self.sources, limit=self.limit, trace=True, workspace=replace(self.workspace, watch=None))
        )
        if again is not self:
            flow = self.fitted_flow(flow)
            try:
                again.run(flow, node_id)
            except StepError as located:
                return located
            except Exception:
                again = self
        for node in flow.upstream(node_id):
            result, inputs = again.results.get(node.node_id), again.inputs.get(node.node_id, {})
            if result is None:
                continue
            checks = again.checks.get(node.node_id, ())
            found = again._checked(node, inputs, checks)
            if found is not None:
                return found
            fault = next((fault for one in result.outputs.values() if (fault := _fails(one)) is not None), None)
            if fault is not None:
                return again._found(node, inputs, checks, fault)
        return (
            error if isinstance(error, StepError) else StepError(node_id, flow.node(node_id).operator, reason_of(error))
        )

    def _checked(self, node: Node, inputs: Frames, checks: tuple[Check, ...]) -> StepError | None:
        for check in checks:
            frame = inputs.get(check.port) if check.port in inputs else next(iter(inputs.values()), None)
            if frame is None:
                continue
            found = first_row(frame, check.bad)
            if found is not None:
                value = str(found.get(check.column))[:200]
                return StepError(
                    node.node_id,
                    node.operator,
                    check.reason.replace("{value}", repr(value)),
                    check.column,
                    int(found[ROW]),
                    value,
                    _origin(found),
                )
        return None

    def _found(self, node: Node, inputs: Frames, checks: tuple[Check, ...], error: Exception) -> StepError:
        found = self._checked(node, inputs, checks)
        if found is not None:
            return found
        fault = StepError(node.node_id, node.operator, reason_of(error))
        if plain_name(node.operator) not in ROWWISE or len(inputs) != 1:
            return fault
        ((port, frame),) = inputs.items()
        row = _bisected(frame, lambda part: self._fails_on(node, {port: part}))
        if row is None:
            return fault
        held = frame.slice(row, 1).collect().to_dicts()
        origin = _origin(held[0]) if held else ""
        return replace(fault, row=row, source=origin)

    def _fails_on(self, node: Node, inputs: Frames) -> bool:
        try:
            result = self._ran(node, inputs, [])
        except (StepError, pl.exceptions.PolarsError):
            return True
        return any(_fails(one) is not None for one in result.outputs.values())


def port_names(node: Node) -> tuple[str, ...]:
    """Returns a key for each input of a node, in order: a repeated name gets `_1`, `_2`."""
    names: list[str] = []
    for edge in node.inputs:
        repeated = sum(1 for name in names if name == edge.name or name.startswith(f"{edge.name}_"))
        names.append(f"{edge.name}_{repeated}" if edge.name in names else edge.name)
    return tuple(names)


def first_row(frame: pl.LazyFrame, bad: pl.Expr) -> dict[str, Any] | None:
    """Returns the first row for which `bad` is true, with its number in ROW."""
    try:
        numbered = frame.drop(ROW, strict=False).with_row_index(ROW).filter(bad.fill_null(False)).head(1)
        rows = numbered.collect(engine="streaming").to_dicts()
    except pl.exceptions.PolarsError:
        return None  # an earlier step fails; it is searched first
    return rows[0] if rows else None


def reason_of(error: Exception) -> str:
    """Returns the first line of a fault of polars, without its plan."""
    return str(error).strip().split("\n", 1)[0][:1000] or type(error).__name__


def _origin(row: Mapping[str, Any]) -> str:
    name, line = row.get(FILE), row.get(LINE)
    return "" if not name else f"{name}, line {line:,}" if line is not None else str(name)


def _fails(frame: pl.LazyFrame) -> Exception | None:
    try:
        frame.sink_batches(lambda _: None)
    except pl.exceptions.PolarsError as error:
        return error
    return None


def _bisected(frame: pl.LazyFrame, fails: Callable[[pl.LazyFrame], bool]) -> int | None:
    """Returns the number of the first row that fails, by itself or with the rows before it; None if no prefix fails."""
    low, high = 0, int(frame.select(pl.len()).collect().item())
    if not high or fails(frame.head(0)) or not fails(frame):
        return None  # no row is to blame
    while high - low > 1:
        middle = (low + high) // 2
        if fails(frame.slice(low, middle - low)):
            high = middle
        else:
            low = middle
    return low
