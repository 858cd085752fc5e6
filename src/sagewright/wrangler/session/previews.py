"""Previews: the sample after each step. Every step's result is kept until its parameters or its input change."""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import polars as pl

from sagewright.wrangler import code, profiles
from sagewright.wrangler.engine import FlowEngine
from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.flows import PORT, Flow, Node, NodeType
from sagewright.wrangler.operators.step import StepResult
from sagewright.wrangler.sampling import sampling_of
from sagewright.wrangler.session.samples import MOST_ROWS, Samples
from sagewright.wrangler.sources import FileSources
from sagewright.wrangler.types import HIDDEN, type_of

ROWS = 100
"""Rows that a preview shows."""
MOST_COLUMNS = 1000
"""Columns that a preview describes: those that a step brings or changes first."""
MOST_CELLS, FEWEST_ROWS = 50_000, 10
"""A preview of many columns shows fewer rows."""
MOST_KEPT = 1024**3
"""Bytes of frames that are kept."""
MOST_TEXT = 200
LANGUAGES = ("polars", "pandas", "pyspark")


@dataclass(frozen=True)
class StepFrames:
    """A step's frames by port, and related values."""

    result: StepResult
    frames: Mapping[str, pl.DataFrame]
    fitted: Mapping[str, Any] | None
    whole: int | None = None

    @property
    def size(self) -> int:
        return sum(int(one.estimated_size()) for one in self.frames.values())


@dataclass
class Previews:
    """Computes steps on samples. For one request at a time."""

    samples: Samples
    _kept: OrderedDict[str, StepFrames] = field(default_factory=OrderedDict)
    _profiles: OrderedDict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=OrderedDict)

    def frame(self, flow: Flow, node_id: str, output: str = PORT) -> pl.DataFrame:
        """Returns the sample after a step, of a picture or an output that of the step before it. Raises StepError, FlowError."""
        node = flow.node(node_id)
        if node.type in (NodeType.VISUALIZATION, NodeType.DESTINATION) and node.inputs:
            return self.frame(flow, node.inputs[0].node_id, node.inputs[0].output_name)
        return self._computed(flow, node_id)[node_id][1].frames[output]

    def preview(self, flow: Flow, node_id: str, output: str) -> dict[str, Any]:
        """Returns the first rows after a step, its columns, and what it changed. A failing step's input is shown with its fault."""
        node = flow.node(node_id)
        try:
            found = self._computed(flow, node_id)
        except StepError as error:
            return self._failed(flow, node, error)
        key, kept = found[node_id]
        frame = kept.frames[output]
        before = self._first_input(found, node)
        difference = _difference(before[1], frame) if before else {}
        answer = self._shown(frame, (key, output), [name for names in difference.values() for name in names])
        answer |= {
            "before": before[1].height if before else frame.height,
            "input_columns": _columns(before[1] if before else frame),
            "notes": list(kept.result.notes),
            "outline": _outline(found),
            "code": self._code(node),
            "whole": None,
            "sample": _sampling_words(flow, node_id),
        }
        if before:
            answer |= difference
            after = set(_visible(frame))
            gone = [name for name in _visible(before[1]) if name not in after][:MOST_COLUMNS]
            listed = {one["name"]: one for one in self._profile(before[1], before[0])}
            answer["gone"] = [listed[name] for name in gone]
            same = before[1].height == frame.height
            answer["gone_rows"] = _rows(before[1].select(gone).head(ROWS)) if gone and same else []
        return answer

    def _failed(self, flow: Flow, node: Node, error: StepError) -> dict[str, Any]:
        names = ("node_id", "operator", "reason", "column", "row", "value", "source")
        fault = {"error": {name: getattr(error, name) for name in names}}
        if not node.inputs:
            return fault
        edge = node.inputs[0]
        try:
            shown = self.preview(flow, edge.node_id, edge.output_name)
        except StepError:
            return fault
        if "error" in shown:
            return shown
        columns = [{"name": one["name"], "type": one["type"]} for one in shown["columns"]]
        return shown | fault | {"input_columns": columns, "new": [], "changed": [], "gone": [], "gone_rows": []}

    def _computed(self, flow: Flow, node_id: str) -> dict[str, tuple[str, StepFrames]]:
        """Returns key and frames of a node and all before it, computing those that aren't cached. Raises StepError."""
        found: dict[str, tuple[str, StepFrames]] = {}
        reader = SessionReader(self.samples)
        engine = FlowEngine(reader, limit=MOST_ROWS)
        for node in flow.upstream(node_id):
            key = self._key(node, {edge.node_id: found[edge.node_id][0] for edge in node.inputs})
            kept = self._kept.get(key)
            if kept is None:
                kept = self._run(engine, flow, node)
                self._keep(key, kept)
            self._kept.move_to_end(key)
            found[node.node_id] = (key, kept)
            lazy = {name: one.lazy() for name, one in kept.frames.items()}
            engine.results[node.node_id] = replace(kept.result, outputs=lazy)
            if node.inputs:
                engine.inputs[node.node_id] = engine.inputs_of(node)
        return found

    def _run(self, engine: FlowEngine, flow: Flow, node: Node) -> StepFrames:
        engine.run(flow, node.node_id)
        result = engine.results[node.node_id]
        with engine.explaining(flow, node.node_id):
            frames = {name: one.collect() for name, one in result.outputs.items()}
        return StepFrames(replace(result, outputs={}), frames, engine.fitted.get(node.node_id))

    def _key(self, node: Node, inputs: Mapping[str, str]) -> str:
        mark = self.samples.files(node).mark if node.type is NodeType.SOURCE else ""
        edges = [(edge.name, inputs[edge.node_id], edge.output_name) for edge in node.inputs]
        text = json.dumps(
            [mark, node.operator, node.parameters, node.trained, edges, list(node.outputs)], sort_keys=True, default=str
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def _keep(self, key: str, frames: StepFrames) -> None:
        self._kept[key] = frames
        total = sum(one.size for one in self._kept.values())
        while total > MOST_KEPT and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            total -= old.size

    def _first_input(
        self, found: Mapping[str, tuple[str, StepFrames]], node: Node
    ) -> tuple[tuple[str, str], pl.DataFrame] | None:
        if not node.inputs:
            return None
        edge = node.inputs[0]
        key, kept = found[edge.node_id]
        return (key, edge.output_name), kept.frames[edge.output_name]

    def _shown(self, frame: pl.DataFrame, key: tuple[str, str], first: Sequence[str]) -> dict[str, Any]:
        """Returns the columns and rows of a frame. `first`: columns that are shown whatever their number."""
        names = _visible(frame)
        kept = set(list(dict.fromkeys([*first, *names]))[:MOST_COLUMNS])
        rows = min(ROWS, max(FEWEST_ROWS, MOST_CELLS // max(len(kept), 1)))
        return {
            "columns": [one for one in self._profile(frame, key) if one["name"] in kept],
            "rows": _rows(frame.select(name for name in names if name in kept).head(rows)),
            "more": len(names) - len(kept),
            "count": frame.height,
            "new": [],
            "changed": [],
            "gone": [],
            "gone_rows": [],
        }

    def _profile(self, frame: pl.DataFrame, key: tuple[str, str]) -> list[dict[str, Any]]:
        kept = self._profiles.get(key)
        if kept is None:
            kept = [asdict(one) for one in profiles.profile(frame.select(_visible(frame)))]
            self._profiles[key] = kept
            if len(self._profiles) > 200:
                self._profiles.popitem(last=False)
        return kept

    def _code(self, node: Node) -> dict[str, str]:
        if node.type is NodeType.SOURCE:
            return {}
        found = {}
        for language in LANGUAGES:
            try:
                found[language] = code.step(node, language)
            except (StepError, FlowError, LookupError):
                continue
        return found


class SessionReader:
    """Reads the files of a source's sample by the engine's own readers."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def read(self, node: Node, *, trace: bool) -> pl.LazyFrame:
        sources = FileSources(lambda one: self._samples.files(one).folder, self._samples.scratch, self._samples.origin)
        return sources.read(node, trace=trace)


def _visible(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if not name.startswith(HIDDEN)]


def _columns(frame: pl.DataFrame) -> list[dict[str, str]]:
    schema = frame.schema  # made anew at each access
    return [{"name": name, "type": type_of(schema[name])} for name in _visible(frame)]


def _outline(found: Mapping[str, tuple[str, StepFrames]]) -> dict[str, dict[str, int]]:
    first = {node_id: next(iter(kept.frames.values())) for node_id, (_, kept) in found.items() if kept.frames}
    return {node_id: {"rows": one.height, "columns": len(_visible(one))} for node_id, one in first.items()}


def _difference(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, list[str]]:
    old = set(_visible(before))
    new = [name for name in _visible(after) if name not in old]
    changed = []
    for name in _visible(after):
        if name in old:
            left, right = before[name], after[name]
            same = left.dtype == right.dtype and (left.len() != right.len() or _equal(left, right))
            if not same:
                changed.append(name)
    return {"new": new, "changed": changed}


def _equal(left: pl.Series, right: pl.Series) -> bool:
    try:
        return bool(left.equals(right, null_equal=True))
    except pl.exceptions.PolarsError:
        return True


def _sampling_words(flow: Flow, node_id: str) -> str:
    """Returns in words how the first source is sampled."""
    sources = [one for one in flow.upstream(node_id) if one.type is NodeType.SOURCE]
    if not sources:
        return ""
    return sampling_of(sources[0]).words()


def _rows(frame: pl.DataFrame) -> list[list[str | None]]:
    return [[_text(value) for value in row] for row in frame.rows()]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(str(_text(one)) for one in list(value)[:12])
        text = f"[{text}{', …' if len(value) > 12 else ''}]"
    else:
        text = str(value)
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
