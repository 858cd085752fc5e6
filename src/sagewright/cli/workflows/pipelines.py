"""`sagewright pipelines`: pipelines and their executions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagewright.cli.jobs.following import Follow, LogOptions, Since, Tail, Timestamps, print_events
from sagewright.cli.jobs.kinds import PROCESSING, TRAINING, TRANSFORM, TUNING, JobKind, refuse
from sagewright.cli.lean import ServiceClient, ServiceError, lean_client
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_json, print_rows
from sagewright.model.nearest import did_you_mean, sentences
from sagewright.pipelines.caching import differences
from sagewright.pipelines.definition import PipelineDefinition, read_definition

if TYPE_CHECKING:
    from rich.console import Group

JOBS = {
    "TrainingJob": TRAINING,
    "ProcessingJob": PROCESSING,
    "TransformJob": TRANSFORM,
    "TuningJob": TUNING,
}
LIVE = {"Executing", "Stopping"}
LOOK_S = 0.5
EXECUTIONS = [
    OutputColumn("execution", lambda one: str(one["PipelineExecutionArn"]).rpartition("/")[2]),
    OutputColumn("status", lambda one: str(one["PipelineExecutionStatus"])),
    OutputColumn("started", lambda one: moment(one["StartTime"])),
    OutputColumn("name", lambda one: str(one.get("PipelineExecutionDisplayName", ""))),
    OutputColumn("arn", lambda one: str(one["PipelineExecutionArn"]), wide=True),
]
PIPELINES = [
    OutputColumn("pipeline", lambda one: str(one["PipelineName"])),
    OutputColumn("created", lambda one: moment(one["CreationTime"])),
    OutputColumn("last run", lambda one: moment(one.get("LastExecutionTime"))),
    OutputColumn("arn", lambda one: str(one["PipelineArn"]), wide=True),
]
Which = Annotated[
    str, typer.Argument(help="Name of a pipeline, for its newest execution, or the ARN or id of an execution.")
]

app = typer.Typer(help="Pipelines: list, show, start, stop, retry, logs, why-miss.", no_args_is_help=True)


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="Name of a pipeline, to list its executions.")] = "",
    data: DataOption = None,
    limit: Annotated[int, typer.Option(help="Number of entries, newest first.", min=1)] = 20,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List pipelines, or the executions of one. JSON has the summaries of the List operation."""
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    try:
        if name:
            pages = sagemaker.pages("ListPipelineExecutions", most=limit, PipelineName=name)
            found = [one for page in pages for one in page["PipelineExecutionSummaries"]][:limit]
        else:
            pages = sagemaker.pages("ListPipelines", most=limit)
            found = [one for page in pages for one in page["PipelineSummaries"]][:limit]
    except ServiceError as error:
        refuse(error)
    print_rows(found, EXECUTIONS if name else PIPELINES, chosen(output, json))


@app.command()
def show(
    which: Which,
    data: DataOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until the execution has ended.")] = False,
    json: JsonOption = False,
) -> None:
    """Show an execution as a tree: dependencies between steps, their durations, cached steps.

    JSON is the response of DescribePipelineExecution with PipelineExecutionSteps; with --follow, once the execution has ended.
    """
    from rich.live import Live

    from sagewright.cli.options import console

    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    try:
        arn = _execution(sagemaker, which)
        definition = _definition(sagemaker, arn)
        if json:
            print_json(_document(sagemaker, arn, follow))
            return
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
    except ServiceError as error:
        refuse(error)


@app.command()
def start(
    name: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    data: DataOption = None,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE")] = None,
    step: Annotated[list[str] | None, typer.Option("--step", help="Only this step; repeatable.")] = None,
) -> None:
    """Start an execution and print its id."""
    given = [one.partition("=") for one in parameter or ()]
    if bad := [one for one, equals, _ in given if not equals]:
        fail(f"--parameter is NAME=VALUE, not {bad[0]}")
    request: dict[str, Any] = {"PipelineParameters": [{"Name": name, "Value": value} for name, _, value in given]}
    if step:
        request["SelectiveExecutionConfig"] = {"SelectedSteps": [{"StepName": one} for one in step]}
    try:
        made = lean_client(settings_of(data=data), "sagemaker").start_pipeline_execution(
            PipelineName=name, ClientRequestToken=uuid.uuid4().hex, **request
        )
    except ServiceError as error:
        refuse(error)
    typer.echo(made["PipelineExecutionArn"].rpartition("/")[2])


@app.command()
def stop(which: Which, data: DataOption = None) -> None:
    """Stop an execution and the jobs of its steps."""
    _ask("stop_pipeline_execution", which, data, "is being stopped")


@app.command()
def retry(which: Which, data: DataOption = None) -> None:
    """Run again all steps that failed or were not reached. Succeeded steps are kept."""
    _ask("retry_pipeline_execution", which, data, "is executed again")


def _ask(method: str, which: str, data: Any, said: str) -> None:
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    try:
        arn = _execution(sagemaker, which)
        getattr(sagemaker, method)(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)
    except ServiceError as error:
        refuse(error)
    typer.echo(f"{arn.rpartition('/')[2]} {said}")


@app.command()
def logs(
    which: Which,
    data: DataOption = None,
    step: Annotated[str, typer.Option(help="Only this step.")] = "",
    follow: Follow = False,
    tail: Tail = None,
    since: Since = "",
    timestamps: Timestamps = False,
) -> None:
    """Print the log lines of an execution's jobs, step by step; with --follow, as they arrive. --tail applies to each job."""
    options = LogOptions.parse(follow, tail, since, timestamps)
    settings = settings_of(data=data)
    sagemaker, cloudwatch = lean_client(settings, "sagemaker"), lean_client(settings, "logs")
    read: dict[str, dict[str, str]] = {}
    try:
        arn = _execution(sagemaker, which)
        while True:
            status = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            for one in _steps(sagemaker, arn):
                if not step or one["StepName"] == step:
                    _print_step(cloudwatch, one, read, options)
            if not follow or status not in LIVE:
                return
            time.sleep(LOOK_S)
    except ServiceError as error:
        refuse(error)


def _print_step(
    cloudwatch: ServiceClient, step: Mapping[str, Any], read: dict[str, dict[str, str]], options: LogOptions
) -> None:
    """Prints the new lines of a step's jobs. `read`: tokens of the lines already printed, by the job."""
    for kind, name in _jobs(step):
        tail = None if name in read else options.tail
        label = f"{step['StepName']} | "
        print_events(cloudwatch, kind, name, read.setdefault(name, {}), options, tail, label)


@app.command("why-miss")
def miss_reason(
    which: Which,
    step: Annotated[str, typer.Argument(help="Name of the step.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Explain why the cache had no result for a step: list the key attributes that differ from the last execution.

    JSON has Execution, Step and Reason.
    """
    sagemaker = lean_client(settings_of(data=data), "sagemaker")
    try:
        arn = _execution(sagemaker, which)
        reason = _why(sagemaker, arn, step)
    except ServiceError as error:
        refuse(error)
    if json:
        print_json({"Execution": arn, "Step": step, "Reason": reason})
    else:
        typer.echo(reason)


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
    except ServiceError:
        place = f"arn:aws:sagemaker:{sagemaker.region_name}:{'0' * 12}:pipeline/-"  # its id is enough to identify it
        try:
            described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=f"{place}/execution/{which}")
        except ServiceError as error:
            if error.code != "ResourceNotFound":
                raise
            fail(sentences(f"There is no pipeline or execution {which}.", _near(sagemaker, which)), FAILURE)
        return str(described["PipelineExecutionArn"])


def _near(sagemaker: Any, name: str) -> str:
    """Returns a question with the names of pipelines that are near."""
    found = sagemaker.list_pipelines(MaxResults=100)["PipelineSummaries"]
    return did_you_mean(name, [one["PipelineName"] for one in found])


def _definition(sagemaker: Any, arn: str) -> PipelineDefinition:
    described = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return read_definition(described["PipelineDefinition"])


def _steps(sagemaker: Any, arn: str) -> list[dict[str, Any]]:
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending", PaginationConfig={"PageSize": 100}
    )
    return [one for page in pages for one in page["PipelineExecutionSteps"]]


def _document(sagemaker: ServiceClient, arn: str, follow: bool) -> dict[str, Any]:
    """Returns an execution with its steps, with `follow` once it has ended."""
    while True:
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if not follow or described["PipelineExecutionStatus"] not in LIVE:
            return dict(described) | {"PipelineExecutionSteps": _steps(sagemaker, arn)}
        time.sleep(LOOK_S)


def _page(sagemaker: ServiceClient, arn: str, definition: PipelineDefinition) -> tuple[Group, str]:
    """Returns an execution's page, and its status."""
    from sagewright.cli.workflows.trees import execution_page

    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    return execution_page(described, _steps(sagemaker, arn), definition), described["PipelineExecutionStatus"]
