"""Executions of pipelines as trees on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.tree import Tree

from sagewright.cli.jobs.kinds import coloured
from sagewright.cli.lean import Document
from sagewright.pipelines.definition import PipelineDefinition, PipelineStep

MARKS = {"Succeeded": "[green]✓[/green]", "Failed": "[red]✗[/red]", "Stopped": "[yellow]■[/yellow]"}


def execution_page(described: Document, steps_of: Sequence[Document], definition: PipelineDefinition) -> Group:
    """Returns an execution's tree, and the reason of its failure."""
    arn, status = described["PipelineExecutionArn"], described["PipelineExecutionStatus"]
    steps = {one["StepName"]: one for one in steps_of}
    title = f"[bold]{arn.rpartition(':')[2].removeprefix('pipeline/')}[/bold]  {coloured(status)}"
    reason = [f"[red]{escape(described['FailureReason'])}[/red]"] if "FailureReason" in described else []
    return Group(tree(definition, steps, title), *reason)


def tree(definition: PipelineDefinition, steps: Mapping[str, Mapping[str, Any]], title: str) -> Tree:
    """Returns a tree with each step below the last of its dependencies."""
    root = Tree(title)
    places: dict[str, Tree] = {}
    depth: dict[str, int] = {}
    for step in _in_order(definition):
        above = max(step.needs, key=lambda name: depth[name], default=None)
        depth[step.name] = 0 if above is None else depth[above] + 1
        places[step.name] = (root if above is None else places[above]).add(_label(step, steps.get(step.name)))
    return root


def _in_order(definition: PipelineDefinition) -> Iterator[PipelineStep]:
    """Yields every step after its dependencies."""
    left = list(definition.steps)
    done: set[str] = set()
    while left:
        ready = [one for one in left if done.issuperset(one.needs)]
        yield from ready
        done |= {one.name for one in ready}
        left = [one for one in left if one.name not in done]


def _label(step: PipelineStep, described: Mapping[str, Any] | None) -> str:
    if described is None:
        return f"[dim]· {step.name}  {step.type}[/dim]"
    mark = MARKS.get(described["StepStatus"], "[cyan]…[/cyan]")
    seconds = (described.get("EndTime", datetime.now(UTC)) - described["StartTime"]).total_seconds()
    more = "  [magenta]cached[/magenta]" if "CacheHitResult" in described else f"  {seconds:.1f} s"
    if outcome := (described["Metadata"].get("Condition") or {}).get("Outcome"):
        more = f"  {outcome}"
    if described.get("AttemptCount", 1) > 1:
        more += f"  attempt {described['AttemptCount']}"
    if reason := described.get("FailureReason"):
        more += f"  [red]{escape(reason.splitlines()[0][:200])}[/red]"
    return f"{mark} {step.name}  [dim]{step.type}[/dim]{more}"
