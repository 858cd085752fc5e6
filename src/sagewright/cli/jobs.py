"""`sagewright jobs`: list, show, logs, stop, interrupt; through the same operations as any client where there is one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.table import Table

from sagewright.cli.client import client, post
from sagewright.cli.options import DataOption, console, fail, settings_of

app = typer.Typer(help="Training jobs: list, show, logs, stop, interrupt.", no_args_is_help=True)
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
POLL_S = 0.3
COLOURS = {"Completed": "green", "Failed": "red", "Stopped": "yellow", "Stopping": "yellow"}
Name = Annotated[str, typer.Argument(help="Name of the training job.")]


def _status(status: str) -> str:
    colour = COLOURS.get(status, "cyan")
    return f"[{colour}]{status}[/{colour}]"


def _answer(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])


@app.command("list")
def list_(
    data: DataOption = None,
    status: Annotated[str | None, typer.Option(help="Only jobs of this status.")] = None,
    contains: Annotated[str | None, typer.Option(help="Only jobs with this in their name.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 20,
) -> None:
    """The newest jobs."""
    sagemaker = client(settings_of(data=data), "sagemaker")
    filters = {"StatusEquals": status, "NameContains": contains}
    asked = {name: value for name, value in filters.items() if value is not None}
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"MaxItems": limit, "PageSize": 100}, **asked
    )
    table = Table("name", "status", "created", "seconds", box=None)
    try:
        for job in (summary for page in pages for summary in page["TrainingJobSummaries"]):
            end = job.get("TrainingEndTime", datetime.now(UTC))
            seconds = f"{(end - job['CreationTime']).total_seconds():.1f}"
            created = job["CreationTime"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(job["TrainingJobName"], _status(job["TrainingJobStatus"]), created, seconds)
    except ClientError as error:
        fail(_answer(error))
    console.print(table)


@app.command()
def show(name: Name, data: DataOption = None) -> None:
    """One job: status, transitions, metrics, artefacts."""
    job = _describe(client(settings_of(data=data), "sagemaker"), name)
    console.print(f"[bold]{name}[/bold]  {_status(job['TrainingJobStatus'])}")
    if reason := job.get("FailureReason"):
        console.print(reason, style="red", markup=False, soft_wrap=True)
    table = Table(box=None, show_header=False)
    resources = job["ResourceConfig"]
    table.add_row("image", job["AlgorithmSpecification"].get("TrainingImage", ""))
    table.add_row("instances", f"{resources.get('InstanceCount', '')} x {resources.get('InstanceType', 'groups')}")
    table.add_row("model", job["ModelArtifacts"]["S3ModelArtifacts"])
    for metric in job.get("FinalMetricDataList", []):
        table.add_row(metric["MetricName"], f"{metric['Value']:g}")
    for step in job["SecondaryStatusTransitions"]:
        table.add_row(
            step["StartTime"].astimezone().strftime("%H:%M:%S.%f")[:-3], f"{step['Status']}: {step['StatusMessage']}"
        )
    console.print(table)


@app.command()
def logs(
    name: Name,
    data: DataOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the job has ended.")] = False,
) -> None:
    """The job's log lines, host by host."""
    settings = settings_of(data=data)
    sagemaker, cloudwatch = client(settings, "sagemaker"), client(settings, "logs")
    tokens: dict[str, str] = {}
    while True:
        ended = _describe(sagemaker, name)["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"}
        for stream in _streams(cloudwatch, name):
            for event in _new_events(cloudwatch, stream, tokens):
                host = stream.rsplit("/", 1)[-1].rsplit("-", 1)[0]
                console.print(f"{host} | {event['message']}", markup=False, soft_wrap=True)
        if ended or not follow:
            return
        time.sleep(POLL_S)


def _streams(cloudwatch: Any, name: str) -> list[str]:
    try:
        found = cloudwatch.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")
    except cloudwatch.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in found["logStreams"]]


def _new_events(cloudwatch: Any, stream: str, tokens: dict[str, str]) -> Iterator[dict[str, Any]]:
    while True:
        asked = {"nextToken": tokens[stream]} if stream in tokens else {}
        page = cloudwatch.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **asked)
        tokens[stream] = page["nextForwardToken"]
        if not page["events"]:
            return
        yield from page["events"]


@app.command()
def stop(name: Name, data: DataOption = None) -> None:
    """Stop a job: SIGTERM, a grace, then SIGKILL; its artefacts are kept."""
    try:
        client(settings_of(data=data), "sagemaker").stop_training_job(TrainingJobName=name)
    except ClientError as error:
        fail(_answer(error))
    console.print(f"{name} is being stopped")


@app.command()
def interrupt(name: Name, data: DataOption = None) -> None:
    """Take the hosts of a spot job away, as a cloud would: SIGTERM, a grace, SIGKILL; then it is queued again."""
    post(settings_of(data=data), f"jobs/{name}/interrupt")
    console.print(f"{name} is being interrupted")


def _describe(sagemaker: Any, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
    except ClientError as error:
        fail(_answer(error))
    return found
