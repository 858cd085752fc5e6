"""`sagewright pipelines`: pipelines and their executions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Column, Table
from rich.tree import Tree

from sagewright.cli.client import client
from sagewright.cli.jobkinds import JobKind, answer, coloured, log_lines
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.pipelines.caching import differences
from sagewright.pipelines.definition import PipelineDefinition, PipelineStep, read_definition

JOBS = {
    "TrainingJob": JobKind("TrainingJob", "training_job", "TrainingEndTime"),
    "ProcessingJob": JobKind("ProcessingJob", "processing_job", "ProcessingEndTime"),
    "TransformJob": JobKind("TransformJob", "transform_job", "TransformEndTime"),
    "TuningJob": JobKind("HyperParameterTuningJob", "hyper_parameter_tuning_job", "HyperParameterTuningEndTime"),
}
MARKS = {"Succeeded": "[green]✓[/green]", "Failed": "[red]✗[/red]", "Stopped": "[yellow]■[/yellow]"}
LIVE = {"Executing", "Stopping"}
LOOK_S = 0.5
Which = Annotated[
    str, typer.Argument(help="Name of the pipeline: its newest execution; or the ARN or id of an execution.")
]

app = typer.Typer(help="Pipelines: list, show, start, stop, retry, logs, why-miss.", no_args_is_help=True)


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="Name of a pipeline: its executions.")] = "",
    data: DataOption = None,
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.")] = 20,
) -> None:
    """Pipelines, or the executions of one."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    paging = {"MaxItems": limit, "PageSize": 100}
    try:
        if name:
            table = Table(Column("execution", overflow="fold"), "status", "started", "name", box=None)
            pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
                PipelineName=name, PaginationConfig=paging
            )
            for one in (found for page in pages for found in page["PipelineExecutionSummaries"]):
                row = one["PipelineExecutionArn"].rpartition("/")[2], coloured(one["PipelineExecutionStatus"])
                table.add_row(*row, _moment(one["StartTime"]), escape(one["PipelineExecutionDisplayName"]))
        else:
            table = Table(Column("pipeline", overflow="fold"), "created", "last run", box=None)
            for one in (
                found
                for page in sagemaker.get_paginator("list_pipelines").paginate(PaginationConfig=paging)
                for found in page["PipelineSummaries"]
            ):
                last = _moment(one["LastExecutionTime"]) if "LastExecutionTime" in one else ""
                table.add_row(one["PipelineName"], _moment(one["CreationTime"]), last)
    except ClientError as error:
        fail(answer(error))
    console.print(table)


@app.command()
def show(
    which: Which,
    data: DataOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until the execution has ended.")] = False,
) -> None:
    """An execution as a tree: dependencies between steps, their durations, and cached steps."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    try:
        arn = _execution(sagemaker, which)
        definition = _definition(sagemaker, arn)
        if not follow:
            console.print(_page(sagemaker, arn, definition)[0])
            return
        with Live(console=console, auto_refresh=False) as live:
            while True:
                page, status = _page(sagemaker, arn, definition)
                live.update(page, refresh=True)
                if status not in LIVE:
                    return
                time.sleep(LOOK_S)
    except ClientError as error:
        fail(answer(error))


@app.command()
def start(
    name: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    data: DataOption = None,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE")] = None,
    step: Annotated[list[str] | None, typer.Option("--step", help="Only this step; repeatable.")] = None,
) -> None:
    """Start an execution; its id is printed."""
    given = [one.partition("=") for one in parameter or ()]
    if bad := [one for one, equals, _ in given if not equals]:
        fail(f"--parameter is NAME=VALUE, not {bad[0]}")
    request: dict[str, Any] = {"PipelineParameters": [{"Name": name, "Value": value} for name, _, value in given]}
    if step:
        request["SelectiveExecutionConfig"] = {"SelectedSteps": [{"StepName": one} for one in step]}
    try:
        made = client(settings_of(data=data), "sagemaker").start_pipeline_execution(
            PipelineName=name, ClientRequestToken=uuid.uuid4().hex, **request
        )
    except ClientError as error:
        fail(answer(error))
    console.print(made["PipelineExecutionArn"].rpartition("/")[2])


@app.command()
def stop(which: Which, data: DataOption = None) -> None:
    """Stop an execution and the jobs of its steps."""
    _ask("stop_pipeline_execution", which, data, "is being stopped")


@app.command()
def retry(which: Which, data: DataOption = None) -> None:
    """Execute again all steps that failed or were not reached; succeeded steps are kept."""
    _ask("retry_pipeline_execution", which, data, "is executed again")


def _ask(method: str, which: str, data: Any, said: str) -> None:
    sagemaker = client(settings_of(data=data), "sagemaker")
    try:
        arn = _execution(sagemaker, which)
        getattr(sagemaker, method)(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)
    except ClientError as error:
        fail(answer(error))
    console.print(f"{arn.rpartition('/')[2]} {said}")


@app.command()
def logs(
    which: Which,
    data: DataOption = None,
    step: Annotated[str, typer.Option(help="Only this step.")] = "",
) -> None:
    """The log lines of an execution's jobs, step by step."""
    settings = settings_of(data=data)
    sagemaker, cloudwatch = client(settings, "sagemaker"), client(settings, "logs")
    try:
        for one in _steps(sagemaker, _execution(sagemaker, which)):
            if step and one["StepName"] != step:
                continue
            for kind, name in _jobs(one):
                for host, line in log_lines(cloudwatch, kind, name):
                    console.print(f"{one['StepName']} | {host} | {line}", markup=False, soft_wrap=True)
    except ClientError as error:
        fail(answer(error))


@app.command("why-miss")
def miss_reason(
    which: Which, step: Annotated[str, typer.Argument(help="Name of the step.")], data: DataOption = None
) -> None:
    """The reason why a step was not taken from the cache: the key attributes that differ from the last execution's."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    try:
        arn = _execution(sagemaker, which)
        console.print(_why(sagemaker, arn, step), markup=False, soft_wrap=True)
    except ClientError as error:
        fail(answer(error))


def _why(sagemaker: Any, arn: str, name: str) -> str:
    declared = {one.name: one for one in _definition(sagemaker, arn).steps}
    if name not in declared:
        fail(f"the execution has no step {name}; it has {', '.join(declared)}")
    own = next((one for one in _steps(sagemaker, arn) if one["StepName"] == name), None)
    if own is None:
        return f"{name} was not reached."
    if "CacheHitResult" in own:
        return f"{name} was reused from {own['CacheHitResult']['SourcePipelineExecutionArn']}."
    if declared[name].cache_s is None:
        return f"{name} has no enabled CacheConfig."
    before = _before(sagemaker, arn, name)
    if before is None:
        return f"No earlier execution has a {name} that succeeded."
    age_s = (own["StartTime"] - before["EndTime"]).total_seconds()
    if age_s > (declared[name].cache_s or 0):
        return f"The last {name} that succeeded ended {age_s:.0f} s before, and ExpireAfter is {declared[name].cache_s:.0f} s."
    requests = [_described(sagemaker, one) for one in (own, before)]
    found = differences(declared[name].type, *requests)
    if not found:
        return f"{name} has the same values in its job; its references may have been resolved to different texts."
    return "\n".join([f"{name} differs from that of {before['Execution']} in:", *(f"  {path}" for path in found)])


def _before(sagemaker: Any, arn: str, name: str) -> dict[str, Any] | None:
    """Returns the newest step of that name that ran and succeeded in an earlier execution."""
    pipeline = arn.partition("/")[2].partition("/")[0]
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=pipeline)
    passed = False
    for other in (one for page in pages for one in page["PipelineExecutionSummaries"]):
        if passed:
            for step in _steps(sagemaker, other["PipelineExecutionArn"]):
                if step["StepName"] == name and step["StepStatus"] == "Succeeded" and "CacheHitResult" not in step:
                    return step | {"Execution": other["PipelineExecutionArn"].rpartition("/")[2]}
        passed = passed or other["PipelineExecutionArn"] == arn
    return None


def _described(sagemaker: Any, step: Mapping[str, Any]) -> dict[str, Any]:
    for kind, name in _jobs(step):
        return kind.describe(sagemaker, name)
    return {}


def _jobs(step: Mapping[str, Any]) -> Iterator[tuple[JobKind, str]]:
    for member, kind in JOBS.items():
        if arn := (step.get("Metadata", {}).get(member) or {}).get("Arn"):
            yield kind, arn.rpartition("/")[2]


def _execution(sagemaker: Any, which: str) -> str:
    """Returns the ARN of an execution, named by its ARN, its id, or its pipeline."""
    if which.startswith("arn:") and "/execution/" in which:
        return which
    try:
        newest = sagemaker.list_pipeline_executions(PipelineName=which, MaxResults=1)["PipelineExecutionSummaries"]
        if not newest:
            fail(f"the pipeline {which} has no execution")
        return str(newest[0]["PipelineExecutionArn"])
    except ClientError:
        place = f"arn:aws:sagemaker:{sagemaker.meta.region_name}:{'0' * 12}:pipeline/-"  # its id alone identifies it
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=f"{place}/execution/{which}")
        return str(described["PipelineExecutionArn"])


def _definition(sagemaker: Any, arn: str) -> PipelineDefinition:
    described = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return read_definition(described["PipelineDefinition"])


def _steps(sagemaker: Any, arn: str) -> list[dict[str, Any]]:
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending", PaginationConfig={"PageSize": 100}
    )
    return [one for page in pages for one in page["PipelineExecutionSteps"]]


def _page(sagemaker: Any, arn: str, definition: PipelineDefinition) -> tuple[Group, str]:
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    status = described["PipelineExecutionStatus"]
    steps = {one["StepName"]: one for one in _steps(sagemaker, arn)}
    title = f"[bold]{arn.rpartition(':')[2].removeprefix('pipeline/')}[/bold]  {coloured(status)}"
    reason = [f"[red]{escape(described['FailureReason'])}[/red]"] if "FailureReason" in described else []
    return Group(tree(definition, steps, title), *reason), status


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


def _moment(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
