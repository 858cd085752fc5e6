"""Runs a flow: each output from its sources, in streams; shared results are kept in files, and outputs appear
together."""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler import destinations, flows, parameters
from sagewright.wrangler.engine import FlowEngine, Workspace
from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.flows import Flow, Node, NodeType
from sagewright.wrangler.job import memory
from sagewright.wrangler.job.counting import RowCounter
from sagewright.wrangler.job.downloads import DownloadError, download
from sagewright.wrangler.job.settings import FlowJobOutput, JobSettings
from sagewright.wrangler.job.uploads import upload
from sagewright.wrangler.operators.budget import MemoryBudget
from sagewright.wrangler.requests import source_names
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.sources import FileSources, context_of, name_of

SHORTEST_S = 0.05
"""A step that took less to set up evaluated next to nothing."""
_log = logging.getLogger("wrangler")


@dataclass
class FlowRun:
    """One run of a job's flow. `staged`: finished files by the folder or S3 URI where they belong."""

    settings: JobSettings
    flow: Flow
    scratch: Path
    memory: MemoryBudget
    counter: RowCounter = field(default_factory=RowCounter)
    staged: list[tuple[Path, Path | str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._downloaded: dict[str, Path] = {}
        named = tuple(one for one in self.flow.nodes if one.type is NodeType.SOURCE and name_of(one))
        self._names = source_names(Flow(named))
        self.engine = FlowEngine(
            FileSources(self._located, self.scratch, self._origin),
            refit=self.settings.refit,
            workspace=Workspace(self._kept, self.scratch, self.counter.watch, self.memory),
        )

    def _input(self, node: Node) -> str:
        """Returns the name of a source's input: that of a request of ours, or the data set's own."""
        own = self._names.get(node.node_id, "")
        others = {self._names[one] for one in self._names if one != node.node_id}
        name = name_of(node)
        return name if own not in self.settings.inputs and name not in others else own

    def _located(self, node: Node) -> Path:
        name = self._input(node)
        place = self.settings.input_folder(name)
        if name and place.exists():
            return place
        uri = str(context_of(node).get("s3Uri") or "")
        try:
            if uri.startswith("s3://"):
                if node.node_id not in self._downloaded:
                    folder = self.scratch / f"source-{len(self._downloaded)}"
                    self._downloaded[node.node_id] = download(parameters.filled(uri, self._parameters()), folder)
                return self._downloaded[node.node_id]
        except DownloadError as error:
            raise StepError(node.node_id, node.operator, str(error)) from error
        raise StepError(node.node_id, node.operator, f"The job has no input {name!r}, with the source's name.")

    def _origin(self, node: Node, path: Path) -> str:
        """Returns the S3 URI of a file, if the job knows it."""
        name = self._input(node)
        folder = self.settings.input_folder(name)
        uri = self.settings.uris.get(name) or str(context_of(node).get("s3Uri") or "")
        if not uri or folder == path:
            return uri or path.name
        inside = str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
        return uri if uri.endswith("/" + inside) else f"{uri.rstrip('/')}/{inside}"

    def _kept(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        target = self.scratch / f"kept-{next(self._numbers)}.parquet"
        with self.counter.recording():
            frame.sink_parquet(target, compression="lz4")
        return pl.scan_parquet(target, glob=False)

    def run(self) -> None:
        """Runs all outputs. Raises StepError, FlowError."""
        targets = self._targets()
        self._check_hosts(targets)
        for node, port, config, place in targets:
            started = time.monotonic()
            self._output(node, port, config, place)
            _log.info("output %s: written in %.1f s", f"{node.node_id}.{port}", time.monotonic() - started)
        self._log_steps()
        for folder, place in self.staged:
            if isinstance(place, str):
                upload(folder, place)
            else:
                _moved(folder, place)
        if self.settings.refit or self.engine.fitted:
            self._write_flow()

    def _targets(self) -> list[tuple[Node, str, Mapping[str, Any] | None, Path | str]]:
        """Returns the node, port, configuration and place of each output: those of the job, then destinations with a URI."""
        found: list[tuple[Node, str, Mapping[str, Any] | None, Path | str]] = []
        known = {one.node_id for one in self.flow.nodes}
        for output in self.settings.outputs:
            if output.node_id not in known:
                if output.name not in self.settings.config and "." not in output.name:
                    continue  # for the fitted flow, or of an own program
                raise FlowError(f"The output {output.name} names a node that the flow does not have.")
            found.append((*self._named(output), self.settings.config.get(output.name), output.folder))
        covered = {node.node_id for node, *_ in found}
        for node in self.flow.nodes:
            if node.type is NodeType.DESTINATION and node.node_id not in covered:
                output_path = destinations.output_of(node).path
                if output_path.startswith("s3://"):
                    filled = parameters.filled(output_path, self._parameters())
                    found.append((node, flows.PORT, self.settings.config.get(f"{node.node_id}.{flows.PORT}"), filled))
        if not found:
            raise FlowError("The job has no output: name one <node_id>.<output>, or add a destination to the flow.")
        return found

    def _named(self, output: FlowJobOutput) -> tuple[Node, str]:
        node = self.flow.node(output.node_id)
        if output.port not in node.output_names and node.type is not NodeType.DESTINATION:
            raise FlowError(
                f"The output {output.name} names an output that the node does not have; it has {', '.join(node.output_names)}."
            )
        return node, output.port

    def _parameters(self) -> dict[str, str]:
        return {**parameters.defaults(self.flow), **self.settings.overrides}

    def _check_hosts(self, targets: list[tuple[Node, str, Mapping[str, Any] | None, Path | str]]) -> None:
        """Raises FlowError if several hosts would each fit a step on their part of the data."""
        if len(self.settings.hosts) == 1:
            return
        for target, *_ in targets:
            for node in self.flow.upstream(target.node_id):
                declared = catalogue.find(node.operator)
                if declared is not None and declared.fits and (self.settings.refit or not node.trained):
                    raise FlowError(
                        f"The step {node.operator} (node {node.node_id}) has to be fitted on all rows, and each of the "
                        f"{len(self.settings.hosts)} hosts has a part: fit the flow with one host first."
                    )
        _log.warning("joins, sorts and duplicates are those of each host's part of the data")

    def _output(self, node: Node, port: str, config: Mapping[str, Any] | None, place: Path | str) -> None:
        frames = self.engine.run(self.flow, node.node_id)
        if node.type is NodeType.VISUALIZATION:
            from sagewright.wrangler.job.reports import report

            folder = self.scratch / f"staged-{len(self.staged)}"
            report(node, next(iter(frames.values())), folder)
            self.staged.append((folder, place))
            return
        frame = frames.get(port) if node.type is not NodeType.DESTINATION else next(iter(frames.values()))
        if frame is None:
            raise FlowError(f"The node {node.node_id} has no output {port}.")
        output = destinations.output_of(node, config)
        folder = self.scratch / f"staged-{len(self.staged)}"
        host = self.settings.host if len(self.settings.hosts) > 1 else ""
        with self.engine.explaining(self.flow, node.node_id), self.counter.recording():
            destinations.write(node, frame, output, folder, host)
        self.staged.append((folder, place))

    def _log_steps(self) -> None:
        """Logs each step's rows, and the seconds in which it evaluated its input; the others stream into the outputs."""
        for number, node in enumerate(self.flow.ordered()):
            result = self.engine.results.get(node.node_id)
            if result is None or node.type is NodeType.DESTINATION:
                continue
            before = [self.counter.final.get((edge.node_id, edge.output_name)) for edge in node.inputs]
            after = {port: self.counter.final.get((node.node_id, port)) for port in result.outputs}
            columns = next((self.counter.columns.get((node.node_id, port)) for port in result.outputs), None)
            _log.info(
                "step %d %s (node %s): %srows out %s, columns %s, %s",
                number + 1,
                f"{node.operator.rpartition('_')[0].rpartition('.')[2]}{f' {node.title}' if node.title else ''}",
                node.node_id,
                f"rows in {', '.join(map(_shown, before))}, " if before else "",
                ", ".join(
                    _shown(rows) if port == flows.PORT else f"{port} {_shown(rows)}" for port, rows in after.items()
                ),
                _shown(columns),
                f"{took:.1f} s" if (took := self.engine.seconds[node.node_id]) >= SHORTEST_S else "streamed",
            )
            for note in (*_held(node), *result.notes):
                _log.info("  %s", note)

    def _write_flow(self) -> None:
        if not self.settings.output_flow or not self.settings.is_leader:
            return
        target = self.settings.flow_output / self.settings.output_flow
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.engine.fitted_flow(self.flow).text())
        _log.info("the fitted flow is %s", target)


def _held(node: Node) -> Iterator[str]:
    """Yields the amount of memory that a step needs for all rows."""
    declared = catalogue.find(node.operator)
    tool = declared.tool(node.title) or declared.tools[0] if declared else None
    if tool is not None and tool.memory:
        yield f"in memory: {tool.memory}"


def _shown(rows: int | None) -> str:
    return "?" if rows is None else f"{rows:,}"


def _moved(folder: Path, place: Path) -> None:
    for one in sorted(folder.rglob("*")):
        if one.is_file():
            target = place / one.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(one, target)


def run(settings: JobSettings) -> None:
    """Runs the flow of a job. Raises StepError, FlowError."""
    found = sorted(settings.flow_folder.rglob("*.flow")) if settings.flow_folder.is_dir() else []
    if settings.flow_folder.is_file():
        found = [settings.flow_folder]
    if len(found) != 1:
        raise FlowError(f"The job needs one .flow file in {settings.flow_folder}, and there are {len(found)}.")
    if not settings.is_leader and not settings.sharded:
        _log.info("all inputs are replicated: the host %s writes the outputs alone", settings.hosts[0])
        return
    flow = flows.read(found[0].read_bytes())
    _log.info("flow %s: %d nodes, polars %s", found[0].name, len(flow.nodes), pl.__version__)
    if not settings.refit:
        _log.info("fitted values of the flow are used where it has them; --refit-trained-params was not given")
    work = settings.root / "processing"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wrangler-", dir=work) as folder:
        limits = memory.of_job()
        _log.info("steps hold %d MiB before they use the disk", limits.spill_bytes >> 20)
        FlowRun(settings, flow, Path(folder), limits).run()
